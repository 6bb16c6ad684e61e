"""Run SQL statements in an empty chDB, in a process of its own: it allows one per process.

Reads a JSON array of statements from stdin; writes a JSON array with the rows of each SELECT.
"""

import json
import sys
from tempfile import TemporaryDirectory
from typing import Any

import chdb.session


def main() -> None:
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
