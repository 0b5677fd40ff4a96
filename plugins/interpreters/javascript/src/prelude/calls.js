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

/** A server's tools by their names as identifiers and as the server has them, asked for once. */
function toolTable(server) {
  const listed = natives.functions(server);
  const identifiers = { __proto__: null }, exact = { __proto__: null }, names = [];
  for (let i = 0; i < listed.length; i++) {
    const name = listed[i][0], tool = listed[i][1], parameters = listed[i][2];
    identifiers[name] = exact[tool] = { __proto__: null, name, tool, parameters, made: null };
    push(names, name);
  }
  return { __proto__: null, identifiers, exact, names };
}

const TO_PRIMITIVE = Symbol.toPrimitive, TO_STRING_TAG = Symbol.toStringTag;
const serverObjects = { __proto__: null };
const tables = { __proto__: null };

function tableOf(server) {
  if (tables[server] !== undefined) return tables[server];
  const table = toolTable(server);
  // A server may be on its way still: nothing is kept of one that lists nothing.
  if (table.names.length > 0) tables[server] = table;
  return table;
}

/** A name that other code looks for on any object, and that is no tool unless the server lists it. */
function isCommon(name) {
  return name === "then" || name === "toJSON" || name === "inspect" || name in OBJECT_PROTOTYPE;
}

function readOnly(label) {
  return () => {
    throw new Intrinsic.TypeError(`${label} cannot be changed`);
  };
}

/** An object whose members are found when they are asked for. */
function lazyObject(label, tag, find, guess, names) {
  const refuse = readOnly(label), found = { __proto__: null };
  return new Intrinsic.Proxy({ __proto__: null }, {
    __proto__: null,
    get(_, key) {
      const known = found[key];
      if (known !== undefined) return known;
      if (typeof key === "symbol") return key === TO_PRIMITIVE ? () => label : key === TO_STRING_TAG ? tag : undefined;
      const value = find(key);
      if (value !== undefined) return (found[key] = value);
      return isCommon(key) ? undefined : guess(key);
    },
    has: (_, key) => typeof key === "string" && find(key) !== undefined,
    ownKeys: () => names(),
    getOwnPropertyDescriptor(_, key) {
      const value = typeof key === "string" ? find(key) : undefined;
      return value === undefined ? undefined : { __proto__: null, value, enumerable: true, configurable: true, writable: false };
    },
    getPrototypeOf: () => null,
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  });
}

/** A server as an object. By exact names first where `tools["server"]` gives it, else by identifiers first. */
function serverObject(server, name, exactFirst) {
  const cacheKey = `${exactFirst ? "e" : "i"}${server}`;
  if (serverObjects[cacheKey] !== undefined) return serverObjects[cacheKey];
  const unknown = { __proto__: null };
  const find = (key) => {
    const table = tableOf(server);
    const entry = exactFirst ? table.exact[key] ?? table.identifiers[key] : table.identifiers[key] ?? table.exact[key];
    if (entry === undefined) return undefined;
    return (entry.made ??= toolFunction(server, entry.tool, `${name}.${entry.name}`, entry.name, entry.parameters));
  };
  const guess = (key) => (unknown[key] ??= toolFunction(server, toWellFormed(key), `${name}.${toWellFormed(key)}`, key, null));
  const names = () => {
    const listed = tableOf(server).names, copy = [];
    for (let i = 0; i < listed.length; i++) push(copy, listed[i]);
    return copy;
  };
  return (serverObjects[cacheKey] = lazyObject(name, "Server", find, guess, names));
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

const toolsObject = lazyObject(
  "tools",
  "Tools",
  (key) => {
    const entry = servers().exact[key] ?? servers().byName[key];
    return entry && serverObject(entry.server, entry.name, true);
  },
  (key) => serverObject(toWellFormed(key), toWellFormed(key), true),
  () => {
    const listed = servers().names, copy = [];
    for (let i = 0; i < listed.length; i++) push(copy, listed[i]);
    return copy;
  },
);
define(GLOBAL, "tools", toolsObject);

/** Makes a server a global, and, where `flat`, those of its tools that the script mentions by a flat name. What is a
 * global already stays. */
function addServer(name, server, flat) {
  if (!hasOwn(GLOBAL, name)) lazyGlobal(name, () => serverObject(server, name, false));
  if (!flat) return;
  const listed = tableOf(server).names;
  for (let i = 0; i < listed.length; i++) {
    const flatName = `${name}__${listed[i]}`;
    if (!hasOwn(GLOBAL, flatName) && natives.mentions(flatName)) lazyGlobal(flatName, () => serverObject(server, name, false)[listed[i]]);
  }
}

function lazyGlobal(name, make) {
  const set = (value) => define(GLOBAL, name, value, true);
  getter(GLOBAL, name, make, set);
}
