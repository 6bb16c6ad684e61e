"""Reporting back on a suggestion: the events a tool would send, through the collector.

The ids are made from who, what and which step, so that a second click is a resend and counts
nothing. The first answer stays.
"""

import logging
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import httpx

from reports.board.access import Viewer
from schemas import identity
from schemas.settings import KeySettings, Settings
from streams.intake.pseudonym import pseudonymiser

ANSWERS: Final = {"tried": None, "worked": True, "failed": False}
"""What can be reported back: tried, without a result yet; or how it went."""

_SOURCE = "lms"
_TYPE = "uptake:types/suggestion"
_TRIED = "adl:attempted"
_REPORTED = "adl:responded"
_IDS = UUID("b1f3c9a4-6c1d-5d0e-9a52-2f0d4d8e7c11")
_WAIT_SECONDS = 10.0
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_log = logging.getLogger(__name__)


class NotSent(Exception):
    """The collector did not take it. `why`: away, refused."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Suggestion(NamedTuple):
    """One that was offered to a viewer. Times are None where the step has not been seen;
    `worked` is None where nothing was said of it."""

    id: str
    kind: str
    offered: datetime
    tried: datetime | None
    reported: datetime | None
    worked: bool | None


class Reporter:
    """Raises ValueError when viewers are to report back and the settings leave no way; NoKey
    without the key of pseudonyms."""

    def __init__(self, settings: Settings) -> None:
        people = [viewer for viewer in settings.board.viewers if viewer.learner]
        self._pseudonym = pseudonymiser(settings.privacy) if people else None
        self._url = _url(settings)
        self._key = _key(settings)
        if people and self._key is None:
            raise ValueError(
                f"board.viewers: {people[0].name} has a learner, but no key of collector.keys "
                "writes lms, so nothing could be reported back"
            )

    def learner(self, viewer: Viewer) -> str:
        """The viewer's pseudonym as the views show it; empty: not known who they are."""
        if not viewer.learner or self._pseudonym is None:
            return ""
        who = identity.of_learner(_SOURCE, viewer.learner, viewer.issuer)
        return self._pseudonym(*who).hex()

    def send(self, viewer: Viewer, suggestion: Suggestion, answer: str) -> None:
        """`answer`: one of ANSWERS. Raises NotSent."""
        now = datetime.now(UTC)
        success = ANSWERS[answer]
        events = []
        if suggestion.tried is None:
            tried_at = now if success is None else now - timedelta(milliseconds=1)
            events.append(self._event(viewer, suggestion, _TRIED, tried_at))
        if success is not None:
            reported = self._event(viewer, suggestion, _REPORTED, now)
            events.append({**reported, "success": success})
        if events:
            self._post(events)

    def _event(
        self, viewer: Viewer, suggestion: Suggestion, verb: str, at: datetime
    ) -> dict[str, object]:
        named = f"{verb} {self.learner(viewer)} {suggestion.id}"
        issuer, learner = identity.of_learner(_SOURCE, viewer.learner, viewer.issuer)
        return {
            "id": str(uuid5(_IDS, named)),
            "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "learner": learner,
            "issuer": issuer,
            "verb": verb,
            "object": {"id": suggestion.id, "type": _TYPE},
            "attributes": {"kind": suggestion.kind} if suggestion.kind else {},
        }

    def _post(self, events: list[dict[str, object]]) -> None:
        secret = "" if self._key is None else self._key.secret
        try:
            # The proxy of the environment is for the world outside.
            with httpx.Client(timeout=_WAIT_SECONDS, trust_env=False) as client:
                answer = client.post(
                    f"{self._url}/events/{_SOURCE}",
                    json=events,
                    headers={"Authorization": f"Bearer {secret}"},
                )
        except httpx.HTTPError as error:
            _log.warning("the collector cannot be reached: %s", type(error).__name__)
            raise NotSent("away") from error
        if answer.is_success:
            return
        _log.warning("the collector answered %d", answer.status_code)
        again = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error
        raise NotSent("away" if again else "refused")


def _url(settings: Settings) -> str:
    if settings.board.collector:
        return settings.board.collector.rstrip("/")
    host = settings.collector.host
    return f"http://{_ANY_HOST.get(host, host)}:{settings.collector.port}"


def _key(settings: Settings) -> KeySettings | None:
    return next((key for key in settings.collector.keys if key.source in (_SOURCE, "*")), None)
