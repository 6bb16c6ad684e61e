"""The command `uptake`: one file a group of commands. Heavy imports happen inside commands."""

import sys

from schemas.stopping import Exit, leave_while_starting

_PROCESSES = frozenset(
    {"collector", "intake", "worker", "sink", "repair", "board", "store", "up", "demo"}
)


def main() -> None:
    """Run the command line; never returns."""
    if _is_process(sys.argv[1:]):
        leave_while_starting()
    from uptake.cli.app import app
    from uptake.cli.errors import told

    with told():
        app()
    sys.exit(Exit.DONE)


def _is_process(arguments: list[str]) -> bool:
    """Whether it runs until it is told to end. A single comparison does not: one that was cut
    off has not found that all is equal, and must not end with DONE."""
    match arguments:
        case ["reconcile", *options]:
            return any(each.split("=")[0] == "--every" for each in options)
        case [name, *_]:
            return name in _PROCESSES
    return False
