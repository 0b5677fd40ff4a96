// Servers as objects, tools as functions, failed calls as errors.

/** The failure behind a ToolError of a call, as the host told it; nothing for any other value. */
let failureOf;
/** Where the script made the call that failed. */
let callStackOf;
/** The ToolError of a failure. */
let toolError;

class ToolError extends Error {
  // Only the host's word sets it: an error that a script makes itself is no failed call.
  #failure;
  #stack;
  server = null;
  tool = null;
  kind = null;
  attempts = 0;
  elapsedMs = 0;
  details = null;
  result = null;

  static {
    failureOf = (error) => (isObject(error) && #failure in error ? error.#failure : undefined);
    callStackOf = (error) => (isObject(error) && #stack in error ? error.#stack : undefined);
    toolError = (failure, stack) => {
      const told = parse(failure);
      const error = new ToolError(told.message);
      error.#failure = failure;
      error.#stack = stack;
      error.server = told.server;
      error.tool = told.tool;
      error.kind = told.kind;
      error.attempts = told.attempts;
      error.elapsedMs = told.elapsedMs;
      error.details = told.details;
      if (told.kind === "failed") error.result = told.details;
      define(error, "stack", `ToolError: ${told.message}\n${stack}`);
      return error;
    };
  }
}
define(ToolError.prototype, "name", "ToolError");
define(GLOBAL, "ToolError", ToolError);

/** The text from which the frames of an error are read. */
function stackOf(error) {
  try {
    const stack = callStackOf(error) ?? error.stack;
    return typeof stack === "string" ? toWellFormed(stack) : "";
  } catch {
    return "";
  }
}

/** Where the script called one of our functions, as text: a stack is that as soon as it is taken, and of its frames only
 * those below the function are the script's. */
function placeOf(called) {
  const place = { __proto__: null };
  captureStackTrace(place, called);
  return place.stack;
}

function rejected(error) {
  return new Intrinsic.Promise((_, reject) => reject(error));
}

/** A value as JSON text that the host takes. */
function encode(value, what) {
  let json;
  try {
    json = stringify(value);
  } catch (error) {
    throw new Intrinsic.TypeError(`${what} cannot be JSON: ${text(isObject(error) ? error.message : error)}`, { __proto__: null, cause: error });
  }
  if (json === undefined) json = "null";
  const problem = natives.problem(json);
  if (problem != null) throw new Intrinsic.TypeError(`${what} cannot be JSON: ${problem}`);
  return json;
}

/** The arguments object of a call, of what the script passed. */
function argumentsOf(label, parameters, values) {
  if (values.length === 0) return {};
  if (values.length === 1 && isPlain(values[0])) return byName(parameters, values[0]);
  // The host has not listed this tool: it answers what is no object with what is near, and never sends it.
  if (parameters === null) return values;
  if (values.length > parameters.length) {
    const takes = parameters.length === 0 ? "takes named arguments only, as one object" : `takes ${signature(parameters)}`;
    throw new Intrinsic.TypeError(`${label} ${takes}, not ${values.length} positional arguments`);
  }
  const args = { __proto__: null };
  for (let i = 0; i < values.length; i++) if (values[i] !== undefined) args[parameters[i][1]] = values[i];
  return args;
}

/** Members by the names that the tool has for them, where those are not the script's. */
function byName(parameters, given) {
  let args = given;
  for (let i = 0; parameters !== null && i < parameters.length; i++) {
    const name = parameters[i][0], argument = parameters[i][1];
    if (name === argument || !hasOwn(given, name) || hasOwn(given, argument)) continue;
    if (args === given) {
      args = { __proto__: null };
      const keys = ownKeys(given);
      for (let k = 0; k < keys.length; k++) if (isEnumerable(given, keys[k])) args[keys[k]] = given[keys[k]];
    }
    delete args[name];
    args[argument] = given[name];
  }
  return args;
}

function signature(parameters) {
  const names = [];
  for (let i = 0; i < parameters.length; i++) push(names, parameters[i][0]);
  return `(${join(names, ", ")})`;
}

/** A tool as a function. `parameters` is null for a name that the server does not list: the host says what is near. */
function toolFunction(server, tool, label, name, parameters) {
  const what = `the arguments of ${label}`;
  const call = (raw) => {
    const called = (...values) => {
      try {
        const args = encode(argumentsOf(label, parameters, values), what);
        return natives.call(server, tool, args, raw, placeOf(called));
      } catch (error) {
        return rejected(error);
      }
    };
    return called;
  };
  const invoke = call(false);
  define(invoke, "name", name);
  define(invoke, "raw", call(true));
  return invoke;
}

const TO_PRIMITIVE = Symbol.toPrimitive, TO_STRING_TAG = Symbol.toStringTag;
const serverObjects = { __proto__: null };
/** The tools that were found, by their servers and their own names. */
const toolFunctions = { __proto__: null };

/** The tool that a name stands for; undefined where the run may call none. What there is stays as it is for the whole run. */
function toolOf(server, label, key) {
  return toolAs(server, label, natives.find(server, toWellFormed(key)));
}

/** The tool that the host tells of: `[name, tool, parameters]`; undefined where it tells of none. */
function toolAs(server, label, found) {
  if (found == null) return undefined;
  const name = found[0], tool = found[1];
  const made = (toolFunctions[server] ??= { __proto__: null });
  return (made[tool] ??= toolFunction(server, tool, `${label}.${name}`, name, found[2]));
}

/** A name that other code looks for on any object, and that is no tool unless the server lists it. */
function isCommon(name) {
  return name === "then" || name === "toJSON" || name === "inspect" || name in OBJECT_PROTOTYPE;
}

/** What all objects have in common whose members are found when they are asked for: the traps of a proxy. The rest of a
 * handler says which members there are (`find`, `guess`, `names`) and what the object is called (`label`, `tag`). */
const LAZY = {
  __proto__: null,
  /** The member of that name; null where there is none. The host is asked once for each name. */
  member(key) {
    const known = this.found[key];
    return known !== undefined ? known : (this.found[key] = this.find(key) ?? null);
  },
  get(_, key) {
    const known = this.found[key] ?? this.guessed[key];
    if (known !== undefined) return known;
    if (typeof key === "symbol") return key === TO_PRIMITIVE ? () => this.label : key === TO_STRING_TAG ? this.tag : undefined;
    const value = this.member(key);
    if (value !== null) return value;
    return isCommon(key) ? undefined : (this.guessed[key] = this.guess(key));
  },
  has(_, key) {
    return typeof key === "string" && this.member(key) !== null;
  },
  ownKeys() {
    return this.names();
  },
  getOwnPropertyDescriptor(_, key) {
    const value = typeof key === "string" ? this.member(key) : null;
    return value === null ? undefined : { __proto__: null, value, enumerable: true, configurable: true, writable: false };
  },
  getPrototypeOf: () => null,
  set: refuse,
  defineProperty: refuse,
  deleteProperty: refuse,
  setPrototypeOf: refuse,
  preventExtensions: refuse,
};

function refuse() {
  throw new Intrinsic.TypeError(`${this.label} cannot be changed`);
}

function lazyObject(handler) {
  return new Intrinsic.Proxy({ __proto__: null }, handler);
}

/** A server: its tools by their identifiers and by their own names. */
const SERVER = {
  __proto__: LAZY,
  tag: "Server",
  find(key) {
    const listed = this.listed?.[key];
    return listed === undefined ? toolOf(this.server, this.label, key) : toolAs(this.server, this.label, listed);
  },
  guess(key) {
    return toolFunction(this.server, toWellFormed(key), `${this.label}.${toWellFormed(key)}`, key, null);
  },
  names() {
    const all = natives.functions(this.server), names = [], listed = { __proto__: null };
    for (let i = 0; i < all.length; i++) push(names, all[i][0]), (listed[all[i][0]] = all[i]);
    this.listed = listed;
    return names;
  },
};

function serverObject(server, label) {
  if (serverObjects[server] !== undefined) return serverObjects[server];
  const found = { __proto__: null }, guessed = { __proto__: null };
  return (serverObjects[server] = lazyObject({ __proto__: SERVER, label, server, found, guessed, listed: null }));
}

/** The servers by both of their names, asked for once. */
let serverTable = null;
function servers() {
  if (serverTable !== null) return serverTable;
  const listed = natives.servers();
  const byName = { __proto__: null }, exact = { __proto__: null }, names = [];
  for (let i = 0; i < listed.length; i++) {
    const name = listed[i][0], server = listed[i][1];
    byName[name] = exact[server] = { __proto__: null, name, server };
    push(names, server);
  }
  return (serverTable = { __proto__: null, byName, exact, names });
}

const toolsObject = lazyObject({
  __proto__: LAZY,
  label: "tools",
  tag: "Tools",
  found: { __proto__: null },
  guessed: { __proto__: null },
  find(key) {
    const entry = servers().exact[key] ?? servers().byName[key];
    return entry && serverObject(entry.server, entry.name);
  },
  guess(key) {
    return serverObject(toWellFormed(key), toWellFormed(key));
  },
  names() {
    const listed = servers().names, copy = [];
    for (let i = 0; i < listed.length; i++) push(copy, listed[i]);
    return copy;
  },
});
define(GLOBAL, "tools", toolsObject);

/** Makes a server a global, and those of its tools that the script mentions by a flat name (`server__tool`), of which only
 * the last part is given. What is a global already stays. */
function addServer(name, server, mentioned) {
  if (!hasOwn(GLOBAL, name)) lazyGlobal(name, () => serverObject(server, name));
  for (let i = 0; i < mentioned.length; i++) {
    const flatName = `${name}__${mentioned[i]}`;
    const tool = hasOwn(GLOBAL, flatName) ? undefined : toolOf(server, name, mentioned[i]);
    if (tool !== undefined) define(GLOBAL, flatName, tool, true);
  }
}

function lazyGlobal(name, make) {
  const set = (value) => define(GLOBAL, name, value, true);
  getter(GLOBAL, name, make, set);
}
