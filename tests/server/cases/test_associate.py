"""Which reports become one case."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detector.evidence.seal import DeviceKey
from detector.report import SealedReport
from detector.vocabulary import Kind
from server.app import open_services
from server.cases import associate, history, workflow
from server.cases.actions import Confirm, Reject
from server.cases.associate import Decision, Policy
from server.db.tables import Case, CaseState, Device, RejectFamily, Report
from server.errors import NotFound, Refused
from server.ingest import reports
from server.security.devices import KnownDevice
from server.services import Services
from server.settings import Settings
from tests.server.harness import place, sealed

NOW = datetime(2026, 5, 18, tzinfo=UTC)
KEY = DeviceKey.generate()
OTHER = DeviceKey.generate()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    opened = open_services(Settings(data=tmp_path / "data"))
    with opened.database.write() as session:
        for key in (KEY, OTHER):
            session.add(
                Device(
                    id=key.device_id, public_key=key.public_key, name="d", token_sha256=key.device_id, enrolled_at=NOW
                )
            )
    yield opened
    opened.database.close()


def take(services: Services, *, key: DeviceKey = KEY, **changes: Any) -> tuple[SealedReport, int]:
    """A report taken in; gives it and its case."""
    report = sealed(key, **changes)
    with services.database.write() as session:
        device = KnownDevice(key.device_id, "d")
        state, _ = reports.accept(session, report, device, limits=services.settings.limits, now=NOW)
    return report, state.case_id


FAR_APART_M = 30.0


@pytest.mark.parametrize(
    ("changes", "merged"),
    [
        ({"pass_id": "pass-2"}, True),  # another pass sees the same spot
        ({"pass_id": "pass-2", "at": place(1.0, 0.5)}, True),  # within the error
        ({"pass_id": "pass-1"}, False),  # two tracks of one pass on one spot are two things
        ({"pass_id": "pass-1", "track_id": "first"}, True),  # the same track reported twice
        ({"pass_id": "pass-1", "key": OTHER}, True),  # another vehicle may use the same pass name
        ({"pass_id": "pass-2", "kind": Kind.STREET_STALL}, False),  # another kind
        ({"pass_id": "pass-2", "at": place(FAR_APART_M, 0)}, False),
        ({"pass_id": "pass-2", "at": None}, False),  # place unknown
        ({"pass_id": "pass-2", "minutes": 60 * 47}, True),  # a bike may stand for two days
        ({"pass_id": "pass-2", "minutes": 60 * 49}, False),
        ({"pass_id": "pass-2", "minutes": -60 * 47}, True),  # late, out of order
        ({"pass_id": "pass-2", "at": place().model_copy(update={"synthetic": True})}, False),
    ],
)
def test_second_report(services: Services, changes: dict[str, Any], merged: bool) -> None:
    _, first = take(services, track_id="first")
    _, second = take(services, **changes)
    assert (first == second) is merged


def test_place_unknown_opens_a_case_without_a_place(services: Services) -> None:
    _, first = take(services, at=None)
    _, second = take(services, at=None, pass_id="pass-2")
    assert first != second
    with services.database.read() as session:
        case = workflow.get(session, first)
        assert (case.lon_deg, case.lat_deg, case.cov_ee_m2, case.h3_cell) == (None, None, None, None)


def test_wide_error_suggests_instead_of_merging(services: Services) -> None:
    wide = place(9.0, 0.0, shared_m2=9.0)
    _, first = take(services, at=place(shared_m2=9.0))
    _, second = take(services, at=wide, pass_id="pass-2")
    assert first != second
    with services.database.read() as session:
        assert workflow.get(session, second).sightings[0].suggested_case_id == first


def test_two_near_candidates_split_the_certainty(services: Services) -> None:
    _, left = take(services, at=place(-1.5, 0))
    _, right = take(services, at=place(1.5, 0))
    _, middle = take(services, at=place(0, 0), pass_id="pass-2")
    assert len({left, right, middle}) == 3


def test_one_pass_over_a_row_matches_one_to_one(services: Services) -> None:
    row_m = (0.0, 6.0, 12.0)
    first = [take(services, at=place(x), pass_id="pass-1")[1] for x in row_m]
    second = [take(services, at=place(x + 0.4), pass_id="pass-2", minutes=20)[1] for x in row_m]
    assert len(set(first)) == 3
    assert second == first


def test_seen_together_is_never_one(services: Services) -> None:
    _, first = take(services, track_id="a", pass_id="pass-1")
    _, second = take(services, track_id="b", not_same_as=("a",), pass_id="pass-1")
    assert first != second


def test_any_order_of_arrival_gives_the_same_place(services: Services) -> None:
    looks = [(0.0, "pass-1", 0.0), (0.8, "pass-2", 30.0), (-0.5, "pass-3", 60.0)]
    places: set[tuple[float, float, float]] = set()
    for round_number, order in enumerate(itertools.permutations(looks)):
        # Each round happens on its own day, too far apart in time to meet.
        for east_m, pass_id, minutes in order:
            day = round_number * 24 * 60 * 5
            _, case_id = take(services, at=place(east_m), pass_id=f"{pass_id}/{round_number}", minutes=minutes + day)
        with services.database.read() as session:
            case = workflow.get(session, case_id)
            assert len(case.sightings) == 3
            assert case.lon_deg is not None
            assert case.lat_deg is not None
            places.add(
                (round(case.lon_deg, 9), round(case.lat_deg, 9), (case.last_seen_at - case.first_seen_at).seconds)
            )
    assert len(places) == 1


def test_more_sightings_make_the_place_more_certain(services: Services) -> None:
    for number in range(4):
        _, case_id = take(services, pass_id=f"pass-{number}")
    with services.database.read() as session:
        case = workflow.get(session, case_id)
        assert len(case.sightings) == 4
        # A quarter, and a little for what one of the four may have been off by unknown to its receiver.
        assert (0.8 + 0.05) / 4 < (case.cov_ee_m2 or 0.0) < 1.4 * (0.8 + 0.05) / 4


def test_associating_again_changes_nothing(services: Services) -> None:
    report, case_id = take(services)
    with services.database.write() as session:
        row = session.get(Report, str(report.body.report_id))
        assert row is not None
        again = associate.associate(session, row, now=NOW)
        assert (again.case_id, again.decision) == (case_id, Decision.OPENED)
        assert len(workflow.get(session, case_id).events) == 1


@pytest.mark.parametrize("family", list(RejectFamily))
@pytest.mark.parametrize(("minutes", "attracts"), [(11 * 60, True), (13 * 60, False)])
def test_rejected_case_attracts_for_a_while(
    services: Services, family: RejectFamily, minutes: float, attracts: bool
) -> None:
    _, first = take(services)
    with services.database.write() as session:
        action = Reject(family=family, reason="r")
        workflow.act(session, first, action, expected_version=1, actor="reviewer:x", now=NOW)
    _, second = take(services, pass_id="pass-2", minutes=minutes)
    assert (second == first) is attracts
    with services.database.read() as session:
        assert workflow.get(session, first).state is CaseState.REJECTED


def test_unmerge_gives_a_report_its_own_case_again(services: Services) -> None:
    _, case_id = take(services, pass_id="pass-1")
    moved, same = take(services, pass_id="pass-2", at=place(1.0))
    assert same == case_id
    with services.database.write() as session:
        workflow.act(session, case_id, Confirm(), expected_version=2, actor="reviewer:x", now=NOW)
    with services.database.write() as session:
        opened = associate.unmerge(session, case_id, str(moved.body.report_id), actor="reviewer:x", now=NOW)
        opened_id = opened.id
    with services.database.read() as session:
        old, new = workflow.get(session, case_id), workflow.get(session, opened_id)
        assert [len(old.sightings), len(new.sightings)] == [1, 1]
        assert (old.state, new.state) == (CaseState.CONFIRMED, CaseState.PENDING)
        assert old.cov_ee_m2 == pytest.approx(0.85)
        assert new.lon_deg == pytest.approx(place(1.0).lon_deg, abs=1e-9)
        for case in (old, new):
            history.check_chain(case.id, case.events)


def test_unmerge_refuses_what_makes_no_sense(services: Services) -> None:
    report, case_id = take(services)
    with services.database.write() as session:
        with pytest.raises(Refused, match="is all that case 1 has"):
            associate.unmerge(session, case_id, str(report.body.report_id), actor="x", now=NOW)
        with pytest.raises(NotFound, match="report nope is not part of case 1"):
            associate.unmerge(session, case_id, "nope", actor="x", now=NOW)


def test_policy_refuses_thresholds_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match="need 0 < suggest_from <= merge_from < 1"):
        Policy(merge_from=0.1, suggest_from=0.5)


def test_candidates_come_from_the_index(services: Services) -> None:
    for number in range(30):
        take(services, at=place(east_m=number * 400.0), pass_id=f"p{number}")
    with services.database.read() as session:
        assert session.query(Case).count() == 30
        plan = session.connection().exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM cases WHERE kind = 'x' AND h3_cell IN ('a', 'b')"
        )
        assert "ix_cases_h3_cell_kind" in str(plan.all())
