"""Servers and tools as objects of a script. What a script does not name costs it nothing: the host is asked late."""

import difflib
import types

from . import bridge, convert, host, results


class Tool:
    """A tool of a server as a function: `await github.list_issues(repo="x")`.

    Positional arguments are taken in the order of the tool's schema. `raw` is the same tool with the whole
    `CallToolResult` as its result.
    """

    __slots__ = ("server", "tool", "parameters", "read", "__name__", "_names")

    def __init__(self, server, function, read=results.read):
        self.server = server
        self.tool = function.tool
        self.parameters = function.parameters
        self.read = read
        self.__name__ = function.name
        self._names = None

    def __call__(self, /, *args, **kwargs):
        return bridge.call_now(self, bridge.arguments(self, args, kwargs))

    def awaited(self, /, *args, **kwargs):
        """The call as a coroutine."""
        return bridge.call_awaited(self, bridge.arguments(self, args, kwargs))

    def started(self, /, *args, **kwargs):
        """The call as a task that runs already."""
        return bridge.start(self.awaited(*args, **kwargs))

    @property
    def by_name(self):
        """The tool's arguments by the names that scripts use for them."""
        if self._names is None:
            self._names = {parameter.name: parameter.argument for parameter in self.parameters or ()}
        return self._names

    @property
    def raw(self):
        """The tool, with the whole `CallToolResult` as its result."""
        return Tool(self.server, _Function(self.__name__, self.tool, self.parameters), results.whole)

    @property
    def __doc__(self):
        names = ", ".join(parameter.name for parameter in self.parameters or ())
        return f"The tool {self.tool} of the server {self.server}. Arguments: {names or 'none that its schema names'}."

    def __str__(self):
        return f"{self.server}:{self.tool}"

    def __repr__(self):
        return f"<tool {self}>"


class _Function:
    __slots__ = ("name", "tool", "parameters")

    def __init__(self, name, tool, parameters=None):
        self.name = name
        self.tool = tool
        self.parameters = parameters


# What the name of a domain begins with, where it stands for a server: the host picks one that has the tool.
DOMAIN = "domain:"
# A server may have a tool called `keys`: these are looked up after it.
_AS_MAPPING = {
    "keys": lambda self: list(self),
    "values": lambda self: [self[name] for name in self],
    "items": lambda self: [(name, self[name]) for name in self],
}


class Server:
    """A server: its tools are attributes, and items by their own names. `dir(server)` and iteration list them."""

    __slots__ = ("_server", "_found", "_made", "_listed")

    def __init__(self, server):
        self._server = server
        # What was asked for, by any name; the tools by their own names; their identifiers and own names, once listed.
        self._found = {}
        self._made = {}
        self._listed = None

    def _find(self, name):
        """The tool that a name stands for: its identifier, or its own name. None where there is none."""
        tool = self._found.get(name)
        if tool is None and isinstance(name, str):
            function = host.find(self._server, convert.clean(str.__str__(name)))
            if function is not None:
                tool = self._keep(name, function)
        return tool

    def _keep(self, name, function):
        tool = self._made.get(function.tool)
        if tool is None:
            tool = self._made[function.tool] = Tool(self._server, function)
        self._found[name] = tool
        return tool

    def _names(self):
        """The names of all tools: pairs of an identifier and the tool's own."""
        if self._listed is None:
            functions = host.functions(self._server)
            for function in functions:
                self._keep(function.name, function)
                self._keep(function.tool, function)
            self._listed = [(function.name, function.tool) for function in functions]
        return self._listed

    def __getattr__(self, name):
        if name.startswith("__") or name in Server.__slots__:
            # Python's own, which no server answers (`server["__copy__"]` is its tool of that name); and what an object that is
            # about to be made has not yet.
            raise AttributeError(name, name=name, obj=self)
        tool = self._find(name)
        if tool is not None:
            return tool
        if name in _AS_MAPPING and not self._server.startswith(DOMAIN):
            return _AS_MAPPING[name].__get__(self)
        if name.startswith("_"):
            raise AttributeError(f"the server {self._server} has no tool {name!r}", name=name, obj=self)
        return self._guess(name)

    def __getitem__(self, name):
        tool = self._find(name)
        return tool if tool is not None else self._guess(name)

    def _guess(self, name):
        """A tool that is not there or not granted: the host says which when it is called, with the nearest names."""
        return Tool(self._server, _Function(name, convert.clean(str.__str__(str(name)))))

    def __contains__(self, name):
        return self._find(name) is not None

    def __iter__(self):
        return iter([tool for _, tool in self._names()])

    def __len__(self):
        return len(self._names())

    def __dir__(self):
        return [name for name, _ in self._names()]

    def __repr__(self):
        return f"<server {self._server}>"


