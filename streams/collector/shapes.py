"""JSON Schemas of what the collector takes and of its refusals, for the OpenAPI document."""

from typing import Any

from schemas.ratings import SLUG
from streams.intake.directory import ASSET_COLUMNS, CONSENT_COLUMNS, LEARNER_COLUMNS

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_UUID: Json = {"type": "string", "format": "uuid"}
_IRI: Json = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*:", "maxLength": 2000}
_TIME: Json = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}",
    "description": "RFC 3339, from 1970 to 2099; without an offset it is UTC.",
    "examples": ["2026-01-05T09:30:00Z"],
}


def _object(required: list[str], properties: Json, *, closed: bool = True) -> Json:
    shape: Json = {"type": "object", "required": required, "properties": properties}
    return {**shape, "additionalProperties": False} if closed else shape


def _nullable(shape: Json) -> Json:
    return {**shape, "type": [shape["type"], "null"]}


_ACTOR = _object(
    [],
    {
        "objectType": {"enum": ["Agent", "Group"]},
        "name": _TEXT,
        "mbox": {"type": "string", "pattern": "^mailto:"},
        "mbox_sha1sum": {"type": "string", "pattern": "^[0-9A-Fa-f]{40}$"},
        "openid": _IRI,
        "account": _object(["homePage", "name"], {"homePage": _IRI, "name": _TEXT}),
        "member": {"type": "array", "items": {"type": "object"}},
    },
)

_SCORE = _object(
    [],
    {
        "scaled": {"type": "number", "minimum": -1, "maximum": 1},
        "raw": {"type": "number"},
        "min": {"type": "number"},
        "max": {"type": "number"},
    },
)

_RESULT = _object(
    [],
    {
        "score": _SCORE,
        "success": _FLAG,
        "completion": _FLAG,
        "response": _TEXT,
        "duration": {"type": "string", "pattern": "^P"},
        "extensions": {"type": "object"},
    },
)

_STATEMENT: Json = {
    **_object(
        ["actor", "verb", "object"],
        {
            "id": _UUID,
            "actor": {**_ACTOR, "description": "Exactly one of the four identifiers."},
            "verb": _object(["id"], {"id": _IRI, "display": {"type": "object"}}),
            "object": {
                "type": "object",
                "description": "An activity, agent, group, statement reference or sub-statement.",
            },
            "result": _RESULT,
            "context": {"type": "object"},
            "timestamp": _TIME,
            "stored": _TEXT,
            "authority": {"type": "object"},
            "version": {"type": "string", "pattern": r"^1\.0"},
            "attachments": {"type": "array", "items": {"type": "object"}},
        },
    ),
    "description": "A statement of xAPI 1.0.x; its rules hold in full. Null is allowed only inside "
    "extensions. Without an id it gets one made from its content, the same each time, or a random "
    "one when it has no timestamp either.",
    "examples": [
        {
            "actor": {"mbox": "mailto:ann@example.com"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
            "object": {"id": "https://lms.example.com/module/3"},
            "timestamp": "2026-01-05T09:30:00Z",
        }
    ],
}

_ATTRIBUTES: Json = {
    "type": ["object", "null"],
    "maxProperties": 32,
    "additionalProperties": {
        "type": ["boolean", "integer", "number", "string"],
        "maxLength": 200,
    },
    "description": "Short facts. Names: a letter, then letters, digits, `_`, `.` or `-`.",
}

_NUMBER: Json = {"type": ["number", "null"]}
_RATING: Json = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "description": "How well somebody found something, without any text.",
    "properties": {
        "levels": {
            "type": ["object", "null"],
            "maxProperties": 32,
            "additionalProperties": {"type": "number"},
            "description": "Criterion and level; the empty name is the whole.",
        },
        "lowest": {**_NUMBER, "description": "Lower end of the scale; with `highest`."},
        "highest": {**_NUMBER, "description": "Upper end of the scale."},
        "rater": {**_nullable(_TEXT), "description": "Who rated; replaced by a pseudonym."},
        "rater_issuer": {**_nullable(_TEXT), "description": "When absent, as for the learner."},
        "rubric": _nullable({**_TEXT, "pattern": f"^({SLUG})?$"}),
        "rubric_version": {"type": ["integer", "null"], "minimum": 0},
        "purpose": _nullable(_TEXT),
        "tags": {
            "type": ["array", "null"],
            "maxItems": 10,
            "items": {"type": "string", "pattern": f"^{SLUG}$"},
        },
        "text_length": {"type": ["integer", "null"], "minimum": 0},
    },
}

