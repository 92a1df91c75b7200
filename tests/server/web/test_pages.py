"""The pages as HTML: what a browser without scripts gets, and what strangers do not."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from detector.report import Covariance, ReportOffset
from server.db.tables import CaseEvent, Sighting
from tests.conftest import ROOT
from tests.server.inprocess import HTML, Service, in_process
from tests.server.live import enrol


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, bikes_clip: Path) -> Iterator[Service]:
    with in_process(tmp_path_factory.mktemp("server"), bikes_clip, ROOT / "edge" / "demo_site") as running:
        yield running


@pytest.fixture
def stranger(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.running.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/cases", "/cases/1", "/cases/1/map.geojson", "/devices"])
def test_strangers_are_sent_to_the_log_in_form(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize("path", ["/cases/0", "/cases/x", "/cases?page=0", "/cases/9007199254740992", "/cases?state=x"])
def test_an_odd_address_is_answered_by_a_page(service: Service, path: str) -> None:
    answer = service.pages.get(path, headers=HTML)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "回到案件列表" in answer.text


@pytest.mark.parametrize(
    "path", ["/cases/1/confirm", "/cases/1/reject", "/cases/1/cue", "/cases/1/box", "/cases/1/undo", "/devices/codes"]
)
def test_strangers_change_nothing(stranger: httpx.Client, path: str) -> None:
    assert stranger.post(path, data={"version": "1"}).status_code == 401


@pytest.mark.parametrize("path", ["/cases/{case}/confirm", "/cases/{case}/undo", "/devices/codes", "/logout"])
@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_without_the_csrf_token_changes_nothing(service: Service, path: str, token: str) -> None:
    case = service.new_case()
    answer = service.pages.post(path.format(case=case), data={"version": "1", "csrf_token": token}, headers=HTML)
    assert answer.status_code == 403
    assert "页面已过期" in answer.text
    assert 'data-state="pending"' in service.page(f"/cases/{case}")


@pytest.mark.parametrize(
    ("asked", "sent_to"),
    [
        ("/cases/7", "/cases/7"),
        ("//evil.example", "/cases"),
        ("/\\evil.example", "/cases"),
        ("https://evil.example", "/cases"),
    ],
)
def test_log_in_never_leads_to_another_site(service: Service, stranger: httpx.Client, asked: str, sent_to: str) -> None:
    answer = stranger.post("/login", data=service.log_in(next=asked))
    assert (answer.status_code, answer.headers["location"]) == (303, sent_to)


def test_log_in_from_another_site_is_refused(service: Service, stranger: httpx.Client) -> None:
    from_elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert stranger.post("/login", data=service.log_in(), headers=from_elsewhere).status_code == 403


def test_every_page_allows_no_inline_script_and_no_other_host(service: Service) -> None:
    policy = service.pages.get("/cases", headers=HTML).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    case = service.new_case()
    for page in (service.page("/cases"), service.page(f"/cases/{case}"), service.page("/devices")):
        assert "style=" not in page
        assert " onclick" not in page
        assert "<script>" not in page


def test_forms_work_without_scripts(service: Service) -> None:
    case = service.new_case()
    service.act(case, "reject", choice="object_but_allowed:bike_in_bay")
    page = service.page(f"/cases/{case}")
    assert "停车位内的非机动车" in page
    assert "bike in a bay" in page
    service.act(case, "undo", version=2)
    assert 'data-state="pending"' in service.page(f"/cases/{case}")


@pytest.mark.parametrize(
    ("action", "fields", "detail"),
    [
        ("reject", {"choice": "no_such_family:x"}, "family"),
        ("reject", {"choice": "not_the_object"}, "reason"),
        ("cue", {"cue": "dragon"}, "cue 'dragon' is not in the vocabulary"),
        ("undo", {}, "has no decision to undo"),
    ],
)
def test_nonsense_is_refused_on_the_page(service: Service, action: str, fields: dict[str, str], detail: str) -> None:
    case = service.new_case()
    form = {"csrf_token": service.csrf(), "version": "1", **fields}
    answer = service.pages.post(f"/cases/{case}/{action}", data=form, headers=HTML)
    assert answer.status_code == 422
    assert detail in html.unescape(answer.text)
    assert 'data-version="1"' in answer.text


def test_a_script_gets_only_the_part_that_changes(service: Service) -> None:
    case = service.new_case()
    answer = service.pages.get(f"/cases/{case}", headers={**HTML, "HX-Request": "true"})
    assert "<html" not in answer.text
    assert f'data-case="{case}"' in answer.text
    assert answer.headers["vary"] == "HX-Request"


def test_the_list_filters_by_state_and_kind(service: Service) -> None:
    case = service.new_case()
    link = f'href="/cases/{case}"'
    assert link in service.page("/cases")
    assert link in service.page("/cases?kind=disorderly_bike")
    assert link not in service.page("/cases?kind=street_stall")
    service.act(case, "confirm")
    assert link not in service.page("/cases")
    assert link in service.page("/cases?state=confirmed")
    assert link in service.page("/cases?state=all")


def test_positions_say_what_they_are(service: Service) -> None:
    made_up, real, unknown = (
        service.new_case(),
        service.new_case(synthetic=False),
        service.new_case(lon_deg=None),
    )
    assert "虚拟位置" in service.page(f"/cases/{made_up}")
    assert "synthetic position" in service.page(f"/cases/{made_up}")
    assert "synthetic position" not in service.page(f"/cases/{real}")
    page = service.page(f"/cases/{unknown}")
    assert "place unknown" in page
    assert "位置未知" in page
    assert 'id="map"' not in page


def test_a_registered_position_says_how_far_it_was_moved(service: Service) -> None:
    cov = Covariance(ee_m2=0.04, en_m2=0.0, nn_m2=0.04)
    moved = service.new_case(offset=ReportOffset(east_m=1.8, north_m=-1.1, cov=cov, anchors=6))
    page = service.page(f"/cases/{moved}")
    assert "position registered to the map: moved 2.1 m" in page
    assert "位置已对图，平移 2.1 米" in page
    assert "registered to the map" not in service.page(f"/cases/{service.new_case()}")


def test_the_map_draws_the_zones_near_the_case_and_both_ellipses(service: Service) -> None:
    near = service.new_case(lon_deg=117.19025, lat_deg=34.26005)
    far = service.new_case()
    drawn = json.loads(service.page(f"/cases/{near}/map.geojson"))["features"]
    roles = {feature["properties"]["role"] for feature in drawn}
    assert roles == {"zone", "permit", "pass", "own", "sighting", "case"}
    ring = next(f["geometry"]["coordinates"][0] for f in drawn if f["properties"]["role"] == "own")
    assert ring[0] == pytest.approx(ring[-1])
    assert max(abs(lon - 117.19025) for lon, _ in ring) < 1e-4
    roles = {
        feature["properties"]["role"] for feature in json.loads(service.page(f"/cases/{far}/map.geojson"))["features"]
    }
    assert roles == {"pass", "own", "sighting", "case"}


def test_what_a_device_calls_itself_is_text_and_no_markup(service: Service) -> None:
    page = service.pages.post("/devices/codes", data={"csrf_token": service.csrf()}, headers=HTML).text
    code = page.partition('id="enrolment-code">')[2].partition("<")[0]
    enrol(service.running.client(), code, name="<script>alert(1)</script>")
    assert "<script>alert" not in service.page("/devices")
    assert "&lt;script&gt;alert" in service.page("/devices")


def test_a_case_that_does_not_exist_is_a_page_too(service: Service) -> None:
    answer = service.pages.get("/cases/99999", headers=HTML)
    assert answer.status_code == 404
    assert "there is no case 99999" in answer.text
    assert "未找到" in answer.text


def test_a_changed_report_shows_a_broken_seal(service: Service) -> None:
    case = service.new_case()
    with service.services.database.write() as session:
        report = session.scalars(select(Sighting).where(Sighting.case_id == case)).one().report
        report.sealed_json = report.sealed_json.replace(b'"camera_id":"wall-cam"', b'"camera_id":"other-cam"')
    page = service.page(f"/cases/{case}")
    assert "校验失败" in page
    assert "the body was changed after sealing" in page


def test_a_changed_history_shows_a_broken_chain(service: Service) -> None:
    case = service.new_case()
    service.act(case, "confirm")
    with service.services.database.write() as session:
        line = session.get_one(CaseEvent, (case, 1))
        line.actor = "reviewer:somebody else"
    page = service.page(f"/cases/{case}")
    assert "链已断裂" in page
    assert f"history of case {case}: line 1 was changed" in page


def test_log_out_ends_the_session(service: Service, stranger: httpx.Client) -> None:
    stranger.post("/login", data=service.log_in())
    token = stranger.get("/devices", headers=HTML).text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert stranger.post("/logout", data={"csrf_token": token}).headers["location"] == "/login"
    assert stranger.get("/cases", headers=HTML).status_code == 303
