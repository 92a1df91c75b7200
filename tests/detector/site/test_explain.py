"""`site explain`: the patrol's verdict at a desk, with what the zones say and until when."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from detector.errors import InputError
from detector.geo.schedule import Standing
from detector.rules import judge_tracks
from detector.rules.law_map import Role
from detector.site import load_site
from detector.site.cli import app
from detector.site.explain import Answer, Explanation, explain, made_up_track
from detector.site.explain_cli import read_time
from detector.site.explain_words import as_json, forecast, zone_now
from detector.site.states import clock
from detector.vocabulary import Kind, Outcome
from tests.conftest import ROOT
from tests.detector.rules.test_judge import place, thing
from tests.detector.site.folders import PERMITTED, copy_demo_site, edit_json, edit_yaml, properties

DEMO = ROOT / "edge" / "demo_site"
SITE = load_site(DEMO)
PITCH, FOOTWAY = (117.18976, 34.26000), (117.18970, 34.25998)
BAY, SHOP_DOOR, YARD = (117.19016, 34.260066), (117.18989, 34.26002), (117.19027, 34.26013)
NOWHERE = (117.1955, 34.2635)


def asked(where=PITCH, time="2026-05-18T23:10", kind=Kind.STREET_STALL, site=SITE, sigmas=(1.0,)) -> Explanation:
    at = datetime.fromisoformat(time)
    return explain(site, *where, kind, at if at.tzinfo else at.replace(tzinfo=site.timezone), sigmas)


def only(told: Explanation) -> Answer:
    (answer,) = told.answers
    return answer


def codes(answer: Answer) -> list[str]:
    return [reason.code for reason in answer.hit.reasons] if answer.hit else []


@pytest.mark.parametrize(
    ("where", "time", "kind", "outcome", "code", "told"),
    [
        (PITCH, "2026-05-18T23:10", Kind.STREET_STALL, Outcome.ALLOWED, "granted",
         "allowed until 02:00, then forbidden (until 06:00)"),
        (PITCH, "2026-05-19T01:59", Kind.STREET_STALL, Outcome.ALLOWED, "granted",
         "allowed until 02:00, then forbidden (until 06:00)"),
        (PITCH, "2026-05-19T02:01", Kind.STREET_STALL, Outcome.VIOLATION, "not_granted_now",
         "forbidden until 06:00, then allowed (until 09:30)"),
        (PITCH, "2026-10-01T12:00", Kind.STREET_STALL, Outcome.ALLOWED, "granted",
         "allowed until 10-04 00:00, then forbidden (until 10-04 06:00)"),  # the end of three holidays
        (FOOTWAY, "2026-05-18T23:10", Kind.STREET_STALL, Outcome.VIOLATION, "beside", "no change within a year"),
        (BAY, "2026-05-18T23:10", Kind.DISORDERLY_BIKE, Outcome.ALLOWED, "granted", "no change within a year"),
        (FOOTWAY, "2026-05-18T23:10", Kind.DISORDERLY_BIKE, Outcome.VIOLATION, "beside", "no change within a year"),
        (YARD, "2026-05-18T23:10", Kind.STREET_STALL, None, None, "no change within a year"),  # nothing is recorded
        (NOWHERE, "2026-05-18T23:10", Kind.STREET_STALL, Outcome.ALLOWED, "outside_patrol_area",
         "no change within a year"),
        (NOWHERE, "2026-05-18T23:10", Kind.OUT_OF_STORE, None, None, "no change within a year"),
    ],
)  # fmt: skip
def test_what_may_stand_where_and_until_when(where, time, kind, outcome, code, told):
    found = asked(where, time, kind)
    assert only(found).outcome is outcome
    assert codes(only(found))[:1] == ([code] if code else [])
    assert forecast(only(found), found.at).en == told


def test_it_is_the_verdict_of_the_patrol():
    """A stall really watched at that place and time gets the same outcome, reasons and zones."""
    for time, offset_m in (("2026-05-18T15:10:00+00:00", 0.0), ("2026-05-18T04:00:00+00:00", 2.5)):
        start = datetime.fromisoformat(time) - timedelta(minutes=9)
        stall = thing("stall", "person", start=start, step_s=60.0, confidence=1.0)
        spot = replace(place(-20, 3, 0.01), lon_deg=PITCH[0], lat_deg=PITCH[1] - offset_m * 9e-6)
        spot = replace(spot, cov_own_m2=((1.0, 0.0), (0.0, 1.0)))
        (hit,) = judge_tracks([stall], {stall.track_id: spot}, SITE, "fixed")
        answer = only(asked((spot.lon_deg, spot.lat_deg), time))
        assert answer.hit is not None
        assert (answer.hit.outcome, answer.hit.zone_ids) == (hit.outcome, hit.zone_ids)
        assert [reason.text for reason in answer.hit.reasons] == [reason.text for reason in hit.reasons]
        assert answer.hit.probability == pytest.approx(hit.probability)


def test_a_wider_error_makes_unsure_and_never_accuses_inside_a_permit():
    open_pitch = asked(sigmas=(0.3, 1.0, 3.0, 8.0))
    assert [answer.outcome for answer in open_pitch.answers] == [Outcome.ALLOWED] * 4
    closed = asked(time="2026-05-18T12:00", sigmas=(0.3, 1.0, 3.0, 8.0)).answers
    assert (closed[0].outcome, closed[-1].outcome) == (Outcome.VIOLATION, Outcome.UNSURE)
    shares = [answer.hit.probability for answer in closed if answer.hit]
    assert shares == sorted(shares, reverse=True)


def test_the_zones_that_speak_and_the_nearest_ones():
    told = asked(time="2026-05-18T12:00")
    pitch, footway = told.zones[:2]
    assert (pitch.zone.zone_id, pitch.role, pitch.standing) == ("pitch-7", Role.LAPSED, Standing.OUT_OF_HOURS)
    assert pitch.until is not None
    assert f"{pitch.until:%H:%M}" == "17:00"
    assert [(entry.permit.permit_id, entry.standing) for entry in pitch.permits] == [("vend-2026-007", "out_of_hours")]
    assert (footway.zone.zone_id, footway.role) == ("footway-north", Role.FORBIDS)
    assert told.nearest is not None
    assert told.nearest.zone.zone_id == "pitch-7"
    assert told.nearest_open is None  # the only pitch is shut
    beside = asked(FOOTWAY)
    assert beside.nearest == beside.nearest_open
    assert beside.nearest is not None
    assert 2.0 < beside.nearest.distance_m < 5.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demonstration's site."""
    return copy_demo_site(tmp_path / "site")


