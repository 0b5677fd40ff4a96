// Get successful grasp configurations from resource server
const assembly_id = "3";
const configs = await Resources.get_object_grasp_configs_by_result({ assembly_id, object_name: "gear", result: "SUCCESS" });
print(`Found ${configs.length} successful grasp configs`);

// Try each successful configuration
for (const { grasp_id, gripper_state } of configs) {
  print(`\nTrying grasp ${grasp_id} with gripper ${gripper_state}`);

  // Set gripper state BEFORE grasping (important!)
  await ros_mcp_server.control_gripper(gripper_state, "sim");
  await ros_mcp_server.move_to_grasp({ object_name: "gear", grasp_id, mode: "sim", move_to_object: true });

  const { result } = await ros_mcp_server.verify_grasp("gear", "sim");
  if (result !== "SUCCESS") continue;
  print(`OK Successfully grasped using config ${grasp_id}`);

  // Save this trial to resource server
  await Resources.write_assembly_resource({
    assembly_id,
    object_name: "gear",
    sequence_id: 1,
    assembled_into: "base",
    tools_trials: [{ trial_id: 1, grasp_id, gripper_state, tools: ["move_to_grasp", "verify_grasp"], result }],
  });
  break;
}
