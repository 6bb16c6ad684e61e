"""Errors as one clear message and an exit code instead of a traceback.

An error that is not in the list below is a fault of ours and keeps its traceback.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.stopping import Exit

__all__ = ["Exit", "fail", "told"]

_KINDS = [
    ("schemas.settings_load", "SettingsError", Exit.USAGE),
    ("schemas.experiments.definition", "DefinitionError", Exit.USAGE),
    ("schemas.vocabulary", "VocabularyError", Exit.USAGE),
    ("schemas.codec", "RegistryUnavailable", Exit.MISSING),
    ("sinks.clickhouse.errors", "TryAgain", Exit.MISSING),
    ("sinks.clickhouse.errors", "StoreError", Exit.FAILED),
    ("sinks.clickhouse.embedded.engine", "DataFolderInUse", Exit.MISSING),
    ("reports.stories.pdf", "NoPdf", Exit.MISSING),
    ("streams.admin", "TopicError", Exit.USAGE),
    ("streams.agents.security", "SecurityError", Exit.USAGE),
    ("streams.catalog.load", "CatalogError", Exit.USAGE),
    ("streams.intake.pseudonym", "NoKey", Exit.USAGE),
    ("streams.intake.directory", "DirectoryError", Exit.FAILED),
    ("streams.life", "RebuildUnfinished", Exit.REBUILD),
    ("uptake.dead_letters.replay", "NotReplayable", Exit.FAILED),
    ("streams.intake.store", "StoreUnavailable", Exit.MISSING),
    ("streams.intake.writer", "NotWritten", Exit.MISSING),
    ("uptake.challenges.definition", "ChallengesError", Exit.USAGE),
    ("uptake.experiments", "LooksError", Exit.USAGE),
    ("uptake.feed.errors", "FeedError", Exit.FAILED),
    ("uptake.local.errors", "LocalError", Exit.MISSING),
    ("uptake.local.settle", "Unsettled", Exit.TIMEOUT),
    ("uptake.rebuild_state.procedure", "StillAtWork", Exit.MISSING),
    ("uptake.rubrics.load", "RubricError", Exit.USAGE),
    ("uptake.rubrics.ratings_file", "RatingsError", Exit.USAGE),
]
"""Module, class and exit code. By name, so that nothing is imported for it."""


def fail(message: str, code: Exit) -> "SystemExit":
    """Print the message; raise what is returned."""
    print(f"uptake: {message}", file=sys.stderr)
    return SystemExit(int(code))


@contextmanager
def told() -> Iterator[None]:
    """Turn the errors that a user can do something about into a message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(int(Exit.INTERRUPTED)) from None
    except Exception as error:
        known = _known(error)
        if known is None:
            raise
        raise fail(*known) from None


def _known(error: Exception) -> tuple[str, Exit] | None:
    """Message and exit code. Looks only at modules that are loaded: the error came from there."""
    for module, name, code in _KINDS:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return str(error), code
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"the address is in use: {error}", Exit.MISSING
    kafka = getattr(sys.modules.get("confluent_kafka"), "KafkaException", None)
    if kafka is not None and isinstance(error, kafka):
        return f"Kafka: {error.args[0].str()}", Exit.MISSING
    return None
