"""The OpenAPI document of the collector. A test holds it against the running server.

The schemas of bodies say what every accepted body fulfils; the rules of xAPI that JSON Schema
cannot state (dates that exist, one identifier an actor) are checked on top of them.
"""

from typing import Any

from schemas.experiments.definition import NAME
from schemas.topics import SOURCES
from schemas.version import VERSION
from streams.collector.assign import ROUTE
from streams.collector.shapes import SCHEMAS

Json = dict[str, Any]

_ERRORS = {
    400: "Never valid as sent: `error` names the field, the rule and the place in the array.",
    401: "No key, or one that is not known.",
    403: "The key is bound to another source.",
    408: "The body did not arrive in time.",
    413: "Too large, or too many events in one request.",
    415: "Content-Type or Content-Encoding that is not taken.",
    429: "The key sends too fast; come again after `Retry-After` seconds.",
    501: "Not implemented.",
    503: "Nothing can be taken now; come again after `Retry-After` seconds. Sending the same again "
    "does not count twice, but for statements with neither an id nor a timestamp.",
}
_ASSIGN_ERRORS = {
    400: "Not the parameters of this experiment.",
    401: _ERRORS[401],
    404: "No experiment has this name.",
    429: _ERRORS[429],
    503: "The experiments are not known yet, or the definition cannot be used.",
}
_WORD: Json = {"type": "string", "minLength": 1, "pattern": r"^[^\r\n]+$"}
_WRITE_ERRORS = (400, 401, 403, 408, 413, 415, 429, 503)
_READS = ("activities", "activities/profile", "activities/state", "agents", "agents/profile")
_DESCRIPTION = (
    "Takes in xAPI statements and compact events. An answer of 200 or 204 is given after Kafka "
    "has acknowledged every event of the request (acks=all); a request is taken wholly or not at "
    "all. Bodies may be packed (`Content-Encoding: gzip`). Statements are read in ClickHouse, not "
    "here: `X-Experience-API-Consistent-Through` therefore claims nothing later than 1970. A known "
    "id with other content is not answered 409, as xAPI asks, but set aside behind the log."
)


def document() -> Json:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Uptake collector",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/xapi/statements": _statements(),
            "/xapi/about": {"get": _about()},
            **{f"/xapi/{name}": {"get": _not_implemented(f"Read {name}.")} for name in _READS},
            **{f"/events/{source}": {"post": _events(source)} for source in SOURCES},
            "/directory": {"post": _directory()},
            "/consent": {"post": _consent()},
            "/observations": {"post": _observations()},
            ROUTE: {"get": _assign()},
            **_operational(),
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "Key name and secret"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "The key's secret"},
            },
        },
    }


def _statements() -> Json:
    statement: Json = {"$ref": "#/components/schemas/Statement"}
    several = {"type": "array", "items": statement}
    id_parameter = {
        "name": "statementId",
        "in": "query",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    return {
        "get": _not_implemented("Read statements."),
        "post": _write(
            "Store one statement or an array of them.",
            _json_body({"oneOf": [statement, several]}),
            {"200": _xapi_ok("The ids of the statements, in order.", _UUIDS)},
            xapi=True,
        ),
        "put": _write(
            "Store one statement under an id.",
            _json_body(statement),
            {"204": _xapi_ok("Stored.")},
            xapi=True,
            parameters=[id_parameter],
        ),
    }


def _events(source: str) -> Json:
    event: Json = {"$ref": "#/components/schemas/Event"}
    several = {"type": "array", "items": event}
    ids = {
        "type": "object",
        "required": ["ids"],
        "properties": {"ids": _UUIDS},
        "additionalProperties": False,
    }
    return _write(
        f"Store one compact event of the {source} tool, or an array of them.",
        _json_body({"oneOf": [event, several]}),
        {"200": _json("The ids of the events, in order.", ids)},
    )


def _directory() -> Json:
    accepted = {
        "type": "object",
        "required": ["accepted"],
        "properties": {"accepted": {"type": "integer", "minimum": 0}},
    }
    lines = {"type": "array", "items": {"$ref": "#/components/schemas/DirectoryLine"}}
    content = {"application/json": {"schema": lines}, "text/csv": {}}
    return _write(
        "Store lines of the learner directory or of the asset directory. Needs a key with "
        'source "*". Whether it is CSV, JSON or one object a line is told from the body.',
        {"required": True, "content": {**content, "application/x-ndjson": {}}},
        {"200": _json("How many lines were taken.", accepted)},
    )


def _consent() -> Json:
    lines = {"type": "array", "items": {"$ref": "#/components/schemas/ConsentLine"}}
    content = {"application/json": {"schema": lines}, "text/csv": {}}
    accepted = {"type": "object", "required": ["accepted"]}
    return _write(
        'Store what people decided about data on them. Needs a key with source "*".',
        {"required": True, "content": {**content, "application/x-ndjson": {}}},
        {"200": _json("How many lines were taken.", accepted)},
    )


def _observations() -> Json:
    taken = {
        "type": "object",
        "required": ["id", "tags", "text_length"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "text_length": {"type": ["integer", "null"]},
        },
        "additionalProperties": False,
    }
    return _write(
        "Store what somebody was seen doing at work. Whether that person opted out is not told.",
        _json_body({"$ref": "#/components/schemas/Observation"}),
        {"200": _json("Its id, and what was kept of the note.", taken)},
    )


def _assign() -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "query", "schema": _WORD, "description": text}
        for name, text in (
            ("learner", "The person's identifier, for an experiment by learner."),
            ("issuer", "Who gave it; when absent, as for an event sent with this key."),
            ("team", "The team's name in the directory, for an experiment by team."),
        )
    ]
    name = {"type": "string", "pattern": f"^{NAME}$"}
    parameters.append({"name": "experiment", "in": "path", "required": True, "schema": name})
    given = {
        "type": "object",
        "required": ["experiment", "variant", "running", "told"],
        "properties": {
            "experiment": {"type": "string"},
            "variant": {"type": "string"},
            "running": {
                "type": "boolean",
                "description": "False: everybody gets the control; report no exposure.",
            },
            "told": {"type": "string", "description": "What learners are told of it."},
        },
        "additionalProperties": False,
    }
    return {
        "summary": "Which variant of an experiment a learner or a team gets. It never changes "
        "while the definition stays. Report an exposure when it is shown, not when it is asked.",
        "security": [{"basic": []}, {"bearer": []}],
        "parameters": parameters,
        "responses": {
            "200": _json("The variant.", given),
            **{str(status): _error(_ASSIGN_ERRORS[status]) for status in _ASSIGN_ERRORS},
        },
    }


