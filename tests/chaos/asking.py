"""Questions to the store, past all proxies and without the pipeline's client."""

import http.client
import json
import urllib.request
from typing import Final

from schemas.settings import ClickHouseSettings

_ANSWER_SECONDS: Final = 120.0


class Store:
    """A ClickHouse over HTTP."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._url = f"{settings.url}/?database={settings.database}"
        self._headers = {"X-ClickHouse-User": settings.user, "X-ClickHouse-Key": settings.password}

    def command(self, sql: str, seconds: float = _ANSWER_SECONDS) -> str:
        """What a statement answers. Raises OSError."""
        request = urllib.request.Request(self._url, data=sql.encode(), headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return str(answer.read().decode())
        except http.client.HTTPException as error:
            raise OSError(f"the store's answer was cut off: {error}") from error

    def rows(self, sql: str, seconds: float = _ANSWER_SECONDS) -> list[list[object]]:
        """Rows of a SELECT. Raises OSError."""
        text = self.command(f"{sql} FORMAT JSONCompactEachRow", seconds)
        return [json.loads(line) for line in text.splitlines()]
