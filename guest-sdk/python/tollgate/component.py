"""What a component is to its host: the functions that it exports, and those that it imports.

The build makes a module with the class `WitWorld` of this one. It is no part of what an author imports.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import ask_blocking, model_blocking, model_types, prompts_blocking, resources_blocking
from wit_world.imports import log as wit_log
from wit_world.imports import progress as wit_progress
from wit_world.imports import servers_blocking, state_blocking, state_types, timer_blocking, tools_blocking, types

from . import declare, host
from .errors import (
    AskError,
    CallError,
    InterfaceError,
    ModelError,
    PolicyError,
    StateError,
    describe_bug,
    failure_of,
    interface_of,
)
from .model import Usage

try:
    from . import wasi
except ImportError:
    # The project does not say that it sends requests to the outside: its world is without `wasi:http`.
    wasi = None  # type: ignore[assignment]
    if "tollgate.http" in sys.modules:
        raise ImportError("tollgate.http is imported: write `http = true` in tollgate-project.toml") from None


T = TypeVar("T")


class _Host:
    def call_tool(self, server: str, tool: str, args: str) -> str | host.Failure:
        try:
            return tools_blocking.call_tool(server, tool, args).json
        except Err as error:
            return _failure(error.value)

    def call_tools(self, calls: list[tuple[str, str, str]]) -> list[str | host.Failure]:
        answers = tools_blocking.call_tools([types.Call(*call) for call in calls])
        return [_failure(answer.value) if isinstance(answer, Err) else answer.value.json for answer in answers]

    def log(self, level: str, message: str) -> None:
        wit_log.log(wit_log.Level[level.upper()], message)

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        wit_progress.progress(done, total, message)

    def sleep(self, ms: int) -> None:
        timer_blocking.sleep(ms)

    def get_state(self, key: str) -> tuple[str, int] | None:
        entry = _asked(StateError, state_blocking.get, key)
        return None if entry is None else (entry.value, entry.version)

    def set_state(self, key: str, value: str, version: int | None, absent: bool) -> int:
        expected: state_types.Expected = state_types.Expected_Absent() if absent else state_types.Expected_Any()
        if version is not None:
            expected = state_types.Expected_Version(version)
        return _asked(StateError, state_blocking.set, key, value, expected)

    def delete_state(self, key: str, version: int | None) -> bool:
        return _asked(StateError, state_blocking.delete, key, version)

    def list_keys(
        self, prefix: str, after: str | None, limit: int | None
    ) -> tuple[list[tuple[str, int, int]], str | None]:
        page = _asked(StateError, state_blocking.list_keys, prefix, after, limit)
        return [(key.key, key.version, key.size) for key in page.keys], page.next

    def read_resource(self, server: str, uri: str) -> str:
        return _queried(resources_blocking.read, server, uri)

    def list_resources(self) -> str:
        return resources_blocking.list_resources()

    def list_templates(self) -> str:
        return resources_blocking.list_templates()

    def get_prompt(self, server: str, name: str, arguments: str) -> str:
        return _queried(prompts_blocking.get, server, name, arguments)

    def list_prompts(self) -> str:
        return prompts_blocking.list_prompts()

    def list_servers(self) -> list[dict[str, Any]]:
        return [
            {
                **vars(server),
                "health": server.health.name.lower(),
                "domains": tuple(server.domains),
                "capabilities": tuple(server.capabilities),
            }
            for server in servers_blocking.list_servers()
        ]

    def list_tools(self) -> list[dict[str, Any]]:
        return [
            {
                **vars(it.tool),
                "server": it.server,
                "input_schema": json.loads(it.tool.input_schema),
                "output_schema": _parsed(it.tool.output_schema),
                "annotations": _parsed(it.tool.annotations),
            }
            for it in servers_blocking.list_tools()
        ]

    def gather_resources(self, domain: str | None, fail_fast: bool | None) -> str:
        return _queried(servers_blocking.gather_resources, domain, fail_fast)

    def complete(self, request: host.ModelRequest) -> host.ModelAnswer:
        messages = [
            model_types.Message(
                model_types.Role[message.role.upper()],
                message.content,
                [model_types.ToolUse(*use) for use in message.tool_uses],
                message.tool_use_id,
                message.is_error,
            )
            for message in request.messages
        ]
        options = model_types.Options(
            request.model,
            request.max_tokens,
            request.temperature,
            request.stop,
            _choice(request.tool_choice),
            request.schema,
        )
        tools = [model_types.Tool(*tool) for tool in request.tools]
        answer = _asked(ModelError, model_blocking.complete, messages, tools, options)
        uses = [(use.id, use.name, use.arguments) for use in answer.message.tool_uses]
        finish = answer.finish.name.lower().replace("_", "-")
        usage = Usage(answer.usage.input_tokens, answer.usage.output_tokens)
        return host.ModelAnswer(answer.message.content, uses, finish, answer.model, usage)

    def ask(self, question: str, schema: str) -> tuple[str, str | None]:
        reply = _asked(AskError, ask_blocking.ask, question, schema)
        return _ACTIONS[type(reply).__name__], getattr(reply, "value", None)

    def send(self, request: host.HttpRequest) -> tuple[int, list[tuple[str, bytes]], bytes]:
        if wasi is None:
            raise RuntimeError("this component was built without HTTP: write `http = true` in tollgate-project.toml")
        return wasi.send(request)


host.current = _Host()

_ACTIONS = {"Reply_Accepted": "accept", "Reply_Declined": "decline", "Reply_Dismissed": "cancel"}


def _choice(choice: str | tuple[str]) -> model_types.ToolChoice:
    match choice:
        case "required":
            return model_types.ToolChoice_Required()
        case "none":
            return model_types.ToolChoice_None_()
        case (name,):
            return model_types.ToolChoice_Tool(name)
    return model_types.ToolChoice_Auto()


def _asked(kind: type[InterfaceError], function: Callable[..., T], *args: Any) -> T:
    """Asks the host. What it refuses is raised as an error of this class."""
    try:
        return function(*args)
    except Err as error:
        refused = error.value
    raise kind(_case(refused), getattr(refused, "value", None))


def _queried(function: Callable[..., str], *args: Any) -> str:
    """Asks a server by the host. What fails is a failed call."""
    try:
        return function(*args)
    except Err as error:
        failure = error.value
    raise CallError(_failure(failure))


def _case(variant: Any) -> str:
    """The case of a variant, as in the WIT."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(variant).__name__.partition("_")[2]).lower()


