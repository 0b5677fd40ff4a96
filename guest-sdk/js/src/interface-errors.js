// Why an interface of the host gave nothing: an error class each. `kind` is the case's name as in the host's interface,
// `detail` what the case carries.

/** Why nothing of what is kept was read or changed. */
export class StateError extends Error {
  constructor(kind, detail) {
    super(wordsOf(STATE, kind, detail));
    this.name = "StateError";
    this.kind = kind;
    this.detail = detail;
  }

  /** Of a `conflict`: the key's version now, where it is there. */
  get version() {
    return this.kind === "conflict" && this.detail != null ? Number(this.detail) : undefined;
  }
}

/** Why a model gave no answer. */
export class ModelError extends Error {
  constructor(kind, detail) {
    super(wordsOf(MODEL, kind, detail));
    this.name = "ModelError";
    this.kind = kind;
    this.detail = detail;
  }

  /** How many milliseconds the provider asked to wait, where it said so. */
  get retryAfterMs() {
    return this.kind === "rate-limited" && this.detail != null ? Number(this.detail) : undefined;
  }
}

/** Why nobody answered a question. */
export class AskError extends Error {
  constructor(kind, detail) {
    super(wordsOf(ASK, kind, detail));
    this.name = "AskError";
    this.kind = kind;
    this.detail = detail;
  }
}

/** Why a request to the outside was not answered, or its answer not read. */
export class HttpError extends Error {
  constructor(kind, message) {
    super(message);
    this.name = "HttpError";
    this.kind = kind;
  }
}

/** Calls the host. What it refuses is thrown as an error of this class. */
export function asked(Class, call) {
  try {
    return call();
  } catch (error) {
    const refused = error?.payload ?? error;
    throw typeof refused?.tag === "string" ? new Class(refused.tag, refused.val) : error;
  }
}

const INTERFACES = [
  [StateError, "state"],
  [ModelError, "model"],
  [AskError, "ask"],
  [HttpError, "http"],
];

/** The interface that an error is of: itself, or one of its causes. */
export function interfaceOf(error) {
  for (let depth = 0; error instanceof Error && depth < 16; depth += 1) {
    const found = INTERFACES.find(([Class]) => error instanceof Class);
    if (found) return found[1];
    error = error.cause;
  }
  return undefined;
}

const as = (text) => text;
const after = (words) => (why) => `${words}: ${why}`;
const COMMON = { denied: after("denied"), "budget-exhausted": (limit) => limit.message, cancelled: () => "cancelled" };

const STATE = {
  ...COMMON,
  "invalid-key": as,
  "invalid-value": as,
  "too-large": as,
  "over-quota": as,
  conflict: (version) =>
    version == null
      ? "the key is not as expected: it is not there"
      : `the key was changed meanwhile: its version is ${version} now`,
  overloaded: () => "the host's state store is busy; try again after a pause",
  unavailable: as,
};

const MODEL = {
  ...COMMON,
  "invalid-request": after("the request to the model cannot be sent"),
  unavailable: after("no model is available"),
  "rate-limited": (ms) =>
    ms == null ? "the model's provider asks to slow down" : `the model's provider asks to wait ${ms} ms`,
  "timed-out": after("the model did not answer in time"),
  rejected: after("the model's provider refused the request"),
  "invalid-response": after("the model's answer cannot be used"),
  refused: (words) => (words ? `the model would not answer: ${words}` : "the model would not answer, and did not say why"),
};

const ASK = {
  ...COMMON,
  "invalid-question": after("the question cannot be asked"),
  unavailable: after("nobody can be asked"),
};

function wordsOf(table, kind, detail) {
  return table[kind]?.(detail) ?? kind;
}
