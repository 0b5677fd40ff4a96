"""Tests of the host's interfaces beside calls."""

import dataclasses
import enum
import json
import unittest
from typing import Any, Literal, Optional

from tollgate import (
    AskError, CallError, HttpError, ModelError, StateError, ask, http, model, prompts, resources, servers, state,
)  # fmt: skip
from tollgate.errors import http_error, interface_of
from tollgate.testing import CallFailure, fake_host


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclasses.dataclass
class Order:
    count: int
    size: Size
    note: Optional[str] = None
    extras: list[Literal["lid", "straw"]] = dataclasses.field(default_factory=list)


class State(unittest.TestCase):
    def test_keys_are_kept_changed_listed_and_deleted(self) -> None:
        host = fake_host(kept={"n": 1})
        self.assertEqual(state.get("n"), state.Entry(1, 1))
        self.assertIsNone(state.get("m"))
        self.assertEqual(state.update("n", lambda n: (n or 0) + 1), 2)
        self.assertEqual(state.update("m/1", lambda m: m or "new"), "new")
        with self.assertRaisesRegex(StateError, "its version is 2 now") as raised:
            state.set("n", 0, absent=True)
        self.assertEqual((raised.exception.kind, raised.exception.version), ("conflict", 2))
        self.assertEqual(state.set("n", Size.LARGE, version=2), 4)
        with self.assertRaises(StateError):
            state.delete("n", version=1)
        self.assertEqual(state.list("m/").keys, (state.KeyInfo("m/1", 3, 5),))
        self.assertEqual(state.list(limit=1).next, "m/1")
        self.assertEqual([key.key for key in state.list(after="m/1").keys], ["n"])
        self.assertEqual((state.delete("m/1"), state.delete("m/1")), (True, False))
        self.assertEqual(host.state, {"n": "large"})
        host.fill_state()
        with self.assertRaisesRegex(StateError, "keeps nothing more"):
            state.set("x", 1)

    def test_a_change_by_another_run_meanwhile_is_not_lost(self) -> None:
        fake_host(kept={"n": 1})
        others = [1, 2]

        def change(n: int) -> int:
            if others:
                others.pop()
                state.set("n", n + 10)
            return n + 1

        self.assertEqual(state.update("n", change), 22)

    def test_what_contradicts_itself_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "one of the two"):
            state.set("n", 1, version=1, absent=True)


class Servers(unittest.TestCase):
    def test_servers_their_tools_and_what_they_have_to_read_are_listed(self) -> None:
        answer = {"contents": [{"uri": "docs://a", "text": "hello"}]}
        fake_host(
            servers=[servers.Server("shop", priority=5, domains=("products",))],
            tools=[servers.Tool("crm", "search", annotations={"readOnlyHint": True})],
            resources={"docs:docs://a": answer, "docs:docs://b": CallFailure("denied", "no grant")},
            prompts={"docs:greet": lambda given: {"messages": [given["name"]]}},
            gathered=lambda domain: {domain: {"resources": {}}},
        )
        self.assertEqual([server.name for server in servers.list()], ["shop", "crm"])
        self.assertEqual(servers.list()[0].domains, ("products",))
        (search,) = servers.tools()
        self.assertEqual((search.server, search.name, search.input_schema), ("crm", "search", {"type": "object"}))
        self.assertEqual(servers.gather_resources("products"), {"products": {"resources": {}}})
        self.assertEqual(resources.read("docs", "docs://a"), answer)
        self.assertEqual(resources.list()[0], {"server": "docs", "uri": "docs://a"})
        self.assertEqual(resources.templates(), [])
        self.assertEqual(prompts.get("docs", "greet", {"name": "Ada"}), {"messages": ["Ada"]})
        self.assertEqual(prompts.list(), [{"server": "docs", "name": "greet"}])
        with self.assertRaisesRegex(CallError, "denied: no grant"):
            resources.read("docs", "docs://b")
        with self.assertRaises(CallError) as raised:
            prompts.get("docs", "no")
        self.assertEqual((raised.exception.kind, raised.exception.tool), ("unknown-tool", "prompts/get no"))
        fake_host()
        with self.assertRaisesRegex(CallError, "no resources"):
            servers.gather_resources()


