"""How deep values may lie in one another.

The limit is fixed, so that an answer does not depend on how deep Python's own stack is just then.
Only extensions can be deep (types bound the rest), and what is beyond Python's limit raises
RecursionError while it is decoded, which means the same.
"""

from typing import Any, Final

from schemas.xapi.errors import Invalid

MAX_DEPTH: Final = 64


def check_depth(value: Any, field: str) -> None:
    """Raises Invalid where lists and objects are nested deeper than MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [each for outer in level for each in _inside(outer)]
        if not level:
            return
    raise too_deep(field)


def too_deep(field: str = "") -> Invalid:
    return Invalid("too-deep", field, f"at most {MAX_DEPTH} lists and objects in one another")


def _inside(value: Any) -> list[Any]:
    """The lists and objects directly in this list or object."""
    values = value.values() if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict | list)]
