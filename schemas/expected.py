"""Say in words what a typed setting may hold."""

from typing import Any

from msgspec import inspect


def describe(kind: Any) -> str:
    """What a value of type `kind` looks like, for an error message."""
    return _describe(inspect.type_info(kind))


def _describe(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(kind.ge, kind.gt, kind.le)
        case inspect.FloatType():
            return "a number" + _bounds(kind.ge, kind.gt, kind.le)
        case inspect.StrType():
            return f"text that matches {kind.pattern}" if kind.pattern else "text"
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.DictType():
            return "a table of names and values (JSON in the environment)"
        case inspect.ListType():
            return f"a list of {_describe(kind.item_type)} (JSON in the environment)"
        case inspect.StructType():
            return "{" + ", ".join(field.name for field in kind.fields) + "}"
    return type(kind).__name__


def _bounds(ge: float | None, gt: float | None, le: float | None) -> str:
    if ge is not None and le is not None:
        return f" from {ge} to {le}"
    if ge is not None:
        return f" of at least {ge}"
    if gt is not None:
        return f" above {gt}"
    return f" of at most {le}" if le is not None else ""
