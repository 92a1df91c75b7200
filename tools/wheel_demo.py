"""Install the built wheel in a bare environment outside the checkout and run the demo there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main(dist: Path) -> None:
    """Fail loudly if the wheel in `dist` cannot run ``kerbwatch demo --once`` on its own."""
    wheel = next(dist.resolve().glob("kerbwatch-*.whl"))
    with tempfile.TemporaryDirectory() as scratch:
        environment = Path(scratch) / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[demo]"], check=True, cwd=scratch)
        subprocess.run([environment / "bin" / "kerbwatch", "demo", "--once", "--port", "0"], check=True, cwd=scratch)
    print(f"{wheel.name}: the demo ran from the wheel alone")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
