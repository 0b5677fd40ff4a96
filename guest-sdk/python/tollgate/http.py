"""Requests to the outside, by `wasi:http`. Needs `http = true` in tollgate-project.toml, and a grant `http=URL`.

The host holds the credentials and adds them where its configuration says so: a component sends none. Redirects are not
followed. What is not answered raises a :class:`tollgate.HttpError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import Any, TypedDict, Unpack

from . import host
from .errors import HttpError
from .schema import encode

_MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class Response:
    """An answer: its head and its whole body. One with an error's status is an answer too."""

    url: str
    status: int
    # By their names in small letters; those that come more than once are joined by commas.
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success: 200 to 299."""
        return 200 <= self.status < 300

    def text(self) -> str:
        """The body as a text."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise HttpError("unexpected", f"the answer of {self.url} is no UTF-8 text") from None

    def json(self) -> Any:
        """The body, read as JSON."""
        text = self.text()
        try:
            return loads(text)
        except ValueError:
            raise HttpError("unexpected", f"the answer of {self.url} (HTTP {self.status}) is no JSON") from None


class Options(TypedDict, total=False):
    """What :func:`request` takes beside the method and the URL."""

    headers: Mapping[str, str]
    body: bytes | str
    json: Any
    timeout: float
    max_bytes: int


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    json: Any = None,
    timeout: float | None = None,
    max_bytes: int = _MAX_BYTES,
) -> Response:
    """Sends a request and waits for its whole answer.

    `json` is sent in place of `body`, with its `Content-Type`. `timeout` is how many seconds to wait for the connection,
    for the answer's first byte, and between two pieces of it: each this long. A longer body than `max_bytes` is an error.
    """
    scheme, authority, path = _parts(url)
    fields = [(name, value.encode()) for name, value in (headers or {}).items()]
    given = {name.lower() for name, _ in fields}
    sent = dumps(encode(json)) if json is not None else body
    if json is not None and "content-type" not in given:
        fields.append(("Content-Type", b"application/json"))
    content = sent.encode() if isinstance(sent, str) else sent
    if content is not None and "content-length" not in given:
        fields.append(("Content-Length", str(len(content)).encode()))
    timeout_ns = None if timeout is None else max(1, math.ceil(timeout * 1e9))
    it = host.HttpRequest(method, scheme, authority, path, fields, content, timeout_ns, max_bytes)
    status, answered, answer = host.get().send(it)
    told: dict[str, str] = {}
    for name, value in answered:
        key, more = name.lower(), value.decode("latin-1")
        told[key] = f"{told[key]}, {more}" if key in told else more
    return Response(url, status, told, answer)


def get(url: str, **options: Unpack[Options]) -> Response:
    """A `GET`, with the options of :func:`request`."""
    return request("GET", url, **options)


def post(url: str, **options: Unpack[Options]) -> Response:
    """A `POST`, with the options of :func:`request`."""
    return request("POST", url, **options)


def _parts(url: str) -> tuple[str, str, str]:
    found = re.match(r"(https?)://([^/?#]+)([^?#]*)(\?[^#]*)?", url, re.IGNORECASE)
    if not found:
        raise HttpError("invalid", f"{url} is no URL of http or https")
    scheme, authority, path, query = found.groups(default="")
    if "@" in authority:
        raise HttpError("invalid", "a user name in a URL is not sent; the host adds credentials")
    return scheme.lower(), authority, (path or "/") + query
