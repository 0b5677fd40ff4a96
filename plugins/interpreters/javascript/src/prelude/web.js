// What scripts expect of the web platform: URLs, encodings, clones, random values.

const URL_PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

/** What a URL's own query object needs of it. */
let changeQuery;

class URLSearchParams {
  #pairs = [];
  #url = null;

  static {
    changeQuery = (params, query, url) => {
      params.#pairs = parse(natives.parseQuery(query));
      params.#url = url;
    };
  }

  constructor(init = "") {
    if (isObject(init) || typeof init === "function") {
      if (typeof init[Symbol.iterator] === "function") {
        for (const pair of init) {
          const [name, value, ...rest] = pair;
          if (value === undefined || rest.length > 0) throw new TypeError("URLSearchParams takes pairs of a name and a value");
          this.#pairs.push([text(name), text(value)]);
        }
      } else {
        for (const name of Object.keys(init)) this.#pairs.push([toWellFormed(name), text(init[name])]);
      }
    } else {
      this.#pairs = parse(natives.parseQuery(text(init)));
    }
  }

  #changed() {
    if (this.#url !== null) this.#url.search = this.toString();
  }
  get size() {
    return this.#pairs.length;
  }
  append(name, value) {
    this.#pairs.push([text(name), text(value)]);
    this.#changed();
  }
  delete(name, value) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== text(name) || (value !== undefined && pair[1] !== text(value)));
    this.#changed();
  }
  get(name) {
    const found = this.#pairs.find((pair) => pair[0] === text(name));
    return found === undefined ? null : found[1];
  }
  getAll(name) {
    return this.#pairs.filter((pair) => pair[0] === text(name)).map((pair) => pair[1]);
  }
  has(name, value) {
    return this.#pairs.some((pair) => pair[0] === text(name) && (value === undefined || pair[1] === text(value)));
  }
  set(name, value) {
    const at = this.#pairs.findIndex((pair) => pair[0] === text(name));
    if (at < 0) this.#pairs.push([text(name), text(value)]);
    else {
      this.#pairs[at][1] = text(value);
      this.#pairs = this.#pairs.filter((pair, i) => i <= at || pair[0] !== text(name));
    }
    this.#changed();
  }
  sort() {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#changed();
  }
  forEach(callback, self) {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
  }
  *entries() {
    for (const pair of this.#pairs) yield [pair[0], pair[1]];
  }
  *keys() {
    for (const pair of this.#pairs) yield pair[0];
  }
  *values() {
    for (const pair of this.#pairs) yield pair[1];
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    return natives.writeQuery(this.#pairs.flat());
  }
  toJSON() {
    return this.toString();
  }
}

class URL {
  #parts;
  #params = null;

  constructor(url, base) {
    const parts = natives.parseUrl(text(url), base === undefined ? undefined : text(base));
    if (parts == null) throw new TypeError(`not a URL: ${text(url)}`);
    this.#parts = parse(parts);
  }

  static canParse(url, base) {
    return natives.parseUrl(text(url), base === undefined ? undefined : text(base)) != null;
  }
  static parse(url, base) {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }
  static {
    for (let i = 0; i < URL_PARTS.length; i++) {
      const part = URL_PARTS[i];
      const get = function () {
        return this.#parts[i];
      };
      const set = function (value) {
        const parts = natives.changeUrl(this.#parts[0], part, text(value));
        if (parts == null) throw new TypeError(`not a URL: ${text(value)}`);
        this.#parts = parse(parts);
        if (this.#params !== null) changeQuery(this.#params, this.#parts[9], this);
      };
      getter(URL.prototype, part, get, part === "origin" ? undefined : set);
    }
  }
  get searchParams() {
    if (this.#params === null) {
      this.#params = new URLSearchParams();
      changeQuery(this.#params, this.#parts[9], this);
    }
    return this.#params;
  }
  toString() {
    return this.#parts[0];
  }
  toJSON() {
    return this.#parts[0];
  }
}
define(GLOBAL, "URL", URL);
define(GLOBAL, "URLSearchParams", URLSearchParams);

/** The bytes of a buffer or of a view of one. */
function bytesOf(source) {
  if (isView(source)) return new Intrinsic.Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Intrinsic.Uint8Array(source);
}

class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(source = "") {
    return natives.encode(text(source));
  }
}

const ENCODINGS = { __proto__: null, "utf-8": "utf-8", utf8: "utf-8", "utf-16le": "utf-16le", "utf-16": "utf-16le" };

class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  constructor(label = "utf-8", options = {}) {
    this.#encoding = ENCODINGS[toLowerCase(trim(text(label)))];
    if (this.#encoding === undefined) throw new RangeError(`there is no decoder for ${text(label)}: use utf-8 or utf-16le`);
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }
  get encoding() {
    return this.#encoding;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(source, options) {
    if (options !== undefined && options.stream) throw new TypeError("TextDecoder decodes whole texts: stream is not supported");
    if (source === undefined) return "";
    const decoded = natives.decode(bytesOf(source), this.#encoding, this.#fatal);
    return !this.#ignoreBOM && decoded[0] === "\ufeff" ? slice(decoded, 1) : decoded;
  }
}
define(GLOBAL, "TextEncoder", TextEncoder);
define(GLOBAL, "TextDecoder", TextDecoder);

const cryptoObject = {
  getRandomValues(array) {
    if (!isView(array)) throw new TypeError("getRandomValues takes a typed array");
    const bytes = bytesOf(array);
    if (bytes.length > 65536) throw new RangeError("getRandomValues gives at most 65536 bytes at once");
    bytes.set(natives.randomBytes(bytes.length));
    return array;
  },
  randomUUID() {
    const bytes = natives.randomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let uuid = "";
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) uuid += "-";
      uuid += slice((bytes[i] + 256).toString(16), 1);
    }
    return uuid;
  },
};
define(GLOBAL, "crypto", cryptoObject);

function cloneError(value) {
  const error = new Error(`${typeof value === "symbol" ? text(value) : show(value)} cannot be cloned`);
  define(error, "name", "DataCloneError");
  return error;
}

/** A deep copy of a value; `seen` has the copies of what was met already. */
function clone(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") throw cloneError(value);
  if (!isObject(value)) return value;
  if (mapHas(seen, value)) return mapGet(seen, value);
  const keep = (copy) => (mapSet(seen, value, copy), copy);
  if (value instanceof Intrinsic.Date) return keep(new Intrinsic.Date(dateTime(value)));
  if (value instanceof Intrinsic.RegExp) return keep(new Intrinsic.RegExp(value.source, value.flags));
  if (value instanceof Intrinsic.ArrayBuffer) return keep(value.slice(0));
  if (isView(value)) return keep(value.slice === undefined ? new value.constructor(value.buffer.slice(0)) : value.slice());
  if (value instanceof Intrinsic.Map) {
    const copy = keep(new Intrinsic.Map());
    mapEach(value, (member, key) => mapSet(copy, clone(key, seen), clone(member, seen)));
    return copy;
  }
  if (value instanceof Intrinsic.Set) {
    const copy = keep(new Intrinsic.Set());
    setEach(value, (member) => setAdd(copy, clone(member, seen)));
    return copy;
  }
  if (value instanceof Intrinsic.Promise) throw cloneError(value);
  if (value instanceof Intrinsic.Error) {
    const copy = keep(new Intrinsic.Error(value.message));
    define(copy, "name", value.name);
    return copy;
  }
  const copy = keep(isArray(value) ? new Array(value.length) : {});
  const keys = ownKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key === "string" && isEnumerable(value, key)) {
      defineProperty(copy, key, { __proto__: null, value: clone(value[key], seen), writable: true, enumerable: true, configurable: true });
    }
  }
  return copy;
}
define(GLOBAL, "structuredClone", function structuredClone(value) {
  return clone(value, new Intrinsic.Map());
});
