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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.fault_server import KilledServer, lay_out, stored_reports
from benchmarks.faulty_proxy import FaultyProxy
from benchmarks.paths import BUNDLE, ROOT
from detector.evidence.seal import DeviceKey
from detector.evidence.verify import VerifyResult, verify_folder
from detector.report import EvidenceItem, ReportBody, SealedReport
from edge.demo import find_clip
from edge.device import open_key
from edge.outbox import Outbox
from edge.parcels import EvidenceFile
from edge.uplink import Pace, connect, drain, enrol
from edge.wire import Timeouts

SITE = ROOT / "edge" / "demo_site"
SHOT_S = (7.48, 9.64)
CAMERA = "wall-cam"
START_UTC = datetime.fromisoformat("2026-05-16T23:30:00+00:00")
LOOKING = 0.6
"""Share of the kills that fall before a patrol's first request; the others fall into its upload."""
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
    large: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what another one counted."""
        self.patrol_kills += other.patrol_kills
        self.server_kills += other.server_kills
        self.reports += other.reports
        self.lost += other.lost
        self.doubled += other.doubled
        self.differing += other.differing
        self.wrong += other.wrong


# -- the patrol --------------------------------------------------------------------------------------------------------


def street_shot() -> list[Any]:
    """Every third frame of the wall shot of the street clip, BGR."""
    video = cv2.VideoCapture(str(find_clip()))
    rate = video.get(cv2.CAP_PROP_FPS)
    frames: list[Any] = []
    while (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    return frames[round(SHOT_S[0] * rate) : round(SHOT_S[1] * rate) : 3]


def write_sources(shot: Sequence[Any], folder: Path, count: int, seed: int) -> list[Path]:
    """The shot as picture folders, one report each; a grain of noise makes every patrol's evidence its own."""
    noise = np.random.default_rng(seed)
    sources = [folder / f"shot-{number}" for number in range(count)]
    for source in sources:
        source.mkdir(parents=True)
        for index, image in enumerate(shot):
            grain = noise.integers(0, 3, image.shape, np.uint8)
            cv2.imwrite(str(source / f"{index:04}.jpg"), cv2.add(image, grain), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return sources


@dataclass(frozen=True)
class Patrol:
    """One device with its own state folder and its own bad link, and the command that patrols with it."""

    folder: Path
    sources: Sequence[Path]
    site: Path
    model: Path
    link: FaultyProxy

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def key(self) -> DeviceKey:
        return open_key(self.state)

    def start(self, *target: str) -> subprocess.Popen[bytes]:
        """Start it; `target` is `--server URL` or `--out DIR`."""
        command = [sys.executable, "-m", "kerbwatch", "patrol", "--json", "--site", str(self.site), "--camera", CAMERA]
        command += ["--interval-s", "0.12", "--model", str(self.model), "--state", str(self.state), *target]
        for number, source in enumerate(self.sources):
            at = START_UTC + timedelta(hours=number)
            command += ["--source", str(source), "--start-utc", at.isoformat()]
        with (self.folder / "patrol.log").open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=_one_thread())

    def finish(self, *target: str) -> None:
        """Run it to its end, again where it says "try again later"."""
        for _ in range(20):
            code = self.start(*target).wait()
            if code == 0:
                return
            self.check(code)
        raise RuntimeError(f"{self.folder.name} did not finish; its last words:\n{self.last_words()}")

    def check(self, code: int) -> None:
        """Only "done" and "try again later" are right."""
        if code not in (0, 75):
            raise RuntimeError(f"{self.folder.name} ended with {code}; its last words:\n{self.last_words()}")

    def last_words(self) -> str:
        return (self.folder / "patrol.log").read_text(errors="replace")[-2000:]


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Life:
    """How long a patrol lives: CPU seconds until its first request, then seconds of upload.

    CPU seconds, because a moment in them is the same moment of the work on a busy machine.
    """

    cpu_s: float
    upload_s: float


