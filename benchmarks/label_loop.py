"""The loop: patrol, review in a browser, export, recipe, manifest, one epoch, signed bundle, and the edge runs it.

Every part is the real one: `kerbwatch serve` on a loopback port, `kerbwatch patrol --server` over real pictures,
headless Chromium with keys and pointer, and the commands of docs/training.md. One epoch on thirty cases makes no good
model; what is measured is that nothing is lost on the way, and the time. Exit code 1 when a step does not hold.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.loop_review import Decision, Task, is_labelled, make_tasks, read_case, review, signed_in
from benchmarks.loop_street import BEATS, Beat, Labelled, every_other_scene, labelled_pictures, lay_out, write_site
from benchmarks.paths import BUNDLE, ROOT, SHARED_DATA
from models.slots import KEPT_CUES
from tests.server.live import LiveServer, live_server
from tests.server.web.browser import chromium
from tests.server.web.reviewer import Reviewer

CASES = 30
START_UTC = "2026-01-05T02:00:00Z"
APART_S = 49 * 3600
"""Between two pictures of one camera: a case of a bike attracts others for 48 hours, so each picture makes its own."""
LEARNT_FROM_BOXES = 5
"""A cue with fewer reviewed boxes to train on stays as the start weights know it."""
NOT_TRUSTED = 2


class BrokenLoop(Exception):
    """A step did not hold."""


def hold(condition: bool, message: str) -> None:
    """End the run unless a step gave what it must.

    Raises:
        BrokenLoop: it did not.
    """
    if not condition:
        raise BrokenLoop(message)


@dataclass(frozen=True)
class Workplace:
    """The folder of one run; the user's own signing key is made inside it, not in the home folder."""

    folder: Path

    def kerbwatch(self, *args: str | Path, expect: int = 0, enrol_code: str = "") -> str:
        """Run a command as a user does; gives its standard output, or what it complained about.

        Raises:
            BrokenLoop: it ended with another exit code.
        """
        command = [sys.executable, "-m", "kerbwatch", *map(str, args)]
        env = {**os.environ, "XDG_CONFIG_HOME": str(self.folder / "config"), "KERBWATCH_ENROL_CODE": enrol_code}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        told = (done.stderr + done.stdout)[-2000:]
        hold(done.returncode == expect, f"`kerbwatch {args[0]} {args[1]}` ended with {done.returncode}:\n{told}")
        return done.stdout if expect == 0 else told

    @property
    def public_key(self) -> Path:
        """The user's own public key, once it was made."""
        return next((self.folder / "config").rglob("*.pub"))


@contextmanager
def step(name: str) -> Iterator[Callable[[str], None]]:
    """Times a step; what it says is printed as a line of the table."""
    began_s = time.monotonic()
    said: list[str] = []
    if sys.stderr.isatty():
        print(f"... {name}", end="\r", file=sys.stderr, flush=True)
    yield said.append
    print(f"| {name} | {'; '.join(said)} | {time.monotonic() - began_s:.0f} |", flush=True)


def patrol_command(place: Workplace, beat: Beat, pictures: Path, site: Path) -> list[str | Path]:
    """A patrol over a folder of pictures, without its model and where the reports go."""
    command: list[str | Path] = ["patrol", "--json", "--source", pictures, "--camera", beat.camera, "--site", site]
    return [*command, "--start-utc", START_UTC, "--interval-s", str(APART_S), "--state", place.folder / "edge"]


def patrol_all(place: Workplace, site: Path, server: LiveServer) -> list[tuple[dict[str, Any], Labelled]]:
    """Patrol both beats and send the reports; gives every case with the picture that it shows."""
    found: list[tuple[dict[str, Any], Labelled]] = []
    for beat in BEATS:
        with step(f"patrol `{beat.camera}`") as say, signed_in(server) as client:
            folder = place.folder / "seen" / beat.camera
            pictures = lay_out(every_other_scene(labelled_pictures(beat), 0), folder)
            command = [*patrol_command(place, beat, folder, site), "--model", BUNDLE, "--server", server.url]
            result = json.loads(place.kerbwatch(*command, enrol_code=server.enrolment_code))
            cases = [read_case(client, int(report["case_url"].rsplit("/", 1)[1])) for report in result["reports"]]
            hold(len({case["id"] for case in cases}) == len(cases), "two pictures were made one case")
            found += [(case, pictures[picture_number(case)]) for case in cases]
            say(f"{result['frames']} pictures, {len(cases)} reports, as many cases at the server")
    return found


def picture_number(case: dict[str, Any]) -> int:
    """Which picture of its folder a case or a report shows, by its time."""
    seen_s = (datetime.fromisoformat(case["first_seen_at"]) - datetime.fromisoformat(START_UTC)).total_seconds()
    return round(seen_s / APART_S)


