"""Write Tollgate policies and adapters in Python.

A policy is a workflow over the tools of many servers: one annotated function. Its docstring is its description, its
parameters are its input::

    from tollgate import policy, tools

    @policy(grants=["tool=crm:search_customers"])
    def hello(name: str) -> str:
        \"\"\"Greets somebody.\"\"\"
        found = tools.call("crm", "search_customers", {"query": name})
        return f"Hello, {found[0]['name']}!"

An adapter provides tools: functions with :func:`tool`. Each call of one is a fresh instance: nothing is kept.
"""

from . import ask, log, model, prompts, resources, servers, state, tools
from .declare import ToolResult, policy, tool
from .errors import AskError, CallError, HttpError, ModelError, PolicyError, StateError
from .log import progress
from .tools import sleep

# `tollgate.http` is not imported here: a component that has it must say so.
__all__ = [
    "AskError",
    "CallError",
    "HttpError",
    "ModelError",
    "PolicyError",
    "StateError",
    "ToolResult",
    "ask",
    "log",
    "model",
    "policy",
    "progress",
    "prompts",
    "resources",
    "servers",
    "sleep",
    "state",
    "tool",
    "tools",
]
