"""Which variables hold calls that are awaited later."""

import fake_host  # noqa: F401

import ast
import unittest

from tollgate_python import flow, rewrite


def held(source):
    tree = ast.parse(source)
    return flow.held(tree, rewrite._Awaits([node for node in ast.walk(tree) if isinstance(node, ast.Import)]))


class Flow(unittest.TestCase):
    def test_variables_that_are_only_awaited_hold_calls(self):
        for source in (
            "x = f()\nawait x",
            "x = [f(i) for i in r]\nawait asyncio.gather(*x)",
            "x = []\nfor i in r:\n    x.append(f(i))\nprint(len(x))\nawait asyncio.gather(*x)",
            "x = {}\nx['a'] = f()\nawait asyncio.gather(*x.values())",
            "x = [f()]\nfor t in x:\n    await t",
            "x = [f()]\n[await t for t in x]",
            "x = [f()]\nfor i, t in enumerate(x):\n    await t",
            "x = {1: f()}\nfor k, t in x.items():\n    print(k, await t)",
            "x, n = f(), 1\nprint(n)\nawait x",
            "x = [f()]\nx += [f()]\nfor c in asyncio.as_completed(x):\n    await c",
            "t = f()\nx = [t]\nawait asyncio.gather(*x)",
            "x = f()\nif c:\n    await x",
        ):
            with self.subTest(source):
                self.assertIn("x", held(source))

    def test_variables_whose_values_are_looked_at_do_not(self):
        for source in (
            "x = f()\nprint(x)",
            "x = f()\nprint(x)\nawait x",
            "x = [f()]\nprint(x[0]['a'])\nawait asyncio.gather(*x)",
            "x = [f()]\nfor r in x:\n    print(r['id'])\nawait asyncio.gather(*x)",
            "x = [f()]\ndef g():\n    return x\nawait asyncio.gather(*x)",
            "x = [f()]\nx.sort()\nawait asyncio.gather(*x)",
            "x = f()\ny = {'a': x}\nprint(y)\nawait x",
            "global x\nx = f()\nawait x",
            "x = f()\nawait g(x)",
            "x = [f()]\nx = await asyncio.gather(*x)\nprint(x)",
        ):
            with self.subTest(source):
                self.assertNotIn("x", held(source))


if __name__ == "__main__":
    unittest.main()
