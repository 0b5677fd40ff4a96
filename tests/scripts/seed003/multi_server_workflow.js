const robot = tools["ros-mcp-server"];

// Save scene state before attempting grasps
print("Saved scene state:", await isaac_sim.save_scene_state());

// Try multiple grasp poses
let held = false;
for (let grasp_id = 0; grasp_id < 5 && !held; grasp_id++) {
  print(`\nAttempting grasp ${grasp_id}...`);
  await robot.move_to_grasp({ object_name: "gear", grasp_id, mode: "sim", move_to_object: true });
  await robot.control_gripper({ state: "close", mode: "sim" });
  await robot.move_to_grasp({ object_name: "gear", grasp_id, mode: "sim", move_to_safe_height: true });

  held = (await robot.verify_grasp({ object_name: "gear", mode: "sim" })).result === "SUCCESS";
  if (held) {
    print(`OK Grasp ${grasp_id} succeeded!`);
  } else {
    print(`NO Grasp ${grasp_id} failed, restoring scene...`);
    await isaac_sim.restore_scene_state();
  }
}
if (!held) print("All grasp attempts failed");
