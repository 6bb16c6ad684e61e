"""What changes the fingerprint of state, and what does not; what is done with a wrong one."""

from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from schemas.records import Fingerprint
from schemas.settings import KafkaSettings, Settings, WorkerSettings
from schemas.stopping import Exit
from streams.state import fingerprint
from streams.state.errors import ForeignWriter, StateOutdated, exit_code
from streams.state.rows import EpochRows

_CATALOG = (files("streams.catalog") / "catalog.toml").read_text("utf-8")
_VOCABULARY = (files("schemas") / "vocabulary.toml").read_text("utf-8")
_BUNDLED = fingerprint.of(Settings())


def _of(folder: Path, catalog: str = _CATALOG, vocabulary: str = _VOCABULARY) -> Fingerprint:
    paths = []
    for name, text in (("catalog", catalog), ("vocabulary", vocabulary)):
        path = folder / f"{name}.toml"
        path.write_text(text, "utf-8")
        paths.append(str(path))
    return fingerprint.of(Settings(worker=WorkerSettings(catalog=paths[0], vocabulary=paths[1])))


def _changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_words_for_people_change_nothing(tmp_path: Path) -> None:
    other = _changed(_CATALOG, 'title = "Active learners"', 'title = "People who are there"')
    other = _changed(other, 'settle = "28d"', 'settle = "29d"')
    assert _of(tmp_path, catalog="# a comment\n" + other) == _BUNDLED
    assert _of(tmp_path, vocabulary="# a comment\n" + _VOCABULARY) == _BUNDLED


def test_what_counts_otherwise_is_told_apart(tmp_path: Path) -> None:
    within = _of(tmp_path, catalog=_changed(_CATALOG, 'within = "28d"', 'within = "27d"'))
    assert fingerprint.differences(within, _BUNDLED) == "catalog"
    verbs = _changed(_VOCABULARY, "as:resolve", "as:dissolve")
    assert fingerprint.differences(_of(tmp_path, vocabulary=verbs), _BUNDLED) == "vocabulary"
    wide = fingerprint.of(Settings(kafka=KafkaSettings(partitions=5)))
    assert fingerprint.differences(wide, _BUNDLED) == "number of partitions (5)"
    newer = msgspec.structs.replace(_BUNDLED, format=_BUNDLED.format + 1)
    assert fingerprint.differences(newer, _BUNDLED) == f"format ({newer.format})"


def _written(made_by: Fingerprint | None) -> EpochRows:
    """State as a worker finds it that another one has left."""
    rows = EpochRows()
    rows.begin_at(0)
    if made_by is not None:
        fingerprint.sign(rows, made_by, "learners/0")
        # A stage weighs its rows before it takes the first record.
        assert not list(rows.changed())
    rows.put(b"k", 1)
    rows.position = 3
    sealed = rows.seal()
    found = EpochRows()
    assert found.fold(sealed.record, 0)
    return found


def test_new_state_is_signed_and_read_by_the_same() -> None:
    found = _written(_BUNDLED)
    fingerprint.sign(found, _BUNDLED, "learners/0")
    assert not list(found.changed())


@pytest.mark.parametrize(
    ("made_by", "told"),
    [
        (msgspec.structs.replace(_BUNDLED, catalog="x", partitions=7), "catalog, number of par"),
        (None, "not known"),
    ],
)
def test_what_another_has_made_is_refused(made_by: Fingerprint | None, told: str) -> None:
    with pytest.raises(StateOutdated, match=f"learners/0 .*{told}.*uptake rebuild-state") as caught:
        fingerprint.sign(_written(made_by), _BUNDLED, "learners/0")
    assert exit_code(caught.value) == Exit.REBUILD
    assert exit_code(ForeignWriter("x")) == 1