def review_all(place: Workplace, server: LiveServer, cases: Sequence[tuple[dict[str, Any], Labelled]]) -> list[Task]:
    """Review in Chromium, and see that the server holds what was clicked."""
    with step("review in the browser") as say:
        tasks = make_tasks(cases, CASES)
        hold(len(tasks) == CASES, f"only {len(tasks)} of {len(cases)} cases can be judged by hand labels")
        with chromium(place.folder / "profile", width_px=1600, height_px=1300) as watched:
            reviewer = Reviewer(watched, server)
            reviewer.log_in()
            reviewer.find(".filters h1")
            done = review(reviewer, tasks)
            hold(watched.console() == [], "the browser's console has errors")
        missing = [str(decision) for decision in Decision if not done[decision]]
        hold(not missing, f"no case was {', '.join(missing)}")
        with signed_in(server) as client:
            states = Counter(read_case(client, task.case_id)["state"] for task in tasks)
        confirmed = sum(task.decision.confirms for task in tasks)
        hold(states == {"confirmed": confirmed, "rejected": CASES - confirmed}, f"the server holds {dict(states)}")
        say(f"{CASES} cases: " + ", ".join(f"{done[decision]} {decision}" for decision in Decision))
    return tasks


def export(place: Workplace, server: LiveServer, tasks: Sequence[Task]) -> Path:
    """`kerbwatch label export`, while the server runs; each reviewed case must be in it as it was decided."""
    labels = place.folder / "reviewed"
    with step("`kerbwatch label export`") as say:
        told = place.kerbwatch("label", "export", "--data", server.data, "--out", labels)
        with (labels / "provenance.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        verdicts = {int(row["case_id"]): row["verdict"] for row in rows}
        wanted = {task.case_id: _VERDICTS.get(task.decision, "violation") for task in tasks}
        hold(verdicts == wanted, f"{len(verdicts)} cases were exported, {len(wanted)} reviewed, or verdicts differ")
        cues = {int(row["case_id"]): row["cue"] for row in rows}
        changed = [task for task in tasks if task.decision is Decision.OTHER_CUE]
        hold(all(cues[task.case_id] == task.cue for task in changed), "a changed object was not exported as changed")
        by_hand = {int(row["case_id"]) for row in rows if row["box_origin"] == "reviewer"}
        touched = {task.case_id for task in tasks if task.decision in (Decision.OTHER_CUE, Decision.REDRAW)}
        hold(by_hand == touched, f"{len(by_hand)} boxes are the reviewer's, {len(touched)} were redrawn or renamed")
        say(f"{len(verdicts)} of {CASES} cases; {told.strip().split(': ', 1)[1]}")
    return labels


_VERDICTS = {Decision.ALLOW: "allowed", Decision.WRONG: "not_the_object"}


def write_recipe(labels: Path) -> Path:
    """A recipe that learns the export's cues and keeps the other street cues of the start weights."""
    with (labels / "provenance.csv").open(encoding="utf-8", newline="") as file:
        to_learn = Counter(
            row["cue"] for row in csv.DictReader(file) if row["split"] == "train" and row["verdict"] != "not_the_object"
        )
    learnt = sorted(cue for cue, boxes in to_learn.items() if boxes >= LEARNT_FROM_BOXES)
    hold(bool(learnt), f"no cue has {LEARNT_FROM_BOXES} boxes to learn from: {dict(to_learn)}")
    kept = [cue for cue in KEPT_CUES if cue not in learnt]
    source = {
        "name": labels.name,
        "format": "export",
        "origin": "labels of reviewers",
        "licence": "not for publication",
    }
    content = {
        "schema": "kerbwatch-recipe/1",
        "name": "my-city",
        "version": "0.0.1",
        "licence": "AGPL-3.0-or-later",
        "start_weights": "as given by --weights",
        "split_seed": "my-city/1",
        "cues": [{"name": cue, "origin": "kept", "min_confidence": 0.25} for cue in kept]
        + [{"name": cue, "origin": "trained", "min_confidence": 0.25} for cue in learnt],
        "sources": [{**source, "attribution": "reviewed cases", "labels": {cue: cue for cue in learnt}}],
        "golden_image": f"{labels.name}/images/{min(path.name for path in (labels / 'images').iterdir())}",
        "texts": {
            "description": {"zh": "由复核标注训练。", "en": "Trained on reviewed cases."},
            "good_for": {"zh": "演示闭环。", "en": "Showing the loop."},
            "unmeasured": {"zh": "一切。", "en": "Everything."},
        },
        "teacher": {"imgsz_px": 640},
        "training": {"batch": 8},
    }
    recipe = labels.parent / "my-city.yaml"
    recipe.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return recipe


def build(place: Workplace, recipe: Path, weights: Path) -> str:
    """Recipe to manifest, twice; gives the manifest's hash."""
    with step("recipe to manifest, twice") as say:
        hashes: list[str] = []
        for name in ("once", "again"):
            out = place.folder / name
            command = ["models", "build-dataset", recipe, "--data-root", place.folder, "--out", out]
            place.kerbwatch(*command, "--weights", weights)
            hashes.append(hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest())
        hold(len(set(hashes)) == 1, f"two builds of one recipe have the manifests {hashes}")
        with (place.folder / "once" / "boxes.csv").open(encoding="utf-8", newline="") as file:
            boxes = Counter(row["origin"] for row in csv.DictReader(file))
        pictures = Counter(path.parent.name for path in (place.folder / "once" / "images").rglob("*.*"))
        counted = ", ".join(f"{pictures[split]} {split}" for split in ("train", "val"))
        say(f"pictures: {counted}; boxes: {boxes['hand']} by hand, {boxes['teacher']} of the start weights")
        say(f"manifest `{hashes[0][:16]}`, both times")
    return hashes[0]


def train(place: Workplace, recipe: Path, weights: Path, manifest_sha256: str) -> Path:
    """One epoch to a signed bundle; its record must name the manifest."""
    model = place.folder / "my-city"
    with step("one epoch to a signed bundle") as say:
        command = ["models", "train", "--recipe", recipe, "--data-root", place.folder, "--weights", weights]
        place.kerbwatch(*command, "--out", model, "--epochs", "1", "--imgsz", "320")
        record = json.loads((model / "run" / "run_record.json").read_text(encoding="utf-8"))
        hold(record["dataset_manifest_sha256"] == manifest_sha256, "the run learnt from another manifest")
        hold(record["settings"]["epochs"] == 1, f"{record['settings']['epochs']} epochs were run")
        card = yaml.safe_load((model / "bundle" / "card.yaml").read_text(encoding="utf-8"))
        learnt = [
            f"{cue['name']} from {cue['training_boxes']} boxes" for cue in card["cues"] if cue["origin"] == "trained"
        ]
        onnx = hashlib.sha256((model / "bundle" / "model.onnx").read_bytes()).hexdigest()
        say(f"learnt: {', '.join(learnt)}; kept: {len(card['cues']) - len(learnt)} cues; model.onnx `{onnx[:16]}`")
    return model / "bundle"


def run_on_the_edge(place: Workplace, site: Path, bundle: Path) -> None:
    """The new bundle on streets that nobody reviewed: refused without trust in its key, run with it."""
    onnx = hashlib.sha256((bundle / "model.onnx").read_bytes()).hexdigest()
    folders = {beat.camera: place.folder / "unseen" / beat.camera for beat in BEATS}
    pictures = {
        beat.camera: lay_out(every_other_scene(labelled_pictures(beat), 1), folders[beat.camera]) for beat in BEATS
    }
    with step("`kerbwatch patrol` without trust") as say:
        command = patrol_command(place, BEATS[0], folders[BEATS[0].camera], site)
        told = place.kerbwatch(*command, "--model", bundle, "--out", place.folder / "none", expect=NOT_TRUSTED)
        hold("not trusted" in told, f"the bundle was refused for another reason: {told}")
        say(f"refused, exit code {NOT_TRUSTED}")
    hits = 0
    for beat in BEATS:
        with step(f"`kerbwatch patrol --trust`, `{beat.camera}`") as say:
            out = place.folder / "hits" / beat.camera
            command = [*patrol_command(place, beat, folders[beat.camera], site), "--model", bundle]
            result = json.loads(place.kerbwatch(*command, "--trust", place.public_key, "--out", out))
            bodies = [json.loads(path.read_text(encoding="utf-8"))["body"] for path in (out / "reports").iterdir()]
            hold(all(body["versions"]["model_sha256"] == onnx for body in bodies), "a report names another model")
            if bodies:
                place.kerbwatch("verify", out)
            hold(len(bodies) == len(result["reports"]), "the folder holds other reports than the patrol told of")
            hits += len(bodies)
            cues = Counter(body["cue"] for body in bodies)
            right = Counter(
                body["cue"] for body in bodies if is_labelled(body, pictures[beat.camera][picture_number(body)])
            )
            counted = ", ".join(f"{count} {cue} ({right[cue]} on a hand label of it)" for cue, count in cues.items())
            say(f"{result['frames']} other pictures; hits: {counted + '; seals hold' if bodies else 'none'}")
    hold(hits > 0, "the new bundle gave no hit at all")


def loop(folder: Path, weights: Path) -> None:
    """All steps.

    Raises:
        BrokenLoop: a step did not hold.
    """
    place = Workplace(folder)
    site = write_site(folder / "site")
    with live_server(folder, site=site) as server:
        cases = patrol_all(place, site, server)
        tasks = review_all(place, server, cases)
        labels = export(place, server, tasks)
    recipe = write_recipe(labels)
    manifest_sha256 = build(place, recipe, weights)
    bundle = train(place, recipe, weights, manifest_sha256)
    run_on_the_edge(place, site, bundle)


def main() -> int:
    """Print the table; 1 when a step does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=SHARED_DATA / "weights" / "yolo26n_coco_rebuilt.pt")
    parser.add_argument("--keep", type=Path, help="new folder that keeps everything the run made")
    options = parser.parse_args()
    if not SHARED_DATA.is_dir():
        print(f"needs the real data folder {SHARED_DATA} (set KERBWATCH_SHARED)")
        return 0
    began_s = time.monotonic()
    print("| step | result | s |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            loop(folder, options.weights.resolve())
        except BrokenLoop as broken:
            print(f"\nthe loop is broken: {broken}")
            return 1
    print(f"| all | the loop holds | {time.monotonic() - began_s:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
