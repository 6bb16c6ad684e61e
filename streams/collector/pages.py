"""The routes that take nothing in: what this is, how it is, and what it does not do."""

from functools import cache
from html import escape

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.topics import SOURCES
from schemas.version import VERSION
from streams.collector.openapi import document
from streams.collector.request import Request
from streams.collector.responses import Answer, Refusal, json_answer, text_answer

_XAPI_VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")

_EVENT = """{
  "learner": "agent-17",
  "verb": "as:resolve",
  "object": {"id": "https://tickets.example.com/4711", "type": "as:issue"},
  "occurred_at": "2026-01-05T09:30:00Z"
}"""

_HOME = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Uptake collector</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto;
  padding: 0 1rem }}
pre {{ background: #f3f3f0; color: #1a1a1a; padding: .8rem; overflow-x: auto }}
td {{ padding: .1rem 1.2rem .1rem 0; vertical-align: top }}
</style>
<h1>Uptake collector</h1>
<p>Tools send here what people did: statements of xAPI 1.0, or events in a compact form of our own.
An answer of 200 or 204 means that Kafka has written the event durably. Everything else about it
is read from ClickHouse.</p>
<h2>Send a first event</h2>
<p>Put a write key in place of <code>NAME:SECRET</code>. With <code>uptake up</code> it stands in
the file <code>run.json</code>; elsewhere in the setting <code>collector.keys</code>.</p>
<pre>curl -u NAME:SECRET -H 'Content-Type: application/json' -d '{escape(_EVENT, quote=False)}' \\
  http://HOST:PORT/events/ticketing</pre>
<h2>What there is</h2>
<table>
<tr><td>POST, PUT <code>/xapi/statements</code><td>statements; in a learning tool's LRS setting,
  give the address <code>http://HOST:PORT/xapi</code> and a key's name and secret
<tr><td>POST <code>/events/{{{"|".join(SOURCES)}}}</code><td>compact events, one or an array
<tr><td>GET <code>/assign/NAME?learner=...&amp;issuer=...</code><td>the variant of an experiment
<tr><td>POST <code>/directory</code><td>lines of the learner or asset directory
<tr><td>POST <code>/consent</code><td>what people decided about data on them
<tr><td>POST <code>/observations</code><td>what a manager saw somebody do
<tr><td><a href="/openapi.json"><code>/openapi.json</code></a><td>all of it, exactly
<tr><td><a href="/xapi/about"><code>/xapi/about</code></a><td>versions of xAPI
<tr><td><a href="/metrics"><code>/metrics</code></a>, <a href="/healthz"><code>/healthz</code></a>,
  <a href="/readyz"><code>/readyz</code></a><td>for whoever operates it
</table>
<p>Version {VERSION}. Reading statements back over xAPI is not implemented.</p>
</html>
"""


async def home(_: Request) -> Answer:
    """GET /: a page for people."""
    return text_answer(_HOME, "text/html; charset=utf-8")


async def about(_: Request) -> Answer:
    """GET /xapi/about: which versions of xAPI are spoken."""
    return json_answer({"version": _XAPI_VERSIONS})


async def healthz(_: Request) -> Answer:
    """GET /healthz: the process answers."""
    return text_answer("ok\n")


async def metrics(_: Request) -> Answer:
    """GET /metrics: in the text form of Prometheus."""
    return text_answer(generate_latest().decode(), CONTENT_TYPE_LATEST)


async def openapi_json(_: Request) -> Answer:
    """GET /openapi.json: the description of this interface."""
    return Answer(200, _openapi(), ((b"content-type", b"application/json"),))


async def not_implemented(_: Request) -> Answer:
    """Everything of xAPI that reads, and the documents beside the statements."""
    message = (
        "Not implemented: this collector takes statements in. They are read in ClickHouse, in the "
        "view uptake.events. State, profiles and agents are not kept."
    )
    raise Refusal(501, "not-implemented", message)


@cache
def _openapi() -> bytes:
    return msgspec.json.encode(document())
