"""What the five servers share: how their tools read arguments, and the ids of the customers."""

from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.types import ToolAnnotations
from pydantic import Field

READ = ToolAnnotations(read_only_hint=True, open_world_hint=False)

# Told, not checked: an id that nobody has is the tool's to refuse.
CustomerId = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class AsTheyAre(FuncMetadata):
    """Arguments as they were sent. The SDK would read a text that is JSON."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        return data


def tool(function, annotations: ToolAnnotations) -> Tool:
    """A tool that refuses unknown arguments and values of another type. The SDK would ignore and convert them."""
    made = Tool.from_function(function, annotations=annotations)
    described = made.fn_metadata

    class Arguments(described.arg_model, extra="forbid", strict=True):
        pass

    made.parameters = Arguments.model_json_schema()
    made.fn_metadata = AsTheyAre(
        arg_model=Arguments,
        output_schema=described.output_schema,
        output_model=described.output_model,
        wrap_output=described.wrap_output,
    )
    return made


def customer_id(number: int) -> str:
    """The id of the customer that stands at this place in the list of `crm_server.py`."""
    return f"5f0c1a2e-{number:04}-4a7b-9c3d-8e2f6b1d0a{number:02}"
