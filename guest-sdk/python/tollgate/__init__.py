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

from . import log, tools
from .declare import ToolResult, policy, tool
from .errors import CallError, PolicyError
from .log import progress
from .tools import sleep

__all__ = ["CallError", "PolicyError", "ToolResult", "log", "policy", "progress", "sleep", "tool", "tools"]
