"""Calls of tools: blocking, awaited, or started now and awaited later; and how they fail.

The syntax around a call decides which of them it is (see `rewrite`). A call that is nothing special is blocking.
"""

import asyncio
import sys
from json import loads

from . import convert, host, results
from .loop import loop

Err = host.Err
# What the names of the interpreter's own files begin with.
OWN_FILES = __file__.rpartition("/")[0] + "/"


class ToolError(Exception):
    """A call that gave no result.

    `kind` is the host's word: denied, unknown-tool, invalid-arguments, failed, rejected, invalid-response,
    auth-required, unavailable, overloaded, too-large, timed-out, rate-limited, budget-exhausted, cancelled,
    outcome-unknown. `details` is what belongs to the kind, `result` the tool's own result where it is `failed`.
    """

    def __init__(self, message="", *, server=None, tool=None, kind=None, attempts=0, elapsed_ms=0, details=None):
        super().__init__(message)
        self.message = message
        self.server = server
        self.tool = tool
        self.kind = kind
        self.attempts = attempts
        self.elapsed_ms = elapsed_ms
        self.details = details

    @property
    def result(self):
        """The tool's own `CallToolResult` where the kind is `failed`; else None."""
        return self.details if self.kind == "failed" else None


# As scripts know it: tracebacks name it so.
ToolError.__module__ = "builtins"

# The host's own record of a failed call, by error: out of the script's reach.
_failures = {}


def failure_of(error):
    """The host's record of the failed call that this error told of; None where it is no such error."""
    known = _failures.get(id(error))
    return known[1] if known is not None and known[0] is error else None


def error_of(failure):
    """The error that a script sees of a failed call."""
    kind, details = parts(failure.error)
    error = ToolError(
        _message(failure, kind, details),
        server=failure.server,
        tool=failure.tool,
        kind=kind,
        attempts=failure.attempts,
        elapsed_ms=failure.elapsed_ms,
        details=details,
    )
    _failures[id(error)] = (error, failure)
    return error


def parts(error):
    """The name of the case in the WIT, and what the script sees of its content."""
    case = type(error).__name__.partition("_")[2]
    kind = "".join("-" + letter.lower() if letter.isupper() else letter for letter in case).lstrip("-")
    value = getattr(error, "value", None)
    if kind == "invalid-arguments":
        return kind, [{"path": violation.path, "message": violation.message} for violation in value]
    if kind == "failed":
        return kind, _json(value.json)
    if kind == "rejected" and not isinstance(value, str):
        data = None if value.data is None else _json(value.data)
        return kind, {"code": value.code, "message": value.message, "data": data}
    if kind == "rate-limited":
        return kind, {"retry_after_ms": value}
    if kind == "budget-exhausted":
        return kind, {"name": value.name, "value": value.value, "message": value.message}
    if kind == "conflict":
        return kind, {"version": value}
    return kind, value


def _json(text):
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return None


_WORDS = {
    "denied": "denied: {}",
    "invalid-response": "the server's answer is not MCP: {}; the call may have had an effect",
    "auth-required": "the server wants authorisation: {}; the host's operator must give it",
    "unavailable": "the server is not available: {}; nothing was sent, a later retry is safe",
    "overloaded": "the host is full now; try again in a moment",
    "too-large": "too large: {}",
    "timed-out": "timed out: {}; the call may have had an effect, check before repeating it",
    "cancelled": "cancelled",
    "outcome-unknown": "the call may have had its effect, its answer is lost: {}; check before repeating it",
}


def _message(failure, kind, details):
    """The failure for people: which call, what happened, what to do next."""
    if kind == "unknown-tool":
        names = ", ".join(details)
        if details and all(name.endswith(":*") for name in details):
            what = f"no server has this domain; there is {names}"
        else:
            what = f"no such tool; did you mean {names}?" if details else "no such tool"
    elif kind == "invalid-arguments":
        told = [f"{each['path']}: {each['message']}" if each["path"] else each["message"] for each in details]
        what = f"the arguments do not fit the tool's input schema: {'; '.join(told)}"
    elif kind == "failed":
        text = _reason(details)
        what = f"the tool failed: {text}" if text else "the tool failed and gave no reason"
    elif kind == "rejected":
        what = f"the server refused the call: {details['message']} (JSON-RPC {details['code']})"
    elif kind == "rate-limited":
        pause_ms = details["retry_after_ms"]
        what = "the server asks to slow down" if pause_ms is None else f"the server asks to wait {pause_ms} ms"
    elif kind == "budget-exhausted":
        what = details["message"]
    else:
        what = _WORDS.get(kind, "{}").format(details)
    often = "" if failure.attempts < 2 else f" ({failure.attempts} attempts in {failure.elapsed_ms} ms)"
    return f"{failure.server}:{failure.tool}: {what}{often}"


