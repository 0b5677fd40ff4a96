"""What a script sees of a tool's answer: the value of its structured content, else its text (as JSON where it is some), else its content."""

from json import JSONDecoder, dumps

_scan = JSONDecoder().scan_once


def whole(answer):
    """The host's JSON text as a value. (It is JSON; `loads` would look for what stands around it, by a pattern.)"""
    return _scan(answer.lstrip(), 0)[0]


def read(answer):
    """The value of a `CallToolResult`, given as JSON text."""
    result = whole(answer)
    if not isinstance(result, dict):
        return result
    structured = result.get("structuredContent")
    content = result.get("content")
    if structured is not None:
        return value_of(structured, content)
    if not content:
        return None
    text = texts(content)
    return content if text is None else read_text(text)


def value_of(structured, content):
    """What structured content means: servers write a value that is no object as `{"result": value}`. It is an object of a tool's
    own where the text is that object."""
    if not isinstance(structured, dict) or list(structured) != ["result"]:
        return structured
    text = texts(content) if content else None
    return structured if text and read_text(text) == structured else structured["result"]


def texts(content):
    """The texts of the content in one, where all of it is text; else None."""
    parts = []
    for block in content:
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            return None
        parts.append(block["text"])
    return "\n".join(parts)


def read_text(text):
    """The text as JSON where it is some, except for a number that would print otherwise (`1.10`, `007`, `1e5`)."""
    document = text.strip(" \t\r\n")
    if not document or document[0] not in '{["-0123456789tfn':
        return text
    try:
        value = parse(document)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, (int, float)) and not isinstance(value, bool) and dumps(value) != document:
        return text
    return value


def _no_json(constant):
    raise ValueError(f"{constant} is not JSON")


parse = JSONDecoder(parse_constant=_no_json).decode
