"""Write a made-up district as a site folder: `python -m benchmarks.street_sim 100 --out district`.

Then `kerbwatch site check district` and `kerbwatch site map district` show it as any other site.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from benchmarks.street_sim.folder import write_site
from benchmarks.street_sim.world import build_world


def main() -> None:
    """Write the folder and tell what stands in the district."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int, help="of the district; the same number, the same district")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    world = build_world(options.seed)
    write_site(world, options.out)
    print(f"{options.out}: {len(world.features)} areas, {len(world.things)} things")
    for (what, why), count in sorted(Counter((t.what, t.why) for t in world.things).items()):
        print(f"  {count:>4} {what}, {why}")


if __name__ == "__main__":
    main()
