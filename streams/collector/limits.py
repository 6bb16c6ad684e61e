"""Bounds on what one client, and all of them together, may take: requests a second, bytes held."""

from streams.collector.responses import Refusal, retry_after


class TokenBucket:
    """Lets `rate` requests a second through, and as many at once after a quiet second."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._tokens = self._capacity
        self._filled_at = now

    def take(self, now: float) -> float:
        """Take one request's token. 0.0: taken; else the seconds until one will be there."""
        gained = (now - self._filled_at) * self._rate
        self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


class RequestLimit:
    """One bucket a key. `rate` 0: no limit."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[str, TokenBucket] = {}

    def check(self, key_name: str, now: float) -> None:
        """A Refusal with status 429 when the key `key_name` sends too fast. `now`: seconds."""
        if not self._rate:
            return
        bucket = self._buckets.get(key_name)
        if bucket is None:
            bucket = self._buckets[key_name] = TokenBucket(self._rate, now)
        wait = bucket.take(now)
        if wait:
            message = f"This key may send {self._rate:g} requests a second."
            raise Refusal(429, "too-fast", message, headers=retry_after(wait))


class ByteBudget:
    """The bytes of request bodies held in memory, all clients together."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, count: int) -> None:
        """Reserve `count` bytes; a Refusal with status 503 when there is no room now."""
        if count > self._free:
            message = "Too many large requests at once; send this one again."
            raise Refusal(503, "busy", message, headers=retry_after(1))
        self._free -= count

    def give(self, count: int) -> None:
        """Return what `take` reserved."""
        self._free += count
