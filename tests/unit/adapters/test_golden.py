"""Each file `<case>.csv|jsonl` under tests/golden/<adapter> has its expected events beside it."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from schemas.adapters import crm_pipeline, crm_teams, fun_mooc, servicenow

GOLDEN = Path(__file__).parents[2] / "golden"


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _statements(text: str) -> Iterable[object]:
    lines = text.encode().splitlines(keepends=True)
    return [
        {"at": fun_mooc.occurred_at(statement), "statement": json.loads(statement)}
        for statement in fun_mooc.statements(lines)
    ]


ADAPTERS: dict[str, Callable[[str], Iterable[object]]] = {
    "crm_pipeline": lambda text: crm_pipeline.events(_rows(text)),
    "crm_teams": lambda text: crm_teams.lines(_rows(text)),
    "fun_mooc": _statements,
    "servicenow": lambda text: servicenow.events(_rows(text)),
}


def _inputs() -> list[Path]:
    files = (path for path in GOLDEN.glob("*/*") if path.parent.name in ADAPTERS)
    return sorted(path for path in files if ".expected" not in path.name)


def _expectation(path: Path) -> Path:
    return path.with_name(f"{path.stem}.expected.json")


@pytest.mark.parametrize("path", _inputs(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pair(path: Path) -> None:
    made = list(ADAPTERS[path.parent.name](path.read_text()))
    expectation = _expectation(path)
    assert expectation.exists(), f"write {expectation.name}; made now: {json.dumps(made, indent=1)}"
    assert made == json.loads(expectation.read_text())


def test_every_adapter_has_a_pair() -> None:
    assert {path.parent.name for path in _inputs()} == set(ADAPTERS)


def test_every_expectation_has_an_input() -> None:
    expected = {path for name in ADAPTERS for path in (GOLDEN / name).glob("*.expected.json")}
    assert expected == {_expectation(path) for path in _inputs()}
