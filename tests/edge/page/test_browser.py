"""The page on a phone: a real headless Chromium, 390 x 844 px, pressed with a finger's events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.edge.page.box import Box, box_with_page
from tests.server.web.browser import MISSING, Watched, chromium, installed

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not installed(), reason=MISSING)]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with box_with_page(tmp_path_factory.mktemp("box")) as running:
        running.look()
        running.report(1)
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with chromium(tmp_path_factory.mktemp("profile"), width_px=390, height_px=844, phone=True) as watched:
        yield watched


def _until(holds: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until_s, what
        time.sleep(0.1)


def test_a_shift_on_the_phone(box: Box, browser: Watched) -> None:
    """Pair, look, press, undo, ride: in one go, because each begins where the last ended."""
    driver = browser.driver

    def element(selector: str) -> WebElement:
        return driver.find_element(By.CSS_SELECTOR, selector)

    def shown(selector: str) -> bool:
        return any(found.is_displayed() for found in driver.find_elements(By.CSS_SELECTOR, selector))

    driver.get(box.page.address)
    _until(lambda: shown("#pair"), "asks for the code")
    element("#code").send_keys("WRNG-CODE")
    element("#pair-form button").click()
    _until(lambda: "配对码不对" in element("#pair-says").text, "says that the code is wrong")
    element("#code").clear()
    element("#code").send_keys(box.pairings.new_code())
    element("#pair-form button").click()

    _until(lambda: shown("#page") and shown(".look img") and shown(".report"), "shows the page")
    _until(lambda: driver.execute_script("return document.querySelector('.look img').naturalWidth") == 720, "a picture")
    assert [light.get_attribute("class") for light in driver.find_elements(By.CSS_SELECTOR, ".dot")] == ["dot ok"] * 4
    assert "停放在停车区外" in element(".report").text
    assert "Parked outside the bay" in element(".report").text
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 390
    small = [
        b.text for b in driver.find_elements(By.CSS_SELECTOR, "button") if b.is_displayed() and b.size["height"] < 64
    ]
    assert small == []  # gloves

    element(".report button").click()
    _until(lambda: shown(".done") and shown("#undo"), "kept: warned")
    assert "已现场劝导" in element(".done").text
    element("#undo-press").click()
    _until(lambda: shown(".report button") and not shown("#undo"), "undone")
    assert box.notes.waiting() == 0

    element("#missed").click()
    _until(lambda: shown("#kinds"), "asks what was missed")
    element("#kind-list button").click()
    _until(lambda: box.notes.waiting() == 1, "kept: missed")
    _until(lambda: "漏报" in element("#undo-says").text, "can be undone")
    element("#missed").click()

    box.beat(gnss={"speed_m_s": 5.0})
    _until(lambda: shown("#riding"), "riding")
    assert not [
        found for found in driver.find_elements(By.CSS_SELECTOR, "button, dialog, input") if found.is_displayed()
    ]
    assert "请看路" in element("#riding").text

    # Refused answers are logged by the browser itself: without a cookie at first, and the wrong code.
    assert all("401" in line or "403" in line for line in browser.console())
    assert browser.hosts() == {"127.0.0.1"}


def test_the_box_goes_away(tmp_path: Path, browser: Watched) -> None:
    with box_with_page(tmp_path) as box:
        browser.driver.get(box.page.address)
        _until(lambda: browser.driver.find_element(By.ID, "pair").is_displayed(), "asks for the code")
    silent = browser.driver.find_element(By.ID, "silent")
    _until(silent.is_displayed, "says that the box is silent")
    assert "连不上车载终端" in silent.text
    assert not browser.driver.find_element(By.ID, "page").is_displayed()
    browser.console()
