"""Run SQL statements in an empty chDB, in a process of its own: it allows one per process.

Reads a JSON array of statements from stdin; writes a JSON array with the rows of each SELECT.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

_SECONDS: Final = 400.0
"""Takes 25 s on an idle machine, and more than 120 beside pipelines under load."""


def run_apart(statements: list[str]) -> list[list[list[object]]]:
    """The rows of each SELECT among the statements, run by a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.recount.chdb_query"],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[list[list[object]]] = json.loads(done.stdout)
    return results


def main() -> None:
    import chdb.session

    results = []
    with TemporaryDirectory() as folder:
        session: Any = chdb.session.Session(folder)  # type: ignore[no-untyped-call]
        for sql in json.load(sys.stdin):
            text = session.query(sql, "JSONCompactEachRow").bytes().decode()
            if sql.lstrip().upper().startswith(("SELECT", "WITH", "--")):
                results.append([json.loads(line) for line in text.splitlines()])
        session.close()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
