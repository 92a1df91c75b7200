"""No place is on both sides of the split."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.labels import split


def test_examples_in_the_documentation() -> None:
    assert doctest.testmod(split).failed == 0


@pytest.mark.parametrize(("places", "held_back"), [(0, 0), (1, 0), (2, 1), (5, 1), (10, 2), (100, 20)])
def test_a_fifth_of_the_places_is_held_back(places: int, held_back: int) -> None:
    assert len(split.validation_places(f"place {i}" for i in range(places))) == held_back


@given(st.dictionaries(st.text("abcdefgh", min_size=1), st.lists(st.sampled_from("123456"), min_size=1, max_size=3)))
def test_pictures_that_share_a_key_share_the_place(keys: dict[str, list[str]]) -> None:
    place = split.places(keys)
    for one in keys:
        for other in keys:
            if set(keys[one]) & set(keys[other]):
                assert place[one] == place[other]


def test_a_place_keeps_its_side_when_pictures_come_in_another_order() -> None:
    keys = {"b": ["case 1"], "a": ["case 1"], "c": ["case 2"]}
    assert split.places(keys) == split.places(dict(reversed(keys.items())))
