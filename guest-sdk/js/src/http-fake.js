import { FakeFailure } from "./fakes.js";
import { HttpError } from "./interface-errors.js";

/** Sends requests to `answer`: a response, or a function of the request that may throw `callFailure(…)`. */
export function exchange(host, answer) {
  host.sent = [];
  return ({ method, scheme, authority, path, headers, body, maxBytes }) => {
    const url = `${scheme}://${authority}${path}`;
    const request = { method, url, headers: Object.fromEntries(headers.map(readable)), body: textOf(body) };
    host.sent.push(request);
    const none = new FakeFailure("denied", `denied: ${method} ${url} is not granted`);
    const given = outcome(answer ?? none, request);
    if (given instanceof FakeFailure) throw new HttpError(given.kind, given.detail ?? "as the test says");
    const { status = 200, headers: fields = {}, body: answered = "", json } = given;
    const bytes = bytesOf(json === undefined ? answered : JSON.stringify(json));
    if (bytes.length > maxBytes) throw new HttpError("too-large", `the answer is larger than ${maxBytes} bytes`);
    return { status, headers: Object.entries(fields).map(([name, value]) => [name, bytesOf(value)]), body: bytes };
  };
}

function outcome(answer, request) {
  try {
    return typeof answer === "function" ? answer(request) : answer;
  } catch (error) {
    if (error instanceof FakeFailure) return error;
    throw error;
  }
}

const bytesOf = (value) => (typeof value === "string" ? new TextEncoder().encode(value) : value);
const textOf = (bytes) => bytes && new TextDecoder().decode(bytes);
const readable = ([name, value]) => [name.toLowerCase(), textOf(value)];
