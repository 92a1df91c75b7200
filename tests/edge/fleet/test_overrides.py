"""What may be set from afar, and what stays its keeper's."""

from __future__ import annotations

import re

import pytest

from detector.errors import PackError
from edge.box.settings import BoxSettings
from edge.fleet.overrides import parse_overrides, with_overrides
from tests.packs import Workshop

LOOK = {"every_m": 4.0, "every_s": 0.5}


@pytest.fixture
def box(workshop: Workshop) -> BoxSettings:
    return workshop.box(
        cameras=(
            {"camera_id": "ebike-front", "address": "/dev/video0", "look": LOOK},
            {"camera_id": "wall-cam", "address": "/dev/video1"},
        ),
        uplink={"server": "https://a.example.org"},
    )


def changed(box: BoxSettings, text: str) -> BoxSettings:
    return with_overrides(box, parse_overrides(text.encode(), "settings.yaml"), "settings.yaml")


def test_what_may_be_set(box: BoxSettings) -> None:
    new = changed(
        box,
        """
        look: {every_m: 3.0}
        cameras: {wall-cam: {by: motion}, elsewhere: {every_m: 1}}
        evidence: {originals_days: 7}
        uplink: {budget_bytes_per_day: 5000000, metered_sends: reports}
        """,
    )
    front, wall = (camera.look for camera in new.cameras)
    assert (front.every_m, front.every_s, front.by) == (3.0, 0.5, "distance")
    assert (wall.every_m, wall.by) == (3.0, "motion")
    assert new.evidence.originals_days == 7
    assert new.uplink is not None
    assert (new.uplink.budget_bytes_per_day, new.uplink.metered_sends) == (5_000_000, "reports")
    assert new.uplink.server == "https://a.example.org"
    same = new.model_copy(update={"cameras": box.cameras, "evidence": box.evidence, "uplink": box.uplink})
    assert same == box


def test_a_box_without_an_uplink_gets_none(workshop: Workshop) -> None:
    box = workshop.box()
    assert changed(box, "uplink: {heartbeat_s: 30}") == box


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("state: /x", "state may not be set from afar; a pack may set look, evidence, uplink, cameras"),
        ("trust: [a.pub]", "trust may not be set from afar"),
        ("page: {host: 0.0.0.0}", "page may not be set from afar"),
        ("uplink: {server: 'https://evil'}", "uplink.server may not be set from afar; of uplink a pack may set"),
        ("evidence: {release: on_request}", "evidence.release may not be set from afar"),
        ("evidence: {originals: false}", "evidence.originals may not be set from afar"),
        ("cameras: {a: {address: x}}", "cameras.a.address may not be set from afar"),
        ("cameras: {a: {credentials_file: x}}", "cameras.a.credentials_file may not be set from afar"),
        ("look: 3", "'3' is no section with settings in it"),
        ("- a", "holds no settings"),
        ("{", "is not YAML"),
        ("a: " + "x" * 70_000, "holds no settings"),
    ],
)
def test_what_may_not(text: str, wrong: str) -> None:
    with pytest.raises(PackError, match=re.escape(wrong)):
        parse_overrides(text.encode(), "settings.yaml")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("look: {every_m: 0}", "every_m: Input should be greater than 0"),
        ("look: {by: magic}", "by: Input should be 'every', 'distance', 'motion' or 'time'"),
        ("evidence: {originals_days: 9999}", "originals_days: Input should be less than or equal to 3650"),
    ],
)
def test_bounds_are_those_of_the_box(box: BoxSettings, text: str, wrong: str) -> None:
    with pytest.raises(PackError, match=re.escape(wrong)):
        changed(box, text)
