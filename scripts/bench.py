"""Runs the benchmarks of tests/benchmarks and prints their figures: ``make bench``, ``make bench BENCH=store``.

A benchmark is ``tests/benchmarks/test_bench_NAME.py``. Without GEOMELD_BENCH it is an ordinary small test; with it, it
measures at full size and writes ``build/bench/NAME.json``, one key a figure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "tests" / "benchmarks"
RESULTS = ROOT / "build" / "bench"


def main(names: list[str]) -> int:
    """Measure these benchmarks, all by default; returns an exit code."""
    known = {path.stem.removeprefix("test_bench_"): path for path in sorted(BENCHMARKS.glob("test_bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        print(f"no benchmark {', '.join(unknown)}: expected some of {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    code = 0
    for name in names or known:
        RESULTS.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GEOMELD_BENCH": "1", "GEOMELD_BENCH_OUT": str(RESULTS)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "timeout=3600",
            str(known[name]),
        ]
        code = max(code, subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
        print_figures(name, RESULTS / f"{name}.json")
    return code


def print_figures(name: str, path: Path) -> None:
    """The figures of one benchmark as a table."""
    print(f"\n{name} ({path.relative_to(ROOT)})")
    if not path.exists():
        print("  wrote no figures")
        return
    figures = json.loads(path.read_text(encoding="utf-8"))
    width = max(map(len, figures), default=0)
    for key, value in figures.items():
        print(f"  {key:<{width}}  {f'{value:,.4g}' if isinstance(value, float) else value}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
