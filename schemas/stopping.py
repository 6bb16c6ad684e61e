"""How a process ends: the exit codes, SIGTERM at any moment, and a limit.

A Python signal handler waits for the call that is under way, which may be a library's that waits
for a broker. So a thread learns of signals by the interpreter's wake-up descriptor, and sees to it
that the process ends in time whatever it is doing.
"""

import os
import signal
import socket
from collections.abc import Callable
from enum import IntEnum
from threading import Thread, Timer
from types import FrameType
from typing import Final

STOP_SECONDS: Final = 12.0
"""A process that was told to end does so within this time. `uptake up` kills it 3 s later."""


class Exit(IntEnum):
    """Exit codes of all commands and processes. There are no others."""

    DONE = 0
    """Done; of a process: told to end, and all that it had begun is written and committed."""
    FAILED = 1
    """It did not work or did not add up; a process can not go on, and its log says why."""
    USAGE = 2
    """Wrong arguments or settings: change them."""
    MISSING = 3
    """Something it needs is missing, away or taken: a port, Java, Kafka, the store."""
    TIMEOUT = 4
    """The time that was given is over; a process that was told to end had to leave something
    begun, which the next one does again. Nothing is lost by it."""
    REBUILD = 10
    """State can not be used: `uptake rebuild-state` has to run before the process is started."""
    INTERRUPTED = 130
    """Ctrl-C ended a command."""


def explained() -> str:
    """The exit codes in a sentence."""
    return (
        "0 done; 1 did not work, or a process can not go on; 2 wrong arguments or settings; "
        "3 something needed is missing, away or taken; 4 out of time: a process that was told to "
        "end left something for the next one to do; 10 `uptake rebuild-state` has to run first; "
        "130 interrupted"
    )


class _Watch:
    """What a signal means now."""

    starting = False
    limit: float | None = None
    """Seconds; None: the process sees to it by itself."""


def leave_while_starting() -> None:
    """From now until `on_stop` or `started`, SIGTERM and SIGINT end the process at once with
    DONE, as nothing is begun yet. To be called first, from the main thread."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    _Watch.starting = True
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    signal.set_wakeup_fd(mouth.detach(), warn_on_full_buffer=False)
    Thread(target=_listen, args=(ear,), name="signals", daemon=True).start()


def started() -> None:
    """Something may be begun: signals are up to the process from now on."""
    _Watch.starting = False


def on_stop(stop: Callable[[], None], seconds: float = STOP_SECONDS) -> None:
    """Call `stop` at every SIGTERM and SIGINT; end with TIMEOUT when the process is still there
    `seconds` after the first."""

    def told(_: int, __: FrameType | None) -> None:
        end_within(seconds)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    _Watch.limit = seconds
    started()


def end_within(seconds: float = STOP_SECONDS) -> None:
    """End with TIMEOUT when the process is still there after `seconds`."""
    timer = Timer(seconds, os._exit, (int(Exit.TIMEOUT),))
    timer.daemon = True
    timer.start()


def _listen(ear: socket.socket) -> None:
    """In a thread: a byte comes with each signal, also while the main thread is in a library."""
    while ear.recv(1):
        if _Watch.starting:
            os._exit(int(Exit.DONE))
        if _Watch.limit is not None:
            end_within(_Watch.limit)


def _leave(_: int, __: FrameType | None) -> None:
    """A signal before the thread listens, or one that it has not got to yet when the process
    says that it has started: the thread alone would never see the one and mistake the other."""
    if _Watch.starting:
        os._exit(int(Exit.DONE))
