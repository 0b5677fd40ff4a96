"""Requests to the model, and its answers: `tollgate.complete`."""

from . import checked, convert, host, results
from .checked import Refused

_KIND = "invalid-request"
_REQUEST = ("messages", "system", "tools", "model", "max_tokens", "temperature", "stop", "tool_choice", "schema")
_MESSAGE = ("role", "content", "tool_uses", "tool_use_id", "is_error")
_USE = ("id", "name", "arguments")
_wit = host.model_types


def prepare(request, more):
    """What the host is asked, and what reads its answer."""
    if isinstance(request, str):
        request = {"messages": [{"role": "user", "content": request}], **more}
    elif request is None and more:
        request = more
    elif isinstance(request, dict):
        request = {**request, **more}
    else:
        raise Refused(_KIND, "a request is a text or a dict")
    checked.members(request, "the request", _REQUEST, _KIND)
    given = {name: value for name, value in request.items() if value is not None}
    messages = [_message(each) for each in checked.items(given.get("messages", ()), "messages", _KIND)]
    if "system" in given:
        messages.insert(0, _wit.Message(_wit.Role.SYSTEM, _text(given, "system"), [], None, False))
    tools = [_tool(each) for each in checked.items(given.get("tools", ()), "tools", _KIND)]
    form = _Form(given["schema"]) if "schema" in given else None
    options = _wit.Options(
        _text(given, "model"),
        checked.integer(given["max_tokens"], "max_tokens", 2**32 - 1, _KIND) if "max_tokens" in given else None,
        _temperature(given.get("temperature")),
        _stop(given.get("stop")),
        _choice(given.get("tool_choice", "auto")),
        form and form.schema,
    )
    return (messages, tools, options), lambda answer: _told(answer, form)


def _text(given, name):
    return checked.text(given[name], name, _KIND) if given.get(name) is not None else None


def _message(given):
    checked.members(given, "a message", _MESSAGE, _KIND)
    role = str(given.get("role")).upper()
    if role not in _wit.Role.__members__:
        raise Refused(_KIND, f"the role of a message is system, user, assistant or tool, not {given.get('role')!r}")
    uses = [_use(each) for each in checked.items(given.get("tool_uses") or (), "tool_uses", _KIND)]
    content, answers = _text(given, "content") or "", _text(given, "tool_use_id")
    return _wit.Message(_wit.Role[role], content, uses, answers, bool(given.get("is_error")))


def _use(given):
    checked.members(given, "a tool use", _USE, _KIND)
    written = given.get("arguments", {})
    # A text is what the model wrote and nobody could read.
    written = convert.clean(written) if isinstance(written, str) else checked.json(written, "arguments", _KIND)
    return _wit.ToolUse(checked.text(given.get("id"), "id", _KIND), checked.text(given.get("name"), "name", _KIND), written)


def _tool(given):
    # As MCP lists it: what is not the model's affair is passed over.
    if not isinstance(given, dict):
        raise Refused(_KIND, "a tool is a dict with name, description and input_schema")
    schema = given.get("input_schema", given.get("inputSchema"))
    schema = {"type": "object"} if schema is None else schema
    name = checked.text(given.get("name"), "the name of a tool", _KIND)
    return _wit.Tool(name, _text(given, "description") or "", checked.json(schema, "input_schema", _KIND))


def _temperature(given):
    if given is None:
        return None
    if not isinstance(given, (int, float)) or isinstance(given, bool):
        raise Refused(_KIND, "temperature is a number")
    return float(given)


def _stop(given):
    given = [given] if isinstance(given, str) else given or []
    return [checked.text(each, "stop", _KIND) for each in checked.items(given, "stop", _KIND)]


def _choice(given):
    if isinstance(given, dict) and list(given) == ["tool"]:
        return _wit.ToolChoice_Tool(checked.text(given["tool"], "tool", _KIND))
    for word, choice in (
        ("auto", _wit.ToolChoice_Auto),
        ("none", _wit.ToolChoice_None_),
        ("required", _wit.ToolChoice_Required),
    ):
        if given == word:
            return choice()
    raise Refused(_KIND, "tool_choice is 'auto', 'none', 'required' or {'tool': its name}")


class _Form:
    """How an answer of a schema is asked for. Providers want an object, so others become the member `result` of one."""

    def __init__(self, schema):
        self.wrapped = isinstance(schema, dict) and schema.get("type") != "object"
        if self.wrapped:
            properties = {"result": schema}
            schema = {"type": "object", "properties": properties, "required": ["result"], "additionalProperties": False}
        self.schema = checked.json(schema, "schema", _KIND)

    def value(self, text):
        """The JSON in the model's answer."""
        found = _json_of(text)
        return found["result"] if self.wrapped and isinstance(found, dict) and "result" in found else found


def _json_of(answer):
    """The whole text, the code block in it, or what stands between its outermost braces."""
    text = answer.strip()
    # The first line of a block names the language.
    block = text.partition("```")[2].partition("\n")[2]
    readings = [text, block.rpartition("```")[0] or block]
    readings += [text[text.find(left) : text.rfind(right) + 1] for left, right in ("{}", "[]") if left in text]
    for reading in readings:
        try:
            return results.parse(reading.strip())
        except (ValueError, RecursionError):
            pass
    raise Refused("invalid-response", "the model's answer cannot be used: it is not JSON")


def _told(answer, form):
    """The answer as the script sees it."""
    text, finish = answer.message.content, answer.finish.name.lower().replace("_", "-")
    told = {
        "text": text,
        "tool_uses": [
            {"id": use.id, "name": use.name, "arguments": _arguments(use.arguments)} for use in answer.message.tool_uses
        ],
        "finish": finish,
        "model": answer.model,
        "usage": {"input_tokens": answer.usage.input_tokens, "output_tokens": answer.usage.output_tokens},
    }
    # One that wants to use tools has no value yet.
    if form is None or finish == "tool-use":
        return told
    if finish == "refusal":
        raise Refused("refused", f"the model would not answer: {text}")
    if finish == "length":
        more = "allow more of them with `max_tokens`, or ask for less"
        raise Refused("invalid-response", f"the model's answer cannot be used: it ran into the limit of tokens; {more}")
    told["value"] = form.value(text)
    return told


def _arguments(written):
    """What the model wrote, as JSON; where it is none, its text. No text at all is the empty object."""
    if not written.strip():
        return {}
    try:
        return results.parse(written)
    except (ValueError, RecursionError):
        return written
