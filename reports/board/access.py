"""Who may see which cohorts: by a key of their own, or by the header of a reverse proxy.

A viewer's grants are a list such as `["team:Alder", "region:North"]`; `*` is everybody. A page
asks for a cohort; one that is not granted is answered as if it did not exist.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest
from time import time
from typing import NamedTuple

from reports.board.read import EVERYBODY, Cohort
from schemas.settings import BoardSettings, ViewerSettings

COOKIE = "uptake_board"
SESSION_SECONDS = 12 * 3600
_ALL = "*"


class Viewer(NamedTuple):
    """Somebody who has been let in. `learner` and `issuer`: who they are in events; empty: not
    known."""

    name: str
    grants: tuple[str, ...]
    learner: str = ""
    issuer: str = ""

    def may_see(self, cohort: Cohort) -> bool:
        """Whether this cohort's numbers are granted."""
        return _ALL in self.grants or f"{cohort.kind}:{cohort.name}" in self.grants

    def visible(self, cohorts: Sequence[Cohort]) -> list[Cohort]:
        """Those of `cohorts` that may be seen."""
        return [cohort for cohort in cohorts if self.may_see(cohort)]

    @property
    def may_see_all(self) -> bool:
        """Whether the pages that know no cohorts (pipeline) are granted."""
        return self.may_see(EVERYBODY)


class Access:
    """The viewers of the settings. Raises ValueError for settings that contradict themselves."""

    def __init__(self, settings: BoardSettings) -> None:
        self._viewers = {viewer.name: viewer for viewer in settings.viewers}
        if len(self._viewers) < len(settings.viewers):
            raise ValueError("board.viewers: names must differ from each other")
        if any(not viewer.key and not settings.user_header for viewer in settings.viewers):
            raise ValueError("board.viewers: without board.user_header every viewer needs a key")
        self._header = settings.user_header.lower()
        self._secret = secrets.token_bytes(32)

    @property
    def open(self) -> bool:
        """Nobody is named: whoever reaches the page may see everything (loopback only)."""
        return not self._viewers and not self._header

    @property
    def by_header(self) -> bool:
        """A reverse proxy says who it is; there is no page to log in."""
        return bool(self._header)

    def by_key(self, key: str) -> Viewer | None:
        """The viewer whose key this is; all are compared, in constant time."""
        found = None
        for viewer in self._viewers.values():
            if viewer.key and compare_digest(viewer.key.encode(), key.encode()):
                found = _viewer(viewer)
        return found

    def session(self, viewer: Viewer) -> str:
        """The value of a cookie that stands for the viewer for SESSION_SECONDS."""
        until = int(time()) + SESSION_SECONDS
        name = urlsafe_b64encode(viewer.name.encode()).decode()
        return f"{name}.{until}.{self._sign(name, until)}"

    def token(self, viewer: Viewer) -> str:
        """What a form of this viewer carries: another site cannot know it."""
        return self._keyed(f"form {viewer.name}")

    def is_token(self, viewer: Viewer, token: str) -> bool:
        """Whether a form came from a page that this process drew for this viewer."""
        return compare_digest(self.token(viewer).encode(), token.encode())

    def viewer(self, cookie: str | None, header: str | None) -> Viewer | None:
        """Who asks; None: nobody we know."""
        if self.open:
            return Viewer("", (_ALL,))
        if self._header:
            return self._named(header or "")
        return self._of_session(cookie or "")

    def header_name(self) -> str:
        """The header of the reverse proxy, in small letters; empty: none."""
        return self._header

    def _of_session(self, cookie: str) -> Viewer | None:
        name, _, rest = cookie.partition(".")
        until, _, signature = rest.partition(".")
        if not until.isdigit() or int(until) < time():
            return None
        if not compare_digest(self._sign(name, int(until)).encode(), signature.encode()):
            return None
        for viewer in self._viewers.values():
            if urlsafe_b64encode(viewer.name.encode()).decode() == name:
                return _viewer(viewer)
        return None

    def _named(self, name: str) -> Viewer | None:
        viewer = self._viewers.get(name)
        return None if viewer is None else _viewer(viewer)

    def _sign(self, name: str, until: int) -> str:
        return self._keyed(f"session {name}.{until}")

    def _keyed(self, text: str) -> str:
        return blake2b(text.encode(), key=self._secret, digest_size=24).hexdigest()


def _viewer(settings: ViewerSettings) -> Viewer:
    return Viewer(settings.name, tuple(settings.cohorts), settings.learner, settings.issuer)
