"""The host's interfaces behind the global `tollgate`, each as far as its grant goes. Imported by `fake_host`."""

import enum
import json
import sys
import types


def _cases(record, name, *cases):
    return {f"{name}_{case}": record(f"{name}_{case}", ("value", object, None)) for case in cases}


class Others:
    """What the model and the person will answer, what they were asked, and what is kept."""

    def __init__(self):
        self.completions = []
        self.requests = []
        self.replies = []
        self.questions = []
        self.keys = {}
        self.last_version = 0


def install(record, T, Err, host):
    """Puts the modules in their places, and gives them by name. `host()` is the host of the run."""
    kinds = types.SimpleNamespace(
        **_cases(record, "ModelError", *"Denied InvalidRequest Unavailable RateLimited BudgetExhausted Cancelled".split()),
        **_cases(record, "AskError", "Denied", "InvalidQuestion", "Unavailable"),
        **_cases(record, "StateError", "Denied", "InvalidKey", "Conflict"),
        **_cases(record, "Reply", "Accepted", "Declined", "Dismissed"),
    )
    Health = enum.Enum("Health", "READY FAILED")
    Server = record("Server", "name", "health", "priority", "domains", "capabilities", "error")
    state_types = types.SimpleNamespace(
        **_cases(record, "Expected", "Any", "Absent", "Version"),
        Entry=record("Entry", "value", "version"),
        KeyInfo=record("KeyInfo", "key", "version", "size"),
        Page=record("Page", "keys", "next"),
    )
    model_types = types.SimpleNamespace(
        Role=enum.Enum("Role", "SYSTEM USER ASSISTANT TOOL"),
        Finish=enum.Enum("Finish", "STOP TOOL_USE LENGTH REFUSAL"),
        Message=record("Message", "role", "content", "tool_uses", "tool_use_id", "is_error"),
        ToolUse=record("ToolUse", "id", "name", "arguments"),
        Tool=record("Tool", "name", "description", "input_schema"),
        Options=record("Options", "model", "max_tokens", "temperature", "stop", "tool_choice", "output_schema"),
        Usage=record("Usage", "input_tokens", "output_tokens"),
        Completion=record("Completion", "message", "finish", "model", "usage"),
        **_cases(record, "ToolChoice", "Auto", "None_", "Required", "Tool"),
    )

    def need(grant, denied):
        if grant not in host().grants:
            raise Err(denied(f"the run has no grant {grant}"))

    def failure(server, method, error):
        return Err(T.CallFailure(server, method, 0, 0, error))

    def complete(messages, tools, options):
        need("model", kinds.ModelError_Denied)
        host().others.requests.append((messages, tools, options))
        if not host().others.completions:
            raise Err(kinds.ModelError_Unavailable("no model is configured"))
        answer = host().others.completions.pop(0)
        if type(answer).__name__.startswith("ModelError"):
            raise Err(answer)
        return answer

    def ask(message, schema):
        need("ask", kinds.AskError_Denied)
        host().others.questions.append((message, schema))
        if not host().others.replies:
            raise Err(kinds.AskError_Unavailable("there is nobody to ask"))
        return host().others.replies.pop(0)

    def list_servers():
        labels = {"crm": (["customers"], ["search"])}
        names = [each.server for each in host().servers()]
        return [Server(name, Health.READY, 100, *labels.get(name, ([], [])), None) for name in names]

    def gather_resources(domain, fail_fast):
        found = {"crm": {"resources": {"note": {"uri": "lab://note"}}}, "lab": {"error": "it has ended"}}
        if domain is None and fail_fast:
            raise failure("lab", "resources/list", T.CallError_Unavailable("it has ended"))
        if domain is None or domain == "customers":
            return json.dumps(found if domain is None else {"crm": found["crm"]})
        raise failure(f"domain:{domain}", "resources/list", T.CallError_UnknownTool([]))

    def keys_of(key):
        need("state", kinds.StateError_Denied)
        if not key:
            raise Err(kinds.StateError_InvalidKey("a key has 1 to 512 bytes"))
        return host().others.keys

    def get_state(key):
        return keys_of(key).get(key)

    def set_state(key, value, expected):
        keys, case = keys_of(key), type(expected).__name__.partition("_")[2]
        current = keys[key].version if key in keys else None
        if case == "Absent" and current is not None or case == "Version" and current != expected.value:
            raise Err(kinds.StateError_Conflict(current))
        host().others.last_version += 1
        keys[key] = state_types.Entry(value, host().others.last_version)
        return host().others.last_version

    def delete_state(key, expected):
        keys = keys_of(key)
        current = keys[key].version if key in keys else None
        if expected is not None and expected != current:
            raise Err(kinds.StateError_Conflict(current))
        return keys.pop(key, None) is not None

    def list_state(prefix, after, limit):
        keys = keys_of("any")
        found = sorted(key for key in keys if key.startswith(prefix) and key > (after or ""))
        limit = limit or 1000
        told = [state_types.KeyInfo(key, keys[key].version, len(keys[key].value)) for key in found[:limit]]
        return state_types.Page(told, found[limit - 1] if len(found) > limit else None)

    def list_resources():
        granted = "resource=lab:*" in host().grants
        return json.dumps([{"server": "lab", "uri": "lab://note", "name": "note"}] if granted else [])

    def read_resource(server, uri):
        if f"resource={server}:*" not in host().grants:
            raise failure(server, f"resources/read {uri}", T.CallError_Denied("the run has no grant resource"))
        return json.dumps({"contents": [{"uri": uri, "text": "a note"}]})

    def list_prompts():
        return json.dumps([{"server": "lab", "name": "greet"}] if "prompt=lab:*" in host().grants else [])

    def get_prompt(server, name, arguments):
        if f"prompt={server}:*" not in host().grants:
            raise failure(server, f"prompts/get {name}", T.CallError_Denied("the run has no grant prompt"))
        text = f"Hello {json.loads(arguments).get('name', 'you')}"
        return json.dumps({"messages": [{"role": "user", "content": {"type": "text", "text": text}}]})

    interfaces = {
        "model": {"complete": complete},
        "ask": {"ask": ask},
        "servers": {"list_servers": list_servers, "gather_resources": gather_resources},
        "state": {"get": get_state, "set": set_state, "delete": delete_state, "list_keys": list_state},
        "resources": {"list_resources": list_resources, "read": read_resource},
        "prompts": {"list_prompts": list_prompts, "get": get_prompt},
    }
    modules = {"model_types": vars(model_types), "state_types": vars(state_types), "kinds": vars(kinds)}
    for name, functions in interfaces.items():
        modules[f"{name}_blocking"] = functions
        modules[name] = {
            name: function if name == "list_servers" else _awaited(function) for name, function in functions.items()
        }
    for name, members in modules.items():
        module = types.ModuleType(f"wit_world.imports.{name}")
        module.__dict__.update(members)
        modules[name] = sys.modules[module.__name__] = module
    return modules


def _awaited(function):
    async def later(*args):
        return function(*args)

    return later
