"""Bounds of the memory of processes."""

from typing import Final

BOUNDS_MIB: Final = {
    "collector": 256,
    "intake": 256,
    "worker": 512,
    "sink": 512,
    "repair": 512,
    "board": 256,
    "reconcile": 256,
    "up": 256,
    "store": 1_024,
    "broker": 1_024,
}
"""What each process may have of memory, whatever happens to the others."""


def over_bound(memory: dict[str, int]) -> list[str]:
    """Processes that had more memory than they may."""
    return [
        f"{name} had {used} MiB, more than {bound}"
        for name, used in memory.items()
        if (bound := BOUNDS_MIB[name.split("-")[0]]) < used
    ]
