"""What ended a script: its message, place and the script's own frames, as the host's `policy-error` has them."""

import difflib
import itertools
import traceback
from json import dumps

from . import bridge, convert, host, rewrite, sandbox

# Frames that are told of: the outermost and the innermost of a runaway recursion.
_FRAMES = 50
_MESSAGE_CHARACTERS = 20_000
_SERVERS_TOLD = 20


class Refused(Exception):
    """A script ended with an error. `error` is the host's `policy-error`."""

    def __init__(self, error):
        super().__init__(error.message)
        self.error = error


def policy_error(error, source, file):
    """The host's `policy-error` for what a script raised, or for why it could not be compiled."""
    lines = source.split("\n")
    if isinstance(error, SyntaxError) and _is_of_script(error, file):
        return _of_syntax(error, lines)
    trace = _trace(error, lines, file)
    last = trace[-1] if trace else {"line": None, "column": None}
    kind = type(error).__name__
    data = {"type": kind, "line": last["line"], "column": last["column"], "trace": _shortened(trace)}
    return _make(_words(error), "exception", data, _cause(error))


def not_compiled(message, kind="SyntaxError", line=None):
    """The same for a source that the compiler did not take, for reasons that have no place."""
    return _make(f"{kind}: {message}", "syntax-error", {"type": kind, "line": line, "column": None, "trace": []}, None)


def _make(message, code, data, cause):
    message = convert.clean(message)
    if len(message) > _MESSAGE_CHARACTERS:
        message = message[:_MESSAGE_CHARACTERS] + "…"
    return host.types.PolicyError(message, code, convert.clean(dumps(data, ensure_ascii=False)), cause)


def _is_of_script(error, file):
    # One that `eval`, `compile` or an import raised is an exception like others.
    return error.filename == file and error.__traceback__ is not None and _raised_by_compiler(error.__traceback__)


def _raised_by_compiler(trace):
    while trace is not None:
        if trace.tb_frame.f_code.co_name == rewrite.compile_script.__name__:
            return True
        trace = trace.tb_next
    return False


def _of_syntax(error, lines):
    line = error.lineno
    column = error.offset or None
    if line is not None and line > len(lines):
        line, column = len(lines), None
    kind = type(error).__name__
    data = {"type": kind, "line": line, "column": column, "trace": []}
    return _make(f"{kind}: {error.msg}", "syntax-error", data, None)


def _words(error):
    """As Python words it, without frames: `ValueError: …`."""
    if isinstance(error, BaseExceptionGroup):
        leaves = list(_leaves(error))
        told = "; ".join(_one(leaf) for leaf in leaves[:5])
        return f"{_one(error)}: {told}{'; …' if len(leaves) > 5 else ''}"
    return _one(error)


def _one(error):
    try:
        text = str(error)
        if isinstance(error, (NameError, AttributeError, ImportError)) and getattr(error, "name", None):
            text = _with_suggestion(error, text)
    except Exception:
        text = "(its text cannot be made)"
    hint = sandbox.hint(error)
    if hint is not None:
        text = f"{text} ({hint})"
    for note in getattr(error, "__notes__", None) or ():
        text = f"{text}\n{note}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _with_suggestion(error, text):
    """With Python's own `Did you mean`; for an unknown name, with the servers that there are."""
    told = next(traceback.TracebackException(type(error), error, error.__traceback__).format_exception_only())
    told = told.strip().removeprefix(f"{type(error).__name__}: ")
    if told != text or not isinstance(error, NameError) or isinstance(error, UnboundLocalError):
        return told
    servers = sorted({each.name for each in host.servers()})
    near = difflib.get_close_matches(error.name.partition("__")[0], servers, 3)
    if near:
        return f"{text}; did you mean {', '.join(near)}?"
    listed = ", ".join(servers[:_SERVERS_TOLD]) + (", …" if len(servers) > _SERVERS_TOLD else "")
    return f"{text}; the servers of this run are: {listed}" if servers else text


def _leaves(error):
    """The errors of a group and of the groups in it, in their order; of any other error itself."""
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(reversed(each.exceptions))
        else:
            yield each


def _cause(error):
    """The failed call, where the error is one of a call (or a group of nothing but one)."""
    leaves = list(_leaves(error))
    return bridge.failure_of(leaves[0]) if len(leaves) == 1 else None


def _trace(error, lines, file):
    """The script's own frames, outermost first."""
    if isinstance(error, BaseExceptionGroup):
        own = _frames(error.__traceback__, lines, file)
        first = next(_leaves(error))
        return own + [frame for frame in _frames(first.__traceback__, lines, file) if frame not in own]
    return _frames(error.__traceback__, lines, file) or _started_at(error, lines, file)


def _started_at(error, lines, file):
    place = bridge.place_of(error)
    if place is None or place[0].co_filename != file:
        return []
    code, instruction, line = place
    return [{"function": _function(code), "line": line, "column": _column(code, instruction, line, lines)}]


def _frames(trace, lines, file):
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == file:
            line = trace.tb_lineno
            column = _column(code, trace.tb_lasti, line, lines)
            frames.append({"function": _function(code), "line": line, "column": column})
        trace = trace.tb_next
    return _without_wrapper(frames)


def _without_wrapper(frames):
    # A script with a `return` is a function that a line of ours calls.
    if len(frames) > 1 and frames[0]["function"] == frames[1]["function"] == "<module>":
        return frames[1:]
    return frames


def _function(code):
    return "<module>" if code.co_name == rewrite.MAIN else code.co_name


def _column(code, instruction, line, lines):
    """Where the expression begins that an instruction belongs to; None where that is not known."""
    position = next(itertools.islice(code.co_positions(), instruction // 2, None), None)
    if position is None or position[0] != line or position[2] is None:
        return None
    return _characters(lines, line, position[2])


def _characters(lines, line, column_bytes):
    """A column in characters from 1, of one in bytes from 0."""
    if not 0 < line <= len(lines):
        return column_bytes + 1
    head = lines[line - 1].encode("utf-8", "surrogatepass")[:column_bytes]
    return len(head.decode("utf-8", "replace")) + 1


def _shortened(trace):
    if len(trace) <= _FRAMES:
        return trace
    half = _FRAMES // 2
    return trace[:half] + trace[-half:]


def install():
    """Tracebacks that a script prints itself show only its own frames."""
    walk = traceback._walk_tb_with_full_positions

    def _walk(trace):
        for frame, place in walk(trace):
            if not frame.f_code.co_filename.startswith(bridge.OWN_FILES):
                yield frame, place

    traceback._walk_tb_with_full_positions = _walk
