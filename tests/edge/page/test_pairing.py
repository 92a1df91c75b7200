"""Codes and cookies: few guesses, short lives, nothing readable on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.errors import InputError
from edge.page.pairing import CODE_LIFE_S, FILE, PHONES_MAX, Pairings, WrongCode


def test_a_code_opens_one_phone(tmp_path: Path) -> None:
    with Pairings(tmp_path / "state") as keeper, Pairings(tmp_path / "state") as box:
        code = keeper.new_code()
        token = box.pair(f" {code.lower()} ")
        assert box.knows(token)
        assert not box.knows(token + "x")
        with pytest.raises(WrongCode, match="wrong or no longer good"):
            box.pair(code)
    content = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert token.encode() not in content
    assert code.replace("-", "").encode() not in content
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("waited_s", "good"), [(CODE_LIFE_S - 1, True), (CODE_LIFE_S + 1, False)])
def test_ten_minutes(tmp_path: Path, waited_s: float, good: bool) -> None:
    now = {"s": 100.0}
    with Pairings(tmp_path, clock=lambda: now["s"]) as pairings:
        code = pairings.new_code()
        now["s"] += waited_s
        if good:
            assert pairings.pair(code)
        else:
            with pytest.raises(WrongCode):
                pairings.pair(code)


@pytest.mark.parametrize(("guesses", "good"), [(9, True), (10, False)])
def test_ten_guesses(tmp_path: Path, guesses: int, good: bool) -> None:
    with Pairings(tmp_path) as pairings:
        code = pairings.new_code()
        for _ in range(guesses):
            with pytest.raises(WrongCode):
                pairings.pair("AAAA-AAAA")
        if good:
            assert pairings.pair(code)
        else:
            with pytest.raises(WrongCode):
                pairings.pair(code)


def test_a_code_of_another_start_and_an_older_one_are_no_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Pairings(tmp_path) as pairings:
        first = pairings.new_code()
        pairings.new_code()
        with pytest.raises(WrongCode):
            pairings.pair(first)
        code = pairings.new_code()
        boot = tmp_path / "boot"
        boot.write_text("another start")
        monkeypatch.setattr("edge.page.pairing._BOOT_ID", boot)
        with pytest.raises(WrongCode):
            pairings.pair(code)


def test_the_first_phone_goes_when_there_are_too_many(tmp_path: Path) -> None:
    with Pairings(tmp_path) as pairings:
        tokens = [pairings.pair(pairings.new_code()) for _ in range(PHONES_MAX + 1)]
        assert [pairings.knows(token) for token in tokens] == [False] + [True] * PHONES_MAX
        assert pairings.forget() == PHONES_MAX
        assert not any(map(pairings.knows, tokens))


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all, only words" * 100)
    with pytest.raises(InputError, match="is damaged"):
        Pairings(tmp_path)
