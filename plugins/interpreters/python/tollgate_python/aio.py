"""What asyncio does otherwise here, and the helpers that rewritten scripts call.

A tool's result that is there already may be awaited and gathered like one that is not, so asyncio's functions take plain
values. `asyncio.run` works although a loop is running: it drives that loop.
"""

import asyncio
import functools
import inspect
import time

from .interfaces import Function
from .loop import loop
from .namespaces import Tool


class _Sleep:
    """`await sleep(0.5)` and `sleep(0.5)`: so many seconds on the host's timer."""

    __name__ = "sleep"

    def __call__(self, seconds):
        time.sleep(seconds)

    def awaited(self, seconds):
        """The pause as a coroutine."""
        return asyncio.sleep(seconds)

    def started(self, seconds):
        """The pause as a task that runs already."""
        return loop.create_task(asyncio.sleep(seconds))

    def __repr__(self):
        return "<function sleep>"


SLEEP = _Sleep()
# What is called one way where it is awaited and another where it is not.
_EITHER = frozenset({Tool, Function, _Sleep})


class Ready:
    """A value to await that is there already."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield


def ready(value):
    """The value, or where it cannot be awaited something that gives it."""
    if hasattr(type(value), "__await__") or inspect.isgenerator(value) and inspect.isawaitable(value):
        return value
    return Ready(value)


def call_awaited(function, /, *args, **kwargs):
    """`await function(…)`: what there is to await."""
    if type(function) in _EITHER:
        return function.awaited(*args, **kwargs)
    if type(function) is functools.partial and type(function.func) in _EITHER:
        return function.func.awaited(*function.args, *args, **{**function.keywords, **kwargs})
    return ready(function(*args, **kwargs))


def call_started(function, /, *args, **kwargs):
    """`function(…)` where the value is awaited later: a tool's call is started."""
    if type(function) in _EITHER:
        return function.started(*args, **kwargs)
    if type(function) is functools.partial and type(function.func) in _EITHER:
        return function.func.started(*function.args, *args, **{**function.keywords, **kwargs})
    return function(*args, **kwargs)


def later(function):
    """A function whose calls are awaited later."""
    either = type(function) in _EITHER or type(function) is functools.partial
    return functools.partial(call_started, function) if either else function


def call_running(function, /, *args, **kwargs):
    """`asyncio.run(…)` and `loop.run_until_complete(…)` where `await` is possible: what there is to await."""
    if function is run or getattr(function, "__func__", None) is type(loop).run_until_complete:
        return _run_awaited(*args, **kwargs)
    return ready(function(*args, **kwargs))


async def _run_awaited(main, *, debug=None, loop_factory=None):
    before = set(loop.tasks)
    try:
        return await ready(main)
    finally:
        _cancel_all(before)


def run(main, *, debug=None, loop_factory=None):
    """asyncio.run: runs until `main` has ended; other tasks that it made are cancelled then."""
    before = set(loop.tasks)
    try:
        return loop.drive(ready(main))
    finally:
        _cancel_all(before)


def _cancel_all(before):
    for task in loop.tasks - before:
        if task is not loop._alarm:
            task.cancel()


async def _result_of(awaitable):
    return await awaitable


def as_task(value, **options):
    """A task of what can be awaited, or of a plain value."""
    if isinstance(value, asyncio.Future):
        return value
    return loop.create_task(value if inspect.iscoroutine(value) else _result_of(ready(value)), **options)


def _as_coroutine(value):
    return value if inspect.iscoroutine(value) else _result_of(ready(value))


def install():
    """Puts the stand-ins into asyncio."""
    tasks = asyncio.tasks
    gather, shield, wait, wait_for = tasks.gather, tasks.shield, tasks.wait, tasks.wait_for
    as_completed, create_in_group = tasks.as_completed, asyncio.TaskGroup.create_task

    def _gather(*values, return_exceptions=False):
        return gather(*[as_task(value) for value in values], return_exceptions=return_exceptions)

    def _create_task(coro, *, name=None, context=None, **options):
        task = as_task(coro, context=context)
        if name is not None and hasattr(task, "set_name"):
            task.set_name(name)
        return task

    def _ensure_future(coro_or_future, *, loop=None):
        return as_task(coro_or_future)

    def _shield(arg):
        return shield(as_task(arg))

    async def _wait_for(fut, timeout):
        return await wait_for(as_task(fut), timeout)

    async def _wait(fs, *, timeout=None, return_when=tasks.ALL_COMPLETED):
        return await wait([as_task(value) for value in fs], timeout=timeout, return_when=return_when)

    def _as_completed(fs, *, timeout=None):
        return as_completed([as_task(value) for value in fs], timeout=timeout)

    def _create_in_group(self, coro, *, name=None, context=None, **options):
        return create_in_group(self, _as_coroutine(coro), name=name, context=context)

    def _run_in_runner(self, coro, *, context=None):
        return run(coro)

    for function, original in (
        (_gather, gather),
        (_create_task, tasks.create_task),
        (_ensure_future, tasks.ensure_future),
        (_shield, shield),
        (_wait_for, wait_for),
        (_wait, wait),
        (_as_completed, as_completed),
        (run, asyncio.run),
    ):
        name = original.__name__
        if function is not run:
            function.__name__ = function.__qualname__ = name
            function.__doc__ = original.__doc__
        setattr(asyncio, name, function)
        if hasattr(tasks, name):
            setattr(tasks, name, function)
    asyncio.runners.run = run
    asyncio.TaskGroup.create_task = _create_in_group
    asyncio.Runner.run = _run_in_runner
    asyncio.Runner.get_loop = lambda self: loop
    asyncio.Runner.close = lambda self: None
    asyncio.new_event_loop = asyncio.events.new_event_loop = lambda: loop
    asyncio.set_event_loop = asyncio.events.set_event_loop = lambda loop: None
    asyncio.get_event_loop = asyncio.events.get_event_loop = lambda: loop


HELPERS = {
    "$await": call_awaited,
    "$ready": ready,
    "$start": call_started,
    "$run": call_running,
    "$later": later,
}
