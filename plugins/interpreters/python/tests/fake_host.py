"""A host without Wasm: the imports of the world `interpreter` as Python modules, and two small servers.

Import it before anything of `tollgate_python`.
"""

import asyncio
import contextlib
import dataclasses
import fnmatch
import heapq
import io
import itertools
import json
import pathlib
import sys
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

import fake_interfaces


@dataclasses.dataclass(frozen=True)
class Err(Exception):
    value: object


@dataclasses.dataclass
class Ok:
    value: object


def _record(name, *fields):
    return dataclasses.make_dataclass(name, fields)


def _module(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


_CASES = (
    "Denied UnknownTool InvalidArguments Failed Rejected InvalidResponse AuthRequired Unavailable Overloaded TooLarge "
    "TimedOut RateLimited BudgetExhausted Cancelled OutcomeUnknown"
).split()
_Level = __import__("enum").Enum("Level", "TRACE DEBUG INFO WARN ERROR")
T = types.SimpleNamespace(
    **{f"CallError_{case}": _record(f"CallError_{case}", ("value", object, None)) for case in _CASES},
    Call=_record("Call", "server", "tool", "args"),
    ToolResult=_record("ToolResult", "json"),
    Violation=_record("Violation", "path", "message"),
    Limit=_record("Limit", "name", "value", "message"),
    RpcError=_record("RpcError", "code", "message", "data"),
    CallFailure=_record("CallFailure", "server", "tool", "attempts", "elapsed_ms", "error"),
    PolicyError=_record("PolicyError", "message", "code", "data", "caused_by"),
    Descriptor=_record("Descriptor", "name", "title", "description", "input_schema", "output_schema", "grants"),
)
_Namespace = _record("Namespace", "name", "server")
_Parameter = _record("Parameter", "name", "argument")
_Function = _record("Function", "name", "tool", "parameters")

LAB = {
    "echo": ["value"],
    "text": ["text"],
    "json-text": ["text"],
    "fail": ["message"],
    "wait": ["ms"],
    "move": ["object_name", "grasp_id", "mode", "move_to_object"],
    "picture": [],
    "class": ["x"],
    "add": ["a", "b"],
    "many": ["n"],
}
CRM = {"get_customer": ["id"], "search_customers": ["query", "limit"], "update_customer": ["id", "name"]}
SERVERS = {"crm": CRM, "lab": LAB, "my-server": LAB}
_CUSTOMER = {"id": "5f0c1a2e-0001-4a7b-9c3d-8e2f6b1d0a01", "name": "John Smith", "company": "Acme"}


def identifier(name):
    import keyword

    name = name.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


class Host:
    """What one run sees of the host."""

    def __init__(self, grants=("lab:*", "my-server:*", "crm:*"), calls_at_once=None):
        self.grants = grants
        self.calls_at_once = calls_at_once
        self.calls = []
        self.asked = []
        self.logged = []
        self.progressed = []
        self.flying = 0
        self.most_flying = 0
        self.events = []
        self.order = itertools.count()
        self.others = fake_interfaces.Others()

    def granted(self, server, tool):
        return any(fnmatch.fnmatchcase(f"{server}:{tool}", grant) for grant in self.grants)

    def servers(self):
        self.asked.append("servers")
        servers = [name for name, tools in SERVERS.items() if any(self.granted(name, tool) for tool in tools)]
        return [_Namespace(identifier(name), name) for name in servers]

    def functions(self, server):
        self.asked.append(server)
        tools = [tool for tool in sorted(SERVERS.get(server, ())) if self.granted(server, tool)]
        return [
            _Function(identifier(tool), tool, [_Parameter(identifier(name), name) for name in SERVERS[server][tool]])
            for tool in tools
        ]

    def find(self, server, name):
        # What leaves the guest is UTF-8.
        f"{server}{name}".encode()
        return next((each for each in self.functions(server) if name in (each.name, each.tool)), None)

    def answer(self, server, tool, args):
        """Milliseconds that it takes, and the answer: the content of a result or an error."""
        f"{server}{tool}{args}".encode()
        self.calls.append(f"{server}:{tool}")
        given = json.loads(args)
        if tool not in SERVERS.get(server, ()):
            near = __import__("difflib").get_close_matches(tool, SERVERS.get(server, ()))
            return 0, T.CallError_UnknownTool([f"{server}:{name}" for name in near])
        if not self.granted(server, tool):
            return 0, T.CallError_Denied(f"this run has no grant for {server}:{tool}")
        unknown = [name for name in given if name not in SERVERS[server][tool]]
        if unknown:
            return 0, T.CallError_InvalidArguments([T.Violation("", f"'{unknown[0]}' was unexpected")])
        if server == "crm":
            found = {"content": _text(json.dumps([_CUSTOMER])), "structuredContent": {"result": [_CUSTOMER]}}
            return 0, T.ToolResult(json.dumps(found)) if tool == "search_customers" else _CUSTOMER
        return _LAB_TOOLS[tool](given)


def _text(text):
    return [{"type": "text", "text": text}]


_LAB_TOOLS = {
    "echo": lambda given: (0, given),
    "text": lambda given: (0, _text(given["text"])),
    "json-text": lambda given: (0, _text(given["text"])),
    "fail": lambda given: (0, T.CallError_Failed(T.ToolResult(json.dumps({"content": _text(given["message"]), "isError": True})))),
    "wait": lambda given: (given["ms"], {"waited": given["ms"]}),
    "move": lambda given: (0, {"mode": "sim", "move_to_object": False, **given}),
    "picture": lambda given: (0, [{"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}]),
    "class": lambda given: (0, {"value": given["x"]}),
    "add": lambda given: (0, _text(json.dumps(given["a"] + given["b"]))),
    "many": lambda given: (0, {"result": list(range(given["n"]))}),
}

host = Host()


def _finish(server, tool, answer):
    if type(answer).__name__.startswith("CallError_"):
        raise Err(T.CallFailure(server, tool, int(type(answer).__name__ == "CallError_Failed"), 0, answer))
    if isinstance(answer, T.ToolResult):
        return answer
    content = {"content": answer} if isinstance(answer, list) else {"content": _text(json.dumps(answer)), "structuredContent": answer}
    return T.ToolResult(json.dumps(content))


async def _later(wait_ms):
    future = asyncio.get_event_loop().create_future()
    heapq.heappush(host.events, (time.monotonic() + wait_ms / 1000, next(host.order), future))
    await future


async def _call_tool(server, tool, args):
    if host.calls_at_once is not None and host.flying >= host.calls_at_once:
        limit = T.Limit("calls_at_once", host.calls_at_once, "too many calls at once")
        raise Err(T.CallFailure(server, tool, 0, 0, T.CallError_BudgetExhausted(limit)))
    host.flying += 1
    host.most_flying = max(host.flying, host.most_flying)
    try:
        wait_ms, answer = host.answer(server, tool, args)
        await _later(wait_ms)
        return _finish(server, tool, answer)
    finally:
        host.flying -= 1


def _call_tool_blocking(server, tool, args):
    wait_ms, answer = host.answer(server, tool, args)
    time.sleep  # the interpreter's own goes by the host's timer
    _pause(wait_ms)
    return _finish(server, tool, answer)


def _call_tools(calls):
    answers = [(call, host.answer(call.server, call.tool, call.args)) for call in calls]
    _pause(max((wait_ms for _, (wait_ms, _) in answers), default=0))
    told = []
    for call, (_, answer) in answers:
        try:
            told.append(Ok(_finish(call.server, call.tool, answer)))
        except Err as error:
            told.append(error)
    return told


_real_sleep = time.sleep


def _pause(duration_ms):
    _real_sleep(duration_ms / 1000)


_module("componentize_py_types", Err=Err, Ok=Ok)
_support = _module("componentize_py_async_support", _loop=None, _future_state=__import__("contextvars").ContextVar("state"))
_module("componentize_py_runtime", waitable_join=lambda waitable, to: None)
# The component is warmed; here it would take time and prove nothing.
_module("tollgate_python.warm", warm=lambda start: None)
_imports = _module(
    "wit_world.imports",
    __path__=[],
    types=_module("wit_world.imports.types", **vars(T)),
    tools=_module("wit_world.imports.tools", call_tool=_call_tool),
    tools_blocking=_module("wit_world.imports.tools_blocking", call_tool=_call_tool_blocking, call_tools=_call_tools),
    timer=_module("wit_world.imports.timer", sleep=_later),
    timer_blocking=_module("wit_world.imports.timer_blocking", sleep=_pause),
    log=_module("wit_world.imports.log", Level=_Level, log=lambda level, text: host.logged.append((level.name.lower(), text))),
    progress=_module("wit_world.imports.progress", progress=lambda *args: host.progressed.append(args)),
    names=_module("wit_world.imports.names", servers=lambda: host.servers(), functions=lambda server: host.functions(server), find=lambda *asked: host.find(*asked)),
    **fake_interfaces.install(_record, T, Err, lambda: host),
)
_module("wit_world", __path__=[], imports=_imports, WitWorld=object)


@dataclasses.dataclass
class Outcome:
    output: object = None
    session: object = None
    error: object = None
    stdout: str = ""
    stderr: str = ""
    elapsed_ms: float = 0

    @property
    def data(self):
        return json.loads(self.error.data)


def run(code, input=None, session=None, file="script.py", run_host=None):
    """Runs a script as the component does, and gives what came of it."""
    import app
    from tollgate_python import run as interpreter
    from tollgate_python.loop import loop

    global host
    host = run_host or Host()
    interpreter.reset()
    outcome = Outcome()
    out, err = io.StringIO(), io.StringIO()
    request = json.dumps({"code": code, "file": file, "input": input, "session": session})
    started = time.monotonic()
    modules = set(sys.modules)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        task = asyncio.create_task(app.WitWorld().run(request))
        loop.poll()
        while not task.done():
            due, _, future = heapq.heappop(host.events)
            _pause(max(0, due - time.monotonic()) * 1000)
            future.set_result(None)
            loop.poll()
    for name in set(sys.modules) - modules:
        if name in ("unified_api", "__main__") or any(name == identifier(server) for server in SERVERS):
            del sys.modules[name]
    outcome.elapsed_ms = (time.monotonic() - started) * 1000
    outcome.stdout, outcome.stderr = out.getvalue(), err.getvalue()
    try:
        answer = json.loads(task.result())
        outcome.output, outcome.session = answer["output"], answer["session"]
    except Err as refused:
        outcome.error = refused.value
    return outcome
