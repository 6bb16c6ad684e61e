"""Memory after a recovery: what lies between the rows is given back.

The fold makes large records and short-lived rows among the buckets that stay, so that the
allocator is left with holes everywhere.
"""

from streams.state import allocator
from streams.state.rows import EpochRows


def compact(parts: list[EpochRows]) -> None:
    """Lay the buckets of these partitions side by side and give free memory back."""
    for rows in parts:
        rows.repack()
    allocator.give_back()
