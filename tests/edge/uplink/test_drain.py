"""Whatever the link and the server do, every report arrives once and nothing is deleted before it did."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from detector.errors import InputError, PermanentError
from edge.device import load_enrolment, open_key
from edge.outbox import Outbox
from edge.parcels import Quota
from edge.uplink import DrainResult, Pace, Progress, connect, drain, enrol
from edge.wire import NotEnrolled, ServerClient, Timeouts, WrongServer
from tests.edge.peer import CODE, TOKEN, Fault, Peer, running_peer
from tests.edge.reports import builder, key_of, picture
from tests.edge.test_outbox import parts, with_roles

FAST = Pace(first_wait_s=0.01, wait_max_s=0.05, chunk_bytes=8 * 1024)
BIG = picture(5, 200, 200)  # about 80 kB: ten chunks


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "state") as box:
        yield box


@pytest.fixture
def client(peer: Peer) -> Iterator[ServerClient]:
    with ServerClient(peer.url, SecretStr(TOKEN), timeouts=Timeouts(1, 1, 1)) as one:
        yield one


def put(box: Outbox, ordinal: int, *pictures: bytes) -> uuid.UUID:
    return box.put(key_of(ordinal), builder(ordinal, box.device_id, pictures or [picture(ordinal)]))


def run(outbox: Outbox, client: ServerClient, deadline_s: float = 20.0) -> DrainResult:
    return drain(outbox, client, deadline_s, pace=FAST)


def assert_all_arrived(outbox: Outbox, peer: Peer) -> None:
    kept = list(outbox.reports())
    assert peer.reports == {str(report.report_id): report.sealed for report in kept}
    files = {path.stem: path.read_bytes() for report in kept for path in report.files}
    assert peer.evidence == files
    assert all(sha256(data).hexdigest() == name for name, data in peer.evidence.items())


def test_every_report_first_then_evidence_then_the_servers_word(
    outbox: Outbox, peer: Peer, client: ServerClient
) -> None:
    put(outbox, 0, BIG, picture(0))
    put(outbox, 1, picture(1))
    told: list[Progress] = []
    result = drain(outbox, client, 20, told.append, pace=FAST)
    assert result.finished
    assert result.counts.stored == 2
    assert [line.split()[0] for line in peer.asked[:3]] == ["PUT", "PUT", "POST"]
    assert all(line.startswith("GET /api/v1/reports/") for line in peer.asked[-2:])
    assert_all_arrived(outbox, peer)
    assert {report.case_url for report in outbox.reports()} == {f"{peer.url}/cases/7"}
    assert (told[-1].reports_waiting, told[-1].bytes_waiting) == (0, 0)
    waiting = [progress.bytes_waiting for progress in told]
    assert waiting == sorted(waiting, reverse=True)
    before = len(peer.asked)
    assert run(outbox, client).finished
    assert len(peer.asked) == before


def test_a_report_the_server_has_already_is_no_second_one(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0)
    peer.once("PUT", "/reports/", Fault(mute=True))  # it took the report, and its answer was lost
    assert run(outbox, client).finished
    assert peer.count("PUT") == 2
    assert_all_arrived(outbox, peer)


def test_another_body_under_the_id_is_kept_and_named(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    bad, good = put(outbox, 0), put(outbox, 1)
    peer.reports[str(bad)] = b"another"
    result = run(outbox, client)
    assert not result.finished
    assert (result.counts.conflict, result.counts.stored) == (1, 1)
    assert result.troubles == (f"report {bad}: conflict: another body",)
    assert str(good) in peer.reports
    assert len(list(outbox.reports())) == 2
    assert all(path.exists() for report in outbox.reports() for path in report.files)


def test_a_refused_body_is_kept_and_named(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    bad = put(outbox, 0)
    peer.once("PUT", "/reports/", Fault(422, body=b'{"detail": "zone\\u0007 unknown"}'))
    assert run(outbox, client).troubles == (f"report {bad}: refused: zone unknown",)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("method", "part"), [("PUT", "/reports/"), ("POST", "/evidence"), ("PATCH", "/evidence/")])
def test_a_refused_device_stops_and_loses_nothing(
    outbox: Outbox, peer: Peer, client: ServerClient, status: int, method: str, part: str
) -> None:
    put(outbox, 0, BIG)
    peer.once(method, part, Fault(status))
    with pytest.raises(NotEnrolled, match=f"refuses this device .{status}.*enrol again.*is kept here") as failure:
        run(outbox, client)
    assert TOKEN not in str(failure.value)
    assert run(outbox, client).finished
    assert_all_arrived(outbox, peer)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500),
        Fault(502, body=b"<html>bad gateway</html>"),
        Fault(503, headers={"Retry-After": "0"}),
        Fault(408),
        Fault(413),
        Fault(423),
        Fault(429),
        Fault(418),
        Fault(507),
        Fault(200, body=b"not JSON"),
        Fault(200, body=b"[]"),
        Fault(200, body=b" " * 100_000),
        Fault(204, headers={"Upload-Offset": "9999999"}),
        Fault(wait_s=1.2),
        Fault(cut_after_bytes=0),
        Fault(mute=True),
    ],
    ids=lambda fault: f"{fault.status}-{fault.wait_s}-{fault.cut_after_bytes}-{fault.mute}-{len(fault.body)}",
)
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "GET"])
def test_what_may_pass_is_tried_again(
    outbox: Outbox, peer: Peer, client: ServerClient, fault: Fault, method: str
) -> None:
    put(outbox, 0, BIG)
    if method == "HEAD":  # asked for only after a cut
        cut = iter([Fault(cut_after_bytes=5), fault])
        kinds = iter(["PATCH", "HEAD", ""])
        state = {"kind": next(kinds)}

        def fault_for(got: str, _: str) -> Fault | None:
            if got != state["kind"]:
                return None
            state["kind"] = next(kinds)
            return next(cut)

        peer.fault = fault_for
    else:
        peer.once(method, "", fault)
    assert run(outbox, client).finished
    assert_all_arrived(outbox, peer)


def test_retry_after_is_honoured(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0)
    peer.once("PUT", "", Fault(503, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert run(outbox, client).finished
    assert time.monotonic() - began >= 1.0


def test_413_halves_the_chunk(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0, BIG)
    peer.once("PATCH", "", Fault(413))
    assert drain(outbox, client, 20, pace=Pace(0.01, 0.05, 64 * 1024)).finished
    assert peer.count("PATCH") == 1 + -(-len(BIG) // (32 * 1024))


def test_a_server_that_is_down_for_a_while(outbox: Outbox) -> None:
    put(outbox, 0, BIG)
    put(outbox, 1)
    with running_peer() as peer:
        port = int(peer.url.rsplit(":", 1)[1])
    with ServerClient(peer.url, SecretStr(TOKEN), timeouts=Timeouts(1, 1, 1)) as client:
        began = time.monotonic()
        result = run(outbox, client, deadline_s=0.3)
        assert time.monotonic() - began < 2
        assert not result.finished
        assert result.counts.queued == 2
        assert "no answer from http://127.0.0.1" in (result.last_error or "")
        with running_peer(port, peer):
            assert run(outbox, client).finished
            assert_all_arrived(outbox, peer)


def test_links_cut_at_random_bytes_resume_at_the_byte(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    chance = random.Random(7)
    for ordinal in range(3):
        put(outbox, ordinal, picture(100 + ordinal, 160, 160), picture(ordinal))
    total = sum(path.stat().st_size for report in outbox.reports() for path in report.files)

    def fault(method: str, _: str) -> Fault | None:
        if chance.random() > 0.5:
            return None
        return Fault(cut_after_bytes=chance.randrange(8 * 1024)) if method == "PATCH" else Fault(mute=True)

    peer.fault = fault
    assert run(outbox, client, deadline_s=60).finished
    assert_all_arrived(outbox, peer)
    assert peer.received_bytes == total  # not one byte was sent twice


def test_an_upload_the_server_dropped_is_begun_anew(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0, BIG)

    def fault(method: str, _: str) -> Fault | None:
        if method == "PATCH" and peer.count("PATCH") == 4:
            peer.uploads.clear()
        return None

    peer.fault = fault
    assert run(outbox, client).finished
    assert peer.count("POST") == 2
    assert_all_arrived(outbox, peer)


def test_an_upload_that_is_gone_because_it_is_done_is_not_sent_again(
    outbox: Outbox, peer: Peer, client: ServerClient
) -> None:
    put(outbox, 0)  # one chunk

    def fault(method: str, path: str) -> Fault | None:
        if method == "HEAD":
            peer.uploads.pop(path.rsplit("/", 1)[1])
        return Fault(mute=True) if method == "PATCH" else None

    peer.fault = fault
    assert run(outbox, client).finished
    assert (peer.count("POST"), peer.count("PATCH")) == (1, 1)
    assert_all_arrived(outbox, peer)


def test_another_offset_than_thought_is_asked_for(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0, BIG)

    def fault(method: str, _: str) -> Fault | None:
        if method == "PATCH" and peer.count("PATCH") == 3:
            del next(iter(peer.uploads.values())).data[100:]  # the server lost what it had not yet written
        return None

    peer.fault = fault
    assert run(outbox, client).finished
    assert peer.count("HEAD") == 1
    assert_all_arrived(outbox, peer)


def test_a_wrong_hash_once_is_sent_again(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0)
    peer.once("PATCH", "", Fault(460))
    assert run(outbox, client).finished
    assert_all_arrived(outbox, peer)


def test_a_wrong_hash_twice_is_held_until_released(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    report_id = put(outbox, 0)
    put(outbox, 1)
    (path,) = next(outbox.reports()).files
    peer.once("PATCH", "", Fault(460), Fault(460))
    result = run(outbox, client)
    assert (result.counts.files_held, result.counts.stored, result.counts.sent) == (1, 1, 1)
    assert result.troubles[0].startswith(f"evidence {path.stem}: held: the server received other bytes")
    assert str(report_id) in peer.reports
    assert outbox.release("held") == 1
    assert run(outbox, client).finished


@pytest.mark.parametrize("damage", ["changed", "shortened", "removed"])
def test_evidence_damaged_on_this_device_is_held_at_once(
    outbox: Outbox, peer: Peer, client: ServerClient, damage: str
) -> None:
    put(outbox, 0)
    (path,) = next(outbox.reports()).files
    whole = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(whole[:-10] + (bytes(10) if damage == "changed" else b""))
    result = run(outbox, client)
    assert result.counts.files_held == 1
    assert "missing or damaged on this device: put back" in result.troubles[0]
    assert peer.evidence == {}
    path.write_bytes(whole)
    outbox.release("held")
    assert run(outbox, client).finished
    assert_all_arrived(outbox, peer)


@pytest.mark.parametrize("when", ["before evidence", "before the word"])
def test_a_server_put_back_from_an_older_copy_gets_the_report_again(
    outbox: Outbox, peer: Peer, client: ServerClient, when: str
) -> None:
    put(outbox, 0)
    method = "POST" if when == "before evidence" else "GET"

    def fault(got: str, _: str) -> Fault | None:
        if got == method and peer.count(method) == 1:
            peer.reports.clear()
        return None

    peer.fault = fault
    assert run(outbox, client).finished
    assert peer.count("PUT") == 2
    assert_all_arrived(outbox, peer)


def test_evidence_the_server_misses_after_all_is_sent_again(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0)

    def fault(got: str, _: str) -> Fault | None:
        if got == "GET" and peer.count("GET") == 1:
            peer.evidence.clear()
        return None

    peer.fault = fault
    assert run(outbox, client).finished
    assert peer.count("POST") == 2
    assert_all_arrived(outbox, peer)


def test_another_body_found_at_the_end_is_a_conflict(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    put(outbox, 0)
    state = b'{"body_sha256": "00", "missing_evidence": [], "complete": true}'
    peer.once("GET", "", Fault(200, body=state))
    assert "conflict: the server holds a body with hash 00" in run(outbox, client).troubles[0]


# -- the token goes to one server --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "GET"])
def test_no_redirect_is_followed(outbox: Outbox, peer: Peer, client: ServerClient, method: str) -> None:
    put(outbox, 0)
    with running_peer() as thief:
        peer.once(method, "", Fault(307, headers={"Location": f"{thief.url}/api/v1/evidence"}))
        with pytest.raises(
            WrongServer, match=rf"sends this device on to {thief.url[7:]} \(307\); that is not followed"
        ):
            run(outbox, client)
        assert thief.asked == []
    assert run(outbox, client).finished


def test_an_upload_address_on_another_host_is_taken_as_this_one(
    outbox: Outbox, peer: Peer, client: ServerClient
) -> None:
    """Behind a proxy a server may not know its own name; the token must not follow it either way."""
    put(outbox, 0)
    with running_peer() as thief:
        peer.location_base = thief.url
        assert run(outbox, client).finished
        assert thief.asked == []


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_that_is_no_kerbwatch(outbox: Outbox, peer: Peer, client: ServerClient, status: int) -> None:
    put(outbox, 0)
    peer.once("PUT", "", Fault(status))
    with pytest.raises(WrongServer, match="is it a Kerbwatch server"):
        run(outbox, client)
    assert outbox.counts().queued == 1


def test_enrol_then_report(tmp_path: Path, peer: Peer) -> None:
    state = tmp_path / "state"
    enrolment = enrol(state, peer.url + "/", f" {CODE}\n", open_key(state), "车 1")
    assert TOKEN not in repr(enrolment)
    assert load_enrolment(state) == enrolment
    with Outbox.open(state) as box, connect(state, peer.url) as client:
        put(box, 0)
        assert run(box, client).finished
    assert peer.tokens == {None, f"Bearer {TOKEN}"}


def test_reports_go_only_where_the_device_is_enrolled(tmp_path: Path, peer: Peer) -> None:
    with pytest.raises(NotEnrolled, match=r"not enrolled at http://127\.0\.0\.1:9: give an enrolment code"):
        connect(tmp_path, "http://127.0.0.1:9")
    enrol(tmp_path, peer.url, CODE, open_key(tmp_path), "car 1")
    message = rf"enrolled at {peer.url}, not at http://127.0.0.1:9;.*delete .*enrolment\.json"
    with pytest.raises(PermanentError, match=message):
        connect(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(PermanentError, match=message):
        enrol(tmp_path, "http://127.0.0.1:9", CODE, open_key(tmp_path), "car 1")
    enrol(tmp_path, peer.url, CODE, open_key(tmp_path), "car 1")  # again at the same server: a new token


def test_a_wrong_code_is_named_and_not_repeated(tmp_path: Path, peer: Peer) -> None:
    with pytest.raises(PermanentError, match="did not take the enrolment code: ask a reviewer") as failure:
        enrol(tmp_path, peer.url, "WRONG-CODE", open_key(tmp_path), "car 1")
    assert "WRONG-CODE" not in str(failure.value)
    assert load_enrolment(tmp_path) is None


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(201, body=b'{"device_id": "00", "token": "x"}'), WrongServer, "for another device"),
        (Fault(422), PermanentError, "did not enrol this device: 422"),
        (Fault(201, body=b"hello"), Exception, "not the JSON object"),
    ],
)
def test_an_enrolment_answered_wrongly(tmp_path: Path, peer: Peer, fault, error, message) -> None:
    peer.once("POST", "", fault)
    with pytest.raises(error, match=message):
        enrol(tmp_path, peer.url, CODE, open_key(tmp_path), "car 1")
    assert load_enrolment(tmp_path) is None


# -- pace --------------------------------------------------------------------------------------------------------------


def test_it_stops_when_told(outbox: Outbox, client: ServerClient, peer: Peer) -> None:
    put(outbox, 0, BIG)
    stop = threading.Event()

    def told(progress: Progress) -> None:
        if progress.bytes_waiting < len(BIG) // 2:
            stop.set()

    assert not drain(outbox, client, 20, told, pace=FAST, stop=stop).finished
    assert peer.evidence == {}
    assert run(outbox, client).finished
    assert peer.received_bytes == len(BIG)


def test_waits_double_and_never_undercut_the_server() -> None:
    pace = Pace(first_wait_s=1, wait_max_s=8)
    assert all(0 <= pace.wait_s(0, None) <= 1 for _ in range(50))
    assert 1 < max(pace.wait_s(3, None) for _ in range(200)) <= 8
    assert max(pace.wait_s(1000, None) for _ in range(50)) <= 8
    assert pace.wait_s(0, 30.0) == 30.0


@pytest.mark.parametrize("values", [(0, 1, 1), (2, 1, 1), (1, 1, 0)])
def test_a_pace_must_make_sense(values: tuple[float, float, int]) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        Pace(*values)


# -- what no server takes, and what there was no room for --------------------------------------------------------------


def test_413_down_to_the_smallest_chunk_holds_the_file_and_names_it(
    outbox: Outbox, peer: Peer, client: ServerClient
) -> None:
    put(outbox, 0, BIG)
    put(outbox, 1)
    sizes: list[int] = []

    def fault(method: str, _: str) -> Fault | None:
        sizes.append(1) if method == "PATCH" else None
        return Fault(413) if method == "PATCH" and len(outbox.troubles()) == 0 else None

    peer.fault = fault
    result = drain(outbox, client, 20, pace=Pace(0.01, 0.02, 64 * 1024, 16 * 1024))
    assert not result.finished
    held = [line for line in result.troubles if "held" in line]
    assert held[0].endswith("not even 16384 bytes at a time")
    assert result.counts.files_held >= 1
    assert len(peer.reports) == 2
    peer.fault = lambda method, path: None
    outbox.release("held")
    assert run(outbox, client).finished
    assert_all_arrived(outbox, peer)


def test_413_for_a_report_again_and_again_keeps_it_for_a_person(
    outbox: Outbox, peer: Peer, client: ServerClient
) -> None:
    bad, good = put(outbox, 0), put(outbox, 1)
    peer.fault = lambda method, path: Fault(413) if str(bad) in path else None
    result = run(outbox, client)
    assert (result.counts.refused, result.counts.stored) == (1, 1)
    assert str(good) in peer.reports
    peer.fault = lambda method, path: None
    assert outbox.release("refused") == 1
    assert run(outbox, client).finished


def test_a_conflict_that_a_person_saw_to_is_sent_again(outbox: Outbox, peer: Peer, client: ServerClient) -> None:
    report_id = put(outbox, 0)
    peer.once("PUT", "/reports/", Fault(409))
    assert run(outbox, client).counts.conflict == 1
    assert outbox.release("conflict") == 1
    assert run(outbox, client).finished
    assert str(report_id) in peer.reports


def test_a_clip_given_up_for_room_does_not_hold_up_its_report(tmp_path: Path, peer: Peer, client: ServerClient) -> None:
    with Outbox.open(tmp_path / "small", quota=Quota(bytes_max=4000, reserve_bytes=0)) as box:
        report_id = box.put(key_of(0), with_roles(0, box.device_id, parts(0)))
        put(box, 1, bytes([1]) * 1500)
        result = run(box, client)
        assert (result.counts.stored, result.counts.files_given_up) == (2, 1)
        assert len(peer.evidence) == 3
        assert len(peer.missing(str(report_id))) == 1  # named in the report, and missing at the server for all to see
        assert "given up" in result.troubles[0]
