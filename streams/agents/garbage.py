"""When the worker looks for garbage in cycles.

Decoded rows live until their epoch ends: hundreds of thousands of lists that Python's collector
would look at again and again, for a fifth of the worker's time, and that refer to nothing in
cycles. So it looks when an epoch has just ended and few of them are there; of its own accord only
when very many were made meanwhile.
"""

import gc

_MADE = 500_000
"""So many objects more than were freed make the collector look before an epoch ends."""

_EPOCHS_A_WHOLE = 64
"""So many epochs of a lane lie between two looks at everything that lives."""


def begin() -> None:
    """What there is now, mostly modules, stays as long as the process: it is never looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE)


def epoch_ended(number: int) -> None:
    """Look at what came since the last epoch of any lane. `number`: how many this lane ended."""
    gc.collect(2 if number % _EPOCHS_A_WHOLE == 0 else 1)
