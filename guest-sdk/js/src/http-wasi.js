// One exchange over `wasi:http`: the only place that knows its resources. The host wants what came of a resource gone
// before the resource itself, so each is given back in turn and none is left to the engine's collector.
import { handle } from "wasi:http/outgoing-handler";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions, httpErrorCode } from "wasi:http/types";
import { httpError } from "./http-errors.js";
import { HttpError } from "./interface-errors.js";

// How much of a body is asked for at once.
const CHUNK_BYTES = 64 << 10;

/** Sends a request and reads its whole answer. */
export function send(request) {
  const outgoing = outgoingOf(request);
  const body = request.body === undefined ? undefined : outgoing.body();
  return using(started(outgoing, optionsOf(request.timeoutNs)), (answer) => {
    if (body !== undefined) write(body, request.body);
    waitFor(answer);
    return using(headOf(answer.get()), (response) => ({
      status: response.status(),
      headers: using(response.headers(), (fields) => fields.entries()),
      body: read(response, request.maxBytes),
    }));
  });
}

function using(resource, use) {
  try {
    return use(resource);
  } finally {
    resource[Symbol.dispose]();
  }
}

const refusalOf = (error) => error?.payload ?? error;

function outgoingOf({ method, scheme, authority, path, headers }) {
  let fields;
  try {
    fields = Fields.fromList(headers);
  } catch (error) {
    throw new HttpError("invalid", `a header is not allowed: ${refusalOf(error)?.tag ?? error}`);
  }
  const outgoing = new OutgoingRequest(fields);
  try {
    outgoing.setMethod(methodOf(method));
    outgoing.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" });
    outgoing.setAuthority(authority);
    outgoing.setPathWithQuery(path);
  } catch {
    throw new HttpError("invalid", `the host does not take the method ${method} or the URL ${scheme}://${authority}${path}`);
  }
  return outgoing;
}

const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];

function methodOf(name) {
  const tag = name.toLowerCase();
  return METHODS.includes(tag) && name === name.toUpperCase() ? { tag } : { tag: "other", val: name };
}

// For the connection, the answer's first byte, and between two pieces of it: each this long.
function optionsOf(timeoutNs) {
  const options = new RequestOptions();
  if (timeoutNs !== undefined) {
    options.setConnectTimeout(timeoutNs);
    options.setFirstByteTimeout(timeoutNs);
    options.setBetweenBytesTimeout(timeoutNs);
  }
  return options;
}

function started(outgoing, options) {
  try {
    return handle(outgoing, options);
  } catch (error) {
    throw httpError(refusalOf(error));
  }
}

function headOf(outcome) {
  if (outcome?.tag !== "ok") throw new HttpError("broken", "the host lost the request");
  if (outcome.val.tag !== "ok") throw httpError(outcome.val.val);
  return outcome.val.val;
}

const waitFor = (source) => using(source.subscribe(), (pollable) => pollable.block());

function write(body, bytes) {
  try {
    using(body.write(), (stream) => {
      for (let at = 0; at < bytes.length; ) {
        const room = roomOf(stream);
        stream.write(bytes.slice(at, at + room));
        at += room;
      }
      stream.flush();
      // The flush is done when there is room again.
      roomOf(stream);
    });
    OutgoingBody.finish(body, undefined);
  } catch {
    // A server may answer before it has read everything: what it says counts, not that it stopped reading.
    body[Symbol.dispose]();
  }
}

function roomOf(stream) {
  for (;;) {
    const room = Number(stream.checkWrite());
    if (room > 0) return room;
    waitFor(stream);
  }
}

function read(response, maxBytes) {
  return using(response.consume(), (body) =>
    using(body.stream(), (stream) => {
      const chunks = [];
      let length = 0;
      for (let chunk = next(stream); chunk !== undefined; chunk = next(stream)) {
        length += chunk.length;
        if (length > maxBytes) throw new HttpError("too-large", `the answer is larger than ${maxBytes} bytes`);
        chunks.push(chunk);
      }
      const whole = new Uint8Array(length);
      let at = 0;
      for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
      }
      return whole;
    }),
  );
}

function next(stream) {
  try {
    return stream.blockingRead(CHUNK_BYTES);
  } catch (error) {
    const refused = refusalOf(error);
    if (refused?.tag === "closed") return undefined;
    if (refused?.tag !== "last-operation-failed") throw error;
    throw using(refused.val, (cause) => httpError(httpErrorCode(cause) ?? { tag: "internal-error", val: cause.toDebugString() }));
  }
}
