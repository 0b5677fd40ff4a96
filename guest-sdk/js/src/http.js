import { send } from "#http";
import { text } from "./arguments.js";
import { parsed } from "./errors.js";
import { HttpError } from "./interface-errors.js";

const MAX_BYTES = 8 << 20;

/**
 * Requests to the outside, by `wasi:http`. Needs `http = true` in tollgate-project.toml, and a grant `http=URL`. The
 * host holds the credentials and adds them: a component sends none. Redirects are not followed.
 */
export const http = {
  /** Sends a request and waits for its whole answer. One with an error's status is an answer too. */
  request(method, url, { headers = {}, body, json, timeoutMs, maxBytes = MAX_BYTES } = {}) {
    const fields = Object.entries(headers).map(([name, value]) => [text(name, "a header"), text(value, `the header ${name}`)]);
    const sent = json === undefined ? bytesOf(body) : written(json);
    const has = (wanted) => fields.some(([name]) => name.toLowerCase() === wanted);
    if (json !== undefined && !has("content-type")) fields.push(["Content-Type", "application/json"]);
    if (sent !== undefined && !has("content-length")) fields.push(["Content-Length", String(sent.length)]);
    const request = {
      ...partsOf(text(url, "a URL")),
      method: text(method, "a method"),
      headers: fields.map(([name, value]) => [name, encode(value)]),
      body: sent,
      timeoutNs: timeoutMs == null ? undefined : Math.max(1, Math.ceil(timeoutMs)) * 1e6,
      maxBytes,
    };
    return new Response(url, send(request));
  },
  /** A `GET`. */
  get: (url, options) => http.request("GET", url, options),
  /** A `POST`. */
  post: (url, options) => http.request("POST", url, options),
};

/** An answer: its head and its whole body. */
class Response {
  constructor(url, { status, headers, body }) {
    this.url = url;
    this.status = status;
    /** By their names in small letters; those that come more than once are joined by commas. */
    this.headers = {};
    for (const [name, value] of headers) {
      const key = name.toLowerCase();
      const more = String.fromCharCode(...value);
      this.headers[key] = Object.hasOwn(this.headers, key) ? `${this.headers[key]}, ${more}` : more;
    }
    this.body = body;
  }

  /** Whether the status is one of success: 200 to 299. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /** The body as a text. */
  text() {
    try {
      return decode(this.body);
    } catch {
      throw new HttpError("unexpected", `the answer of ${this.url} is no UTF-8 text`);
    }
  }

  /** The body, read as JSON. */
  json() {
    const value = parsed(this.text());
    if (value !== undefined) return value;
    throw new HttpError("unexpected", `the answer of ${this.url} (HTTP ${this.status}) is no JSON`);
  }
}

function partsOf(url) {
  const found = /^(https?):\/\/([^/?#]+)([^?#]*)(\?[^#]*)?/i.exec(url);
  if (!found) throw new HttpError("invalid", `${url} is no URL of http or https`);
  const [, scheme, authority, path, query = ""] = found;
  if (authority.includes("@")) {
    throw new HttpError("invalid", "a user name in a URL is not sent; the host adds credentials");
  }
  return { scheme: scheme.toLowerCase(), authority, path: (path || "/") + query };
}

function bytesOf(body) {
  if (body == null || body instanceof Uint8Array) return body ?? undefined;
  return encode(text(body, "a body that is no Uint8Array"));
}

function written(value) {
  const json = JSON.stringify(value);
  if (json === undefined) throw new HttpError("invalid", "the body cannot be written as JSON");
  return encode(json);
}

// The component's engine has no TextEncoder and no TextDecoder.

function encode(text) {
  const escaped = encodeURIComponent(text);
  const bytes = new Uint8Array(escaped.length);
  let length = 0;
  for (let at = 0; at < escaped.length; at += 1, length += 1) {
    const isEscape = escaped[at] === "%";
    bytes[length] = isEscape ? parseInt(escaped.slice(at + 1, at + 3), 16) : escaped.charCodeAt(at);
    if (isEscape) at += 2;
  }
  return bytes.slice(0, length);
}

function decode(bytes) {
  let latin = "";
  for (let at = 0; at < bytes.length; at += 4096) latin += String.fromCharCode(...bytes.subarray(at, at + 4096));
  const escaped = latin.replace(/[%\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  return decodeURIComponent(escaped);
}
