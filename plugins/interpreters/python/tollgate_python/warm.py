"""Warms the interpreter while the component is built: what is made the first time stands in the snapshot then."""

import gc
import json

from . import convert, errors, results, rewrite

_SAMPLE = """\
import asyncio
import json

def double(x: int) -> int:
    return 2 * x

async def main():
    tasks = [github.get(id=i) for i in range(3)]
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        print(f"{result['a']!r:>10}", file=None)
    x, y = await github.get(id=1), [double(i) for i in (1, 2) if i]
    return {"x": x, "y": y}

try:
    asyncio.run(main())
except (KeyError, ValueError) as error:
    print(error)
if __name__ == "__main__":
    main()
"""
_ANSWER = '{"content": [{"type": "text", "text": "{\\"a\\": [1, 2.5, null]}"}], "isError": false}'


def warm():
    """Does what a run does, short of calling the host, and takes what stands now out of the collector's sight."""
    for _ in range(40):
        rewrite.compile_script(_SAMPLE, "script.py")
        rewrite.compile_script("1 + 1", "script.py")
        convert.to_json({"a": [1, 2.5, None, "x"], "b": {1, 2}})
        convert.to_json(results.read(_ANSWER))
        json.loads(json.dumps({"code": "1 + 1", "file": "script.py", "input": None, "session": None}))
        try:
            exec(rewrite.compile_script("def f():\n    return 1 / 0\nf()", "script.py").code, {})
        except ZeroDivisionError as error:
            errors.policy_error(error, "def f():\n    return 1 / 0\nf()", "script.py")
    gc.collect()
    gc.freeze()
    # Each collection looks at every new object: a small script is over before one is worth its while.
    gc.set_threshold(50_000, 20, 100)
