"""MCP servers of a robot's laboratory, as an orchestrator's documents name them: `robot_server.py NAME`.

Real servers by the Python SDK; the robot is not.
"""

import json
import sys

from mcp.server.mcpserver import MCPServer

name = sys.argv[1]
server = MCPServer(name)
last = {"grasp_id": None}

if name == "ros-mcp-server":

    @server.tool()
    def move_home() -> dict:
        return {"success": True}

    @server.tool()
    def control_gripper(state: str, mode: str = "sim") -> dict:
        return {"success": state in ("open", "close")}

    @server.tool()
    def move_to_grasp(
        object_name: str,
        grasp_id: int,
        mode: str = "sim",
        move_to_object: bool = False,
        move_to_safe_height: bool = False,
    ) -> dict:
        last["grasp_id"] = grasp_id
        return {"success": True, "object": object_name}

    @server.tool()
    def verify_grasp(object_name: str, mode: str = "sim") -> dict:
        if object_name == "gear":
            held = last["grasp_id"] == 3
        else:
            held = object_name != "object_4"
        return {"result": "SUCCESS" if held else "FAILURE"}

elif name == "isaac-sim":

    @server.tool()
    def save_scene_state() -> dict:
        return {"scene": 1}

    @server.tool()
    def restore_scene_state() -> dict:
        return {"restored": True}

elif name == "Resources":

    # As a text of JSON, like servers from before structured content.
    @server.tool(structured_output=False)
    def get_object_grasp_configs_by_result(assembly_id: str, object_name: str, result: str) -> str:
        return json.dumps([{"grasp_id": 1, "gripper_state": "open"}, {"grasp_id": 3, "gripper_state": "close"}])

    @server.tool()
    def write_assembly_resource(
        assembly_id: str, object_name: str, sequence_id: int, assembled_into: str, tools_trials: list
    ) -> dict:
        return {"written": len(tools_trials)}

elif name == "server1":

    @server.tool()
    def tool_a() -> dict:
        return {"success": True, "data": "a"}

elif name == "server2":
    asked = []

    @server.tool()
    def tool_b(data: str) -> dict:
        asked.append(data)
        return {"status": "ready" if len(asked) == 3 else "busy"}

elif name == "server3":

    @server.tool()
    def tool_c() -> dict:
        return {"done": True}


server.run("stdio")
