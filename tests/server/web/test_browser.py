"""The review pages in a real headless Chromium, against the real service in its own process."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.conftest import ROOT
from tests.server import street
from tests.server.live import LiveServer
from tests.server.web.browser import MISSING, Watched, chromium, installed
from tests.server.web.reviewer import Reviewer

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not installed(), reason=MISSING)]


def test_a_wrong_password_is_refused_and_says_so_in_both_languages(browser: Watched, server: LiveServer) -> None:
    reviewer = Reviewer(browser, server)
    reviewer.log_in(password="wrong-wrong-wrong")
    assert "用户名或密码错误" in reviewer.text("[role=alert]")
    assert "Wrong name or password" in reviewer.text("[role=alert]")
    reviewer.log_in()
    reviewer.find(".filters h1")
    reviewer.watched.console()  # the refusal itself is a 401 there


def test_the_list_shows_the_case_and_keys_open_it(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    unknown = new_case(lon_deg=None, frame=street.CORNER_FRAME, cue="motorcycle")
    shown = new_case()
    reviewer.open("/cases")
    rows = {
        row.get_attribute("href").rsplit("/", 1)[1]: row.text
        for row in reviewer.driver.find_elements(By.CSS_SELECTOR, "a.row")
    }
    assert "虚拟位置 synthetic position" in rows[str(shown)]
    assert "非机动车乱停放 disorderly bike" in rows[str(shown)]
    assert "位置未知 place unknown" in rows[str(unknown)]
    assert "0.000" not in rows[str(unknown)]
    reviewer.press("j")
    first = reviewer.driver.switch_to.active_element.get_attribute("href")
    reviewer.press("j")
    assert reviewer.driver.switch_to.active_element.get_attribute("href") != first
    reviewer.press("k", Keys.ENTER)
    reviewer.find("#case")
    assert reviewer.driver.current_url == first


def test_the_case_page_shows_evidence_place_and_reasons(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    case = new_case(lon_deg=117.19025, lat_deg=34.26005)
    reviewer.open(f"/cases/{case}")
    reviewer.scroll_to("#map")
    reviewer.find("#map[data-drawn]")
    assert reviewer.driver.execute_script(_PICTURE_WIDTH) == 640
    assert reviewer.find("#overlay rect.subject").get_attribute("width") == "298.0"
    assert "虚拟位置 synthetic position" in reviewer.text(".case-head")
    assert "车旁无人骑行" in reviewer.text("#reasons")
    assert "nobody rides it" in reviewer.text("#reasons")
    assert reviewer.text(".sigma-own") == "0.68 m"
    assert reviewer.text(".sigma-pass") == "0.20 m"
    assert "holds" in reviewer.text("#seal")
    roles = reviewer.driver.execute_script(_MAP_ROLES)
    assert roles[-4:] == ["pass", "own", "sighting", "case"]
    assert set(roles[:-4]) == {"zone", "permit"}


def test_keys_confirm_and_undo(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    reviewer.open(f"/cases/{new_case()}")
    reviewer.state("pending")
    reviewer.press("c")
    reviewer.state("confirmed")
    assert "确认违规 confirmed" in reviewer.text("#history")
    reviewer.press("u")
    reviewer.state("pending")
    assert "line 2 undone" in reviewer.text("#history")
    assert "完整 intact" in reviewer.text(".history h2")


@pytest.mark.parametrize(
    ("code", "family_text"),
    [
        ("not_the_object:shadow_or_reflection", "not the object"),
        ("object_but_allowed:bike_in_bay", "the object, but allowed"),
    ],
)
def test_keys_reject_with_a_reason_of_each_family(
    reviewer: Reviewer, new_case: Callable[..., int], code: str, family_text: str
) -> None:
    reviewer.open(f"/cases/{new_case()}")
    reviewer.state("pending")
    reviewer.press("r")
    key = reviewer.find(f"#reject-dialog[open] [value='{code}']").get_attribute("data-key")
    reviewer.press(key)
    reviewer.state("rejected")
    assert family_text in reviewer.text("#reject-reason")


def test_the_cue_is_changed_by_key_and_click(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    reviewer.open(f"/cases/{new_case()}")
    reviewer.state("pending")
    reviewer.press("e")
    reviewer.find("#cue-dialog[open] [value=motorcycle]").click()
    reviewer.until(lambda: "motorcycle" in reviewer.text("#cue"))
    reviewer.state("pending")


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_the_box_is_redrawn_by_dragging(reviewer: Reviewer, new_case: Callable[..., int], pointer: str) -> None:
    reviewer.open(f"/cases/{new_case()}")
    reviewer.state("pending")
    reviewer.press("b")
    reviewer.find("#stage.drawing")
    reviewer.drag(pointer, (300.0, 40.0), (500.0, 200.0))
    reviewer.press(Keys.ENTER)
    reviewer.until(lambda: "redrawn" in reviewer.text("#history"))
    box = reviewer.find("#overlay rect.subject")
    drawn = [float(box.get_attribute(name) or "nan") for name in ("x", "y", "width", "height")]
    assert drawn == pytest.approx([300.0, 40.0, 200.0, 160.0], abs=1.5)


def test_escape_leaves_the_box_as_it_was(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    reviewer.open(f"/cases/{new_case()}")
    reviewer.state("pending")
    reviewer.press("b")
    reviewer.drag("mouse", (10.0, 10.0), (60.0, 60.0))
    reviewer.press(Keys.ESCAPE)
    assert not reviewer.find("#draw-form").is_displayed()
    assert reviewer.find("#case").get_attribute("data-version") == "1"


def test_a_second_reviewer_who_was_faster_is_not_overruled(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    case = new_case()
    reviewer.open(f"/cases/{case}")
    first = reviewer.driver.current_window_handle
    reviewer.driver.switch_to.new_window("tab")
    reviewer.open(f"/cases/{case}")
    reviewer.state("pending")
    reviewer.press("c")
    reviewer.state("confirmed")
    reviewer.driver.close()
    reviewer.driver.switch_to.window(first)
    reviewer.press("r")
    reviewer.find("#reject-dialog[open] [data-key='1']").click()
    assert "案件已被他人更新 Somebody else changed this case" in reviewer.text("#case [role=alert]")
    reviewer.state("confirmed")
    reviewer.watched.console()  # the refusal itself is a 409 there


def test_n_goes_to_the_next_pending_case(reviewer: Reviewer, new_case: Callable[..., int]) -> None:
    older, newer = new_case(), new_case()
    reviewer.open(f"/cases/{newer}")
    reviewer.press("n")
    reviewer.find(f"#case[data-case='{older}']")


def test_an_enrolment_code_is_shown_once(reviewer: Reviewer) -> None:
    reviewer.open("/devices")
    reviewer.find("form[action='/devices/codes'] button").click()
    code = reviewer.text("#enrolment-code")
    assert len(code) == 23
    reviewer.open("/devices")
    assert code not in reviewer.driver.page_source
    assert "patrol car 07" in reviewer.driver.page_source


def test_what_was_clicked_becomes_labels(
    reviewer: Reviewer, new_case: Callable[..., int], server: LiveServer, tmp_path: Path
) -> None:
    confirmed, allowed, wrong = new_case(), new_case(), new_case()
    reviewer.open(f"/cases/{confirmed}")
    reviewer.state("pending")
    reviewer.press("b")
    reviewer.drag("mouse", (320.0, 68.0), (480.0, 204.0))
    reviewer.press(Keys.ENTER)
    reviewer.until(lambda: "redrawn" in reviewer.text("#history"))
    reviewer.press("c")
    reviewer.state("confirmed")
    for case, code in ((allowed, "object_but_allowed:ridden_bike"), (wrong, "not_the_object:other_object")):
        reviewer.open(f"/cases/{case}")
        reviewer.state("pending")
        reviewer.press("r")
        reviewer.find(f"#reject-dialog[open] [value='{code}']").click()
        reviewer.state("rejected")

    out = tmp_path / "labels"
    command = [sys.executable, "-m", "kerbwatch", "label", "export", "--data", str(server.data), "--out", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)

    image = {row["case_id"]: row["image"] for row in _rows(out / "provenance.csv")}
    names = yaml.safe_load((out / "data.yaml").read_text())["names"]
    lines = {case: _label(out, image[str(case)]) for case in (confirmed, allowed, wrong)}
    assert lines[wrong] == ""
    assert names[int(lines[allowed].split()[0])] == "bicycle"
    drawn = [float(v) for v in lines[confirmed].split()[1:]]
    assert drawn == pytest.approx([400 / 640, 136 / 272, 160 / 640, 136 / 272], abs=0.01)
    reviewed = {row["image"]: row["cues"] for row in _rows(out / "reviewed_cues.csv")}
    assert [reviewed[image[str(case)]] for case in (confirmed, allowed, wrong)] == ["bicycle"] * 3


def test_without_webgl_the_table_stands_alone(server: LiveServer, new_case: Callable[..., int], tmp_path: Path) -> None:
    case = new_case()
    with chromium(tmp_path, "--disable-3d-apis") as watched:
        reviewer = Reviewer(watched, server)
        reviewer.log_in()
        reviewer.find(".filters h1")
        reviewer.open(f"/cases/{case}")
        reviewer.scroll_to("#map")
        reviewer.until(lambda: reviewer.find("#map-missing").is_displayed())
        assert "WGS-84" in reviewer.text("#places")
        assert "0.68 m" in reviewer.text("#places")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _label(out: Path, image: str) -> str:
    return (out / "labels" / image).with_suffix(".txt").read_text()


_PICTURE_WIDTH = """
const picture = new Image();
picture.src = document.querySelector("#overlay image").href.baseVal;
return picture.decode().then(() => picture.naturalWidth);
"""
_MAP_ROLES = """
return fetch(document.getElementById("map").dataset.source).then((answer) => answer.json())
  .then((data) => data.features.map((feature) => feature.properties.role));
"""