def measure_life(patrol: Patrol) -> Life:
    """Run a patrol to its end and look at its clock."""
    process = patrol.start("--server", patrol.link.url)
    spent_s = 0.0
    while patrol.link.seen.total() == 0 and process.poll() is None:
        spent_s = cpu_s(process.pid)
        time.sleep(0.01)
    began = time.monotonic()
    patrol.check(process.wait())
    return Life(spent_s, time.monotonic() - began)


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used, in all its threads; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill_somewhere(patrol: Patrol, life: Life, chance: random.Random, tally: Tally) -> None:
    """Start the patrol and kill it at a random moment of its life; one that ended before is started again."""
    while True:
        # Once everything has arrived nothing is uploaded any more, and there is only the looking to be killed in.
        moment = chance.random() * (LOOKING if set(report_states(patrol.state)) == {"stored"} else 1.0)
        asked_before = patrol.link.seen.total()
        process = patrol.start("--server", patrol.link.url)
        if moment < LOOKING:
            reached = wait_until(process, lambda p=process, m=moment: cpu_s(p.pid) >= life.cpu_s * m / LOOKING)
        else:
            reached = wait_until(process, lambda n=asked_before: patrol.link.seen.total() > n)
            if reached:
                time.sleep(life.upload_s * (moment - LOOKING) / (1 - LOOKING))
        if reached and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            tally.patrol_kills[how_far(patrol.state, patrol.link.seen.total() > asked_before)] += 1
            return
        patrol.check(process.wait())


