"""The component's entry: the world `interpreter`, written in Python. See `tollgate_python`."""

import json

from componentize_py_types import Err
import wit_world
from wit_world.imports import types

from tollgate_python import modules  # noqa: F401
from tollgate_python import errors, run, warm
from tollgate_python.loop import install

install()

_DESCRIPTION = """\
Runs a Python 3.14 script. Servers are objects and tools are their functions: `await github.list_issues(repo="x")`.
The value of the last expression is the output."""

_INPUT = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "The script."},
        "file": {"type": "string", "description": "The script's name in messages."},
        "input": {"description": "What the script sees as `input`."},
        "session": {"type": ["object", "null"], "description": "What the script sees as `session`."},
    },
    "required": ["code"],
}
_OUTPUT = {
    "type": "object",
    "properties": {
        "output": {"description": "The script's value."},
        "session": {"type": ["object", "null"], "description": "The session as the script left it."},
    },
    "required": ["output", "session"],
}

_NOWHERE = '{"type": "InterpreterError", "line": null, "column": null, "trace": []}'


class WitWorld(wit_world.WitWorld):
    def describe(self) -> types.Descriptor:
        return types.Descriptor(
            "python", "Python interpreter", _DESCRIPTION, json.dumps(_INPUT), json.dumps(_OUTPUT), []
        )

    async def run(self, input: str) -> str:
        try:
            return await run.run(input)
        except errors.Refused as refused:
            raise Err(refused.error) from None
        except BaseException as error:
            # A script has broken what the interpreter needs: an error of the script, not a trap.
            message = f"the script broke the interpreter: {type(error).__name__}"
            raise Err(types.PolicyError(message, "exception", _NOWHERE, None)) from None


warm.warm(WitWorld().run)
