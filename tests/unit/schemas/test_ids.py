"""Same event, same id."""

import contextlib
import copy
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import identity, ids
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes, uuid_text
from schemas.xapi.read import read

BO = {"openid": "https://id.example.com/bo"}
ANN = {"mbox": "mailto:ann@example.com"}
STATEMENT: dict[str, Any] = {
    "actor": {"objectType": "Group", "member": [BO, ANN]},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
    "object": {"id": "https://example.com/a", "definition": {"name": {"en": "A"}}},
    "result": {"score": {"scaled": 1}, "extensions": {"https://example.com/x": [1, 2.5, None]}},
    "context": {
        "registration": "5a1f3f0e-2a55-4a6e-9c52-6a1fd0bd3a3e",
        "contextActivities": {"parent": [{"id": "https://example.com/p"}]},
        "instructor": {"mbox": "mailto:Rae@Example.com"},
    },
    "timestamp": "2026-11-22T15:04:05.120Z",
}


def id_of(statement: dict[str, Any], **kwargs: Any) -> bytes:
    found, _, _ = read(json.dumps(statement, **kwargs).encode())
    return ids.of_statement(ids.NAMESPACE, found)


def changed(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(STATEMENT) | parts


EQUAL = {
    "order of members": changed(actor={"member": [ANN, BO], "objectType": "Group"}),
    "case of a mail domain": changed(
        actor={"objectType": "Group", "member": [BO, {"mbox": "mailto:ann@EXAMPLE.com"}]}
    ),
    "time zone": changed(timestamp="2026-11-22T16:04:05.12+01:00"),
    "number forms": changed(
        result={
            "extensions": {"https://example.com/x": [1.0, 2.50, None]},
            "score": {"scaled": 1.0},
        }
    ),
    "definition": changed(object={"id": "https://example.com/a", "objectType": "Activity"}),
    "display": changed(verb={"id": "http://adlnet.gov/expapi/verbs/completed"}),
    "store's own": changed(version="1.0.3", stored="2026-11-22T15:04:06Z", authority=BO),
    "single activity": changed(
        context={
            "registration": "5A1F3F0E-2A55-4A6E-9C52-6A1FD0BD3A3E",
            "contextActivities": {"parent": {"id": "https://example.com/p"}},
            "instructor": {"objectType": "Agent", "mbox": "mailto:Rae@example.com"},
        }
    ),
    "attachments": changed(attachments=[]),
}
DIFFERENT = {
    "actor": changed(actor=ANN),
    "verb": changed(verb={"id": "http://adlnet.gov/expapi/verbs/passed"}),
    "object": changed(object={"id": "https://example.com/b"}),
    "score": changed(result={"score": {"scaled": 0.99}}),
    "no result": {k: v for k, v in STATEMENT.items() if k != "result"},
    "a millionth later": changed(timestamp="2026-11-22T15:04:05.120001Z"),
    "parent": changed(context={"contextActivities": {"parent": []}}),
}


@pytest.mark.parametrize("statement", EQUAL.values(), ids=EQUAL.keys())
def test_equal_statements_have_one_id(statement: dict[str, Any]) -> None:
    assert id_of(statement) == id_of(STATEMENT)


@pytest.mark.parametrize("statement", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different_statements_have_different_ids(statement: dict[str, Any]) -> None:
    assert id_of(statement) != id_of(STATEMENT)


@given(st.permutations(list(STATEMENT)), st.sampled_from([None, 1, 4]))
def test_order_of_keys_and_blanks_do_not_matter(keys: list[str], indent: int | None) -> None:
    assert id_of({key: STATEMENT[key] for key in keys}, indent=indent) == id_of(STATEMENT)


def test_ids_are_uuids_of_version_5_and_belong_to_an_installation(
    pseudonym: Callable[[str, str], bytes],
) -> None:
    found, _, _ = read(json.dumps(STATEMENT).encode())
    here = ids.of_statement(ids.namespace(pseudonym), found)
    assert uuid.UUID(bytes=here).version == 5
    assert here != ids.of_statement(ids.NAMESPACE, found)


def test_a_record_without_id_and_time_is_named_by_its_place() -> None:
    places = [(0, 0, 1, 0), (1, 0, 1, 0), (0, 1, 1, 0), (0, 0, 2, 0), (0, 0, 1, 1)]
    assert len({ids.of_record(ids.NAMESPACE, *place) for place in places}) == len(places)
    assert ids.of_record(ids.NAMESPACE, 0, 0, 1, 0) == ids.of_record(ids.NAMESPACE, 0, 0, 1, 0)


@given(st.uuids())
def test_uuid_there_and_back(value: uuid.UUID) -> None:
    assert uuid_bytes(str(value), "id") == value.bytes
    assert uuid_bytes(str(value).upper(), "id") == value.bytes
    assert uuid_text(value.bytes) == str(value)


@given(st.text(max_size=40) | st.text("0123456789abcdef- ", min_size=36, max_size=36))
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert uuid_text(uuid_bytes(text, "id")) == text.lower()


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (("crm", "agent 7", ""), ("crm", "agent 7")),
        (("crm", "agent 7", "https://x.example"), ("https://x.example", "agent 7")),
        (("crm", "Ann@EXAMPLE.com", ""), ("mailto", "Ann@example.com")),
        (("crm", "mailto:Ann@EXAMPLE.com", "mailto"), ("mailto", "Ann@example.com")),
        (("crm", "ann@example.com", "hr"), ("hr", "ann@example.com")),
    ],
)
def test_who_a_learner_is(given_: tuple[str, str, str], expected: tuple[str, str]) -> None:
    assert identity.of_learner(*given_) == expected