def wait_until(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> bool:
    """Wait for a moment in a process's life; False when it ended before."""
    while process.poll() is None:
        if reached():
            return True
        time.sleep(0.004)
    return False


def how_far(state: Path, uploading: bool) -> str:
    """Where in its life a patrol was killed, for the table."""
    states = report_states(state)
    if uploading:
        return "in the upload"
    if not states:
        return "before its first report"
    return "run again after its reports had arrived" if set(states) == {"stored"} else "with reports not yet sent"


def report_states(state: Path) -> dict[str, int]:
    """Reports by state in an outbox that nobody holds; none when it is not made yet."""
    try:
        with closing(sqlite3.connect(f"file:{state / 'outbox.db'}?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT state, count(*) FROM reports GROUP BY state"))
    except sqlite3.OperationalError:
        return {}


def disturbed_patrol(patrol: Patrol, plan: Plan, life: Life, seed: int) -> Tally:
    """Kill one patrol again and again, let it finish, and hold it against an undisturbed one of the same device."""
    chance = random.Random(seed)
    tally = Tally()
    for _ in range(plan.kills_per_patrol):
        kill_somewhere(patrol, life, chance, tally)
    patrol.finish("--server", patrol.link.url)
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
        tally.wrong.append("an undisturbed patrol found nothing: this run proves nothing")
    if left := list(patrol.state.rglob(".tmp-*")):
        tally.wrong.append(f"left behind: {left}")
    shutil.rmtree(control)
    return tally


def bodies(sealed: Any) -> dict[str, dict[str, Any]]:
    """Report bodies by hit key, without the one thing that is minted anew: the report id."""
    found = [json.loads(data)["body"] for data in sealed]
    return {body["hit_key"]: {**body, "report_id": None} for body in found}


def kill_patrols(patrols: Sequence[Patrol], plan: Plan, life: Life, tally: Tally) -> None:
    """Disturb every patrol, several at once."""
    began = time.monotonic()
    pool = ThreadPoolExecutor(plan.jobs)
    try:
        jobs = [
            pool.submit(disturbed_patrol, patrol, plan, life, plan.seed + number)
            for number, patrol in enumerate(patrols)
        ]
        for done, job in enumerate(as_completed(jobs), 1):
            tally.add(job.result())
            killed = tally.patrol_kills.total()
            print(f"patrols {done} of {len(jobs)}, killed {killed}, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


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


def kill_server_in_uploads(server: KilledServer, patrol: Patrol, body: ReportBody, plan: Plan, tally: Tally) -> None:
    """Upload large evidence while the server is killed again and again, each time with a PATCH under way."""
    chance = random.Random(plan.seed)
    stop = threading.Event()
    with (
        Outbox.open(patrol.state) as outbox,
        connect(patrol.state, patrol.link.url, timeouts=Timeouts(5, 20, 20)) as client,
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
                if not patrol.link.wait_for_patch(1.0):
                    continue
                time.sleep(chance.uniform(0, 0.12))
                if patrol.link.patches == 0:
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
        tally.large = big.count


# -- the audit ---------------------------------------------------------------------------------------------------------


def audit(server: KilledServer, patrols: Sequence[Patrol], work: Path, tally: Tally) -> VerifyResult:
    """Hold the server's store against every outbox, and every stored byte against its seal."""
    at_server = stored_reports(server.data)
    sent = {}
    for patrol in patrols:
        with Outbox.open(patrol.state) as outbox, connect(patrol.state, patrol.link.url) as client:
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
    return checked


def run(plan: Plan, work: Path) -> bool:
    """The whole run; whether everything was right."""
    began = time.monotonic()
    tally = Tally()
    # A patrol is named by its inputs; nobody may edit them while they are compared.
    shutil.copytree(SITE, work / "site")
    shutil.copytree(plan.model, work / "model")
    server = KilledServer(work, work / "site")
    patrols = make_patrols(plan, work, server.port)
    calm, uploader, *disturbed = patrols
    try:
        server.start()
        for code, patrol in zip(server.enrolment_codes(len(patrols)), patrols, strict=True):
            enrol(patrol.state, patrol.link.url, code, patrol.key, patrol.folder.name)
        fail(patrols, plan.failing)
        life = measure_life(calm)
        print(f"A patrol lives {life.cpu_s:.1f} CPU s, then uploads for {life.upload_s:.1f} s.", flush=True)
        kill_patrols(disturbed, plan, life, tally)
        kill_server_in_uploads(server, uploader, first_body(calm), plan, tally)
        print(f"servers killed {tally.server_kills}, {time.monotonic() - began:.0f} s in all", flush=True)
        requests = sum((patrol.link.seen for patrol in patrols), Counter[str]())
        fail(patrols, 0.0)
        checked = audit(server, patrols, work, tally)
    finally:
        for patrol in patrols:
            patrol.link.close()
        server.kill()
    print_table(plan, tally, checked, requests, time.monotonic() - began)
    return not (tally.lost or tally.doubled or tally.differing or tally.wrong)


def make_patrols(plan: Plan, work: Path, server_port: int) -> list[Patrol]:
    """One to measure, one to upload large files, and those to be killed; no link fails yet."""
    shot = street_shot()
    names = ["calm", "uploader", *(f"patrol-{number}" for number in range(plan.patrols))]
    patrols: list[Patrol] = []
    for number, name in enumerate(names):
        sources = write_sources(shot, work / name / "sources", plan.sources, plan.seed + number)
        link = FaultyProxy(server_port, failing=0.0, seed=plan.seed + number)
        patrols.append(Patrol(work / name, sources, work / "site", work / "model", link))
    return patrols


def fail(patrols: Sequence[Patrol], share: float) -> None:
    """From now on so many of the requests fail; what was asked before is not counted."""
    for patrol in patrols:
        patrol.link.failing = share
        patrol.link.seen.clear()


def first_body(patrol: Patrol) -> ReportBody:
    """A real report to copy."""
    with Outbox.open(patrol.state) as outbox:
        for report in outbox.reports():
            return SealedReport.model_validate_json(report.sealed).body
    raise RuntimeError("the patrol found nothing; the fault run needs a report")


def print_table(
    plan: Plan,
    tally: Tally,
    checked: VerifyResult,
    requests: Counter[str],
    took_s: float,
) -> None:
    """Everything counted, one line each."""
    failed = requests.total() - requests["passed on"]
    rows = [
        ("patrols killed (kill -9)", tally.patrol_kills.total()),
        *((f"  {where}", count) for where, count in tally.patrol_kills.most_common()),
        ("servers killed with a PATCH under way", tally.server_kills),
        ("requests", requests.total()),
        ("  failed on purpose", f"{failed} ({100 * failed / max(requests.total(), 1):.1f} %)"),
        *((f"    {kind}", requests[kind]) for kind in requests if kind != "passed on"),
        ("reports of the undisturbed patrols", tally.reports),
        ("large reports sent while the server was killed", tally.large),
        ("lost", tally.lost),
        ("doubled", tally.doubled),
        ("with another body", tally.differing),
        ("reports at the server, seal good", checked.reports),
        ("files at the server that match their seal", checked.files),
        ("other findings", len(tally.wrong)),
        ("seed", plan.seed),
        ("time", f"{took_s:.0f} s"),
    ]
    print("\nFault run")
    for name, value in rows:
        print(f"  {name:<48} {value}")
    for line in tally.wrong[:20]:
        print(f"  ! {line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code is 1 when anything was lost, doubled, changed or unsealed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the form for CI: 10 patrols and 4 servers killed")
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
        plan = replace(plan, patrol_kills=10, kills_per_patrol=5, server_kills=4, sources=2)
    if asked.work is not None:
        asked.work.mkdir(parents=True)
        return 0 if run(plan, asked.work) else 1
    with tempfile.TemporaryDirectory(prefix="kerbwatch-fault-") as folder:
        return 0 if run(plan, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
