"""The view `conservation`: where the events of each source are."""

from typing import NamedTuple

from sinks.clickhouse.client import Store


class Account(NamedTuple):
    """A row of the view `conservation`."""

    source: str
    received: int
    stored: int
    dead: int
    duplicate: int
    pending: int
    difference: int
    lost: int = 0
    opted_out: int = 0

    def adds_up(self) -> bool:
        """Nothing is pending, missing or there twice."""
        return self.pending == 0 and self.difference == 0

    def line(self) -> str:
        """The account as a sentence."""
        return (
            f"{self.source}: {self.received:,} received = {self.stored:,} stored + "
            f"{self.dead:,} dead + {self.duplicate:,} duplicate"
            + (f" + {self.opted_out:,} opted out; " if self.opted_out else "; ")
            + f"{self.pending:,} pending, {self.difference:,} difference"
            + (f"; {self.lost:,} lost with an earlier life of the broker" if self.lost else "")
        )


def accounts(store: Store) -> list[Account]:
    """The view `conservation`. Raises StoreError."""
    columns = ", ".join(Account._fields)
    rows = store.query(f"SELECT {columns} FROM conservation ORDER BY source")
    return [Account(*row) for row in rows]


def total(rows: list[Account]) -> Account:
    """All sources together."""
    return Account(
        "all",
        sum(row.received for row in rows),
        sum(row.stored for row in rows),
        sum(row.dead for row in rows),
        sum(row.duplicate for row in rows),
        sum(row.pending for row in rows),
        sum(row.difference for row in rows),
        sum(row.lost for row in rows),
        sum(row.opted_out for row in rows),
    )