_OBSERVATION: Json = {
    **_object(
        ["learner", "observer", "behaviour", "purpose"],
        {
            "learner": {"type": "string", "minLength": 1, "maxLength": 1000},
            "issuer": {**_TEXT, "description": "Who gave the learner's identifier."},
            "observer": {"type": "string", "minLength": 1, "maxLength": 1000},
            "observer_issuer": {**_TEXT, "description": "When absent, as for the learner."},
            "behaviour": {
                "type": "string",
                "pattern": f"^{SLUG}$",
                "description": "What was seen, by its short name, such as a criterion's.",
            },
            "purpose": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "What it is kept for.",
            },
            "note": {
                "type": "string",
                "maxLength": 200,
                "description": "Kept are its length and those of its #tags that are on the "
                "organisation's list; the text only where it keeps notes, of people who agreed.",
            },
            "level": {**_NUMBER, "description": "How well, on a scale or by a rubric."},
            "lowest": _NUMBER,
            "highest": _NUMBER,
            "rubric": {**_TEXT, "pattern": f"^({SLUG})?$"},
            "rubric_version": {"type": "integer", "minimum": 0},
            "artefact": {**_TEXT, "maxLength": 2000, "description": "Id of the call, ticket, ..."},
            "occurred_at": {**_TIME, "description": "When absent, now."},
            "id": {**_UUID, "description": "Made when it is absent."},
        },
    ),
    "examples": [
        {
            "learner": "agent-17",
            "observer": "lead-2",
            "behaviour": "open-questions",
            "purpose": "coaching",
            "note": "Three in a row, then a summary #listening",
        }
    ],
}

_EVENT: Json = {
    **_object(
        ["occurred_at", "learner", "verb", "object"],
        {
            "id": {**_nullable(_UUID), "description": "Made from the content when it is absent."},
            "occurred_at": _TIME,
            "learner": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "description": "The person's identifier in the tool. It is replaced by a keyed "
                "pseudonym before anything is stored.",
            },
            "issuer": {**_nullable(_TEXT), "description": "Who gave that identifier."},
            "verb": {**_IRI, "description": "An IRI, or a short form such as `as:resolve`."},
            "object": _object(
                ["id", "type"],
                {"id": {"type": "string", "minLength": 1, "maxLength": 2000}, "type": _TEXT},
            ),
            "parent": _nullable(_TEXT),
            "success": _nullable(_FLAG),
            "completion": _nullable(_FLAG),
            "score": {"type": ["number", "null"], "minimum": -1, "maximum": 1},
            "duration_ms": {"type": ["integer", "null"], "minimum": 0},
            "attributes": _ATTRIBUTES,
            "rating": _RATING,
        },
    ),
    "examples": [
        {
            "occurred_at": "2026-01-05T09:30:00Z",
            "learner": "agent-17",
            "verb": "as:resolve",
            "object": {"id": "https://tickets.example.com/4711", "type": "as:issue"},
            "attributes": {"priority": 3},
        }
    ],
}

_DIRECTORY_LINE: Json = {
    "type": "object",
    "description": "With `learner`: what the directory says of a person. With `asset_id`: of a "
    "learning object.",
    "properties": {name: {} for name in (*LEARNER_COLUMNS, *ASSET_COLUMNS)},
    "additionalProperties": False,
    "oneOf": [{"required": ["learner"]}, {"required": ["asset_id"]}],
}

_CONSENT_LINE: Json = {
    **_object(["learner"], {name: {} for name in CONSENT_COLUMNS}),
    "description": "What a person decided. `opted_out`: nothing new of them is stored; `notes`: "
    "short notes on them may be; `removed`: as if they had never said anything.",
}

_ERROR = _object(
    ["error"],
    {
        "error": _object(
            ["field", "rule", "position", "message"],
            {
                "field": {"type": ["string", "null"], "description": "The part at fault."},
                "rule": {"type": "string", "description": "A short stable name."},
                "position": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "description": "The place in the array that was sent.",
                },
                "message": _TEXT,
            },
        )
    },
)

SCHEMAS: Json = {
    "Statement": _STATEMENT,
    "Event": _EVENT,
    "DirectoryLine": _DIRECTORY_LINE,
    "ConsentLine": _CONSENT_LINE,
    "Observation": _OBSERVATION,
    "Error": _ERROR,
}
"""Name -> schema, for `components.schemas`."""
