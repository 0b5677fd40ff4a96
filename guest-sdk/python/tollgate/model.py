"""Asking a language model. The host chooses who answers. Needs a grant `model`, or `model=NAME` for models of that name.

What fails raises a :class:`tollgate.ModelError`; uncaught, it ends the run with the code `model`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict, TypeVar, Unpack

from . import host
from .errors import ModelError
from .schema import Misfit, decode, encode, schema_of

T = TypeVar("T")
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class ToolUse:
    """A tool that the model wants to use. `arguments` are as it wrote them: a dict, or the text where it is no JSON."""

    id: str
    name: str
    arguments: Any


class Message(TypedDict, total=False):
    """One message of a conversation."""

    role: Required[Literal["system", "user", "assistant", "tool"]]
    content: str
    # For the assistant's: the tools that it wants to use.
    tool_uses: Sequence[ToolUse]
    # For a tool's: the use that it answers, and whether the tool failed.
    tool_use_id: str
    is_error: bool


class Tool(TypedDict, total=False):
    """A tool that the model may use."""

    name: Required[str]
    description: str
    input_schema: Schema


class Options(TypedDict, total=False):
    """What is asked of a model. What is left out is the configuration's or the provider's default."""

    messages: Sequence[Message]
    # What who wrote the program says, before the messages.
    system: str
    tools: Sequence[Tool]
    tool_choice: Literal["auto", "none", "required"] | Mapping[Literal["tool"], str]
    model: str
    max_tokens: int
    temperature: float
    # Texts at which the answer ends.
    stop: str | Sequence[str]
    # JSON Schema that the answer must follow.
    schema: Schema


@dataclass(frozen=True)
class Usage:
    """What an answer cost."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Completion:
    """What a model answered."""

    text: str
    tool_uses: tuple[ToolUse, ...]
    finish: Literal["stop", "tool-use", "length", "refusal"]
    # Which model answered.
    model: str
    usage: Usage
    # With a schema: the answer's JSON; None while the model wants to use tools first.
    value: Any = None


def complete(question: str | None = None, **options: Unpack[Options]) -> Completion:
    """Asks the model and waits for its whole answer. A question is a last message of the user's."""
    messages = list(options.get("messages", ()))
    if "system" in options:
        messages.insert(0, {"role": "system", "content": options["system"]})
    if question is not None:
        messages.append({"role": "user", "content": question})
    schema = options.get("schema")
    form = _form(schema) if schema is not None else None
    stop = options.get("stop", ())
    request = host.ModelRequest(
        [_message(message) for message in messages],
        [_tool(tool) for tool in options.get("tools", ())],
        options.get("model"),
        options.get("max_tokens"),
        options.get("temperature"),
        [stop] if isinstance(stop, str) else list(stop),
        _choice(options.get("tool_choice", "auto")),
        None if form is None else json.dumps(form),
    )
    return _told(host.get().complete(request), form is not None, form is not schema)


def ask_text(question: str | None = None, **options: Unpack[Options]) -> str:
    """Asks one question, and gives the text of the answer. One that is refused or cut is an error."""
    answer = complete(question, **options)
    _whole(answer.finish, answer.text)
    return answer.text


def complete_as(kind: type[T], question: str | None = None, **options: Unpack[Options]) -> T:
    """Asks for an answer of this type: one that a policy's parameter may have."""
    options["schema"] = schema_of(kind)
    try:
        return decode(kind, complete(question, **options).value, "the answer")  # type: ignore[no-any-return]
    except Misfit as misfit:
        raise ModelError("invalid-response", f"it is not what was asked for: {misfit}") from None


def _message(message: Message) -> host.ModelMessage:
    uses = [(use.id, use.name, _written(use.arguments)) for use in message.get("tool_uses", ())]
    answers = message.get("tool_use_id")
    return host.ModelMessage(message["role"], message.get("content", ""), uses, answers, message.get("is_error", False))


def _written(arguments: Any) -> str:
    # A text is what the model wrote and nobody could read.
    return arguments if isinstance(arguments, str) else json.dumps(encode(arguments))


def _tool(tool: Tool) -> tuple[str, str, str]:
    return tool["name"], tool.get("description", ""), json.dumps(tool.get("input_schema", {"type": "object"}))


def _choice(choice: str | Mapping[Literal["tool"], str]) -> str | tuple[str]:
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise ValueError(f"tool_choice is auto, none, required or {{'tool': its name}}, not {choice!r}")
        return choice
    return (choice["tool"],)


def _form(schema: Schema) -> Schema:
    # Providers want an object, so other answers are asked for as the member `result` of one.
    if schema.get("type") == "object":
        return schema
    properties = {"result": schema}
    return {"type": "object", "properties": properties, "required": ["result"], "additionalProperties": False}


def _told(answer: host.ModelAnswer, has_form: bool, wrapped: bool) -> Completion:
    uses = tuple(ToolUse(id, name, _arguments(written)) for id, name, written in answer.tool_uses)
    value = None
    # One that wants to use tools has no value yet.
    if has_form and answer.finish != "tool-use":
        _whole(answer.finish, answer.text)
        value = _value(answer.text, wrapped)
    finish: Any = answer.finish
    return Completion(answer.text, uses, finish, answer.model, answer.usage, value)


def _arguments(written: str) -> Any:
    """What the model wrote, as JSON; where it is none, its text. No text at all is the empty object."""
    try:
        return json.loads(written) if written.strip() else {}
    except ValueError:
        return written


def _whole(finish: str, text: str) -> None:
    if finish == "refusal":
        raise ModelError("refused", text)
    if finish == "length":
        more = "allow more of them with `max_tokens`, or ask for less"
        raise ModelError("invalid-response", f"it ran into the limit of tokens; {more}")


def _value(answer: str, wrapped: bool) -> Any:
    """The JSON in a model's answer: the whole text, the code block in it, or what stands between its outermost braces."""
    # The first line of a block names the language.
    block = answer.partition("```")[2].partition("\n")[2]
    readings = [answer, block.rpartition("```")[0] or block]
    readings += [answer[answer.find(left) : answer.rfind(right) + 1] for left, right in ("{}", "[]") if left in answer]
    for reading in readings:
        try:
            found = json.loads(reading.strip())
        except ValueError:
            continue
        return found["result"] if wrapped and isinstance(found, dict) and "result" in found else found
    raise ModelError("invalid-response", "it is not JSON")
