"""The command `uptake`: one file a group of commands. Heavy imports happen inside commands."""

import sys


def main() -> None:
    """Run the command line; never returns."""
    from uptake.cli.app import app
    from uptake.cli.errors import told

    with told():
        app()
    sys.exit(0)
