"""One run: a request of the host in, the script's value out."""

import asyncio
import builtins
import contextvars
import linecache
import sys
import types
from json import loads

from . import aio, bridge, convert, errors, host, interfaces, namespaces, rewrite, sandbox
from .loop import loop

_set_recursion_limit = sandbox.install()
aio.install()
errors.install()

# Scripts have a copy of Python's builtins: what they do to it does not reach the interpreter.
_script_builtins = types.ModuleType("builtins", builtins.__doc__)
_script_builtins.__dict__.update(builtins.__dict__)
# What a run needs of the standard library, held where no script reaches it by `sys.modules`.
_stdout, _stderr = sys.stdout, sys.stderr
_BUILTINS = frozenset(dir(builtins))
# A syntax tree nests deeper than a script's calls; nothing of C nests with it.
_COMPILE_DEPTH = 20_000


async def run(text):
    """Runs a script: the request and the answer are JSON text. Raises `errors.Refused`."""
    # The task of the run itself is none of the script's.
    loop.tasks.clear()
    loop.context = contextvars.copy_context()
    request = loads(text)
    source, file = _clean_source(request["code"]), request.get("file") or "script.py"
    try:
        script = _compile(source, file)
        return await _run(request, script, source, file)
    finally:
        _flush()
        host.forget_calls()


def _clean_source(source):
    return source.removeprefix("\ufeff")


def _compile(source, file):
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise errors.Refused(errors.not_compiled("the source holds a NUL character", line=line))
    _set_recursion_limit(_COMPILE_DEPTH)
    try:
        return rewrite.compile_script(source, file)
    except SyntaxError as error:
        raise errors.Refused(errors.policy_error(error, source, file)) from None
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        raise errors.Refused(errors.not_compiled("the source holds half a character (a surrogate)", line=line)) from None
    except (RecursionError, MemoryError) as error:
        kind = type(error).__name__
        raise errors.Refused(errors.not_compiled("the source nests too deep for the compiler", kind)) from None
    except ValueError as error:
        raise errors.Refused(errors.not_compiled(str(error))) from None
    finally:
        _set_recursion_limit(sandbox.RECURSION_LIMIT)


async def _run(request, script, source, file):
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    session = request.get("session")
    variables = _Session(session or {})
    scope = _scope(script, request.get("input"), variables)
    try:
        value = await _execute(script.code, scope)
        output = convert.to_json(value)
        kept = scope.get("session", variables)
        kept = "null" if session is None else convert.session_json(kept if isinstance(kept, dict) else variables)
    except SystemExit as error:
        if error.code is not None and error.code != 0:
            raise errors.Refused(errors.policy_error(error, source, file)) from None
        output, kept = "null", "null" if session is None else convert.session_json(variables)
    except BaseException as error:
        raise errors.Refused(errors.policy_error(_told(error), source, file)) from None
    return f'{{"output":{output},"session":{kept}}}'


class _Session(dict):
    """The script variables that are kept between runs."""


def _told(error):
    """The error as it is told: a script that was stopped because nothing could go on has not been cancelled."""
    if isinstance(error, asyncio.CancelledError) and (loop.stuck or error.args):
        return _Deadlock("the script waits for something that nothing will ever finish").with_traceback(error.__traceback__)
    return error


class _Deadlock(RuntimeError):
    pass


_Deadlock.__name__ = _Deadlock.__qualname__ = "Deadlock"


def _scope(script, given, session):
    """The global variables of a script."""
    servers = namespaces.Servers()
    module = _main_module()
    scope = module.__dict__
    scope.update(
        __builtins__=_script_builtins,
        __file__=script.code.co_filename,
        input=given,
        session=session,
        tools=servers,
        tollgate=interfaces.TOLLGATE,
        ToolError=bridge.ToolError,
        log=log,
        progress=progress,
        sleep=aio.SLEEP,
        **aio.HELPERS,
    )
    extra = {name: scope[name] for name in ("tools", "tollgate", "ToolError", "log", "progress", "sleep")}
    sys.modules["unified_api"] = namespaces.UnifiedApi(servers, script.names, extra)
    _bind_tools(script.names, servers, scope)
    return scope


def _main_module():
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.modules["builtins"] = _script_builtins
    return module


def _bind_tools(names, servers, scope):
    """Binds the servers and tools that the script names. What the interpreter or Python calls so comes first."""
    if names is None:
        for name, server in servers.by_name().items():
            if name not in scope and name not in _BUILTINS:
                scope[name] = server
        for name in servers.flat_names():
            scope.setdefault(name, servers.flat(name))
        return
    for name in names:
        if name in scope or name in _BUILTINS or name == "unified_api":
            continue
        server = servers.by_name().get(name)
        if server is not None:
            scope[name] = server
            if name not in sys.stdlib_module_names:
                sys.modules.setdefault(name, server)
        elif "__" in name[1:]:
            tool = servers.flat(name) or servers.near_flat(name)
            if tool is not None:
                scope[name] = tool


async def _execute(code, scope):
    if code.co_flags & 0x80:  # CO_COROUTINE: it awaits at its top.
        function = types.FunctionType(code, scope)
        value = await _as_main(function(), scope)
    else:
        exec(code, scope)
        value = _value(scope)
    if hasattr(type(value), "__await__"):
        value = await _as_main(_awaited(value), None)
    if loop.tasks or loop.failed:
        await _as_main(bridge.settle(), None)
    return value


def _value(scope):
    returned = scope.get("$returned")
    return scope.get(rewrite.VALUE) if returned is None else returned


async def _awaited(value):
    return await value


async def _as_main(coroutine, scope):
    """Runs it as the task that is told when nothing can go on."""
    task = asyncio.Task(coroutine, loop=loop)
    outer, loop.main = loop.main, task
    try:
        result = await task
    finally:
        loop.main = outer
    return result if scope is None else _value(scope)


def log(message, level="info"):
    """One line for the run's log. Levels: trace, debug, info, warn, error."""
    word = {"warning": "warn", "critical": "error"}.get(str(level).lower(), str(level).lower())
    if word not in host.LEVELS:
        raise ValueError(f"there is no level {level!r}: use one of {', '.join(host.LEVELS)}")
    host.log(word, convert.clean(message if isinstance(message, str) else str(message)))


def progress(done, total=None, message=None):
    """How far the script is: `done` of `total`, and what it does now."""
    text = None if message is None else convert.clean(str(message))
    host.progress(float(done), None if total is None else float(total), text)


def _flush():
    for stream in (_stdout, _stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


def reset():
    """Forgets everything of a run before; an instance of the component has one run only."""
    loop.reset()
    bridge.reset()

