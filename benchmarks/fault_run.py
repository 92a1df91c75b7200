"""Fault run (`make fault`): patrols and servers killed at random moments, over a link that fails.

200 patrols are killed (kill -9) at random moments between start and end, upload included, and the server is killed 100
times while a PATCH is under way; meanwhile 30 % of all requests fail. Then the result must be that of an undisturbed
run: no report lost, none doubled, and every stored file matches its seal. Exit code 1 when anything differs.

Everything is real: `kerbwatch patrol` over frames of a street clip, `kerbwatch serve` on SQLite and its evidence store.
What a kill cannot show is a power cut; the order of writes that covers it is in `edge.durable` and `server.ingest`.

`--short` is the form for CI: the same run with few kills.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.fault_server import ROOT, KilledServer, lay_out, stored_reports
from benchmarks.faulty_proxy import FaultyProxy
from detector.evidence.seal import DeviceKey
from detector.evidence.verify import verify_folder
from detector.report import EvidenceItem, ReportBody, SealedReport
from edge.demo import find_clip
from edge.device import open_key
from edge.outbox import Outbox
from edge.parcels import EvidenceFile
from edge.uplink import Pace, connect, drain, enrol
from edge.wire import Timeouts

SITE = ROOT / "edge" / "demo_site"
BUNDLE = ROOT / "models" / "zoo" / "street-n"
SHOT_S = (7.48, 9.64)
CAMERA = "wall-cam"
START_UTC = datetime.fromisoformat("2026-05-16T23:30:00+00:00")
FAST = Pace(first_wait_s=0.05, wait_max_s=1.0)


@dataclass(frozen=True)
class Plan:
    """How much is done to it."""

    patrol_kills: int
    kills_per_patrol: int
    server_kills: int
    failing: float
    seed: int
    jobs: int
    sources: int
    model: Path

    @property
    def patrols(self) -> int:
        """Patrols needed so that each is killed `kills_per_patrol` times."""
        return -(-self.patrol_kills // self.kills_per_patrol)


@dataclass
class Tally:
    """What happened; `wrong` must stay empty."""

    patrol_kills: Counter[str] = field(default_factory=Counter)
    server_kills: int = 0
    reports: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    wrong: list[str] = field(default_factory=list)


# -- the patrol --------------------------------------------------------------------------------------------------------


def cut_sources(folder: Path, count: int) -> list[Path]:
    """The wall shot of the street clip as picture folders, each encoded a little differently: one report each."""
    video = cv2.VideoCapture(str(find_clip()))
    rate = video.get(cv2.CAP_PROP_FPS)
    frames: list[Any] = []
    while (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    shot = frames[round(SHOT_S[0] * rate) : round(SHOT_S[1] * rate) : 3]
    sources = [folder / f"shot-{number}" for number in range(count)]
    for number, source in enumerate(sources):
        source.mkdir(parents=True)
        for index, image in enumerate(shot):
            cv2.imwrite(str(source / f"{index:04}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95 - number])
    return sources


@dataclass(frozen=True)
class Patrol:
    """One device with its own state folder, and the command that patrols with it."""

    folder: Path
    sources: Sequence[Path]
    model: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> DeviceKey:
        return open_key(self.state)

    def start(self, *target: str) -> subprocess.Popen[bytes]:
        """Start it; `target` is `--server URL` or `--out DIR`."""
        command = [sys.executable, "-m", "kerbwatch", "patrol", "--json", "--site", str(SITE), "--camera", CAMERA]
        command += ["--interval-s", "0.12", "--model", str(self.model), "--state", str(self.state), *target]
        for number, source in enumerate(self.sources):
            at = START_UTC + timedelta(hours=number)
            command += ["--source", str(source), "--start-utc", at.isoformat()]
        with (self.folder / "patrol.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=_one_thread())

    def finish(self, *target: str) -> float:
        """Run it to its end, again where it says "try again later"; gives the seconds of the last run."""
        for _ in range(20):
            began = time.monotonic()
            code = self.start(*target).wait()
            if code == 0:
                return time.monotonic() - began
            if code != 75:
                break
        raise RuntimeError(f"a patrol ended with {code}; its last words:\n{self.last_words()}")

    def last_words(self) -> str:
        return (self.folder / "patrol.log").read_text(errors="replace")[-2000:]


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def kill_somewhere(patrol: Patrol, url: str, life_s: float, chance: random.Random, tally: Tally) -> None:
    """Start the patrol and kill it at a random moment of its life; one that ended before is started again."""
    while True:
        process = patrol.start("--server", url)
        try:
            code = process.wait(timeout=chance.uniform(0, life_s))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            tally.patrol_kills[how_far(patrol.state)] += 1
            return
        if code not in (0, 75):
            raise RuntimeError(f"a patrol ended with {code}; its last words:\n{patrol.last_words()}")
        life_s *= 0.9


def how_far(state: Path) -> str:
    """What the outbox of a killed patrol held, for the table."""
    try:
        with closing(sqlite3.connect(f"file:{state / 'outbox.db'}?mode=ro", uri=True)) as database:
            states = dict(database.execute("SELECT state, count(*) FROM reports GROUP BY state"))
    except sqlite3.OperationalError:
        states = {}
    if not states:
        return "before its first report"
    if set(states) == {"queued"}:
        return "with reports, none sent"
    return "after all were stored" if set(states) == {"stored"} else "in the middle of the upload"


def disturbed_patrol(patrol: Patrol, url: str, plan: Plan, life_s: float, seed: int, tally: Tally) -> None:
    """Kill one patrol again and again, let it finish, and hold it against an undisturbed one of the same device."""
    chance = random.Random(seed)
    for _ in range(plan.kills_per_patrol):
        kill_somewhere(patrol, url, life_s, chance, tally)
    patrol.finish("--server", url)
    control = patrol.folder / "undisturbed"
    patrol.finish("--out", str(control))
    with Outbox.open(patrol.state) as outbox:
        disturbed = {report.hit_key: report.sealed for report in outbox.reports()}
        troubles = outbox.troubles()
    expected = bodies(path.read_bytes() for path in (control / "reports").iterdir())
    got = bodies(disturbed.values())
    tally.reports += len(expected)
    tally.lost += len(expected.keys() - got.keys())
    tally.doubled += len(got.keys() - expected.keys())
    tally.differing += sum(got[key] != expected[key] for key in got.keys() & expected.keys())
    tally.wrong += troubles
    if not expected:
        tally.wrong.append("the undisturbed patrol found nothing: this run proves nothing")
    if left := list(patrol.state.rglob(".tmp-*")):
        tally.wrong.append(f"left behind: {left}")
    shutil.rmtree(control)


def bodies(sealed: Any) -> dict[str, dict[str, Any]]:
    """Report bodies by hit key, without the one thing that is minted anew: the report id."""
    found = [json.loads(data)["body"] for data in sealed]
    return {body["hit_key"]: {**body, "report_id": None} for body in found}


# -- the server --------------------------------------------------------------------------------------------------------


class BigReports:
    """Reports with evidence of several MB, so that uploads last long enough to be killed in."""

    def __init__(self, body: ReportBody, outbox: Outbox, seed: int) -> None:
        self._body = body
        self._outbox = outbox
        self._noise = np.random.default_rng(seed)
        self.count = 0

    def put(self) -> None:
        """One more: a copy of a real report with a large picture of its own."""
        self.count += 1
        key = f"{self.count:064x}"
        height_px, width_px = int(self._noise.integers(900, 1500)), 2400
        image = self._noise.integers(0, 255, (height_px, width_px, 3), np.uint8)
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        file = EvidenceFile.of(data, ".jpg")
        item = EvidenceItem.model_validate(
            {
                **self._body.evidence[0].model_dump(),
                "sha256": file.sha256,
                "size_bytes": len(data),
                "width_px": width_px,
                "height_px": height_px,
                "boxes": [],
            }
        )

        def build(report_id: uuid.UUID) -> tuple[ReportBody, list[EvidenceFile]]:
            changed = {"report_id": report_id, "hit_key": key, "device_id": self._outbox.device_id, "evidence": [item]}
            return ReportBody.model_validate({**self._body.model_dump(by_alias=True), **changed}), [file]

        self._outbox.put(key, build)


def kill_server_in_uploads(
    server: KilledServer, proxy: FaultyProxy, patrol: Patrol, body: ReportBody, plan: Plan, tally: Tally
) -> None:
    """Upload large evidence while the server is killed again and again, each time with a PATCH under way."""
    chance = random.Random(plan.seed)
    stop = threading.Event()
    with (
        Outbox.open(patrol.state) as outbox,
        connect(patrol.state, proxy.url, timeouts=Timeouts(5, 20, 20)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        big = BigReports(body, outbox, plan.seed)
        big.put()

        def upload() -> None:
            while not stop.is_set():
                drain(outbox, client, 60.0, pace=FAST, stop=stop)
                time.sleep(0.02)

        uploading = pool.submit(upload)
        try:
            while tally.server_kills < plan.server_kills and not uploading.done():
                if outbox.counts().files_waiting < 2:
                    big.put()
                if not proxy.wait_for_patch(1.0):
                    continue
                time.sleep(chance.uniform(0, 0.12))
                if proxy.patches == 0:
                    continue
                server.kill()
                tally.server_kills += 1
                time.sleep(chance.uniform(0, 0.2))
                server.start()
        finally:
            stop.set()
            uploading.result()
        result = drain(outbox, client, 600.0, pace=FAST)
        if not result.finished:
            tally.wrong.append(f"the upload did not finish: {result.last_error} {result.troubles}")
        tally.reports += big.count


# -- the audit ---------------------------------------------------------------------------------------------------------


def audit(server: KilledServer, patrols: Sequence[Patrol], url: str, work: Path, tally: Tally) -> int:
    """Hold the server's store against every outbox; gives the number of files that match their seal."""
    at_server = stored_reports(server.data)
    sent = {}
    for patrol in patrols:
        with Outbox.open(patrol.state) as outbox, connect(patrol.state, url) as client:
            for report in outbox.reports():
                sent[str(report.report_id)] = report.sealed
                answer = client.request("GET", client.url(f"/api/v1/reports/{report.report_id}"))
                if answer.status != 200 or answer.json()["complete"] is not True:
                    tally.wrong.append(f"report {report.report_id} is {answer.status}: {answer.words()}")
    stored = {report.report_id: report.sealed for report in at_server}
    tally.lost += len(sent.keys() - stored.keys())
    tally.doubled += len(stored.keys() - sent.keys())
    tally.doubled += len(at_server) - len({(report.device_id, report.hit_key) for report in at_server})
    tally.differing += sum(stored[name] != sent[name] for name in stored.keys() & sent.keys())
    tally.wrong += [f"report {r.report_id} has {r.sightings} sightings" for r in at_server if r.sightings != 1]
    tally.wrong += [f"report {r.report_id} misses {r.missing_files} files" for r in at_server if r.missing_files]
    lay_out(server.data, work / "at-server")
    checked = verify_folder(work / "at-server")
    tally.wrong += [str(found) for found in checked.breaks]
    return checked.files


