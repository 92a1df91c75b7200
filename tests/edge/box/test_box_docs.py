"""docs/box.md: its example loads, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from edge.alarms.rules import RULES
from edge.box.metrics import BoxMetrics
from edge.box.settings import load_settings
from tests.conftest import ROOT
from tests.edge.healthy import healthy

PAGE = (ROOT / "docs" / "box.md").read_text("utf-8")


def test_the_example_loads_as_it_stands(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "box.yaml").write_text(found[1], "utf-8")
    settings = load_settings(tmp_path / "box.yaml")
    assert [camera.camera_id for camera in settings.cameras] == ["front", "side"]
    assert settings.uplink is not None
    assert settings.page is not None


def test_every_alarm_stands_in_the_table_with_its_severity() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| (critical|warning|notice) \|", PAGE, re.MULTILINE))
    assert table == {rule.code: rule.severity for rule in RULES}


def test_every_metric_stands_in_the_table() -> None:
    text = BoxMetrics(lambda: healthy(link={"budget_bytes": 5})).text().decode()
    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    metrics = PAGE.partition("## Metrics")[2]
    told = {f"kerbwatch_box_{name}" for name in re.findall(r"`([a-z0-9_]+)`", metrics)}
    assert names <= told
