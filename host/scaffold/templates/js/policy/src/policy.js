import { policy, tools } from "tollgate";

export const { describe, run } = policy({
  name: "{{name}}",
  description: "Greets somebody, and tells which customers have such a name.",
  input: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  grants: ["tool=crm:search_customers"],
  run({ name }) {
    const found = tools.call("crm", "search_customers", { query: name });
    return { greeting: `Hello, ${name}!`, customers: found.map((customer) => customer.name) };
  },
});
