"""The global `tollgate`, over a host without Wasm."""

import fake_host

import sys
import unittest

from wit_world.imports import kinds, model_types as wit

T = fake_host.T


def host(*grants):
    return fake_host.Host(grants)


def answer(text, finish="STOP", uses=()):
    message = wit.Message(wit.Role.ASSISTANT, text, [wit.ToolUse(*use) for use in uses], None, False)
    return wit.Completion(message, wit.Finish[finish], "small", wit.Usage(3, 5))



class Interfaces(unittest.TestCase):
    def value(self, on, code):
        outcome = fake_host.run(code, run_host=on)
        self.assertIsNone(outcome.error, outcome.error)
        return outcome.output

    def failure(self, on, call):
        code = f"try:\n    await {call}\nexcept ToolError as e:\n    r = [e.kind, e.message, e.details]\nr"
        return self.value(on, code)

    def test_a_text_is_a_request_and_the_answer_has_all_its_parts(self):
        on = host("model")
        on.others.completions += [answer("Blue."), answer("Red.")]
        wanted = {"text": "Blue.", "tool_uses": [], "finish": "stop", "model": "small"}
        wanted["usage"] = {"input_tokens": 3, "output_tokens": 5}
        self.assertEqual(self.value(on, "await tollgate.complete('Which colour?')"), wanted)
        # Where nothing awaits it, it blocks.
        self.assertEqual(self.value(on, "from unified_api import tollgate\ntollgate.complete('x')['text']"), "Red.")
        ((message,), tools, options) = on.others.requests[0]
        self.assertEqual((message.role, message.content, tools), (wit.Role.USER, "Which colour?", []))
        self.assertIsNone(options.output_schema)

    def test_a_request_has_all_that_the_interface_has(self):
        on = host("model")
        uses = [("a", "look", '{"z":1,"a":2}'), ("b", "look", "{broken"), ("c", "look", "")]
        on.others.completions += [answer("", "TOOL_USE", uses), answer("done")]
        code = """
request = {
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Look."}],
    "tools": [{"name": "look", "description": "Looks.", "inputSchema": {"type": "object"}, "annotations": {}}],
    "model": "small", "max_tokens": 20, "temperature": 1, "stop": "END", "tool_choice": {"tool": "look"},
}
first = await tollgate.complete(request)
told = [*request["messages"], {"role": "assistant", "content": first["text"], "tool_uses": first["tool_uses"]}]
for use in first["tool_uses"]:
    told.append({"role": "tool", "tool_use_id": use["id"], "content": "seen", "is_error": True})
await tollgate.complete(messages=told, tool_choice="required", stop=("a", "b"))
[first["finish"], [use["arguments"] for use in first["tool_uses"]]]"""
        self.assertEqual(self.value(on, code), ["tool-use", [{"z": 1, "a": 2}, "{broken", {}]])
        messages, tools, options = on.others.requests[0]
        self.assertEqual((messages[0].role, messages[0].content), (wit.Role.SYSTEM, "Be brief."))
        self.assertEqual((tools[0].name, tools[0].input_schema), ("look", '{"type":"object"}'))
        self.assertEqual((options.max_tokens, options.temperature, options.stop), (20, 1.0, ["END"]))
        self.assertEqual(options.tool_choice, wit.ToolChoice_Tool("look"))
        messages, _, options = on.others.requests[1]
        self.assertEqual([use.arguments for use in messages[1].tool_uses], ['{"z":1,"a":2}', "{broken", "{}"])
        self.assertEqual((messages[2].role, messages[2].tool_use_id, messages[2].is_error), (wit.Role.TOOL, "a", True))
        self.assertEqual((options.tool_choice, options.stop), (wit.ToolChoice_Required(), ["a", "b"]))

    def test_an_answer_of_a_schema_is_read(self):
        on = host("model")
        texts = ['Here:\n```json\n{"b": 1}\n```', 'So: {"b": 2}.', '{"result": [1, 2]}', "[3]"]
        on.others.completions += [answer(text) for text in texts]
        code = "[tollgate.complete('x', schema={'type': t})['value'] for t in ('object', 'object', 'array', 'array')]"
        self.assertEqual(self.value(on, code), [{"b": 1}, {"b": 2}, [1, 2], [3]])
        self.assertIn('"properties":{"result":{"type":"array"}}', on.others.requests[2][2].output_schema)

    def test_an_answer_that_is_not_what_was_asked_for_is_a_failure(self):
        on = host("model")
        call = "tollgate.complete('x', schema={'type': 'object'})"
        on.others.completions += [answer("I do not know."), answer("No.", "REFUSAL"), answer('{"a":', "LENGTH")]
        kinds_told = [self.failure(on, call) for _ in range(3)]
        self.assertEqual([told[0] for told in kinds_told], ["invalid-response", "refused", "invalid-response"])
        self.assertEqual(kinds_told[1][1], "tollgate.complete: the model would not answer: No.")
        self.assertIn("max_tokens", kinds_told[2][1])

    def test_a_request_that_cannot_be_read_says_what_is_wrong(self):
        on = host("model")
        for request, words in (
            ("", "a text or a dict"),
            ("1", "a text or a dict"),
            ("{'prompt': 'x'}", "unknown member 'prompt'"),
            ("messages=[{'role': 'bot'}]", "not 'bot'"),
            ("'x', max_tokens=-1", "not -1"),
            ("'x', max_tokens=2**40", "4294967295"),
            ("'x', stop=1", "stop is a list"),
            ("'x', temperature='hot'", "temperature"),
            ("'x', tool_choice='any'", "tool_choice"),
            ("messages=[{'role': 'user', 'content': 1}]", "content is a text"),
            ("'x', tools=['look']", "a tool is a dict"),
        ):
            with self.subTest(request):
                kind, message, _ = self.failure(on, f"tollgate.complete({request})")
                self.assertEqual(kind, "invalid-request")
                self.assertIn(words, message)
        self.assertEqual(on.others.requests, [])

    def test_failures_of_the_model_have_their_kind_and_details(self):
        on = host("model")
        limit = T.Limit("model_calls", 2, "raise {--model-calls}")
        for error, kind, details in (
            (kinds.ModelError_RateLimited(20), "rate-limited", {"retry_after_ms": 20}),
            (kinds.ModelError_RateLimited(None), "rate-limited", {"retry_after_ms": None}),
            (kinds.ModelError_BudgetExhausted(limit), "budget-exhausted", vars(limit)),
            (kinds.ModelError_Cancelled(), "cancelled", None),
        ):
            on.others.completions.append(error)
            told = self.failure(on, "tollgate.complete('x')")
            self.assertEqual((told[0], told[2]), (kind, details))

    def test_a_person_accepts_declines_or_goes_away(self):
        on = host("ask")
        on.others.replies += [kinds.Reply_Accepted('{"city":"Paris"}'), kinds.Reply_Declined(), kinds.Reply_Dismissed()]
        code = """
schema = {"type": "object", "properties": {"city": {"type": "string"}}}
[tollgate.ask("Where?", schema), await tollgate.ask("Sure?"), tollgate.ask("Sure?")]"""
        wanted = [("accept", {"city": "Paris"}), ("decline", None), ("cancel", None)]
        self.assertEqual(self.value(on, code), [{"action": action, "content": content} for action, content in wanted])
        self.assertEqual(on.others.questions[1], ("Sure?", ""))
        self.assertEqual(self.failure(on, "tollgate.ask(1)")[0], "invalid-question")
        self.assertEqual(self.failure(on, "tollgate.ask('x')")[0], "unavailable")

    def test_resources_are_gathered_of_all_servers_or_of_a_domain(self):
        on = host("crm:*", "lab:*")
        self.assertEqual(self.value(on, "list(await tollgate.gather_all_resources())"), ["crm", "lab"])
        self.assertEqual(self.value(on, "list(tollgate.resources_for_domain('customers'))"), ["crm"])
        self.assertEqual(self.failure(on, "tollgate.gather_all_resources(fail_fast=True)")[0], "unavailable")
        outcome = fake_host.run("await tollgate.resources_for_domain('x')", run_host=on)
        # A request to a server is a failed call, which a run's status follows.
        self.assertEqual(outcome.error.caused_by.server, "domain:x")

    def test_what_is_awaited_together_runs_at_once(self):
        on = host("lab:*", "model", "state")
        on.others.completions += [answer("x"), answer("y"), answer("z")]
        code = """
import asyncio
both = [tollgate.complete("a"), lab.wait(20), tollgate.state.set("k", 1)]
done = await asyncio.gather(*both, tollgate.complete("b"), tollgate.state.get(""), return_exceptions=True)
def inside():
    async def main():
        return await asyncio.gather(tollgate.complete("c"), lab.wait(1), tollgate.servers())
    return asyncio.run(main())
[done[0]["text"], done[1], done[2], done[3]["text"], done[4].kind, inside()[0]["text"]]"""
        self.assertEqual(self.value(on, code), ["x", {"waited": 20}, 1, "y", "invalid-key", "z"])

    def test_wrong_arguments_name_the_function_as_the_script_does(self):
        outcome = fake_host.run("tollgate.state.set('k', 1, 2)", run_host=host("state"))
        self.assertTrue(outcome.error.message.startswith("TypeError: tollgate.state.set() takes"), outcome.error.message)
        code = "[repr(tollgate), repr(tollgate.state.get), dir(tollgate.prompts), callable(tollgate.ask)]"
        wanted = ["<tollgate>", "<function tollgate.state.get>", ["get", "list"], True]
        self.assertEqual(self.value(host(), code), wanted)


if __name__ == "__main__":
    sys.exit(unittest.main())
