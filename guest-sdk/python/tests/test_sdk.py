"""Tests of the helper package: `python3 -m unittest` in its folder."""

import dataclasses
import enum
import json
import unittest
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

from tollgate import CallError, PolicyError, ToolResult, declare, log, policy, progress, sleep, tool, tools
from tollgate.errors import describe_bug, failure_of
from tollgate.schema import Misfit, decode, encode, schema_of
from tollgate.testing import CallFailure, call_adapter, fake_host, run_policy


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Item:
    name: str
    colour: Colour = Colour.RED
    tags: list[str] = dataclasses.field(default_factory=list)


class Size(TypedDict):
    width: int
    height: NotRequired[int]


class Tree(TypedDict):
    children: "list[Tree]"


class Schemas(unittest.TestCase):
    def test_of_each_annotation(self) -> None:
        for hint, schema in [
            (str, {"type": "string"}),
            (int, {"type": "integer"}),
            (None, {"type": "null"}),
            (Any, {}),
            (Optional[str], {"type": ["string", "null"]}),
            (list[int] | str, {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "string"}]}),
            (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
            (Literal["a", 1], {"enum": ["a", 1]}),
            (Colour, {"enum": ["red", "blue"]}),
            (Annotated[str, "Whom.", {"minLength": 1}], {"type": "string", "description": "Whom.", "minLength": 1}),
            (tuple[int, str], {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2}),
        ]:
            self.assertEqual(schema_of(hint), schema, hint)
        self.assertEqual(schema_of(Item)["required"], ["name"])
        self.assertEqual(schema_of(Size)["required"], ["width"])

    def test_a_type_that_refers_to_itself_ends(self) -> None:
        self.assertLess(len(json.dumps(schema_of(Tree))), 10_000)

    def test_a_type_without_a_schema_is_told(self) -> None:
        with self.assertRaisesRegex(TypeError, "has no JSON Schema"):
            schema_of(complex)

    def test_json_becomes_the_type_and_goes_back(self) -> None:
        item = decode(Item, {"name": "a", "colour": "blue", "tags": ["x"], "unknown": 1}, "item")
        self.assertEqual(item, Item("a", Colour.BLUE, ["x"]))
        self.assertEqual(encode(item), {"name": "a", "colour": "blue", "tags": ["x"]})
        self.assertEqual(decode(float, 1, "x"), 1.0)
        self.assertEqual(decode(Optional[int], None, "x"), None)
        self.assertEqual(decode(tuple[int, str], [1, "a"], "x"), (1, "a"))
        with self.assertRaises(TypeError):
            encode(object())

    def test_what_does_not_fit_is_told_with_its_place(self) -> None:
        for hint, value, place in [
            (int, True, "x: True is not a integer"),
            (str, 1, "x: 1 is not a string"),
            (list[int], [1, "a"], r"x\[1\]: 'a' is not"),
            (Item, {}, "x.name: is missing"),
            (Item, {"name": "a", "colour": "green"}, "x.colour: 'green' is not one of"),
            (dict[str, int], {"a": None}, "x.a: None is not"),
            (Literal["a"], "b", "is not one of"),
            (int | str, [], "is not a integer; .* is not a string"),
            (tuple[int], [1, 2], "an array of 1"),
        ]:
            with self.assertRaisesRegex(Misfit, place):
                decode(hint, value, "x")


