"""Options that several commands share, and the settings they lead to."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from schemas.settings import Settings
from schemas.settings_load import CONFIG_VARIABLE, Loaded, load

DEFAULT_DATA = Path(".uptake")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Settings (TOML), or the run.json of a running `uptake up`. Default: the file that "
        f"{CONFIG_VARIABLE} names, else {DEFAULT_DATA}/run.json where there is one.",
        dir_okay=False,
    ),
]
ProcessConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help=f"Settings (TOML). Default: the file that {CONFIG_VARIABLE} names.",
        dir_okay=False,
    ),
]


def client_config(config: Path | None) -> Path | None:
    """The file of a command that talks to a running Uptake."""
    if config is not None or os.environ.get(CONFIG_VARIABLE):
        return config
    known = DEFAULT_DATA / "run.json"
    return known if known.exists() else None


def client_settings(config: Path | None) -> Loaded:
    """Settings of a command that talks to a running Uptake. Raises SettingsError."""
    return load(client_config(config))


def process_settings(config: Path | None) -> Settings:
    """Settings of a process, and its log on standard error. Raises SettingsError."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    return load(config).settings
