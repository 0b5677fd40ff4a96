// The built-ins that the prelude uses, taken before a script can change them. What it hands on to a script's own
// values (their getters, their toJSON) is the script's affair; its own steps must not depend on what a script did.
const { defineProperty, freeze, getPrototypeOf, setPrototypeOf, getOwnPropertyDescriptor } = Object;
const { apply, ownKeys } = Reflect;
const { isArray } = Array;
const { parse, stringify } = JSON;
const { isView } = ArrayBuffer;
const { isSafeInteger, isFinite } = Number;
const GLOBAL = globalThis;
const OBJECT_PROTOTYPE = Object.prototype;
const ARRAY_PROTOTYPE = Array.prototype;

const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const hasOwn = uncurry(Object.prototype.hasOwnProperty);
const isEnumerable = uncurry(Object.prototype.propertyIsEnumerable);
const push = uncurry(Array.prototype.push);
const join = uncurry(Array.prototype.join);
const slice = uncurry(String.prototype.slice);
const indexOf = uncurry(String.prototype.indexOf);
const replace = uncurry(String.prototype.replace);
const repeat = uncurry(String.prototype.repeat);
const toLowerCase = uncurry(String.prototype.toLowerCase);
const trim = uncurry(String.prototype.trim);
const toWellFormed = uncurry(String.prototype.toWellFormed);
const then = uncurry(Promise.prototype.then);
const test = uncurry(RegExp.prototype.test);
const regexText = uncurry(RegExp.prototype.toString);
const dateTime = uncurry(Date.prototype.getTime);
const dateText = uncurry(Date.prototype.toISOString);
const symbolText = uncurry(Symbol.prototype.toString);
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapDelete = uncurry(Map.prototype.delete);
const mapHas = uncurry(Map.prototype.has);
const mapSize = uncurry(getOwnPropertyDescriptor(Map.prototype, "size").get);
const mapEach = uncurry(Map.prototype.forEach);
const setAdd = uncurry(Set.prototype.add);
const setSize = uncurry(getOwnPropertyDescriptor(Set.prototype, "size").get);
const setEach = uncurry(Set.prototype.forEach);
const typedArray = getPrototypeOf(Uint8Array.prototype);
const typedName = uncurry(getOwnPropertyDescriptor(typedArray, Symbol.toStringTag).get);
const toBase64 = GLOBAL.btoa;
const fromCharCode = String.fromCharCode;
const captureStackTrace = Error.captureStackTrace;
const Intrinsic = { Map, Set, Promise, Proxy, Error, TypeError, RangeError, Uint8Array, ArrayBuffer, Date, RegExp, String, Number };

/** Defines what a script sees as a global, or a member of one: it may be replaced, as the language's own may. */
function define(target, name, value, enumerable) {
  MEMBER.value = value;
  MEMBER.enumerable = enumerable === true;
  defineProperty(target, name, MEMBER);
  MEMBER.value = undefined;
}

// Made once: each run defines some members before the script begins.
const MEMBER = { __proto__: null, value: undefined, writable: true, configurable: true, enumerable: false };

function getter(target, name, get, set) {
  defineProperty(target, name, { __proto__: null, get, set, configurable: true, enumerable: true });
}

/** Any value as text that can leave the engine, whatever the value does about it. */
function text(value) {
  try {
    return toWellFormed(typeof value === "symbol" ? symbolText(value) : Intrinsic.String(value));
  } catch {
    return "(a value that has no text)";
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null;
}

/** Whether a value is an object as literals make them. */
function isPlain(value) {
  if (!isObject(value) || isArray(value)) return false;
  const prototype = getPrototypeOf(value);
  return prototype === OBJECT_PROTOTYPE || prototype === null;
}

/** The name of an object's class, for people. */
function className(value) {
  try {
    const name = value.constructor.name;
    return typeof name === "string" && name !== "" ? toWellFormed(name) : "Object";
  } catch {
    return "Object";
  }
}

// What JSON has no form for gets one, in results, arguments and `JSON.stringify` alike.
function bytesText(bytes) {
  let binary = "";
  for (let i = 0; i < bytes.length; i++) binary += fromCharCode(bytes[i]);
  return toBase64(binary);
}

define(Map.prototype, "toJSON", function () {
  let texts = true;
  const object = { __proto__: null }, pairs = [];
  mapEach(this, (value, key) => {
    if (typeof key !== "string") texts = false;
    else object[key] = value;
    pairs[pairs.length] = [key, value];
  });
  return texts ? object : pairs;
});
define(Set.prototype, "toJSON", function () {
  const list = [];
  setEach(this, (value) => push(list, value));
  return list;
});
define(RegExp.prototype, "toJSON", function () {
  return regexText(this);
});
define(Error.prototype, "toJSON", function () {
  return { name: text(this.name), message: text(this.message) };
});
define(ArrayBuffer.prototype, "toJSON", function () {
  return bytesText(new Intrinsic.Uint8Array(this));
});
define(typedArray, "toJSON", function () {
  if (typedName(this) === "Uint8Array") return bytesText(this);
  const list = [];
  for (let i = 0; i < this.length; i++) push(list, this[i]);
  return list;
});
define(BigInt.prototype, "toJSON", function () {
  const number = Intrinsic.Number(this);
  if (isSafeInteger(number)) return number;
  throw new Intrinsic.TypeError(`the BigInt ${this} does not fit a JSON number: make it a string`);
});
