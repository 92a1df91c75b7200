"""The reject menu."""

from __future__ import annotations

import pytest

from detector.vocabulary import Kind, vocabulary
from server.web.reasons import menu, reason_text


@pytest.mark.parametrize(
    ("kind", "first_allowed"),
    [
        (Kind.DISORDERLY_BIKE, "bike_in_bay"),
        (Kind.STREET_STALL, "permitted_vendor"),
        (Kind.ILLEGAL_SIGNAGE, "filed_sign"),
        (Kind.OUT_OF_STORE, "inside_shop"),
    ],
)
def test_the_likeliest_reason_of_a_kind_comes_first(kind: Kind, first_allowed: str) -> None:
    wrong, allowed = menu(kind.value)
    assert allowed[0].code == first_allowed
    assert wrong[0].code == "passer_by"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_look_alike_is_there_once_with_a_key_of_its_own(kind: Kind) -> None:
    wrong, allowed = menu(kind.value)
    choices = wrong + allowed
    assert set(vocabulary().look_alikes) <= {choice.code for choice in choices}
    assert len({choice.key for choice in choices}) == len(choices)


def test_a_reason_in_a_persons_own_words_stays_as_it_is() -> None:
    text = reason_text("a scooter, really")
    assert text
    assert text.both() == "a scooter, really · a scooter, really"
    assert reason_text(None) is None