class Declaring(unittest.TestCase):
    def setUp(self) -> None:
        declare._policies.clear()
        declare._tools.clear()

    def test_a_function_is_described_by_its_docstring_and_types(self) -> None:
        @policy(grants=["tool=a:*"])
        def bill_customer(customer: str, cents: Annotated[int, {"minimum": 1}] = 5) -> list[str]:
            """Bills a customer.

            All at once.

            Args:
                customer: Whom
                    to bill.
                cents (int): How much.

            Returns:
                What was billed.
            """
            return [customer] * cents

        it = declare.the_policy()
        self.assertEqual((it.name, it.description), ("bill-customer", "Bills a customer.\n\nAll at once."))
        properties = it.input_schema["properties"]
        self.assertEqual(properties["customer"], {"type": "string", "description": "Whom to bill."})
        self.assertEqual(properties["cents"], {"type": "integer", "minimum": 1, "description": "How much.", "default": 5})
        self.assertEqual(it.input_schema["required"], ["customer"])
        self.assertEqual(it.output_schema, {"type": "array", "items": {"type": "string"}})
        self.assertEqual(run_policy({"customer": "a", "cents": 2}), ["a", "a"])
        for wrong, place in [({}, "customer: is missing"), ({"customer": "a", "x": 1}, "x: there is no such argument")]:
            with self.assertRaisesRegex(Misfit, place):
                run_policy(wrong)

    def test_what_cannot_be_declared_is_told_at_once(self) -> None:
        with self.assertRaisesRegex(TypeError, "no docstring"):
            policy(lambda: 1)
        with self.assertRaisesRegex(TypeError, "without async"):

            @policy
            async def waits() -> None:
                """Waits."""

        with self.assertRaisesRegex(TypeError, "cannot be an argument"):

            @policy
            def any_number(*numbers: int) -> None:
                """Takes any."""

        with self.assertRaisesRegex(RuntimeError, "one policy"):
            declare.the_policy()

    def test_results_of_tools_are_structured(self) -> None:
        @tool(read_only=True, idempotent=False)
        def numbers() -> list[int]:
            """Numbers."""
            return [1]

        @tool
        def raw() -> ToolResult:
            """Raw."""
            return ToolResult({"content": [], "isError": True})

        self.assertEqual(declare.the_tools()["numbers"].hints, {"readOnlyHint": True, "idempotentHint": False})
        output: Any = declare.the_tools()["numbers"].output_schema
        self.assertEqual(output["required"], ["result"])
        content = [{"type": "text", "text": "[1]"}]
        self.assertEqual(call_adapter("numbers"), {"content": content, "structuredContent": {"result": [1]}})
        self.assertEqual(call_adapter("raw"), {"content": [], "isError": True})
        self.assertIsNone(declare.the_tools()["raw"].output_schema)


class Calling(unittest.TestCase):
    def test_a_value_is_structured_content_else_the_text(self) -> None:
        def text(text: str) -> Any:
            return {"content": [{"type": "text", "text": text}]}

        for answer, value in [
            ({"content": [], "structuredContent": {"a": 1}}, {"a": 1}),
            ({"content": [], "structuredContent": {"result": [1]}}, [1]),
            (text('{"a":1}'), {"a": 1}),
            (text("all is well"), "all is well"),
        ]:
            fake_host({"a:b": answer})
            self.assertEqual(tools.call("a", "b"), value)

    def test_many_at_once(self) -> None:
        fake_host({"a:b": lambda args: args["x"]})
        first, second = tools.call_many([("a", "b", {"x": 7}), ("a", "c")])
        self.assertEqual(first, 7)
        self.assertIsInstance(second, CallError)

    def test_every_failure_names_the_call_and_says_what_to_do(self) -> None:
        for kind, detail, words in [
            ("denied", "no grant", "a:b: denied: no grant"),
            ("unknown-tool", ["a:c"], "did you mean a:c?"),
            ("failed", '{"content":[{"text":"no such customer"}]}', "the tool failed: no such customer"),
            ("unavailable", "down", "a later retry is safe"),
            ("overloaded", None, "full now"),
            ("rate-limited", 1500, "wait 1500 ms"),
            ("outcome-unknown", "reset", "check before repeating it"),
            ("cancelled", None, "a:b: cancelled"),
        ]:

            def fails(args: object) -> None:
                raise CallFailure(kind, detail)

            fake_host({"a:b": fails})
            with self.assertRaises(CallError) as raised:
                tools.call("a", "b")
            self.assertIn(words, str(raised.exception))
            self.assertEqual(raised.exception.kind, kind)

    def test_a_failed_call_is_found_behind_other_errors(self) -> None:
        fake_host()
        try:
            try:
                tools.call("a", "b")
            except CallError as error:
                raise PolicyError("cannot bill", code="billing") from error
        except PolicyError as error:
            failure: Any = failure_of(error)
            self.assertEqual(failure.kind, "unknown-tool")

    def test_a_mistake_is_told_with_its_place(self) -> None:
        try:
            dict[str, int]()["no"]
        except KeyError as error:
            message, data = describe_bug(error)
        self.assertEqual(message, "KeyError: 'no'")
        self.assertEqual(data["trace"][-1]["file"], "test_sdk.py")

    def test_logs_progress_and_waits_reach_the_host(self) -> None:
        host = fake_host()
        log.warn(3)
        progress(1, 2, "half")
        sleep(0.0011)
        self.assertEqual((host.logs, host.reports, host.slept_ms), ([("warn", "3")], [(1, 2, "half")], 2))
