"""What `uptake simulate` does, with its exit codes."""

from pathlib import Path
from threading import Event

from rich.console import Console

from uptake.feed.errors import Stopped
from uptake.feed.replay import SHOWN_REFUSALS, stopped_by_signals
from uptake.feed.senders import Way
from uptake.simulate.growth import RUBRIC_FILE
from uptake.simulate.run import Plan, stream, write


def run(plan: Plan, to: Path | None, way: Way, config: Path) -> int:
    """Write the files to `to`, or send the events; return the exit code (0 done, 1 some were
    refused, 130 stopped). Raises FeedError."""
    console = Console()
    if to is not None:
        counts = write(plan, to)
        told = ", ".join(f"{count:,} {source}" for source, count in counts.items())
        console.print(f"{to}: {told} events", highlight=False)
        return 0
    stop = Event()
    with stopped_by_signals(stop):
        try:
            refused = stream(plan, way, config, console, stop)
        except Stopped:
            console.print("Stopped. The same command sends the same events; none counts twice.")
            return 130
    for refusal in refused[:SHOWN_REFUSALS]:
        console.print(f"refused: {refusal.reason}", highlight=False)
    console.print(f"Sent; {len(refused)} refused", highlight=False)
    console.print(
        f"Raters scored by a rubric: uptake rubric load {RUBRIC_FILE} --config {config}",
        highlight=False,
        soft_wrap=True,
    )
    return 1 if refused else 0
