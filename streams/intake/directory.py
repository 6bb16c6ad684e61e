"""The directories of learners, assets and consent: files and requests -> `uptake.directory`.

A learner line has `learner`, and of `issuer`, `team`, `manager`, `region`, `eligible`, `since`,
`removed` what is known; an asset line has `asset_id`, and of `kind`, `module`, `title`, `removed`,
`quality` (0 to 1).
Consent comes by itself: `learner`, and of `issuer`, `opted_out`, `notes`, `removed`.
A file is CSV with these names in its first line, or JSON: an array, or one object a line.

A record's key is the kind and the learner's pseudonym (or the asset's id), so that the topic can
be compacted; its value is a LearnerEntry, AssetEntry or ConsentEntry. No identifier of a person
gets there.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from schemas import identity, times
from schemas.adapters import crm_teams
from schemas.consent import ConsentEntry
from schemas.ids import Pseudonym
from schemas.records import AssetEntry, LearnerEntry, encode
from schemas.settings import PrivacySettings, Settings
from schemas.topics import DIRECTORY
from schemas.xapi.errors import Invalid, Reason
from streams.intake.pseudonym import pseudonymiser
from streams.intake.writer import Writer

Entry = LearnerEntry | AssetEntry | ConsentEntry
LEARNER_COLUMNS = ("learner", "issuer", "team", "manager", "region", "eligible", "since", "removed")
ASSET_COLUMNS = ("asset_id", "kind", "module", "title", "removed", "quality")
CONSENT_COLUMNS = ("learner", "issuer", "opted_out", "notes", "removed")
MAX_TEXT = 200
MAX_ASSET_ID = 2_000

_LEARNER_KEY = b"learner/"
_ASSET_KEY = b"asset/"
_CONSENT_KEY = b"consent/"
_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})
_WAIT_SECONDS = 30.0
_decode_learner = msgspec.msgpack.Decoder(LearnerEntry).decode
_decode_asset = msgspec.msgpack.Decoder(AssetEntry).decode
_decode_consent = msgspec.msgpack.Decoder(ConsentEntry).decode
_Known = Mapping[str, Sequence[str]]
"""The column that tells what a line is about -> all that it may have."""
_DIRECTORY: _Known = {"learner": LEARNER_COLUMNS, "asset_id": ASSET_COLUMNS}
_CONSENT: _Known = {"learner": CONSENT_COLUMNS}


class DirectoryError(Invalid):
    """A line that can never be valid. `line` counts from 1, as editors do; `field` names the
    column; `position` counts the entries from 0."""

    def __init__(self, reason: Reason, line: int, field: str, rule: str, position: int) -> None:
        super().__init__(reason, field, rule, position)
        self.line = line

    def __str__(self) -> str:
        column = f", column {self.field}" if self.field else ""
        return f"line {self.line}{column}: {self.rule}"


class _Row(NamedTuple):
    """One line, its values still as they were written."""

    line: int
    position: int
    values: Mapping[str, object]

    def wrong(self, field: str, rule: str, reason: Reason = "bad-value") -> DirectoryError:
        return DirectoryError(reason, self.line, field, rule, self.position)

    def text(self, field: str, limit: int = MAX_TEXT) -> str:
        """The value as text without spaces around it; empty when it is not given."""
        value = self.values.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(field, "expected text", "wrong-type")
        value = value.strip()
        if len(value) > limit:
            raise self.wrong(field, f"expected at most {limit} characters")
        if not value.isprintable():
            raise self.wrong(field, "expected text without control characters")
        return value

    def flag(self, field: str, otherwise: bool) -> bool:
        value = self.values.get(field)
        if isinstance(value, bool):
            return value
        text = self.text(field).lower()
        if text in _YES or text in _NO:
            return text in _YES
        if text:
            raise self.wrong(field, "expected true or false")
        return otherwise

    def share(self, field: str) -> float | None:
        """A number from 0 to 1; None when it is not given."""
        value = self.values.get(field)
        if not isinstance(value, int | float) or isinstance(value, bool):
            text = self.text(field)
            if not text:
                return None
            try:
                value = float(text)
            except ValueError:
                raise self.wrong(field, "expected a number from 0 to 1") from None
        if not 0 <= value <= 1:
            raise self.wrong(field, "expected a number from 0 to 1")
        return float(value)

    def moment(self, field: str) -> int:
        """Milliseconds since 1970 UTC; 0 when it is not given."""
        value = self.values.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            if not 0 <= value < times.LATEST_MS:
                raise self.wrong(field, "expected milliseconds since 1970", "bad-time")
            return value
        text = self.text(field)
        try:
            if len(text) == len("2026-01-31"):
                text = f"{text}T00:00:00Z"
            return times.milliseconds(text, field) if text not in ("", "0") else 0
        except Invalid as error:
            raise self.wrong(field, "expected a date or a timestamp", error.reason) from None


def entries(
    data: bytes, settings: PrivacySettings, pseudonym: Pseudonym, changed_at: int
) -> list[Entry]:
    """Every line of a file or request body; the teams of the sales pipeline export too.
    `changed_at` (ms) is the time of the change.

    Raises DirectoryError for the first line that is wrong; then nothing of it is to be used.
    """
    rows = _rows(crm_teams.translated(data), _DIRECTORY)
    return [_entry(row, settings, pseudonym, changed_at) for row in rows]


def consents(data: bytes, pseudonym: Pseudonym, changed_at: int) -> list[Entry]:
    """As `entries`, of lines of consent."""
    return [
        ConsentEntry(
            pseudonym(*_who(row)),
            row.flag("opted_out", False),
            row.flag("notes", False),
            row.flag("removed", False),
            changed_at,
        )
        for row in _rows(data, _CONSENT)
    ]


def record(entry: Entry) -> tuple[bytes, bytes]:
    """Key and value on `uptake.directory`."""
    return key_of(entry), encode(entry)


def key_of(entry: Entry) -> bytes:
    """The key of its record: the same for all that say something of the same."""
    if isinstance(entry, AssetEntry):
        return _ASSET_KEY + entry.asset_id.encode()
    kind = _LEARNER_KEY if isinstance(entry, LearnerEntry) else _CONSENT_KEY
    return kind + entry.learner.hex().encode()


def entry_of(key: bytes | None, value: bytes | None, timestamp: int) -> Entry:
    """A record of `uptake.directory` -> entry; one without a value removes what its key names.

    Raises ValueError (msgspec's errors are such) when it is no record of that topic.
    """
    if key is not None and key.startswith(_LEARNER_KEY):
        whose = key[len(_LEARNER_KEY) :]
        return _of_person(whose, value, timestamp, LearnerEntry, _decode_learner)
    if key is not None and key.startswith(_CONSENT_KEY):
        whose = key[len(_CONSENT_KEY) :]
        return _of_person(whose, value, timestamp, ConsentEntry, _decode_consent)
    if key is not None and key.startswith(_ASSET_KEY):
        if value is None:
            asset_id = key[len(_ASSET_KEY) :].decode()
            return AssetEntry(asset_id, removed=True, changed_at=timestamp)
        return _decode_asset(value)
    raise ValueError("the key names no learner, asset or consent")


_OfPerson = TypeVar("_OfPerson", LearnerEntry, ConsentEntry)


def _of_person(
    whose: bytes,
    value: bytes | None,
    timestamp: int,
    made: type[_OfPerson],
    decode: Callable[[bytes], _OfPerson],
) -> _OfPerson:
    """`whose`: the pseudonym in hexadecimal digits, as the key ends with it."""
    learner = bytes.fromhex(whose.decode("ascii"))
    if value is None:
        return made(learner, removed=True, changed_at=timestamp)
    entry = decode(value)
    if entry.learner != learner:
        raise ValueError("key and value are about different learners")
    return entry


def load(
    settings: Settings, file: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Write a file's lines to `uptake.directory`; return how many.

    Nothing is written when a line is wrong (DirectoryError). Raises OSError when the file can not
    be read, NoKey without a pseudonym key, NotWritten when Kafka does not take it in time.
    `progress` is told (acknowledged, all).
    """
    pseudonym = pseudonymiser(settings.privacy)
    lines = entries(file.read_bytes(), settings.privacy, pseudonym, int(time.time() * 1000))
    write(settings, lines, progress)
    return len(lines)


def load_consents(settings: Settings, file: Path) -> int:
    """As `load`, of lines of consent."""
    lines = consents(file.read_bytes(), pseudonymiser(settings.privacy), int(time.time() * 1000))
    write(settings, lines)
    return len(lines)


def write(
    settings: Settings,
    lines: Sequence[Entry],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write entries to `uptake.directory`. Raises NotWritten."""
    writer = Writer(settings.kafka, "uptake-directory")
    for line in lines:
        key, value = record(line)
        writer.write(DIRECTORY, value, key=key)
        progress(writer.acknowledged, len(lines))
    writer.finish(_WAIT_SECONDS)
    progress(writer.acknowledged, len(lines))


def _rows(data: bytes, known: _Known) -> Iterator[_Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DirectoryError("bad-value", line, "", "expected text in UTF-8", 0) from None
    match text.lstrip()[:1]:
        case "":
            raise DirectoryError("empty", 1, "", "there is nothing in it", 0)
        case "[":
            return _json_array(text, known)
        case "{":
            return _json_lines(text, known)
    return _csv(text, known)


def _csv(text: str, known: _Known) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader)]
        _check_names(_Row(1, 0, dict.fromkeys(names)), known)
        position = 0
        for cells in reader:
            if not any(cells):
                continue
            row = _Row(reader.line_num, position, dict(zip(names, cells, strict=False)))
            if len(cells) != len(names):
                raise row.wrong("", f"expected {len(names)} columns, found {len(cells)}")
            yield row
            position += 1
    except csv.Error as error:
        raise DirectoryError("bad-value", reader.line_num, "", str(error), 0) from None


def _json_lines(text: str, known: _Known) -> Iterator[_Row]:
    position = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _row_of(_json(line, number), number, position, known)
            position += 1


def _json_array(text: str, known: _Known) -> Iterator[_Row]:
    """The line of an entry in an array is not known: it is counted as if each had its own."""
    items = _json(text, 1)
    if not isinstance(items, list):
        raise DirectoryError("wrong-type", 1, "", "expected an array of objects", 0)
    for position, item in enumerate(items):
        yield _row_of(item, position + 1, position, known)


def _json(text: str, line: int) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise DirectoryError("not-json", line, "", "expected JSON", 0) from None


def _row_of(item: object, line: int, position: int, known: _Known) -> _Row:
    if not isinstance(item, dict):
        raise DirectoryError("wrong-type", line, "", "expected an object", position)
    row = _Row(line, position, item)
    _check_names(row, known)
    return row


def _check_names(row: _Row, known: _Known) -> None:
    for key, columns in known.items():
        if key not in row.values:
            continue
        if any(name not in columns for name in row.values):
            raise row.wrong("", f"expected columns among {', '.join(columns)}", "unknown-field")
        return
    raise row.wrong("", f"expected a column {' or '.join(known)}", "missing-field")


def _entry(row: _Row, settings: PrivacySettings, pseudonym: Pseudonym, changed_at: int) -> Entry:
    removed = row.flag("removed", False)
    if "asset_id" in row.values:
        asset_id = row.text("asset_id", MAX_ASSET_ID)
        if not asset_id:
            raise row.wrong("asset_id", "required", "missing-field")
        kind, module, title = (row.text(name) for name in ("kind", "module", "title"))
        quality = row.share("quality")
        return AssetEntry(asset_id, kind, module, title, removed, changed_at, quality)
    who, issuer = _who(row), row.text("issuer")
    manager = row.text("manager")
    if manager and settings.manager_labels == "pseudonym":
        # The same as the manager has as a learner of that tool.
        manager = pseudonym(*identity.of_learner("", manager, issuer or who[0])).hex()
    return LearnerEntry(
        pseudonym(*who),
        row.text("team"),
        manager,
        row.text("region"),
        row.flag("eligible", True),
        row.moment("since"),
        removed,
        changed_at,
    )


def _who(row: _Row) -> tuple[str, str]:
    learner = row.text("learner")
    if not learner:
        raise row.wrong("learner", "required", "missing-field")
    who = identity.of_learner("", learner, row.text("issuer"))
    if not who[0]:
        raise row.wrong("issuer", "required where learner is no mail address", "missing-field")
    return who
