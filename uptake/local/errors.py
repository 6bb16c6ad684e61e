"""What can go wrong on one machine, as messages for its user."""


class LocalError(Exception):
    """Something local is missing or does not start; the text says what to do about it."""
