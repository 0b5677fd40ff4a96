"""What a component is to its host: the functions that it exports, and those that it imports.

The build makes a module with the class `WitWorld` of this one. It is no part of what an author imports.
"""

from __future__ import annotations

import json
import re
from typing import Any

from componentize_py_types import Err
from wit_world.imports import log as wit_log
from wit_world.imports import progress as wit_progress
from wit_world.imports import timer_blocking, tools_blocking, types

from . import declare, host
from .errors import CallError, PolicyError, describe_bug, failure_of


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


host.current = _Host()


def _failure(raw: Any) -> host.Failure:
    case = type(raw.error).__name__.removeprefix("CallError_")
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", case).lower()
    detail = getattr(raw.error, "value", None)
    return host.Failure(raw.server, raw.tool, raw.attempts, raw.elapsed_ms, kind, detail, raw)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


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
    cause = failure and failure.raw
    if isinstance(error, PolicyError):
        code = error.code or (failure and failure.kind)
        return types.PolicyError(str(error), code, _json(error.data), cause)
    if isinstance(error, CallError):
        return types.PolicyError(str(error), error.kind, None, cause)
    if isinstance(error, declare.Misfit):
        return types.PolicyError(f"the input does not fit: {error}", "invalid-input", None, None)
    message, data = describe_bug(error)
    return types.PolicyError(message, failure.kind if failure else "exception", json.dumps(data), cause)


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
            message = str(error) if isinstance(error, PolicyError) else describe_bug(error)[0]
            raise Err(types.ToolError_Failed(message)) from None