def run(plan: Plan, work: Path) -> bool:
    """The whole run; whether everything was right."""
    began = time.monotonic()
    tally = Tally()
    sources = cut_sources(work / "sources", plan.sources)
    patrols = [Patrol(work / f"patrol-{number}", sources, plan.model) for number in range(plan.patrols)]
    uploader = Patrol(work / "uploader", sources, plan.model)
    calm = Patrol(work / "calm", sources, plan.model)
    everyone = [*patrols, uploader, calm]
    server = KilledServer(work, SITE)
    server.start()
    proxy = FaultyProxy(server.port, failing=0.0, seed=plan.seed)
    try:
        for code, patrol in zip(server.enrolment_codes(len(everyone)), everyone, strict=True):
            patrol.folder.mkdir()
            enrol(patrol.state, proxy.url, code, patrol.key, patrol.folder.name)
        proxy.failing = plan.failing
        life_s = calm.finish("--server", proxy.url)
        print(f"A patrol that is not killed takes {life_s:.1f} s.", flush=True)
        body = first_body(calm)
        with ThreadPoolExecutor(plan.jobs) as pool:
            # Several at once slow each other down; a life is longer then.
            life_s *= 1.0 if plan.jobs == 1 else 1.3
            jobs = [
                pool.submit(disturbed_patrol, patrol, proxy.url, plan, life_s, plan.seed + number, tally)
                for number, patrol in enumerate(patrols)
            ]
            for done, job in enumerate(jobs, 1):
                job.result()
                kills = tally.patrol_kills.total()
                print(f"patrols {done}/{len(jobs)}, killed {kills}, {time.monotonic() - began:.0f} s", flush=True)
        patrol_requests = Counter(proxy.seen)
        kill_server_in_uploads(server, proxy, uploader, body, plan, tally)
        print(f"servers killed {tally.server_kills}, {time.monotonic() - began:.0f} s", flush=True)
        proxy.failing = 0.0
        files = audit(server, everyone, proxy.url, work, tally)
    finally:
        proxy.close()
        server.kill()
    print_table(plan, tally, files, patrol_requests, proxy.seen, time.monotonic() - began)
    return not (tally.lost or tally.doubled or tally.differing or tally.wrong)


