"""Arguments of the functions of `tollgate`: what is not of the host's types is refused before the host sees it."""

from . import convert


class Refused(Exception):
    """The arguments are not what a function takes. `kind` is the case of the failure."""

    def __init__(self, kind, why):
        super().__init__(why)
        self.kind = kind
        self.why = why


def text(value, what, kind="invalid-arguments"):
    """A text."""
    if not isinstance(value, str):
        raise Refused(kind, f"{what} is a text, not {_told(value)}")
    return convert.clean(str.__str__(value))


def integer(value, what, most=2**64 - 1, kind="invalid-arguments"):
    """A number that counts something."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Refused(kind, f"{what} is a whole number from 0 to {most}, not {_told(value)}")
    return int(value)


def json(value, what, kind="invalid-arguments"):
    """Any value, as JSON text."""
    try:
        return convert.to_json(value)
    except ValueError as error:
        raise Refused(kind, f"{what} cannot be JSON: {error}") from None


def members(value, what, names, kind):
    """A dict with no members but these."""
    if not isinstance(value, dict):
        raise Refused(kind, f"{what} is a dict, not {_told(value)}")
    for name in value:
        if name not in names:
            raise Refused(kind, f"unknown member {name!r} of {what}, expected one of {', '.join(names)}")
    return value


def items(value, what, kind):
    """A list."""
    if not isinstance(value, (list, tuple)):
        raise Refused(kind, f"{what} is a list, not {_told(value)}")
    return value


def _told(value):
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)[:40]
    return f"a {type(value).__name__}"
