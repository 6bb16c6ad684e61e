"""Commands that prepare Kafka and the store; each may be run again and again."""

import typer

from uptake.cli.errors import Exit, fail
from uptake.cli.options import ConfigOption, client_settings

_PANEL = "Set-up"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (topics, migrate):
        app.command(rich_help_panel=_PANEL)(command)


def topics(config: ConfigOption = None) -> None:
    """Make the topics that are missing, and list all with their partitions and records."""
    from rich.console import Console
    from rich.table import Table

    from streams import admin
    from uptake.local.ends import reachable

    settings = client_settings(config).settings
    if not reachable(settings.kafka.bootstrap):
        raise fail(f"nothing answers at {settings.kafka.bootstrap}", Exit.MISSING)
    made = set(admin.ensure(settings))
    table = Table("topic", "partitions", "records", "")
    for topic in admin.describe(settings):
        note = "made" if topic.name in made else ""
        table.add_row(topic.name, str(topic.partitions), f"{topic.records:,}", note)
    Console().print(table)


def migrate(config: ConfigOption = None) -> None:
    """Bring the store's tables and views, and the catalog in it, to this version."""
    from sinks.clickhouse import migrate as migrations
    from streams.catalog.load import load, rows_for_store

    settings = client_settings(config).settings
    done = migrations.run(settings, rows_for_store(load(settings.worker.catalog)))
    typer.echo(f"Applied: {', '.join(map(str, done)) or 'nothing, all was there'}")
