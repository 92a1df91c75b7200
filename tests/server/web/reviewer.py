"""A person at the browser: what the browser tests do with keys and pointer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.server.live import LiveServer
from tests.server.web.browser import Watched

WAIT_S = 10.0


class Reviewer:
    """A person at the browser."""

    def __init__(self, watched: Watched, server: LiveServer) -> None:
        self.watched = watched
        self.driver = watched.driver
        self.server = server

    def log_in(self, password: str | None = None) -> None:
        self.driver.delete_all_cookies()
        self.open("/login")
        self.find("[name=name]").send_keys(self.server.reviewer)
        self.find("[name=password]").send_keys((password or self.server.password) + Keys.ENTER)

    def open(self, path: str) -> None:
        self.driver.get(self.server.url + path)

    def find(self, css: str) -> WebElement:
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, css))

    def text(self, css: str) -> str:
        return self.find(css).text

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def state(self, wanted: str) -> None:
        """Waits until the page says that the case is in this state."""
        self.find(f"#case[data-state={wanted}]")

    def scroll_to(self, css: str) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView()", self.find(css))

    def until(self, read: Callable[[], Any]) -> Any:
        ignored = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.driver, WAIT_S, 0.05, ignored_exceptions=ignored).until(lambda _: read())

    def drag(self, kind: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags over the picture, in pixels of the picture."""
        (x0, y0), (x1, y1) = self.driver.execute_script(_ON_SCREEN, [start, end])
        pointer = ActionBuilder(self.driver, mouse=PointerInput(kind, kind), duration=20)
        pointer.pointer_action.move_to_location(round(x0), round(y0)).pointer_down()
        pointer.pointer_action.move_to_location(round((x0 + x1) / 2), round((y0 + y1) / 2))
        pointer.pointer_action.move_to_location(round(x1), round(y1)).pointer_up()
        pointer.perform()


_ON_SCREEN = """
const m = document.getElementById("overlay").getScreenCTM();
return arguments[0].map(([x, y]) => { const p = new DOMPoint(x, y).matrixTransform(m); return [p.x, p.y]; });
"""
