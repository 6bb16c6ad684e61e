"""Find the values of the settings: defaults, then one file, then the environment.

The file is TOML with a table for each section. Two JSON forms are taken too, told apart by the
suffix `.json`: the `run.json` of a running `uptake up` (with the `settings.json` that lies beside
it), and settings written by `dump`. A setting `kafka.bootstrap` is `UPTAKE_KAFKA_BOOTSTRAP` in the
environment; lists and tables are JSON there.

Anything unknown or wrong is refused with a message that names the setting, where its value came
from and what was expected.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from schemas.expected import describe
from schemas.settings import SECRETS, Settings

PREFIX = "UPTAKE_"
CONFIG_VARIABLE = "UPTAKE_CONFIG"
RESERVED = frozenset({CONFIG_VARIABLE, "UPTAKE_CACHE"})
"""Variables that begin like a setting and are none."""

REFUSED = {
    "worker.standby_replicas": "there are no standby replicas: the rows of a partition are read "
    "back from its log at every rebalance, so a standby would be thrown away in the moment it is "
    "needed. Set worker.instance, so that a restarted worker has its partitions at once, or run "
    "more workers",
}
"""Settings that are asked for elsewhere and that there can not be here, each with the reason."""

MASK = "********"
DEFAULT = "default"
_KEY_LENGTH = 16


class SettingsError(Exception):
    """The settings cannot be used; the text has one line for each fault."""


@dataclass(frozen=True)
class Value:
    """One setting in force."""

    name: str
    value: object
    origin: str

    def shown(self) -> str:
        """The value as text, secrets masked."""
        if self.name in SECRETS:
            return MASK if self.value else "(not set)"
        if self.name == "kafka.security" and isinstance(self.value, dict):
            hidden = {key: MASK if _is_secret(key) else text for key, text in self.value.items()}
            return msgspec.json.encode(hidden).decode()
        return msgspec.json.encode(self.value).decode()


@dataclass(frozen=True)
class Loaded:
    """Settings, and where each value came from."""

    settings: Settings
    origins: Mapping[str, str]

    def values(self) -> Iterator[Value]:
        """Every setting, in the order of `schemas.settings`."""
        for section, fields in _SECTIONS.items():
            table = getattr(self.settings, section)
            for name in fields:
                full = f"{section}.{name}"
                yield Value(full, getattr(table, name), self.origins.get(full, DEFAULT))


@dataclass
class _Found:
    """Raw values by full name, each with its origin, and the faults met so far."""

    values: dict[str, tuple[object, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def _fields() -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for section in msgspec.structs.fields(Settings):
        fields = msgspec.structs.fields(section.type)
        sections[section.name] = {each.name: each.type for each in fields}
    return sections


_SECTIONS = _fields()
_TYPES = {
    f"{section}.{name}": kind
    for section, fields in _SECTIONS.items()
    for name, kind in fields.items()
}


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


_VARIABLES = {_variable(name): name for name in _TYPES}
_REFUSED_VARIABLES = {_variable(name): name for name in REFUSED}


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Loaded:
    """Settings from `path` (or the file that UPTAKE_CONFIG names) and the environment.

    Raises SettingsError.
    """
    variables = os.environ if environment is None else environment
    if path is None and variables.get(CONFIG_VARIABLE):
        path = Path(variables[CONFIG_VARIABLE])
    found = _Found()
    if path is not None:
        _from_file(path, found)
    _from_environment(variables, found)
    return _build(found)


def dump(settings: Settings) -> bytes:
    """Settings as JSON that `load` reads back. It holds secrets: file mode 0600."""
    return msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n"


def _is_secret(key: str) -> bool:
    return any(word in key for word in ("password", "secret", "key", "jaas", "token"))


def _from_file(path: Path, found: _Found) -> None:
    document = _read(path)
    if path.suffix == ".json" and "collector" in document and "pid" in document:
        beside = path.with_name("settings.json")
        if beside.exists():
            _from_tables(_read(beside), str(beside), found)
        document = _of_run(document, path)
    _from_tables(document, str(path), found)


def _read(path: Path) -> dict[str, Any]:
    """The file as a table. Raises SettingsError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        if path.suffix == ".json":
            return msgspec.json.decode(raw, type=dict[str, Any])
        return tomllib.loads(raw.decode())
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise SettingsError(f"{path}: is not {kind}: {error}") from error