def close(folder: Path) -> None:
    works: dict[str, Any] = {"id": "works", "zones": ["pitch-7"], "from": "2026-05-18T22:00", "to": "2026-05-19T12:00"}
    content = {
        "schema": "kerbwatch-closures/1",
        "closures": [works | {"reason": {"zh": "道路施工", "en": "roadworks"}}],
    }
    (folder / "closures.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "standing", "says", "code"),
    [
        (
            close,
            Standing.CLOSED,
            "does not permit now: closed for the time being (roadworks), until 17:00",
            "closed_now",
        ),
        (
            lambda f: edit_json(f / PERMITTED, properties(2, season=["06-01..09-30"])),
            Standing.OUT_OF_SEASON,
            "does not permit now: out of season (06-01..09-30), until 06-01 06:00",
            "not_in_use",
        ),
        (
            lambda f: edit_json(f / PERMITTED, properties(2, valid_from="2027-01-01")),
            Standing.NOT_YET,
            "does not permit now: not yet in force (2027-01-01), until 2027-01-01 06:00",
            "not_in_use",
        ),
        (
            lambda f: edit_json(f / PERMITTED, properties(2, ranges=["2026-01-01..2026-03-01", "2026-06-01.."])),
            Standing.BETWEEN,
            "does not permit now: between its dates (2026-01-01..2026-03-01, 2026-06-01..), until 06-01 06:00",
            "not_in_use",
        ),
        (
            lambda f: edit_json(f / PERMITTED, properties(2, valid_to="2026-05-01")),
            Standing.EXPIRED,
            "does not permit now: run out (2026-05-01)",
            "not_in_use",
        ),
        (
            lambda f: edit_yaml(f / "permits.yaml", lambda r: r["permits"][0].update(valid_to="2026-05-01")),
            Standing.OPEN,
            "does not permit now: no permit is in force, until 02:00",
            "no_permit_now",
        ),
    ],
)
def test_why_a_pitch_does_not_permit(folder, change, standing, says, code):
    change(folder)
    told = asked(site=load_site(folder))
    assert only(told).outcome is Outcome.VIOLATION
    assert codes(only(told))[0] == code
    (pitch,) = [zone for zone in told.zones if zone.zone.zone_id == "pitch-7"]
    assert pitch.standing is standing
    assert zone_now(pitch, told.at).en == says


def test_a_closure_is_named_to_both_readers(folder):
    close(folder)
    answer = only(asked(site=load_site(folder)))
    assert answer.hit is not None
    assert "道路施工" in answer.hit.reasons[0].text.zh
    assert "roadworks" in answer.hit.reasons[0].text.en


def test_what_a_pitch_is_for_is_told(folder):
    edit_json(folder / PERMITTED, properties(2, goods={"zh": "水果", "en": "fruit"}))
    answer = only(asked(site=load_site(folder)))
    assert codes(answer) == ["granted", "goods", "permitted_vendor"]
    assert answer.hit is not None
    assert answer.hit.reasons[1].text.en == "Permitted here: fruit; a camera does not see what is sold"


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-05-19T02:00", "02:00"),
        ("2026-05-19T23:09", "23:09"),
        ("2026-05-19T23:10", "05-19 23:10"),
        ("2027-01-01T00:00", "2027-01-01 00:00"),
    ],
)
def test_how_a_moment_is_told(moment, said):
    now, then = (datetime.fromisoformat(text).replace(tzinfo=SITE.timezone) for text in ("2026-05-18T23:10", moment))
    assert clock(then, now) == said


