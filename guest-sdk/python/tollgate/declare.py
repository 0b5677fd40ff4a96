"""Functions that become a policy or the tools of an adapter."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_type_hints, overload

from .schema import Misfit, decode, encode, schema_of

__all__ = ["Misfit", "Policy", "Tool", "ToolResult", "policy", "the_policy", "the_tools", "tool"]

F = TypeVar("F", bound=Callable[..., Any])


class ToolResult:
    """A tool's whole answer (an MCP CallToolResult), for a tool that sets its content itself."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result


class _Function:
    """A function with the schemas of what it takes and gives."""

    def __init__(self, function: Callable[..., Any], name: str, title: str | None, description: str | None) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__name__}: calls of tools wait by themselves, so write it without async")
        self.function = function
        self.name = name
        self.title = title
        doc, arguments = _docstring(inspect.getdoc(function) or "")
        self.description = description or doc
        if not self.description:
            raise TypeError(f"{function.__name__} has no docstring: it is the description that callers see")
        self._hints = get_type_hints(function, include_extras=True)
        self._output = self._hints.pop("return", Any)
        self._parameters = inspect.signature(function).parameters
        self.input_schema = self._input_schema(arguments)

    def _input_schema(self, descriptions: dict[str, str]) -> dict[str, Any]:
        properties, required = {}, []
        for name, parameter in self._parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise TypeError(f"{self.function.__name__}: `{parameter}` cannot be an argument; name each parameter")
            schema = schema_of(self._hints.get(name, Any))
            if name in descriptions:
                schema = {**schema, "description": descriptions[name]}
            if parameter.default is parameter.empty:
                required.append(name)
            elif parameter.default is not None:
                schema = {**schema, "default": encode(parameter.default)}
            properties[name] = schema
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def value(self, args: str) -> Any:
        """Calls the function with the members of a JSON object."""
        given = json.loads(args or "{}")
        if not isinstance(given, dict):
            raise Misfit("the arguments are not an object")
        for name in given:
            if name not in self._parameters:
                raise Misfit(f"{name}: there is no such argument")
        arguments = {}
        for name, parameter in self._parameters.items():
            if name in given:
                arguments[name] = decode(self._hints.get(name, Any), given[name], name)
            elif parameter.default is parameter.empty:
                raise Misfit(f"{name}: is missing")
        return self.function(**arguments)


class Policy(_Function):
    """A function that is a policy."""

    def __init__(self, grants: Sequence[str], *args: Any) -> None:
        super().__init__(*args)
        self.grants = tuple(grants)
        self.output_schema = schema_of(self._output) or None

    def call(self, input: str) -> str:
        """JSON in, JSON out."""
        return json.dumps(encode(self.value(input)))


class Tool(_Function):
    """A function that is a tool."""

    def __init__(self, hints: dict[str, bool], *args: Any) -> None:
        super().__init__(*args)
        self.hints = hints or None
        output = {} if self._output is ToolResult else schema_of(self._output)
        self._is_object = output.get("type") == "object"
        # MCP wants an object as structured content; by convention, other values become its member `result`.
        wrapped = {"title": "Output", "type": "object", "properties": {"result": output}, "required": ["result"]}
        self.output_schema = None if not output else output if self._is_object else wrapped

    def call(self, args: str) -> str:
        """The arguments as JSON in, the CallToolResult out."""
        answer = self.value(args)
        if isinstance(answer, ToolResult):
            return json.dumps(answer.result)
        value = encode(answer)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        is_object = self._is_object if self.output_schema else isinstance(value, dict)
        structured = value if is_object else {"result": value}
        return json.dumps({"content": [{"type": "text", "text": text}], "structuredContent": structured})


_policies: list[Policy] = []
_tools: dict[str, Tool] = {}


@overload
def policy(function: F) -> F: ...
@overload
def policy(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    grants: Sequence[str] = (),
) -> Callable[[F], F]: ...
def policy(
    function: F | None = None,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    grants: Sequence[str] = (),
) -> F | Callable[[F], F]:
    """Makes a function the policy that its module is.

    Its parameters are the members of the input, with the types that they are annotated with: str, int, float, bool,
    None, Any, list, dict, tuple, Literal, enums, dataclasses, TypedDicts, and unions of these. One with a default may
    be left out. `Annotated[str, "text"]` or the docstring's section `Args:` describe them. `grants` is what it asks
    for, as `tool=crm:*`: asking grants nothing.
    """

    def declare(function: F) -> F:
        it = Policy(grants, function, name or function.__name__.replace("_", "-"), title, description)
        # The same module may be read twice in a test.
        _policies[:] = [other for other in _policies if other.name != it.name] + [it]
        return function

    return declare if function is None else declare(function)


@overload
def tool(function: F) -> F: ...
@overload
def tool(
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    idempotent: bool | None = None,
    open_world: bool | None = None,
) -> F | Callable[[F], F]:
    """Makes a function a tool of the adapter that its module is. Its parameters are those of :func:`policy`.

    The result becomes structured content, and its JSON text; one that is no object becomes the member `result` of
    one. MCP's hints: one that is not given is not sent, and MCP's default holds.
    """
    given = {
        "readOnlyHint": read_only,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }
    hints = {hint: value for hint, value in given.items() if value is not None}

    def declare(function: F) -> F:
        it = Tool(hints, function, name or function.__name__, title, description)
        _tools[it.name] = it
        return function

    return declare if function is None else declare(function)


def the_policy() -> Policy:
    """The policy that was declared."""
    if len(_policies) != 1:
        names = ", ".join(it.name for it in _policies) or "none"
        raise RuntimeError(f"a component is one policy: write @policy on one function (there are: {names})")
    return _policies[0]


def the_tools() -> dict[str, Tool]:
    """The tools that were declared."""
    if not _tools:
        raise RuntimeError("an adapter has tools: write @tool on its functions")
    return _tools


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The text before the section `Args:`, and what that says of each parameter."""
    about, _, section = text.partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    last = None
    for line in section.splitlines():
        if line.strip() and not line.startswith(" "):
            break
        started = re.match(r" {1,4}(\w+)(?: \(.*?\))?: *(.*)", line)
        if started:
            last = started[1]
            arguments[last] = started[2]
        elif last and line.strip():
            arguments[last] += f" {line.strip()}"
    # What comes after, as `Returns:`, is for readers of the source.
    return re.split(r"\n(?:Returns|Raises|Args):\n", about)[0].strip(), arguments
