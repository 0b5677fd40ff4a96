"""What the interpreter asks the host for: the imports of the world `interpreter`, each in one place.

Those behind the global `tollgate` are modules here; `interfaces` knows their functions.
"""

import componentize_py_async_support as _support
import componentize_py_runtime as _runtime
from componentize_py_types import Err, Ok  # noqa: F401
from wit_world.imports import ask, ask_blocking, model, model_blocking, model_types  # noqa: F401
from wit_world.imports import log as _log
from wit_world.imports import names as _names
from wit_world.imports import progress as _progress
from wit_world.imports import prompts, prompts_blocking, resources, resources_blocking  # noqa: F401
from wit_world.imports import servers as server_list  # noqa: F401
from wit_world.imports import servers_blocking, state, state_blocking, state_types  # noqa: F401
from wit_world.imports import timer_blocking as _timer_blocking
from wit_world.imports import tools_blocking as _tools_blocking
from wit_world.imports import types
from wit_world.imports import timer as _timer
from wit_world.imports import tools as _tools

CallFailure = types.CallFailure


def call(server, tool, args):
    """Calls a tool and waits: the `CallToolResult` as JSON text. Raises `Err` of a `CallFailure`."""
    return _tools_blocking.call_tool(server, tool, args).json


# The same without holding up other tasks: a coroutine of the answer, whose `json` it is.
call_async = _tools.call_tool


def call_many(calls):
    """Makes calls (server, tool, args) at once: a list of `Ok` and `Err`, in their order."""
    return _tools_blocking.call_tools([types.Call(*call) for call in calls])


async def sleep(duration_ms):
    """Returns after so many milliseconds; other tasks go on meanwhile."""
    await _timer.sleep(duration_ms)


def sleep_blocking(duration_ms):
    """Returns after so many milliseconds."""
    _timer_blocking.sleep(duration_ms)


def servers():
    """The servers that the run may call: objects with `name` and `server`."""
    return _names.servers()


def functions(server):
    """The tools of a server: objects with `name`, `tool`, `parameters` (`name`, `argument`)."""
    return _names.functions(server)


def find(server, name):
    """One of them, by its identifier or by its own name. None where there is none."""
    return _names.find(server, name)


def log(level, message):
    """One line for the run's log; `level` is one of `LEVELS`."""
    _log.log(LEVELS[level], message)


LEVELS = {level.name.lower(): level for level in _log.Level}


def progress(done, total, message):
    """How far the script is."""
    _progress.progress(done, total, message)


def install_loop(loop):
    """Makes the generated code use this event loop."""
    _support._loop = loop


def forget_calls():
    """Lets go of calls in flight, so that the run can end: the host cancels them with the run."""
    state = _support._future_state.get(None)
    if state is None:
        return
    for waitable in state.futures:
        _runtime.waitable_join(waitable, 0)
    state.futures.clear()
