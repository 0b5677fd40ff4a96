let successes = 0;
const total = 5;

for (let i = 0; i < total; i++) {
  // Move to grasp position
  const name = `object_${i}`;
  const moved = await ros_mcp_server.move_to_grasp({ object_name: name, grasp_id: 0, mode: "sim", move_to_object: true });
  if (!moved.success) continue;

  // Close gripper, and verify the grasp
  await ros_mcp_server.control_gripper({ state: "close", mode: "sim" });
  const { result } = await ros_mcp_server.verify_grasp({ object_name: name, mode: "sim" });
  if (result === "SUCCESS") {
    successes++;
    print(`OK Object ${i} grasped successfully`);
  } else {
    print(`NO Object ${i} grasp failed`);
  }
}

print(`\nSuccess rate: ${successes}/${total} (${((successes / total) * 100).toFixed(1)}%)`);
