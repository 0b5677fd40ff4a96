"""The global `tollgate`: the host's other interfaces. Made while the component is built: a run that does not use it pays
nothing for it.

As a tool, each of the functions blocks unless it is awaited (see `bridge`).
"""

import sys
from json import loads

from . import bridge, checked, host, model
from .checked import Refused
from .loop import loop


class Function:
    """A function of `tollgate`. `prepare` gives the host's arguments, and what reads the host's answer."""

    def __init__(self, path, prepare, now, later):
        self.path = path
        self.prepare = prepare
        # The host's function, blocking; and the one to await, where there is one.
        self.now = now
        self.later = later
        self.__name__ = path.rpartition(".")[2]
        self.__doc__ = prepare.__doc__

    def __call__(self, /, *args, **kwargs):
        return _ask_now(self, *self._prepared(args, kwargs))

    def awaited(self, /, *args, **kwargs):
        """The request as a coroutine."""
        return _ask_awaited(self, *self._prepared(args, kwargs))

    def started(self, /, *args, **kwargs):
        """The request as a task that runs already."""
        return bridge.start(self.awaited(*args, **kwargs))

    def _prepared(self, args, kwargs):
        try:
            return self.prepare(*args, **kwargs)
        except Refused as refused:
            failure = refused
        except TypeError as error:
            # Its own words name a function that the script does not know.
            raise TypeError(str(error).replace(f"{self.prepare.__name__}()", f"tollgate.{self.path}()")) from None
        raise _error(self.path, failure.kind, failure.why)

    def __repr__(self):
        return f"<function tollgate.{self.path}>"


def _ask_now(function, args, read):
    """Asks the host what a function of `tollgate` asks, and waits."""
    try:
        answer = function.now(*args)
    except host.Err as refused:
        failure = refused.value
    else:
        return _read(function, answer, read)
    raise _error_of_asked(function, failure)


async def _ask_awaited(function, args, read):
    """The same while other tasks go on, where there are any and the host's function can be awaited here."""
    if function.later is None or loop.depth or loop.is_alone():
        return _ask_now(function, args, read)
    failure, answer = await bridge.call_in_turn(function.later, *args)
    if failure is not None:
        raise _error_of_asked(function, failure)
    return _read(function, answer, read)


def _read(function, answer, read):
    try:
        return read(answer)
    except Refused as refused:
        failure = refused
    raise _error(function.path, failure.kind, failure.why)


def _error_of_asked(function, failure):
    # A request to a server fails as a call does.
    if isinstance(failure, host.CallFailure):
        return bridge.error_of(failure)
    kind, details = bridge.parts(failure)
    words = _INTERFACE_WORDS.get(kind, "{}")
    if kind == "rejected":
        words = "the model's provider refused the request: {}"
    elif kind == "budget-exhausted":
        words = details["message"].replace("{", "{{").replace("}", "}}")
    elif kind == "rate-limited" and details["retry_after_ms"] is not None:
        words = f"the model's provider asks to wait {details['retry_after_ms']} ms"
    elif kind == "conflict" and details["version"] is not None:
        words = f"the key was changed meanwhile: its version is {details['version']} now"
    elif kind == "unavailable":
        words = _UNAVAILABLE.get(function.path, "{}")
    return _error(function.path, kind, words.format(details), details)


_INTERFACE_WORDS = {
    "denied": "denied: {}",
    "invalid-request": "the request to the model cannot be sent: {}",
    "invalid-question": "the question cannot be asked: {}",
    "invalid-response": "the model's answer cannot be used: {}",
    "timed-out": "the model did not answer in time: {}",
    "rate-limited": "the model's provider asks to slow down",
    "conflict": "the key is not as expected: it is not there",
    "overloaded": "the host's state store is busy; try again after a pause",
    "cancelled": "cancelled",
}
_UNAVAILABLE = {"complete": "no model is available: {}", "ask": "nobody can be asked: {}"}


def _error(path, kind, message, details=None):
    """The error that a script sees of a function of `tollgate`: no failed call to the host, whatever ends the script."""
    details = message if details is None and kind.startswith(("invalid", "refused")) else details
    return bridge.ToolError(f"tollgate.{path}: {message}", tool=f"tollgate.{path}", kind=kind, details=details)


class Group:
    """The functions of an interface: `tollgate.state`."""

    def __init__(self, name, functions):
        self.__dict__.update(functions)
        self._name = name

    def __dir__(self):
        return [name for name in self.__dict__ if not name.startswith("_")]

    def __repr__(self):
        return f"<{self._name}>"


_functions = {"": {}, "state": {}, "resources": {}, "prompts": {}}


def _function(path, now, later=None):
    """Makes a function of `tollgate` of what prepares its arguments."""

    def make(prepare):
        interface, _, name = path.rpartition(".")
        _functions[interface][name] = Function(path, prepare, now, later)
        return prepare

    return make


def _same(answer):
    return answer


@_function("complete", host.model_blocking.complete, host.model.complete)
def _complete(request=None, /, **more):
    """Asks the model: a text, or a dict of messages, system, tools, model, max_tokens, temperature, stop, tool_choice and
    schema, which may be given by name as well. Gives text, tool_uses, finish, model, usage and, with a schema, value."""
    return model.prepare(request, more)


