// Timers, what a script is given, and what it leaves behind.

define(GLOBAL, "log", function log(message, level) {
  natives.log(level === undefined ? "info" : text(level), show(message));
});

define(GLOBAL, "progress", function progress(done, total, message) {
  const number = (value) => {
    if (typeof value !== "number" || !isFinite(value)) {
      throw new Intrinsic.TypeError("progress(done, total, message): done and total are finite numbers");
    }
    return value;
  };
  natives.progress(number(done), total == null ? undefined : number(total), message == null ? undefined : text(message));
});

/** The timers that are set, by number. */
const timers = { __proto__: null };
let lastTimer = 0;

function setTimer(callback, delay, args, repeat) {
  if (typeof callback !== "function") throw new Intrinsic.TypeError("the callback of a timer is a function");
  const id = ++lastTimer;
  const delayMs = delay === undefined ? 0 : Intrinsic.Number(delay);
  timers[id] = { __proto__: null, callback, args, delayMs: repeat && !(delayMs >= 1) ? 1 : delayMs, repeat };
  natives.setTimer(id, delayMs, !repeat);
  return id;
}

function clearTimer(id) {
  if (typeof id !== "number" || timers[id] === undefined) return;
  delete timers[id];
  natives.clearTimer(id);
}

define(GLOBAL, "setTimeout", function setTimeout(callback, delay, ...args) {
  return setTimer(callback, delay, args, false);
});
define(GLOBAL, "setInterval", function setInterval(callback, delay, ...args) {
  return setTimer(callback, delay, args, true);
});
define(GLOBAL, "clearTimeout", clearTimer);
define(GLOBAL, "clearInterval", clearTimer);
define(GLOBAL, "sleep", function sleep(ms) {
  return new Intrinsic.Promise((resolve) => setTimer(resolve, ms, [undefined], false));
});
define(GLOBAL, "queueMicrotask", function queueMicrotask(callback) {
  if (typeof callback !== "function") throw new Intrinsic.TypeError("queueMicrotask takes a function");
  then(SETTLED, () => void callback());
});
const SETTLED = new Intrinsic.Promise((resolve) => resolve());

/** Runs a timer that is due. What it throws becomes a rejection that nobody handles. */
function fire(id) {
  const timer = timers[id];
  if (timer === undefined) return;
  if (timer.repeat) natives.setTimer(id, timer.delayMs, false);
  else delete timers[id];
  try {
    apply(timer.callback, undefined, timer.args);
  } catch (error) {
    rejected(error);
  }
}

define(Math, "random", () => natives.random());
const performanceObject = {};
define(performanceObject, "now", () => natives.now());
define(GLOBAL, "performance", performanceObject);

/** Promises that were rejected and that nothing handles, with their reasons. */
const rejections = new Intrinsic.Map();

function onRejection(promise, reason, handled) {
  if (handled) mapDelete(rejections, promise);
  else mapSet(rejections, promise, { __proto__: null, reason });
}

/** The first of them, as an object with its reason. */
function unhandled() {
  let first = null;
  mapEach(rejections, (rejection) => (first ??= rejection));
  return first;
}

let sessionGiven = false;

/** Gives the script its input and its session. */
function begin(input, session) {
  define(GLOBAL, "input", input, true);
  sessionGiven = isObject(session);
  define(GLOBAL, "session", sessionGiven ? session : {}, true);
}

/** What the script's last value turns out to be: a promise is waited for. */
function adopt(value) {
  return new Intrinsic.Promise((resolve) => resolve(value));
}

/** The script's value as JSON. */
function output(value) {
  if (typeof value === "function" || typeof value === "symbol") value = show(value);
  if (typeof value === "string") value = toWellFormed(value);
  return encode(value, "the script's value");
}

/** The session as JSON, null where the run has none. */
function sessionJson() {
  if (!sessionGiven) return "null";
  const session = GLOBAL.session;
  if (!isPlain(session)) throw new Intrinsic.TypeError(`session is ${kindOf(session)}: it must stay an object`);
  checkJson(session, "session", 0);
  return encode(session, "session");
}

function kindOf(value) {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value === "object") return `a ${className(value)}`;
  return typeof value === "number" ? text(value) : `a ${typeof value}`;
}

/** Throws where a value is not one that comes back from JSON as it was. */
function checkJson(value, path, depth) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return;
  if (typeof value === "number" && isFinite(value)) return;
  if (depth > 100) throw new Intrinsic.TypeError(`${path} nests too deep, or in itself: a session keeps JSON values`);
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) checkJson(value[i], `${path}[${i}]`, depth + 1);
  } else if (isPlain(value)) {
    const keys = ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key === "symbol") throw new Intrinsic.TypeError(`${path} has the key ${text(key)}, which is no string`);
      if (!isEnumerable(value, key) || value[key] === undefined) continue;
      checkJson(value[key], test(NAME, key) ? `${path}.${key}` : `${path}[${stringify(key)}]`, depth + 1);
    }
  } else {
    throw new Intrinsic.TypeError(`${path} is ${kindOf(value)}: a session keeps JSON values only`);
  }
}

/** An error as [type, message, stack, failure]. */
function explain(error) {
  const told = [null, "", "", null];
  try {
    if (isObject(error) && error instanceof Intrinsic.Error) {
      const name = error.name;
      told[0] = typeof name === "string" && name !== "" ? toWellFormed(name) : className(error);
      told[1] = text(error.message);
      told[2] = stackOf(error);
      told[3] = failureOf(error) ?? null;
    } else {
      told[0] = error === null ? "null" : isObject(error) ? className(error) : typeof error;
      told[1] = show(error);
    }
  } catch {
    told[0] ??= "Error";
    told[1] ||= "an error that cannot be read";
  }
  return told;
}

/** What a part of the prelude needs of it that is made later. */
function parts() {
  return { GLOBAL, define, encode, placeOf, rejected };
}

const bridge = { __proto__: null, parts, addServer, toolError, fire, begin, adopt, output, sessionJson, explain, onRejection, unhandled };
