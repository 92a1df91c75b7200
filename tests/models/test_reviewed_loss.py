"""A cue that nobody looked for in a picture must not be learnt as absent."""

from __future__ import annotations

from typing import Any

import pytest

from models.slots import spare_rows
from tests.models.networks import random_start_weights

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("default")]

CUE, MARK = 79, 1


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from ultralytics.cfg import get_cfg

    from models.pseudo_labels import load_network

    network = load_network(random_start_weights(tmp_path_factory.mktemp("weights") / "start.pt")).model
    network.args = get_cfg()
    return network.train()


def _batch(labels: list[tuple[int, int, float, float, float, float]]) -> dict[str, Any]:
    import torch

    table = torch.tensor([[float(value) for value in label] for label in labels]).reshape(-1, 6)
    return {
        "img": torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)),
        "batch_idx": table[:, 0],
        "cls": table[:, 1:2],
        "bboxes": table[:, 2:],
    }


def _pull(network: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Per head: how the loss pulls at every class score, (pictures, anchors, classes)."""
    from models.reviewed_loss import reviewed_loss

    answers = network(batch["img"])
    for head in answers.values():
        head["scores"].retain_grad()
    loss, _ = reviewed_loss(network, {CUE: MARK})(answers, batch)
    loss.sum().backward()
    return {name: head["scores"].grad.permute(0, 2, 1) for name, head in answers.items()}


@pytest.mark.parametrize("head", ["one2many", "one2one"])
def test_a_marked_cue_is_left_alone_in_its_picture_only(network: Any, head: str) -> None:
    pull = _pull(network, _batch([(0, 5, 0.5, 0.5, 0.4, 0.4), (0, MARK, 0.5, 0.5, 1, 1)]))[head]
    assert not pull[0, :, CUE].any(), "nobody looked for the cue in the first picture"
    assert pull[1, :, CUE].all(), "in the second picture its absence was reviewed"
    assert pull[0, :, MARK].all(), "the mark is no label of its own row: that row is taught to stay silent"
    assert (pull[0, :, MARK] > 0).all()


def test_the_mark_stays_on_its_part_of_a_mosaic(network: Any) -> None:
    from ultralytics.utils.tal import make_anchors

    batch = _batch([(0, MARK, 0.25, 0.5, 0.5, 1)])
    points, strides = make_anchors(network(batch["img"])["one2many"]["feats"], network.stride, 0.5)
    left = (points * strides)[:, 0] <= 48
    pull = _pull(network, batch)["one2many"][0, :, CUE]
    assert not pull[left].any()
    assert pull[~left].all()


def test_a_drawn_box_teaches_even_where_the_cue_was_not_reviewed(network: Any) -> None:
    pull = _pull(network, _batch([(0, CUE, 0.5, 0.5, 0.5, 0.5), (0, MARK, 0.5, 0.5, 1, 1)]))["one2many"]
    assert (pull[0, :, CUE] < 0).any(), "the score is pulled up on the drawn box"
    assert not (pull[0, :, CUE] > 0).any(), "and nowhere down"


def test_without_marks_it_is_the_trainers_loss_of_each_head(network: Any) -> None:
    import torch
    from ultralytics.utils.loss import v8DetectionLoss

    from models.reviewed_loss import DENSE_HEAD_GAIN, reviewed_loss

    batch = _batch([(0, 5, 0.5, 0.5, 0.4, 0.4), (1, CUE, 0.3, 0.6, 0.2, 0.5)])
    answers = network(batch["img"])
    ours, _ = reviewed_loss(network, {CUE: MARK})(answers, batch)
    dense = v8DetectionLoss(network, tal_topk=10).loss(answers["one2many"], batch)[0]
    single = v8DetectionLoss(network, tal_topk=7, tal_topk2=1).loss(answers["one2one"], batch)[0]
    torch.testing.assert_close(ours, DENSE_HEAD_GAIN * dense + (1 - DENSE_HEAD_GAIN) * single)


def test_rows_for_marks_carry_no_cue() -> None:
    names = {row: f"thing {row}" for row in range(80)}
    rows = spare_rows({"a": 79, "b": 0, "c": 3}, names)
    assert set(rows) == {79, 0, 3}
    assert len(set(rows.values())) == 3
    assert not set(rows.values()) & set(rows)