def test_every_kind_can_be_asked_for():
    for kind in Kind:
        track = made_up_track(SITE.rules[kind], datetime(2026, 5, 18, 12, tzinfo=SITE.timezone))
        assert track.cue in SITE.rules[kind].cues or SITE.rules[kind].groups
        asked(kind=kind)


def test_as_json_it_holds_everything():
    told = asked(time="2026-05-18T12:00", sigmas=(1.0, 8.0))
    found = json.loads(json.dumps(as_json(told), ensure_ascii=False))
    assert found["at"] == "2026-05-18T12:00:00+08:00"
    assert [answer["outcome"] for answer in found["answers"]] == ["violation", "unsure"]
    assert found["answers"][0]["changes"][0] == {"at": "2026-05-18T17:00:00+08:00", "outcome": "allowed"}
    assert set(found["answers"][0]["reasons"][0]) == {"code", "zh", "en"}
    assert found["zones"][0]["permits"] == [{"id": "vend-2026-007", "standing": "out_of_hours"}]
    assert found["nearest"] == {"id": "pitch-7", "distance_m": 0.0}


@pytest.mark.parametrize(
    ("where", "sigma", "message"),
    [
        (PITCH[::-1], 1.0, "longitude and latitude are swapped"),
        ((118.0, 34.26), 1.0, "lies outside the bbox"),
        ((39500000.0, 3800000.0), 1.0, "metres of a projection"),
        ((float("nan"), 34.0), 1.0, "is not finite"),
        (PITCH, 0.0, "sigma 0.0 m is no position error"),
        (PITCH, float("nan"), "sigma nan m is no position error"),
    ],
)
def test_places_and_errors_that_cannot_be(where, sigma, message):
    with pytest.raises(InputError, match=message):
        asked(where, sigmas=(sigma,))


def run(*words: object) -> str:
    result = CliRunner().invoke(app, ["explain", str(DEMO), *map(str, words)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_command_prints_both_languages():
    shown = run(*PITCH, "street_stall", "2026-05-18T23:10")
    for wanted in (
        "✓ 允许 · allowed",
        "02:00前允许，之后不允许（至06:00） · allowed until 02:00, then forbidden (until 06:00)",
        "虚拟位置 · synthetic positions",
        "许可证vend-2026-007：有效 · permit vend-2026-007: in force",
        "1 m", "3 m", "8 m",
        "nearest open now: 7号便民摊位 · vending pitch 7 (pitch-7), 0.0 m",
    ):  # fmt: skip
        assert wanted in shown
    alone = run(*PITCH, "street_stall", "2026-05-18T23:10+08:00", "--sigma", 2)
    assert "2 m" in alone
    assert "8 m" not in alone


def test_the_command_takes_json_now_and_other_systems():
    assert json.loads(run(*PITCH, "street_stall", "now", "--json"))["kind"] == "street_stall"
    # The same pitch as a map in GCJ-02 has it.
    shifted = json.loads(run(117.1955249, 34.2587686, "street_stall", "2026-05-18T23:10", "--json", "--crs", "GCJ02"))
    assert shifted["lon_deg"] == pytest.approx(PITCH[0], abs=3e-6)
    assert shifted["zones"][0]["id"] == "pitch-7"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*PITCH, "stall", "now"), r"'stall' is no violation kind; known: street_stall \(占道摊点 · street stall\)"),
        ((*PITCH, "street_stall", "soon"), r"'soon' is no time; write 2026-05-18T23:10 \(Asia/Shanghai\)"),
        ((*PITCH, "street_stall", "2026-05-18"), "'2026-05-18' is no time"),
        ((*PITCH, "street_stall", "0001-01-01T00:00"), "'0001-01-01T00:00' is no time"),
        ((*PITCH, "street_stall", "9999-12-31T23:59-12:00"), "'9999-12-31T23:59-12:00' is no time"),
        ((*PITCH, "street_stall", "2026-02-30T10:00"), "'2026-02-30T10:00' is no time"),
        ((-117.19, 34.26, "street_stall", "now"), r"\(-117.19000, 34.26000\) lies outside the bbox"),
        ((*PITCH[::-1], "street_stall", "now"), "swapped"),
    ],
)
def test_the_command_names_what_is_wrong(words, message):
    with pytest.raises(InputError, match=message):
        run(*words)


def test_a_time_that_clocks_leave_out_is_named(tmp_path):
    folder = copy_demo_site(tmp_path / "site")
    edit_yaml(folder / "site.yaml", lambda raw: raw.update(timezone="Europe/Berlin"))
    site = load_site(folder)
    assert read_time("2026-03-29T01:59", site).utcoffset() == timedelta(hours=1)
    assert read_time("2026-03-29T03:00", site).utcoffset() == timedelta(hours=2)
    with pytest.raises(InputError, match="'2026-03-29T02:30' never comes"):
        read_time("2026-03-29T02:30", site)
