"""What a fake host does beside calls."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import host
from .errors import AskError, CallError, HttpError, ModelError, StateError
from .model import Usage
from .schema import encode
from .servers import Server, Tool

DETAILS: dict[str, Any] = {
    "unknown-tool": [],
    "invalid-arguments": [],
    "overloaded": None,
    "rate-limited": None,
    "cancelled": None,
    "conflict": None,
}


class CallFailure(Exception):
    """What a fake raises, or is, to fail: a kind of the interface's error (for a tool of a :class:`tollgate.CallError`),
    and its detail."""

    def __init__(self, kind: str, detail: Any = "as the test says") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = DETAILS.get(kind, detail) if detail == "as the test says" else detail


def answered(answer: Any, asked: Any) -> Any:
    """What comes of an answer: a value, or a function of what was asked."""
    value = answer(asked) if callable(answer) else answer
    if isinstance(value, CallFailure):
        raise value
    return value


class FakeState:
    """What is kept. Every key is granted."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self._keys: dict[str, tuple[str, int]] = {}
        self._last = 0
        self._full = False
        for key, value in kept.items():
            self._put(key, json.dumps(encode(value)))

    @property
    def state(self) -> dict[str, Any]:
        """What is kept now."""
        return {key: json.loads(value) for key, (value, _) in self._keys.items()}

    def fill_state(self) -> None:
        """From now on nothing more can be kept: every change is over the quota."""
        self._full = True

    def _put(self, key: str, value: str) -> int:
        self._last += 1
        self._keys[key] = (value, self._last)
        return self._last

    def _now(self, key: str) -> int | None:
        return self._keys[key][1] if key in self._keys else None

    def get_state(self, key: str) -> tuple[str, int] | None:
        return self._keys.get(key)

    def set_state(self, key: str, value: str, version: int | None, absent: bool) -> int:
        if self._full:
            raise StateError("over-quota", "the fake host keeps nothing more")
        if (absent or version is not None) and self._now(key) != version:
            raise StateError("conflict", self._now(key))
        return self._put(key, value)

    def delete_state(self, key: str, version: int | None) -> bool:
        if version is not None and self._now(key) != version:
            raise StateError("conflict", self._now(key))
        return self._keys.pop(key, None) is not None

    def list_keys(
        self, prefix: str, after: str | None, limit: int | None
    ) -> tuple[list[tuple[str, int, int]], str | None]:
        found = sorted(key for key in self._keys if key.startswith(prefix) and (after is None or key > after))
        page = found[: min(1000 if limit is None else limit, 1000)]
        told = [(key, self._keys[key][1], len(self._keys[key][0])) for key in page]
        return told, page[-1] if len(page) < len(found) and page else None


class FakeServers:
    """The servers, and what they have beside tools to call."""

    def __init__(
        self,
        servers: Iterable[Server],
        tools: Iterable[Tool],
        gathered: Any,
        resources: Mapping[str, Any],
        prompts: Mapping[str, Any],
    ) -> None:
        self._tools = list(tools)
        named = {server.name: server for server in servers}
        every = {tool.server: Server(tool.server) for tool in self._tools} | named
        self._servers = sorted(every.values(), key=lambda server: server.priority)
        self._gathered, self._resources, self._prompts = gathered, resources, prompts

    def list_servers(self) -> list[dict[str, Any]]:
        return [dataclasses.asdict(server) for server in self._servers]

    def list_tools(self) -> list[dict[str, Any]]:
        return [dataclasses.asdict(tool) for tool in self._tools]

    def gather_resources(self, domain: str | None, fail_fast: bool | None) -> str:
        none = CallFailure("unavailable", "the fake host has no resources")
        return _queried(domain or "*", "resources/list", none if self._gathered is None else self._gathered, domain)

    def read_resource(self, server: str, uri: str) -> str:
        none = CallFailure("unknown-tool")
        return _queried(server, f"resources/read {uri}", self._resources.get(f"{server}:{uri}", none), None)

    def get_prompt(self, server: str, name: str, arguments: str) -> str:
        none = CallFailure("unknown-tool")
        answer = self._prompts.get(f"{server}:{name}", none)
        return _queried(server, f"prompts/get {name}", answer, json.loads(arguments))

    def list_resources(self) -> str:
        return _names(self._resources, "uri")

    def list_templates(self) -> str:
        return "[]"

    def list_prompts(self) -> str:
        return _names(self._prompts, "name")


def _queried(server: str, called: str, answer: Any, asked: Any) -> str:
    try:
        return json.dumps(encode(answered(answer, asked)))
    except CallFailure as failure:
        raise CallError(host.Failure(server, called, 1, 0, failure.kind, failure.detail)) from None


def _names(given: Mapping[str, Any], member: str) -> str:
    pairs = (name.split(":", 1) for name in given)
    return json.dumps([{"server": server, member: name} for server, name in pairs])


class FakeOthers:
    """A model, a person, and the outside."""

    def __init__(self, model: Any, replies: Iterable[Any], http: Any) -> None:
        # What the model, the person and the outside were asked.
        self.requests: list[host.ModelRequest] = []
        self.questions: list[str] = []
        self.sent: list[host.HttpRequest] = []
        self._model = list(model) if isinstance(model, (list, tuple)) else model
        self._replies = list(replies)
        self._http = http

    def complete(self, request: host.ModelRequest) -> host.ModelAnswer:
        self.requests.append(request)
        none = CallFailure("unavailable", "the fake host has no further answer of a model")
        model = (self._model.pop(0) if self._model else none) if isinstance(self._model, list) else self._model
        try:
            answer = answered(none if model is None else model, request)
        except CallFailure as failure:
            raise ModelError(failure.kind, failure.detail) from None
        answer = {"text": answer} if isinstance(answer, str) else answer
        uses = [(use.id, use.name, json.dumps(use.arguments)) for use in answer.get("tool_uses", ())]
        finish = answer.get("finish", "tool-use" if uses else "stop")
        return host.ModelAnswer(answer.get("text", ""), uses, finish, "fake", Usage())

    def ask(self, question: str, schema: str) -> tuple[str, str | None]:
        self.questions.append(question)
        none = CallFailure("unavailable", "the fake host has no further answer of a person")
        try:
            reply = answered(self._replies.pop(0) if self._replies else none, question)
        except CallFailure as failure:
            raise AskError(failure.kind, failure.detail) from None
        return (reply, None) if reply in ("decline", "cancel") else ("accept", json.dumps(encode(reply)))

    def send(self, request: host.HttpRequest) -> tuple[int, list[tuple[str, bytes]], bytes]:
        self.sent.append(request)
        none = CallFailure("denied", f"denied: {request.method} {request.authority} is not granted")
        try:
            answer = answered(none if self._http is None else self._http, request)
        except CallFailure as failure:
            raise HttpError(failure.kind, failure.detail) from None
        status, headers, body = answer
        content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(encode(body))).encode()
        if len(content) > request.max_bytes:
            raise HttpError("too-large", f"the answer is larger than {request.max_bytes} bytes")
        return status, [(name, value.encode()) for name, value in headers.items()], content
