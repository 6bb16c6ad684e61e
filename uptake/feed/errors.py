"""What can go wrong while feeding.

FeedError            for its user: the text says what to do
 +- Unavailable      tried again as often as allowed; the other side did not take it
 +- Stopped          the user asked to stop
"""


class FeedError(Exception):
    """Cannot go on; the text is for the user."""


class Unavailable(FeedError):
    """The other side was away, too busy or too slow, longer than we wait."""


class Stopped(FeedError):
    """Asked to stop before everything was acknowledged."""
