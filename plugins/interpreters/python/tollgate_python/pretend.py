"""A host that only seems to be there, for the time in which the component is built: nothing can be imported then.

It takes the place of what is under the code that componentize-py generates (the canonical ABI), so that all of that code runs.
"""

import contextlib
import inspect
import sys

import componentize_py_async_support as _support
import componentize_py_runtime as _runtime
from componentize_py_types import Err, Ok
from wit_world.imports import names, timer, timer_blocking, tools, tools_blocking, types

_RESULT = types.ToolResult('{"content": [{"type": "text", "text": "{\\"a\\": [1, 2.5, null]}"}], "isError": false}')
_FUNCTION = names.Function("get", "get", [names.Parameter("id", "id")])
# What each import gives, by its code: one server, whose one tool always gives the same.
_ANSWERS = {
    function.__code__: answer
    for function, answer in (
        (names.servers, lambda: [names.Namespace("github", "github")]),
        (names.functions, lambda server: [_FUNCTION]),
        (names.find, lambda server, name: _FUNCTION if name == "get" else None),
        (tools.call_tool, lambda server, tool, args: Ok(_RESULT)),
        (tools_blocking.call_tool, lambda server, tool, args: Ok(_RESULT)),
        (tools_blocking.call_tools, lambda calls: [Ok(_RESULT) for _ in calls]),
        (timer.sleep, lambda duration_ms: None),
        (timer_blocking.sleep, lambda duration_ms: None),
    )
}
# The codes of the canonical ABI for components with callbacks.
_SUBTASK, _RETURNED, _WAIT = 1, 2, 2


class Host:
    """What stands in the runtime's place, and what the runs over it gave."""

    def __init__(self):
        self.results = []
        self._under_way = []
        self._calls = 0
        self._state = None

    def run(self, coroutine):
        """Runs an export, and gives what it returned: an `Ok` or an `Err`."""
        code = _support.first_poll(0, [], coroutine)
        while code & 0xF == _WAIT:
            code = _support.callback(_SUBTASK, self._under_way.pop(0), _RETURNED)
        return self.results.pop()

    def call_import(self, index, args):
        """An import's answer; where it is asynchronous, a call that is under way."""
        code = sys._getframe(1).f_code
        answer = _ANSWERS[code](*args)
        if not code.co_flags & inspect.CO_COROUTINE:
            return answer
        self._calls += 1
        self._under_way.append(self._calls)
        return Err((self._calls, answer))

    def promise_get_result(self, event, promise):
        return promise

    def call_task_return(self, index, borrows, result):
        self.results.append(result)

    def context_get(self):
        return self._state

    def context_set(self, state):
        self._state = state

    def waitable_set_new(self):
        return 1

    def waitable_set_drop(self, waitables):
        pass

    def waitable_join(self, waitable, waitables):
        pass

    def subtask_drop(self, task):
        pass


@contextlib.contextmanager
def pretended():
    """Has such a host, and puts the real one back."""
    host = Host()
    own = vars(_runtime)
    real = {name: own[name] for name in vars(Host) if name in own}
    for name in real:
        setattr(_runtime, name, getattr(host, name))
    try:
        yield host
    finally:
        for name, function in real.items():
            setattr(_runtime, name, function)
