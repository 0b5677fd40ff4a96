"""Replays tests/scripts/python.toml over a host without Wasm, by the Python that runs this: 3.11 or later."""

import fake_host

import json
import pathlib
import sys
import tomllib
import unittest

TABLE = pathlib.Path(__file__).resolve().parents[4] / "tests/scripts/python.toml"
# What this Python does otherwise than the component: it has files, an environment, native code, threads; older ones lack
# some words in their messages.
NOT_HERE = {
    "no environment",
    "no files",
    "no native code",
    "no network",
    "no processes",
    "no third-party modules",
    "no unknown modules",
    # These break the test's own Python.
    "sys.modules can be emptied",
    "json can be broken",
    "builtins can be broken",
    "half a character is printed escaped",
    # Done to the component's memory.
    "what is there before a script is immortal, and what it makes is not",
}


if sys.version_info < (3, 12):
    NOT_HERE.add("unknown name with a suggestion")


class Table(unittest.TestCase):
    def test_every_case_ends_as_it_should(self):
        cases = tomllib.loads(TABLE.read_text())["case"]
        self.assertGreater(len(cases), 90)
        for case in cases:
            if case["name"] in NOT_HERE:
                continue
            with self.subTest(case["name"]):
                self.check(case)

    def check(self, case):
        given = json.loads(case["input"]) if "input" in case else None
        host = fake_host.Host(case.get("grants", ("lab:*", "my-server:*", "crm:*")), calls_at_once=16)
        outcome = fake_host.run(case["code"], given, run_host=host)
        if "error" in case:
            self.assertIsNotNone(outcome.error, f"no error, but {outcome.output!r}")
            self.check_error(case["error"], outcome)
        else:
            self.assertIsNone(outcome.error, outcome.error)
            self.assertEqual(outcome.output, json.loads(case["output"]))
        for stream in ("stdout", "stderr"):
            if stream in case:
                self.assertEqual(getattr(outcome, stream), case[stream])

    def check_error(self, wanted, outcome):
        data = outcome.data
        self.assertIn(wanted["message"], outcome.error.message)
        if "type" in wanted:
            self.assertEqual(data["type"], wanted["type"])
        for place in ("line", "column"):
            if place in wanted:
                self.assertEqual(data[place], wanted[place], (place, data))
        kind = outcome.error.caused_by and type(outcome.error.caused_by.error).__name__.removeprefix("CallError_").lower()
        if "kind" in wanted:
            self.assertEqual(kind, wanted["kind"].replace("-", ""))
        elif wanted.get("status", 1) == 1:
            self.assertIsNone(kind)


if __name__ == "__main__":
    sys.exit(unittest.main())
