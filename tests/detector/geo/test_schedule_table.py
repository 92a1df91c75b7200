"""The table of edge cases in docs/site-folder.md is what the code answers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from detector.geo.dates import Closure, Holidays
from detector.geo.schedule import DAYS, Standing, Validity
from detector.site.geojson import read_validity
from detector.site.problems import Problems
from detector.site.schema import PermitIn
from detector.vocabulary import Text
from tests.conftest import ROOT

DOC = (ROOT / "docs" / "site-folder.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(.+)` \| (\d{4}-\S+) \| (\w+) \|$", DOC, re.MULTILINE)


def test_the_table_is_found():
    assert len(ROWS) >= 35
    assert {answer for *_, answer in ROWS} == set(Standing)


def validity_of(fields: dict[str, Any]) -> Validity:
    """As the loader reads it from a permit that holds these fields."""
    problems = Problems()
    raw = PermitIn.model_validate({"id": "p", "kind": "vending", "holder": "h", "zone": "z", **fields})
    validity = read_validity(raw, "permits.yaml", "p", "", problems)
    assert validity is not None, problems.found
    return validity


@pytest.mark.parametrize(("case", "written", "time", "answer"), ROWS, ids=[row[0] for row in ROWS])
def test_each_row(case, written, time, answer):
    fields = yaml.safe_load(written)
    zone = ZoneInfo(fields.pop("timezone", "Asia/Shanghai"))
    makeup = {day: DAYS.index(name) for day, name in fields.pop("makeup", {}).items()}
    holidays = Holidays(frozenset(fields.pop("holidays", ())), makeup)
    closed = [datetime.fromisoformat(end) for end in fields.pop("closed", ())]
    closures = (Closure("c", *closed, Text("施工", "works")),) if closed else ()
    plain = validity_of(fields)
    validity = Validity(
        plain.valid_from, plain.valid_to, plain.schedule, plain.ranges, plain.seasons, closures=closures
    )
    at = datetime.fromisoformat(time)
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    assert validity.standing(at, zone, holidays) == answer
    assert validity.is_valid(at, zone, holidays) is (answer == "open")