class Servers:
    """All servers that the run may call: `tools["my-server"]["a-tool"]`, `tools.my_server`, `list(tools)`."""

    __slots__ = ("_names", "_exact")

    def __init__(self):
        self._names = None
        self._exact = None

    def _fetch(self):
        listed = host.servers()
        self._exact = {each.server: Server(each.server) for each in listed}
        self._names = {each.name: self._exact[each.server] for each in listed}
        return self._names

    def by_name(self):
        """The servers by the identifiers that scripts use for them."""
        return self._names if self._names is not None else self._fetch()

    def flat(self, name):
        """The tool of a name as `server__tool`; None where no server has it."""
        at = name.find("__", 1)
        while at > 0:
            server = self.by_name().get(name[:at])
            tool = server._find(name[at + 2 :]) if server is not None else None
            if tool is not None:
                return tool
            at = name.find("__", at + 1)
        return None

    def near_flat(self, name):
        """A tool for a name as `server__tool` whose server is there, though the tool is not: calling it says so."""
        at = name.find("__", 1)
        server = self.by_name().get(name[:at]) if at > 0 else None
        return server[name[at + 2 :]] if server is not None and name[at + 2 :] else None

    def flat_names(self):
        """All names as `server__tool`."""
        servers = self.by_name().items()
        return [f"{server_name}__{tool}" for server_name, server in servers for tool in dir(server)]

    def __getattr__(self, name):
        server = self.by_name().get(name)
        if server is None and name in _AS_MAPPING:
            return _AS_MAPPING[name].__get__(self)
        if server is None:
            raise AttributeError(self._missing(name), name=name, obj=self)
        return server

    def __getitem__(self, name):
        by_name = self.by_name()
        server = self._exact.get(name) or by_name.get(name)
        if server is None and isinstance(name, str) and name.startswith(DOMAIN):
            # Nobody lists its tools: it may have any.
            return Server(convert.clean(str.__str__(name)))
        if server is None:
            raise KeyError(self._missing(name))
        return server

    def _missing(self, name):
        near = difflib.get_close_matches(str(name), [*self._exact, *self._names], 3)
        hint = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
        return f"this run may call no server {name!r}{hint}"

    def __contains__(self, name):
        by_name = self.by_name()
        return name in self._exact or name in by_name

    def __iter__(self):
        self.by_name()
        return iter(self._exact)

    def __len__(self):
        return len(self.by_name())

    def __dir__(self):
        return list(self.by_name())

    def __repr__(self):
        return "<servers>"


class UnifiedApi(types.ModuleType):
    """The module `unified_api`: servers by their names and tools as `server__tool`."""

    def __init__(self, servers, mentioned, extra):
        super().__init__("unified_api", "The tools that this run may call.")
        state = self.__dict__
        state["_servers"] = servers
        state["_extra"] = extra
        # `import *` binds what the script mentions; all of it where that cannot be known (None).
        state["_mentioned"] = mentioned

    @property
    def __all__(self):
        names = [*self._servers.by_name(), *self._extra]
        if self._mentioned is None:
            return names + self._servers.flat_names()
        flat = [name for name in self._mentioned if "__" in name[1:] and self._find(name) is not None]
        return [name for name in names if name in self._mentioned] + flat

    def _find(self, name):
        found = self._servers.flat(name)
        if found is None:
            found = self._servers.near_flat(name)
        return found

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._extra:
            return self._extra[name]
        found = self._servers.by_name().get(name)
        if found is None:
            found = self._find(name)
        if found is None:
            raise AttributeError(f"unified_api has no {name!r}: {self._servers._missing(name)}", name=name, obj=self)
        return found

    def __dir__(self):
        return [*self._servers.by_name(), *self._extra, *self._servers.flat_names()]
