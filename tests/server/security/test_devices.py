"""Letting devices in: one per code, and only whoever holds the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from detector.evidence.seal import DeviceKey
from server.db.tables import Device, EnrolmentCode
from tests.server.harness import Running, enrolment, problem, put, sealed

KEY = DeviceKey.generate()


def enrol(running: Running, **changes: str) -> tuple[int, str]:
    asked = enrolment(KEY, running.credentials.enrolment_code, "patrol 7")
    answer = running.client().post("/api/v1/devices/enrol", json={**asked, **changes})
    return (201, "") if answer.status_code == 201 else problem(answer)


def test_code_lets_one_device_in(running: Running) -> None:
    assert enrol(running) == (201, "")
    other = enrolment(DeviceKey.generate(), running.credentials.enrolment_code, "patrol 8")
    assert enrol(running, **other) == (403, "code-refused")


def test_a_device_whose_answer_was_lost_may_use_its_code_again(running: Running) -> None:
    assert enrol(running) == (201, "")
    assert enrol(running) == (201, "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": "AAAAA-AAAAA-AAAAA-AAAAA"}, (422, "wrong-signature")),  # signed for another code
        ({"name": "another name"}, (422, "wrong-signature")),
        ({"public_key": "0" * 64}, (422, "wrong-signature")),
        ({"public_key": "x"}, (422, "refused")),
        ({"signature": ""}, (422, "refused")),
        ({"name": "a\x1fb"}, (422, "refused")),
        ({"name": ""}, (422, "refused")),
        ({"admin": "yes"}, (422, "refused")),
    ],
)
def test_wrong_enrolment_leaves_the_code_good(
    running: Running, changes: dict[str, str], expected: tuple[int, str]
) -> None:
    assert enrol(running, **changes) == expected
    assert enrol(running) == (201, "")


def test_code_expires(running: Running) -> None:
    assert running.credentials.enrolment_code
    with running.services.database.write() as session:
        session.query(EnrolmentCode).one().expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert enrol(running) == (403, "code-refused")


def test_guessing_codes_is_slowed_down(running: Running) -> None:
    client = running.client()
    asked = enrolment(KEY, "AAAAA-AAAAA-AAAAA-AAAAA", "x")
    answers = [client.post("/api/v1/devices/enrol", json=asked).status_code for _ in range(11)]
    assert answers == [403] * 10 + [429]


def test_new_code_gives_a_known_key_a_new_token_and_ends_the_old_one(running: Running) -> None:
    _, old = running.device(KEY)
    _, new = running.device(KEY, name="new name")
    assert problem(put(old, sealed(KEY))) == (401, "unauthorised")
    assert put(new, sealed(KEY)).status_code == 201


def test_device_that_was_shut_out_stays_out(running: Running) -> None:
    _, device = running.device(KEY)
    with running.services.database.write() as session:
        session.query(Device).one().revoked_at = datetime.now(UTC)
    assert problem(put(device, sealed(KEY))) == (401, "unauthorised")
    assert enrol(running) == (403, "device-revoked")