def first_body(patrol: Patrol) -> ReportBody:
    """A real report to copy."""
    with Outbox.open(patrol.state) as outbox:
        for report in outbox.reports():
            return SealedReport.model_validate_json(report.sealed).body
    raise RuntimeError("the patrol found nothing; the fault run needs a report")


def print_table(
    plan: Plan, tally: Tally, files: int, patrol_requests: Counter[str], requests: Counter[str], took_s: float
) -> None:
    failed = requests.total() - requests["passed on"]
    rows = [
        ("patrols killed (kill -9)", tally.patrol_kills.total()),
        *((f"  {where}", count) for where, count in tally.patrol_kills.most_common()),
        ("servers killed with a PATCH under way", tally.server_kills),
        ("requests", requests.total()),
        ("  of these from patrols", patrol_requests.total()),
        ("  failed on purpose", f"{failed} ({100 * failed / max(requests.total(), 1):.1f} %)"),
        *((f"    {kind}", requests[kind]) for kind in requests if kind != "passed on"),
        ("reports of the undisturbed runs", tally.reports),
        ("lost", tally.lost),
        ("doubled", tally.doubled),
        ("with another body", tally.differing),
        ("files stored that match their seal", files),
        ("other findings", len(tally.wrong)),
        ("seed", plan.seed),
        ("time", f"{took_s:.0f} s"),
    ]
    print("\nFault run")
    for name, value in rows:
        print(f"  {name:<44} {value}")
    for line in tally.wrong[:20]:
        print(f"  ! {line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code is 1 when anything was lost, doubled, changed or unsealed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the form for CI: 10 patrols and 5 servers killed")
    parser.add_argument("--patrol-kills", type=int, default=200)
    parser.add_argument("--server-kills", type=int, default=100)
    parser.add_argument("--failing", type=float, default=0.3, help="share of the requests that fail")
    parser.add_argument("--seed", type=int, default=20260517)
    parser.add_argument("--jobs", type=int, default=2, help="patrols at once")
    parser.add_argument("--model", type=Path, default=BUNDLE)
    parser.add_argument("--work", type=Path, help="folder for everything made; kept (default: one that is removed)")
    asked = parser.parse_args(arguments)
    plan = Plan(
        patrol_kills=asked.patrol_kills,
        kills_per_patrol=8,
        server_kills=asked.server_kills,
        failing=asked.failing,
        seed=asked.seed,
        jobs=asked.jobs,
        sources=3,
        model=asked.model,
    )
    if asked.short:
        plan = replace(plan, patrol_kills=10, kills_per_patrol=5, server_kills=5, sources=2)
    if asked.work is not None:
        asked.work.mkdir(parents=True)
        return 0 if run(plan, asked.work) else 1
    with tempfile.TemporaryDirectory(prefix="kerbwatch-fault-") as folder:
        return 0 if run(plan, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
