"""Memory after a recovery: what lies between the rows is given back.

The fold makes large records and short-lived rows among the buckets that stay, so that the
allocator is left with holes everywhere.
"""

import ctypes

from streams.state.rows import EpochRows


def compact(parts: list[EpochRows]) -> None:
    """Lay the buckets of these partitions side by side and give free memory back.

    The C library is asked for the latter where it has a way (glibc); elsewhere nothing is given.
    """
    for rows in parts:
        rows.repack()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
