"""The teams of the sales pipeline export as lines of the learner directory.

    sales_agent      -> learner, of the issuer that the pipeline's events carry
    manager          -> manager
    regional_office  -> region
    (no column)      -> team: the agents of one manager, named after the region and the manager's
                        place in it ("Central 1"), so that no team is called by a person's name

Everybody is eligible, always.
"""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from schemas.adapters.common import Row, column
from schemas.adapters.crm_pipeline import ISSUER

HEADER = frozenset({"sales_agent", "manager", "regional_office"})

DirectoryLine = dict[str, object]
"""issuer, learner, team, manager, region, eligible, since (ms, 0: always)."""


def lines(rows: Iterable[Row]) -> Iterator[DirectoryLine]:
    """One directory line a row. Raises AdapterError when a column is missing."""
    managers: dict[str, list[str]] = {}
    for row in rows:
        region, manager = column(row, "regional_office"), column(row, "manager")
        of_region = managers.setdefault(region, [])
        if manager not in of_region:
            of_region.append(manager)
        yield {
            "issuer": ISSUER,
            "learner": column(row, "sales_agent"),
            "team": f"{region} {of_region.index(manager) + 1}",
            "manager": manager,
            "region": region,
            "eligible": True,
            "since": 0,
        }


def translated(data: bytes) -> bytes:
    """A directory file with this header as JSON lines of the directory; any other as it is."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if set(reader.fieldnames or ()) != HEADER:
        return data
    return b"\n".join(msgspec.json.encode(line) for line in lines(reader))
