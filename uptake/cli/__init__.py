"""The command `uptake`: one file a group of commands. Heavy imports happen inside commands."""

import sys

from schemas.stopping import Exit, leave_while_starting

_PROCESSES = frozenset(
    {"collector", "intake", "worker", "sink", "repair", "board", "store", "reconcile"}
    | {"up", "demo"}
)


def main() -> None:
    """Run the command line; never returns."""
    if sys.argv[1:2] and sys.argv[1] in _PROCESSES:
        leave_while_starting()
    from uptake.cli.app import app
    from uptake.cli.errors import told

    with told():
        app()
    sys.exit(Exit.DONE)