def _of_run(run: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a client needs to reach a running `uptake up`, as tables of settings."""
    try:
        collector = urlsplit(run["collector"])
        return {
            "kafka": {"bootstrap": run["kafka"], "registry": run.get("registry") or ""},
            "clickhouse": {
                name: run["clickhouse"][name] for name in ("url", "user", "password", "database")
            },
            "collector": {
                "host": collector.hostname,
                "port": collector.port,
                "keys": [{"name": "local", "secret": run["key"], "source": "*"}],
            },
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path}: is no run.json of `uptake up`: {error!r}") from error


def _from_tables(document: Mapping[str, Any], origin: str, found: _Found) -> None:
    for section, table in document.items():
        if section not in _SECTIONS:
            hint = _hint(section, _SECTIONS)
            found.faults.append(f"[{section}] in {origin}: there is no such table{hint}")
        elif not isinstance(table, dict):
            found.faults.append(f"{section} in {origin}: expected a table [{section}]")
        else:
            for name, value in table.items():
                _put(f"{section}.{name}", value, origin, found)


def _put(name: str, value: object, origin: str, found: _Found) -> None:
    if name in _TYPES:
        found.values[name] = (value, origin)
        return
    found.faults.append(f"{name} in {origin}: {_unknown(name, name, _TYPES)}")


def _from_environment(variables: Mapping[str, str], found: _Found) -> None:
    for variable in sorted(variables):
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        name = _VARIABLES.get(variable)
        origin = f"environment ({variable})"
        if name is None:
            told = _unknown(_REFUSED_VARIABLES.get(variable, ""), variable, _VARIABLES)
            found.faults.append(f"{variable} in the environment: {told}")
            continue
        found.values[name] = (_parse(name, variables[variable]), origin)


def _parse(name: str, text: str) -> object:
    """The text of a variable as a plain value; left as it is where it cannot be one."""
    kind = msgspec.inspect.type_info(_TYPES[name])
    if isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.DictType):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    try:
        return msgspec.convert(text, _TYPES[name], strict=False)
    except msgspec.ValidationError:
        return text


def _unknown(name: str, given: str, known: Mapping[str, object]) -> str:
    """What is said of a setting that there is not: why, or which one may be meant."""
    if name in REFUSED:
        return REFUSED[name]
    return f"there is no such setting{_hint(given, known)}"


def _hint(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def _build(found: _Found) -> Loaded:
    tables: dict[str, dict[str, object]] = {section: {} for section in _SECTIONS}
    for name, (value, origin) in found.values.items():
        section, _, short = name.partition(".")
        try:
            tables[section][short] = msgspec.convert(value, _TYPES[name])
        except msgspec.ValidationError as error:
            found.faults.append(_fault(name, value, origin, error))
    _check(found)
    if found.faults:
        raise SettingsError("\n".join(found.faults))
    settings = msgspec.convert(
        {section: msgspec.to_builtins(table) for section, table in tables.items()}, Settings
    )
    return Loaded(settings, {name: origin for name, (_, origin) in found.values.items()})


def _fault(name: str, value: object, origin: str, error: msgspec.ValidationError) -> str:
    expected = describe(_TYPES[name])
    if name in SECRETS or name == "kafka.security":
        where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else ""
        return f"{name} from {origin}: expected {expected}{f' ({where})' if where else ''}"
    return f"{name} = {value!r} from {origin}: expected {expected}"


def _check(found: _Found) -> None:
    """Rules over more than a type."""
    key, origin = found.values.get("privacy.pseudonym_key", ("", ""))
    if isinstance(key, str) and 0 < len(key) < _KEY_LENGTH:
        found.faults.append(
            f"privacy.pseudonym_key from {origin}: expected at least {_KEY_LENGTH} characters"
        )
