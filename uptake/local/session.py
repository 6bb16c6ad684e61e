"""A session of `uptake up` or `uptake demo`: signals, what is told, and the order of its end."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic
from types import FrameType

from rich.console import Console

from schemas.stopping import Exit, started
from schemas.version import VERSION
from uptake.local.errors import LocalError
from uptake.local.up import MemoryFull, Up, Wish

_PLAIN_PROGRESS_SECONDS = 2.0


class Signals:
    """Counts SIGINT and SIGTERM: the first ends the session, a second one hurries it."""

    def __init__(self) -> None:
        self._first = Event()
        self._count = 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take the signals meanwhile."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            started()
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, seconds: float) -> bool:
        """Wait that long at most; True: a signal has come."""
        return self._first.wait(seconds)

    def hurried(self) -> bool:
        """Whether a second signal has come."""
        return self._count > 1

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        self._first.set()


class ConsoleTeller:
    """Tells on a console: progress as one changing line in a terminal, else now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def say(self, text: str) -> None:
        """See `Teller`."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def progress(self, title: str, done: int, total: int) -> None:
        """See `Teller`."""
        ended = done >= total
        if not ended and monotonic() < self._next:
            return
        self._next = monotonic() + (0.2 if self._console.is_terminal else _PLAIN_PROGRESS_SECONDS)
        share = f"{100 * done // total}%" if total else "nothing to do"
        end = "\r" if self._console.is_terminal and not ended else "\n"
        line = f"  {title}: {done:,} of {total:,} ({share})"
        self._console.print(line, end=end, highlight=False, markup=False)


Body = Callable[[Up, Callable[[float], bool]], None]
"""What a session does between start and end; the function waits and says when to end."""


def run_up(wish: Wish) -> int:
    """Run until a signal; return the exit code. Raises LocalError when it does not start."""
    console = Console()

    def body(up: Up, ended: Callable[[float], bool]) -> None:
        for line in addresses(up):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        console.print("Ctrl-C ends everything.", highlight=False)
        up.watch(ended)

    return run_session(wish, console, body)


def run_demo(wish: Wish, seconds: float | None) -> int:
    """Run with simulated events until a signal or for `seconds`; return the exit code.

    Raises LocalError when it does not start.
    """
    from uptake.local.demo import Demo

    console = Console()

    def body(up: Up, ended: Callable[[float], bool]) -> None:
        limit = monotonic() + seconds if seconds is not None else None

        def over(pause: float) -> bool:
            return ended(pause) or (limit is not None and monotonic() >= limit)

        with Demo(up, console):
            up.watch(over)

    return run_session(wish, console, body)


def run_session(wish: Wish, console: Console, body: Body) -> int:
    """Start, do `body`, end all; return the exit code. Raises LocalError when the start fails."""
    teller = ConsoleTeller(console)
    signals = Signals()
    with wish.folder.hold(), signals.caught():
        log = wish.folder.logs / "up.log"
        logging.basicConfig(filename=log, level=logging.INFO, format=_LOG_FORMAT)
        teller.say(f"Uptake {VERSION}, data in {wish.folder.path}, {wish.broker} broker")
        up = Up(wish, teller)
        up.start(lambda: signals.wait(0.0))
        code = Exit.DONE
        try:
            body(up, signals.wait)
        except LocalError as error:
            teller.say(f"uptake: {error}")
            code = Exit.FAILED if isinstance(error, MemoryFull) else Exit.MISSING
        teller.say("Ending: what was accepted goes to the store first (Ctrl-C again: at once)")
        up.stop(signals.hurried)
        teller.say("Ended.")
    return int(code)


_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def addresses(up: Up) -> list[str]:
    """Where everything is, for people."""
    plan = up.plan
    run = plan.run(0)
    store = run.clickhouse
    return [
        "",
        f"  Decision board     {run.board}",
        f"  Events over HTTP   {run.collector}/xapi/statements and {run.collector}/events/crm",
        f"  Write key          in {plan.folder.run_file}",
        f"  Kafka              {run.kafka}, topics events.crm, events.ticketing, events.lms",
        f"  ClickHouse         {store.url}, user {store.user}, database {store.database}",
        f"  Logs               {plan.folder.logs}",
        "",
        "  A query to try:",
        f"    {example_query(up)}",
        "",
    ]


def example_query(up: Up) -> str:
    """A shell command that asks the store something worth reading."""
    run_file = up.plan.folder.run_file
    url = up.plan.settings.clickhouse.url
    database = up.plan.settings.clickhouse.database
    password = f"$(python3 -c \"import json; print(json.load(open('{run_file}'))"
    password += "['clickhouse']['password'])\")"
    sql = (
        f"SELECT indicator, value, people FROM {database}.indicators WHERE cohort_kind='all' "
        "AND window='1h' ORDER BY window_end DESC LIMIT 10 FORMAT PrettyCompact"
    )
    return f'curl -s {url} --user "default:{password}" --data-binary "{sql}"'
