// Agent writes one policy script that orchestrates everything
for (let attempt = 0; attempt < 10; attempt++) {
  const a = await server1.tool_a();
  if (!a.success) continue;
  const b = await server2.tool_b(a.data);
  if (b.status !== "ready") continue;
  await server3.tool_c();
  break;
}
