"""How calls, policies and tools fail."""

from __future__ import annotations

import json
import traceback
from typing import Any, ClassVar

from .host import Failure


class CallError(Exception):
    """A call that gave no result. None ends the run: catch it and go on.

    `kind` is the case's name as in the host's interface: `denied`, `unknown-tool`, `invalid-arguments`, `failed`,
    `rejected`, `invalid-response`, `auth-required`, `unavailable`, `overloaded`, `too-large`, `timed-out`,
    `rate-limited`, `budget-exhausted`, `cancelled`, `outcome-unknown`. `attempts` is how many times the request was
    sent to the server: 0 when it never left the host. `detail` is what the host says beside the kind.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(_message(failure))
        self.failure = failure
        self.kind = failure.kind
        self.server = failure.server
        self.tool = failure.tool
        self.attempts = failure.attempts
        self.elapsed_ms = failure.elapsed_ms
        self.detail = failure.detail

    @property
    def retryable(self) -> bool:
        """Whether the same call, made again after a pause, may succeed and cannot repeat an effect."""
        return self.kind in ("unavailable", "overloaded", "rate-limited")

    @property
    def retry_after_ms(self) -> int | None:
        """How many milliseconds the server asked to wait, where it said so."""
        return self.detail if self.kind == "rate-limited" else None


class InterfaceError(Exception):
    """Why an interface of the host gave nothing. None ends the run: catch it and go on.

    `kind` is the case's name as in the host's interface, `detail` what the case carries.
    """

    interface: ClassVar[str]

    def __init__(self, kind: str, detail: Any = None) -> None:
        super().__init__(_words_of(self.interface, kind, detail))
        self.kind = kind
        self.detail = detail


class StateError(InterfaceError):
    """Why nothing of what is kept was read or changed: `denied`, `invalid-key`, `invalid-value`, `too-large`,
    `over-quota`, `conflict`, `overloaded`, `unavailable`."""

    interface = "state"

    @property
    def version(self) -> int | None:
        """Of a `conflict`: the key's version now, where it is there."""
        return self.detail if self.kind == "conflict" else None


class ModelError(InterfaceError):
    """Why a model gave no answer: `denied`, `invalid-request`, `unavailable`, `rate-limited`, `timed-out`, `rejected`,
    `invalid-response`, `budget-exhausted`, `cancelled`, `refused`."""

    interface = "model"

    @property
    def retry_after_ms(self) -> int | None:
        """How many milliseconds the provider asked to wait, where it said so."""
        return self.detail if self.kind == "rate-limited" else None


class AskError(InterfaceError):
    """Why nobody answered a question: `denied`, `invalid-question`, `unavailable`, `budget-exhausted`, `cancelled`,
    `invalid-answer`."""

    interface = "ask"


class HttpError(InterfaceError):
    """Why a request to the outside was not answered, or its answer not read: `invalid`, `denied`, `unreachable`,
    `timed-out`, `too-large`, `unexpected`, `broken`. `detail` is its message."""

    interface = "http"


