"""Warms the interpreter while the component is built: what is made the first time stands in the snapshot then."""

import gc
import json
import linecache
import sys

from componentize_py_types import Ok

from . import pretend, run, snapshot

_SAMPLE = """\
import asyncio
import json

def double(x: int) -> int:
    return 2 * x

async def main():
    tasks = [github.get(id=i) for i in range(3)]
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        print(f"{result['a']!r:>10}")
    x, y = await github.get(id=1), [double(i) for i in (1, 2) if i]
    return {"x": x, "y": y}

try:
    asyncio.run(main())
except (KeyError, ValueError) as error:
    print(error)
if __name__ == "__main__":
    main()
"""
_SCRIPTS = (
    "1 + 1",
    "for n in range(3):\n    await github.get(id=n)",
    "import asyncio\nawait asyncio.gather(*[github.get(id=n) for n in range(3)])",
    "import json\ngithub.get(1)\nprint(json.dumps([1, 'x']))\nreturn {'a': input}",
    "import time\nawait sleep(0.001)\ntime.sleep(0.001)",
    "from unified_api import *\ntry:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)\ngithub__get(1)",
    _SAMPLE,
)
_FAILING = "def f():\n    return 1 / 0\nf()"
# Often enough for Python to have its code adapted to what it meets.
_TIMES = 40


def warm(start):
    """Does what runs do, over a host that only seems to be there. `start` begins a run: its input as JSON, a coroutine."""
    with pretend.pretended() as host:
        modules = dict(sys.modules)
        for _ in range(_TIMES):
            for code in (*_SCRIPTS, _FAILING):
                given = {"code": code, "file": "script.py", "input": {"x": 1}, "session": None}
                result = host.run(start(json.dumps(given)))
                run.reset()
                if isinstance(result, Ok) is (code == _FAILING):
                    raise AssertionError(f"a script that should warm the interpreter gave {result}:\n{code}")
        # As it was before: nothing that a script sees tells of these.
        linecache.cache.clear()
        for name in sys.modules.keys() - modules.keys():
            del sys.modules[name]
        sys.modules.update(modules)
        del modules
    gc.collect()
    snapshot.mark_lasting()
    gc.collect()
    gc.freeze()
    # Each collection looks at every new object: a small script is over before one is worth its while.
    gc.set_threshold(50_000, 20, 100)
    snapshot.fill_holes()
