"""Pages when something is wrong: a database that fails is told as a page, and what a device says stays in its place."""

from __future__ import annotations

from tests.server.boxes.test_heartbeat import HEARTBEAT, alarm, beat
from tests.server.harness import Running

PAGE = {"Accept": "text/html"}


def test_a_database_that_fails_is_told_as_a_page(running: Running) -> None:
    reviewer = running.reviewer()
    with running.services.database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE rider_notes RENAME TO elsewhere")
    answer = reviewer.get("/missed", headers=PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "the database cannot take this now" in answer.text
    assert "rider_notes" not in answer.text
    # A script gets it as before.
    assert reviewer.get("/missed").headers["content-type"] == "application/problem+json"


def test_what_turns_the_direction_of_writing_turns_only_itself(running: Running) -> None:
    """U+202E would else let a device write over what the page says beside it."""
    name = "bike \u202e7"
    _, device = running.device(name=name)
    told = {**alarm(), "about": "state\u202e<i>"}
    device.post(HEARTBEAT, json=beat(alarms=[told])).raise_for_status()
    page = running.reviewer().get("/boxes", headers=PAGE).text
    for kept in (f"<bdi>{name}</bdi>", "<bdi>state\u202e&lt;i&gt;</bdi>"):
        assert kept in page
