"""The embedded store: chDB in a process of its own, behind the ClickHouse HTTP protocol."""

from pathlib import Path

from sinks.clickhouse.embedded.users import reader_password

__all__ = ["reader_password", "run"]


def run(data_dir: Path | str, host: str, port: int, password: str) -> None:
    """Serve the folder until SIGTERM or SIGINT; then finish what is in work and close.

    Users: `default` with `password`, and `reader` with `reader_password(password)`, who may only
    read. GET /ping answers as soon as it can be used.

    Raises engine.DataFolderInUse when another process has the folder, OSError when the address
    cannot be bound, ImportError when the extra `embedded` is not installed.
    """
    from sinks.clickhouse.embedded.process import serve

    serve(Path(data_dir), host, port, password)