class PolicyError(Exception):
    """How a policy or a tool fails by itself: a message for people and, where it helps, a code and data for programs."""

    def __init__(self, message: str, *, code: str | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


def failure_of(error: BaseException | None) -> Failure | None:
    """The failed call behind an error: itself, or one of its causes."""
    for _ in range(16):
        if error is None or isinstance(error, CallError):
            break
        error = error.__cause__ or error.__context__
    return error.failure if isinstance(error, CallError) else None


def interface_of(error: BaseException | None) -> str | None:
    """The interface that an error is of: itself, or one of its causes."""
    for _ in range(16):
        if error is None or isinstance(error, InterfaceError):
            break
        error = error.__cause__ or error.__context__
    return error.interface if isinstance(error, InterfaceError) else None


def describe_bug(error: BaseException) -> tuple[str, dict[str, Any]]:
    """An error that nobody raised on purpose: its message, and where it was raised."""
    kind = type(error).__name__
    frames = [
        {"function": frame.name, "file": frame.filename.rpartition("/")[2], "line": frame.lineno}
        for frame in traceback.extract_tb(error.__traceback__)[-16:]
    ]
    return f"{kind}: {error}", {"type": kind, "trace": frames}


def text_of(result: Any) -> str:
    """All text content of a result, a line break between two pieces."""
    content = result.get("content") if isinstance(result, dict) else None
    blocks = content if isinstance(content, list) else []
    texts = (block.get("text") for block in blocks if isinstance(block, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _message(failure: Failure) -> str:
    tries = f" ({failure.attempts} attempts in {failure.elapsed_ms} ms)" if failure.attempts > 1 else ""
    return f"{failure.server}:{failure.tool}: {_words(failure.kind, failure.detail)}{tries}"


# In the host's own words, so that it recognises them in a policy's message and does not repeat them.
def _words(kind: str, detail: Any) -> str:
    match kind:
        case "denied":
            return f"denied: {detail}"
        case "unknown-tool":
            near = ", ".join(detail or [])
            return f"no such tool; did you mean {near}?" if near else "no such tool; `tollgate tools` lists what there is"
        case "invalid-arguments":
            violations = "; ".join(f"{v.path or '(whole)'}: {v.message}" for v in detail or [])
            return f"the arguments do not fit the tool's input schema: {violations}"
        case "failed":
            text = _text_of_json(getattr(detail, "json", detail))
            return f"the tool failed: {text}" if text else "the tool failed and gave no reason"
        case "rejected":
            return f"the server refused the call: {detail.message} (JSON-RPC {detail.code})"
        case "invalid-response":
            return f"the server's answer is not MCP: {detail}; the call may have had an effect"
        case "auth-required":
            return f"the server wants authorisation: {detail}; the host's operator must give it"
        case "unavailable":
            return f"the server is not available: {detail}; nothing was sent, a later retry is safe"
        case "overloaded":
            return "the host is full now; try again in a moment"
        case "too-large":
            return f"too large: {detail}"
        case "timed-out":
            return f"timed out: {detail}; the call may have had an effect, check before repeating it"
        case "rate-limited":
            return "the server asks to slow down" if detail is None else f"the server asks to wait {detail} ms"
        case "budget-exhausted":
            return str(getattr(detail, "message", detail))
        case "outcome-unknown":
            return f"the call may have had its effect, its answer is lost: {detail}; check before repeating it"
    return kind


def _words_of(interface: str, kind: str, detail: Any) -> str:
    match kind:
        case "denied" if interface != "http":
            return f"denied: {detail}"
        case "budget-exhausted":
            return str(getattr(detail, "message", detail))
        case "cancelled":
            return kind
        case "overloaded":
            return "the host's state store is busy; try again after a pause"
        case "conflict" if detail is None:
            return "the key is not as expected: it is not there"
        case "conflict":
            return f"the key was changed meanwhile: its version is {detail} now"
        case "rate-limited" if detail is None:
            return "the model's provider asks to slow down"
        case "rate-limited":
            return f"the model's provider asks to wait {detail} ms"
        case "refused" if not detail:
            return "the model would not answer, and did not say why"
    before = _BEFORE.get((interface, kind))
    return f"{before}: {detail}" if before else str(detail)


_BEFORE = {
    ("model", "invalid-request"): "the request to the model cannot be sent",
    ("model", "unavailable"): "no model is available",
    ("model", "timed-out"): "the model did not answer in time",
    ("model", "rejected"): "the model's provider refused the request",
    ("model", "invalid-response"): "the model's answer cannot be used",
    ("model", "refused"): "the model would not answer",
    ("ask", "invalid-question"): "the question cannot be asked",
    ("ask", "unavailable"): "nobody can be asked",
    ("ask", "invalid-answer"): "the person's answer cannot be used",
}


def http_error(code: str, detail: Any = None) -> HttpError:
    """The error of an `error-code` of `wasi:http`, named in small letters."""
    # Where a host has something to say, it says it so.
    if code == "internal-error":
        said = detail or "the host could not make the request"
        return HttpError("denied" if said.startswith("denied: ") else "broken", said)
    if code == "dns-error":
        why = getattr(detail, "rcode", None)
        return HttpError("unreachable", f"the host's name was not resolved{f': {why}' if why else ''}")
    return HttpError(*_HTTP_CODES.get(code, ("broken", f"the request failed: {code}")))


_NOBODY = ("unreachable", "nothing answers at that address")
_TLS = ("unreachable", "no TLS connection was made")
_LATE = ("timed-out", "no answer came in time; the request may have had an effect")
_CUT = ("broken", "the connection ended before the answer was whole")
_LONG = ("too-large", "the answer is larger than the host allows")
_WRONG = ("invalid", "the request's method or URL is not valid")
_HTTP_CODES = {
    "http-request-denied": ("denied", "the host does not allow this request"),
    "destination-ip-prohibited": ("denied", "the host does not allow requests to that address"),
    "dns-timeout": ("unreachable", "the host's name was not resolved in time"),
    "destination-not-found": _NOBODY,
    "destination-unavailable": _NOBODY,
    "destination-ip-unroutable": _NOBODY,
    "connection-refused": _NOBODY,
    "connection-timeout": ("unreachable", "no connection was made in time"),
    "connection-limit-reached": ("unreachable", "the host has no more connections to give"),
    "tls-certificate-error": ("unreachable", "the server's certificate is not trusted"),
    "tls-protocol-error": _TLS,
    "tls-alert-received": _TLS,
    "connection-read-timeout": _LATE,
    "connection-write-timeout": _LATE,
    "http-response-timeout": _LATE,
    "connection-terminated": _CUT,
    "http-response-incomplete": _CUT,
    "http-response-body-size": _LONG,
    "http-response-header-section-size": _LONG,
    "http-request-body-size": ("too-large", "the request is larger than the host allows"),
    "http-request-uri-invalid": _WRONG,
    "http-request-method-invalid": _WRONG,
}


def _text_of_json(document: Any) -> str:
    try:
        return text_of(json.loads(document))
    except (TypeError, ValueError):
        return str(document or "")