def _failure(raw: Any) -> host.Failure:
    detail = getattr(raw.error, "value", None)
    return host.Failure(raw.server, raw.tool, raw.attempts, raw.elapsed_ms, _case(raw.error), detail, raw)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _parsed(value: str | None) -> Any:
    return None if value is None else json.loads(value)


class PolicyWorld:
    """The world `policy-blocking`."""

    def describe(self) -> Any:
        it = declare.the_policy()
        schemas = (json.dumps(it.input_schema), _json(it.output_schema))
        return types.Descriptor(it.name, it.title, it.description, *schemas, list(it.grants))

    def run(self, input: str) -> str:
        try:
            return declare.the_policy().call(input)
        except Exception as error:  # noqa: BLE001: an error of the policy is its answer, not a trap.
            raise Err(_policy_error(error)) from None


def _policy_error(error: Exception) -> Any:
    failure = failure_of(error)
    cause = failure.raw if failure else None
    # A failed call by its kind, what another interface refused by the interface's name.
    code = failure.kind if failure else interface_of(error)
    if isinstance(error, PolicyError):
        return types.PolicyError(str(error), error.code or code, _json(error.data), cause)
    if isinstance(error, (CallError, InterfaceError)):
        return types.PolicyError(str(error), code, None, cause)
    if isinstance(error, declare.Misfit):
        return types.PolicyError(f"the input does not fit: {error}", "invalid-input", None, None)
    message, data = describe_bug(error)
    return types.PolicyError(message, code or "exception", json.dumps(data), cause)


class AdapterWorld:
    """The world `adapter-blocking`."""

    def list_tools(self) -> list[Any]:
        return [
            types.Tool(
                it.name, it.title, it.description, json.dumps(it.input_schema), _json(it.output_schema), _json(it.hints)
            )
            for it in declare.the_tools().values()
        ]

    def call_tool(self, name: str, args: str) -> Any:
        it = declare.the_tools().get(name)
        if it is None:
            raise Err(types.ToolError_UnknownTool(name))
        try:
            return types.ToolResult(it.call(args))
        except declare.Misfit as error:
            raise Err(types.ToolError_InvalidArguments(str(error))) from None
        except Exception as error:  # noqa: BLE001: an error of the tool is its answer, not a trap.
            failure = failure_of(error)
            if failure is not None and failure.raw is not None:
                raise Err(types.ToolError_CallFailed(failure.raw)) from None
            message = str(error) if isinstance(error, (PolicyError, InterfaceError)) else describe_bug(error)[0]
            raise Err(types.ToolError_Failed(message)) from None
