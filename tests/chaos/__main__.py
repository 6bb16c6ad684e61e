"""`python -m tests.chaos --seeds 10 --first-seed 1 --broker kafka`: a table, and exit code 1 when
anything is off. Each result is appended to a file of JSON lines as it comes."""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import msgspec

from tests.chaos.run import Result, Wish, run

_HEAD = (
    *("seed", "broker", "faults", "events", "lost", "double", "wrong"),
    *("outage s", "recovery s", "load", "commit", ""),
)


def main() -> int:
    """Run the seeds; the exit code."""
    asked = _arguments()
    if asked.table is not None:
        for line in table(stored(asked.table)):
            _say(line)
        return 0
    results = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
        result = run(
            folder / "data", Wish(seed, asked.broker, asked.seconds, real=asked.real), _say
        )
        results.append(result)
        with asked.results.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        for problem in result.verdict.problems:
            _say(f"  OFF: {problem}")
        for own, count in result.own_ends.items():
            _say(f"  {count} times: {own}")
        for line in table([result]):
            _say(line)
        if result.good():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _say(f"  data and logs are kept in {folder}")
    _say("")
    for line in table(results):
        _say(line)
    return 0 if all(result.good() for result in results) else 1


def table(results: list[Result]) -> list[str]:
    """The results as the rows of a Markdown table; outage and recovery are the longest."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    for result in results:
        verdict = result.verdict
        cells = (
            result.seed,
            result.kind,
            len(result.faults),
            verdict.events,
            verdict.lost,
            verdict.double + verdict.unknown,
            verdict.wrong,
            f"{result.longest_outage:.1f}",
            f"{result.longest_recovery:.1f}",
            f"{result.load_average:.1f}",
            result.commit,
            "exact" if result.good() else "OFF",
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return lines


def stored(file: Path) -> list[Result]:
    """The results in a file of JSON lines, in the order of broker and seed."""
    found = [msgspec.json.decode(line, type=Result) for line in file.read_text().splitlines()]
    return sorted(found, key=lambda result: (result.kind, result.seed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--broker", choices=("kafka", "cluster", "embedded"), default="embedded")
    parser.add_argument("--seconds", type=float, default=24.0, help="length of the schedule")
    parser.add_argument("--real", type=float, default=0.1, help="share of the real logs, 0 to 1")
    parser.add_argument("--results", type=Path, default=Path("chaos-results.jsonl"))
    parser.add_argument("--table", type=Path, help="print the table of such a file; run nothing")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
