// Move to home position
await ros_mcp_server__move_home();

// Open gripper
await ros_mcp_server__control_gripper("open", "sim");

// Move to grasp
await ros_mcp_server__move_to_grasp({ object_name: "block_1", grasp_id: 0, mode: "sim", move_to_object: true });

// Close gripper
await ros_mcp_server__control_gripper("close", "sim");

// Move to safe height
await ros_mcp_server__move_to_grasp({ object_name: "block_1", grasp_id: 0, mode: "sim", move_to_safe_height: true });

// Verify grasp
const { result } = await ros_mcp_server__verify_grasp("block_1", "sim");
print(result === "SUCCESS" ? "OK Grasp successful!" : "NO Grasp failed");
