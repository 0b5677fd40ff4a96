import * as host from "#host";
import { json, text } from "./arguments.js";
import { AskError, asked } from "./interface-errors.js";

const ACTIONS = { accepted: "accept", declined: "decline", dismissed: "cancel" };

/** Asking the person behind the run. Needs a grant `ask`; the host limits the number of questions. */
export const ask = {
  /** Asks for an object that follows a schema of plain members. Without a schema, for a plain yes or no. */
  ask(question, schema) {
    const form = schema === undefined ? "" : json(schema, "the schema");
    const reply = asked(AskError, () => host.ask(text(question, "a question"), form));
    return { action: ACTIONS[reply.tag], content: reply.tag === "accepted" ? JSON.parse(reply.val) : null };
  },
  /** Asks for a plain yes. A question that is declined or closed is a no; nobody to ask is an error. */
  confirm: (question) => ask.ask(question).action === "accept",
};