def _reason(result):
    content = result.get("content") if isinstance(result, dict) else None
    texts = [block.get("text") for block in content or () if isinstance(block, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def call_now(tool, args):
    """Calls and waits: nothing else of the script goes on meanwhile."""
    try:
        answer = host.call(tool.server, tool.tool, args)
    except Err as refused:
        failure = refused.value
    else:
        return tool.read(answer)
    raise error_of(failure)


async def call_awaited(tool, args):
    """Calls and waits; other tasks go on meanwhile. Where there are none, the blocking import does it for less."""
    if loop.is_alone():
        return call_now(tool, args)
    if loop.depth:
        answer = await loop.call_in_batch((tool.server, tool.tool, args))
        failure = answer.value if isinstance(answer, Err) else None
        answer = None if failure is not None else answer.value.json
    else:
        failure, answer = await call_in_turn(host.call_async, tool.server, tool.tool, args)
        if failure is None:
            answer = answer.json
    if failure is not None:
        raise error_of(failure)
    return tool.read(answer)


async def call_in_turn(ask, *args):
    """The failure, or None and what the host answers. A call over `calls_at_once` is made again in its turn."""
    while True:
        if _places.limit is not None:
            await _places.turn()
        _places.taken += 1
        loop.in_flight += 1
        try:
            return None, await ask(*args)
        except Err as refused:
            failure = refused.value
        finally:
            loop.in_flight -= 1
            _places.give_back()
        if not isinstance(failure, host.CallFailure) or not _places.learn(failure.error):
            return failure, None


class _Places:
    """How many calls may be in flight at once. The host tells when it refuses one; it is then made again, in turn."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.limit = None
        self.taken = 0
        self.queue = []

    async def turn(self):
        """Waits until a place is free."""
        while self.taken >= self.limit:
            turn = loop.create_future()
            self.queue.append(turn)
            await turn

    def give_back(self):
        self.taken -= 1
        while self.queue:
            turn = self.queue.pop(0)
            if not turn.done():
                turn.set_result(None)
                return

    def learn(self, error):
        """Whether the call was refused for others of this run that are in flight, and can be made again."""
        limit = getattr(error, "value", None)
        if type(error).__name__ != "CallError_BudgetExhausted" or limit.name != "calls_at_once" or not self.taken:
            return False
        # Other runs may hold places too, so that fewer are left than the limit says.
        self.limit = min(self.taken, limit.value)
        return True


_places = _Places()


def start(coroutine):
    """Starts a call now: a task of its result."""
    try:
        task = loop.create_task(coroutine, eager_start=True)
    except TypeError:
        # Before Python 3.12 a task starts when the loop comes round; the component has 3.14.
        task = loop.create_task(coroutine)
    _places_of_start[task] = _script_frame(sys._getframe(1))
    return task


# Where calls were started: if nobody awaits one, its failure has no other place.
_places_of_start = {}
# The same by the failure, once it is told.
_places_of_failure = {}


def _script_frame(frame):
    while frame is not None and frame.f_code.co_filename.startswith(OWN_FILES):
        frame = frame.f_back
    return frame and (frame.f_code, frame.f_lasti, frame.f_lineno)


def place_of(error):
    """Where the call was started that nobody awaited: code, instruction and line; None for any other error."""
    known = _places_of_failure.get(id(error))
    return known[1] if known is not None and known[0] is error else None


async def settle():
    """Waits for all calls and tasks that the script has started. Raises the failure of one that nobody awaited."""
    while True:
        waiting = [task for task in loop.tasks if not task.done() and task is not loop.main and task is not loop._alarm]
        if not waiting:
            break
        await asyncio.wait(waiting)
    for task in [*loop.failed, *loop.tasks]:
        if task.done() and task._log_traceback:
            error = task.exception()
            _places_of_failure[id(error)] = (error, _places_of_start.get(task))
            raise error


def reset():
    """Forgets everything of a run before."""
    _failures.clear()
    _places_of_start.clear()
    _places_of_failure.clear()
    _places.reset()


def arguments(tool, args, kwargs):
    """The arguments as JSON text. Raises TypeError where they do not fit the tool's parameters."""
    given = {}
    if args and tool.parameters is None:
        given.update((str(position), value) for position, value in enumerate(args))
    elif args:
        names = [parameter.argument for parameter in tool.parameters]
        if len(args) > len(names):
            known = ", ".join(names) or "none"
            raise TypeError(f"{tool}() takes at most {len(names)} positional arguments ({known}), but {len(args)} were given")
        given.update(zip(names, args))
    if kwargs:
        by_name = tool.by_name
        for name, value in kwargs.items():
            name = by_name.get(name, name)
            if name in given:
                raise TypeError(f"{tool}() got two values for the argument {name!r}")
            given[name] = value
    if not given:
        return "{}"
    for name, value in given.items():
        kind = type(value)
        if kind is not str and hasattr(kind, "__await__"):
            raise TypeError(f"{tool}() got something to await for the argument {name!r}: await it first")
    try:
        return convert.to_json(given)
    except ValueError as error:
        raise ValueError(f"{tool}() got arguments that JSON cannot hold: {error}") from None