def _about() -> Json:
    version = {
        "type": "object",
        "required": ["version"],
        "properties": {"version": {"type": "array", "items": {"type": "string"}}},
    }
    answer = {**_json("Versions.", version), "headers": _VERSION_HEADER}
    return {"summary": "Versions of xAPI that are spoken.", "responses": {"200": answer}}


def _operational() -> Json:
    return {
        "/healthz": {"get": _text("The process answers.", "text/plain")},
        "/readyz": {
            "get": {
                "summary": "Whether events can be taken: Kafka answers and the topics are there.",
                "responses": {
                    "200": {"description": "Yes.", "content": {"text/plain": {}}},
                    "503": _error("No, and why."),
                },
            }
        },
        "/metrics": {"get": _text("Metrics in the text form of Prometheus.", "text/plain")},
        "/openapi.json": {
            "get": {
                "summary": "This document.",
                "responses": {"200": _json("OpenAPI 3.1.", {"type": "object"})},
            }
        },
        "/": {"get": _text("A page for people.", "text/html")},
    }


def _write(
    summary: str,
    body: Json,
    done: Json,
    *,
    xapi: bool = False,
    parameters: list[Json] | None = None,
) -> Json:
    errors = {str(status): _error(_ERRORS[status], xapi=xapi) for status in _WRITE_ERRORS}
    version = {
        "name": "X-Experience-API-Version",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": r"^1\.0(\.[0-9]+)?$"},
    }
    return {
        "summary": summary,
        "security": [{"basic": []}, {"bearer": []}],
        "parameters": [*([version] if xapi else []), *(parameters or [])],
        "requestBody": body,
        "responses": {**done, **errors},
    }


def _not_implemented(summary: str) -> Json:
    return {
        "summary": f"{summary} Not implemented: they are read in ClickHouse.",
        "responses": {"501": _error(_ERRORS[501])},
    }


def _json_body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _text(summary: str, content_type: str) -> Json:
    answer = {"description": summary, "content": {content_type: {"schema": {"type": "string"}}}}
    return {"summary": summary, "responses": {"200": answer}}


def _error(description: str, *, xapi: bool = False) -> Json:
    answer = _json(description, {"$ref": "#/components/schemas/Error"})
    return {**answer, "headers": _STATEMENTS_HEADERS} if xapi else answer


def _xapi_ok(description: str, schema: Json | None = None) -> Json:
    answer = {"description": description} if schema is None else _json(description, schema)
    return {**answer, "headers": _STATEMENTS_HEADERS}


_UUIDS: Json = {"type": "array", "items": {"type": "string", "format": "uuid"}}
_VERSION_HEADER: Json = {
    "X-Experience-API-Version": {"required": True, "schema": {"type": "string"}}
}
_STATEMENTS_HEADERS: Json = {
    **_VERSION_HEADER,
    "X-Experience-API-Consistent-Through": {
        "required": True,
        "schema": {"type": "string", "format": "date-time"},
    },
}
