"""One exchange over `wasi:http`: the only place that knows its resources.

The host wants what came of a resource gone before the resource itself: each is given back in turn.
"""

from __future__ import annotations

import re
from typing import Any

from componentize_py_types import Err, Ok
from wit_world.imports import http_types as wit
from wit_world.imports import outgoing_handler
from wit_world.imports.streams import StreamError_Closed

from .errors import HttpError, http_error
from .host import HttpRequest

# How much of a body is asked for at once.
_CHUNK_BYTES = 64 << 10


def send(request: HttpRequest) -> tuple[int, list[tuple[str, bytes]], bytes]:
    """Sends a request and reads its whole answer."""
    outgoing = _outgoing(request)
    body = None if request.body is None else outgoing.body()
    with _started(outgoing, _options(request.timeout_ns)) as answer:
        if body is not None and request.body is not None:
            _write(body, request.body)
        _wait_for(answer)
        response = _head(answer.get())
    with response:
        with response.headers() as fields:
            headers = fields.entries()
        return response.status(), headers, _read(response, request.max_bytes)


def _outgoing(request: HttpRequest) -> Any:
    try:
        fields = wit.Fields.from_list(request.headers)
    except Err as error:
        refused = type(error.value).__name__
        raise HttpError("invalid", f"a header is not allowed: {refused}") from None
    outgoing = wit.OutgoingRequest(fields)
    url = f"{request.scheme}://{request.authority}{request.path}"
    try:
        outgoing.set_method(_method(request.method))
        outgoing.set_scheme(wit.Scheme_Https() if request.scheme == "https" else wit.Scheme_Http())
        outgoing.set_authority(request.authority)
        outgoing.set_path_with_query(request.path)
    except Err:
        why = f"the host does not take the method {request.method} or the URL {url}"
        raise HttpError("invalid", why) from None
    return outgoing


def _method(name: str) -> Any:
    # Names are in capitals; any other is a method of its own.
    known = getattr(wit, f"Method_{name.capitalize()}", None) if name.isupper() and name != "OTHER" else None
    return known() if known else wit.Method_Other(name)


def _options(timeout_ns: int | None) -> Any:
    options = wit.RequestOptions()
    if timeout_ns is not None:
        options.set_connect_timeout(timeout_ns)
        options.set_first_byte_timeout(timeout_ns)
        options.set_between_bytes_timeout(timeout_ns)
    return options


def _started(outgoing: Any, options: Any) -> Any:
    try:
        return outgoing_handler.handle(outgoing, options)
    except Err as error:
        code = error.value
    raise _error(code)


def _head(outcome: Any) -> Any:
    if not isinstance(outcome, Ok):
        raise HttpError("broken", "the host lost the request")
    if isinstance(outcome.value, Err):
        raise _error(outcome.value.value)
    return outcome.value.value


def _error(code: Any) -> HttpError:
    case = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(code).__name__.partition("_")[2]).lower()
    return http_error(case, getattr(code, "value", None))


def _wait_for(source: Any) -> None:
    with source.subscribe() as pollable:
        pollable.block()


def _write(body: Any, content: bytes) -> None:
    try:
        with body.write() as stream:
            at = 0
            while at < len(content):
                room = _room(stream)
                stream.write(content[at : at + room])
                at += room
            stream.flush()
            # The flush is done when there is room again.
            _room(stream)
    except Err:
        # A server may answer before it has read everything: what it says counts, not that it stopped reading.
        body.__exit__(None, None, None)
        return
    try:
        wit.OutgoingBody.finish(body, None)
    except Err:
        pass


def _room(stream: Any) -> int:
    while True:
        room: int = stream.check_write()
        if room:
            return room
        _wait_for(stream)


def _read(response: Any, max_bytes: int) -> bytes:
    whole = bytearray()
    with response.consume() as body, body.stream() as stream:
        while chunk := _next(stream):
            whole += chunk
            if len(whole) > max_bytes:
                raise HttpError("too-large", f"the answer is larger than {max_bytes} bytes")
    return bytes(whole)


def _next(stream: Any) -> bytes | None:
    try:
        chunk: bytes = stream.blocking_read(_CHUNK_BYTES)
        return chunk
    except Err as error:
        refused = error.value
    if isinstance(refused, StreamError_Closed):
        return None
    with refused.value as cause:
        code = wit.http_error_code(cause)
        raise _error(code) if code is not None else http_error("internal-error", cause.to_debug_string())