class Model(unittest.TestCase):
    def test_it_is_asked_answers_in_a_form_and_uses_tools(self) -> None:
        use = model.ToolUse("1", "look", {"at": "it"})
        answers: list[Any] = ["hello", '```json\n{"count": 3, "size": "small"}\n```', 'so {"result": [1]}', {"tool_uses": [use]}]
        host = fake_host(model=answers)
        self.assertEqual(model.ask_text("hi"), "hello")
        self.assertEqual(model.complete_as(Order, "How many?", system="Be brief."), Order(3, Size.SMALL))
        self.assertEqual(model.complete_as(list[int], "Which?"), [1])
        self.assertEqual(json.loads(host.requests[2].schema or "")["required"], ["result"])
        self.assertEqual([message.role for message in host.requests[1].messages], ["system", "user"])
        answer = model.complete(messages=[{"role": "user", "content": "?"}], tools=[{"name": "look"}], stop=".")
        self.assertEqual((answer.finish, answer.tool_uses, answer.value), ("tool-use", (use,), None))
        self.assertEqual((host.requests[3].stop, host.requests[3].tool_choice), (["."], "auto"))
        fake_host(model=lambda request: request.messages[0].tool_uses[0][2])
        said = model.complete(messages=[{"role": "assistant", "tool_uses": [use]}], tool_choice={"tool": "look"})
        self.assertEqual(said.text, '{"at": "it"}')

    def test_an_answer_that_is_none_is_an_error(self) -> None:
        for answer, kind in [
            ({"text": "no", "finish": "refusal"}, "refused"),
            ({"text": "{", "finish": "length"}, "invalid-response"),
            ("words", "invalid-response"),
            ('{"count": "many"}', "invalid-response"),
            (CallFailure("rate-limited", 5), "rate-limited"),
        ]:
            fake_host(model=answer)
            with self.assertRaises(ModelError) as raised:
                model.complete_as(Order, "How many?")
            self.assertEqual(raised.exception.kind, kind)
        self.assertEqual(raised.exception.retry_after_ms, 5)
        fake_host()
        with self.assertRaisesRegex(ModelError, "no model is available"):
            model.ask_text("?")
        with self.assertRaisesRegex(ValueError, "tool_choice"):
            model.complete("?", tool_choice="some")  # type: ignore[arg-type]


class Ask(unittest.TestCase):
    def test_a_person_answers_says_no_or_is_not_there(self) -> None:
        asked: list[Any] = [{"count": 2, "size": "large"}, "decline", {}, "cancel", {"count": "two"}]
        host = fake_host(replies=asked)
        self.assertEqual(ask.form(Order, "How many?").content, Order(2, Size.LARGE))
        self.assertEqual(ask.ask("How many?", {"type": "object"}), ask.Reply("decline"))
        self.assertTrue(ask.confirm("Really?"))
        self.assertFalse(ask.confirm("Really?"))
        with self.assertRaisesRegex(AskError, "cannot be used"):
            ask.form(Order, "How many?")
        with self.assertRaisesRegex(AskError, "nobody can be asked"):
            ask.confirm("Well?")
        self.assertEqual(len(host.questions), 6)

    def test_a_form_has_only_words_that_forms_know(self) -> None:
        from tollgate.ask import _plain
        from tollgate.schema import schema_of

        members = {name: _plain(member) for name, member in schema_of(Order)["properties"].items()}
        self.assertEqual(members["size"], {"type": "string", "enum": ["small", "large"]})
        self.assertEqual(members["note"], {"type": "string"})
        self.assertEqual(members["extras"]["items"], {"type": "string", "enum": ["lid", "straw"]})
        self.assertEqual(_plain(schema_of(Optional[Size])), {"type": "string", "enum": ["small", "large"]})


class Http(unittest.TestCase):
    def test_a_request_goes_out_as_it_was_written_and_its_answer_is_read(self) -> None:
        host = fake_host(http=(201, {"X-A": "b"}, {"name": "Zoë"}))
        answer = http.post("https://x.test?q=1#part", json={"a": "€"}, headers={"accept": "*/*"}, timeout=0.5)
        self.assertEqual((answer.status, answer.ok, answer.json()), (201, True, {"name": "Zoë"}))
        self.assertEqual(answer.headers, {"x-a": "b"})
        (sent,) = host.sent
        self.assertEqual((sent.method, sent.scheme, sent.authority, sent.path), ("POST", "https", "x.test", "/?q=1"))
        self.assertEqual([name for name, _ in sent.headers], ["accept", "Content-Type", "Content-Length"])
        self.assertEqual(json.loads(sent.body or b""), {"a": "€"})
        self.assertEqual(sent.timeout_ns, 500_000_000)
        with self.assertRaisesRegex(HttpError, "larger than 3 bytes"):
            http.get("https://x.test", max_bytes=3)

    def test_what_is_no_answer_is_an_error_that_says_why(self) -> None:
        fake_host(http=lambda it: CallFailure("unreachable", "nobody") if it.authority == "down.test" else (200, {}, b"\xff"))
        with self.assertRaisesRegex(HttpError, "^nobody$"):
            http.get("http://down.test/")
        with self.assertRaisesRegex(HttpError, "no UTF-8"):
            http.get("http://x.test/").json()
        for url in ["/a", "ftp://x.test", "http://", "https://a:b@x.test"]:
            with self.assertRaises(HttpError) as raised:
                http.get(url)
            self.assertEqual(raised.exception.kind, "invalid")
        fake_host()
        with self.assertRaises(HttpError) as raised:
            http.get("https://x.test")
        self.assertEqual((raised.exception.kind, interface_of(raised.exception)), ("denied", "http"))
        for code, detail, kind in [
            ("internal-error", "denied: GET x is not granted", "denied"),
            ("internal-error", None, "broken"),
            ("dns-error", None, "unreachable"),
            ("http-response-timeout", None, "timed-out"),
            ("loop-detected", None, "broken"),
        ]:
            self.assertEqual(http_error(code, detail).kind, kind)