@_function("ask", host.ask_blocking.ask, host.ask.ask)
def _ask(message, schema=None):
    """Asks the person behind the run: action ("accept", "decline" or "cancel") and, where it is accepted, content."""
    kind = "invalid-question"
    text = "" if schema is None else checked.json(schema, "schema", kind)
    return (checked.text(message, "message", kind), text), _reply


_ACTIONS = {"Reply_Accepted": "accept", "Reply_Declined": "decline", "Reply_Dismissed": "cancel"}


def _reply(reply):
    action = _ACTIONS[type(reply).__name__]
    return {"action": action, "content": loads(reply.value) if action == "accept" else None}


@_function("servers", host.server_list.list_servers)
def _list_servers():
    """The servers of which this run may use something, the best first."""
    return (), _servers


@_function("servers_by_domain", host.server_list.list_servers)
def _servers_by_domain(domain):
    """Those that answer for a domain."""
    return (), lambda listed: [server for server in _servers(listed) if domain in server["domains"]]


@_function("servers_by_capability", host.server_list.list_servers)
def _servers_by_capability(capability):
    """Those with a capability."""
    return (), lambda listed: [server for server in _servers(listed) if capability in server["capabilities"]]


def _servers(listed):
    return [
        {
            "name": server.name,
            "health": server.health.name.lower(),
            "priority": server.priority,
            "domains": list(server.domains),
            "capabilities": list(server.capabilities),
            "error": server.error,
        }
        for server in listed
    ]


@_function("gather_all_resources", host.servers_blocking.gather_resources, host.server_list.gather_resources)
def _gather_all_resources(*, fail_fast=None):
    """The resources of all servers, by server: priority, domains, capabilities, and resources (by name) or error."""
    return (None, None if fail_fast is None else bool(fail_fast)), loads


@_function("resources_for_domain", host.servers_blocking.gather_resources, host.server_list.gather_resources)
def _resources_for_domain(domain):
    """The same of the best server of a domain that answers, and of no other."""
    return (checked.text(domain, "domain"), None), loads


@_function("state.get", host.state_blocking.get, host.state.get)
def _get_state(key):
    """What a key has, as value and version; None where there is no such key."""
    return (checked.text(key, "key"),), lambda entry: entry and {"value": loads(entry.value), "version": entry.version}


@_function("state.set", host.state_blocking.set, host.state.set)
def _set_state(key, value, *, version=None, absent=False):
    """Sets a key: its new version. With `version` only if it has that one, with `absent` only if there is none."""
    if version is not None and absent:
        raise Refused("invalid-arguments", "a key that has a version is not absent: give one of the two")
    if version is not None:
        expected = host.state_types.Expected_Version(checked.integer(version, "version"))
    else:
        expected = host.state_types.Expected_Absent() if absent else host.state_types.Expected_Any()
    return (checked.text(key, "key"), checked.json(value, "value"), expected), _same


@_function("state.delete", host.state_blocking.delete, host.state.delete)
def _delete_state(key, *, version=None):
    """Deletes a key, with `version` only if it has that one: whether it was there."""
    return (checked.text(key, "key"), version and checked.integer(version, "version")), _same


@_function("state.list", host.state_blocking.list_keys, host.state.list_keys)
def _list_state(prefix="", *, after=None, limit=None):
    """The keys that begin so: keys (key, version, size) and next, which is to be given as `after` to get more."""
    after = None if after is None else checked.text(after, "after")
    limit = None if limit is None else checked.integer(limit, "limit", 2**32 - 1)
    return (checked.text(prefix, "prefix"), after, limit), _page


def _page(page):
    return {"keys": [{"key": key.key, "version": key.version, "size": key.size} for key in page.keys], "next": page.next}


@_function("resources.list", host.resources_blocking.list_resources, host.resources.list_resources)
def _list_resources():
    """The resources of all servers, as MCP has them, each with its server."""
    return (), loads


@_function("resources.read", host.resources_blocking.read, host.resources.read)
def _read_resource(server, uri):
    """Reads a resource: MCP's ReadResourceResult."""
    return (checked.text(server, "server"), checked.text(uri, "uri")), loads


@_function("prompts.list", host.prompts_blocking.list_prompts, host.prompts.list_prompts)
def _list_prompts():
    """The prompts of all servers, as MCP has them, each with its server."""
    return (), loads


@_function("prompts.get", host.prompts_blocking.get, host.prompts.get)
def _get_prompt(server, name, arguments=None):
    """Gets a prompt, filled in with arguments (texts by name): MCP's GetPromptResult."""
    given = "{}" if arguments is None else checked.json(arguments, "arguments")
    return (checked.text(server, "server"), checked.text(name, "name"), given), loads


def _make():
    groups = {name: Group(f"tollgate.{name}", functions) for name, functions in _functions.items() if name}
    return Group("tollgate", {**_functions[""], **groups})


TOLLGATE = _make()
# `import tollgate` works, and need not be.
sys.modules["tollgate"] = TOLLGATE
