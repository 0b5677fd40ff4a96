import { HttpError } from "./interface-errors.js";

const LATE = ["timed-out", "no answer came in time; the request may have had an effect"];
const NOBODY = ["unreachable", "nothing answers at that address"];
const CUT = ["broken", "the connection ended before the answer was whole"];
const TLS = ["unreachable", "no TLS connection was made"];
const LONG = ["too-large", "the answer is larger than the host allows"];
const WRONG = ["invalid", "the request's method or URL is not valid"];

const CODES = {
  "HTTP-request-denied": ["denied", "the host does not allow this request"],
  "destination-IP-prohibited": ["denied", "the host does not allow requests to that address"],
  "DNS-timeout": ["unreachable", "the host's name was not resolved in time"],
  "destination-not-found": NOBODY,
  "destination-unavailable": NOBODY,
  "destination-IP-unroutable": NOBODY,
  "connection-refused": NOBODY,
  "connection-timeout": ["unreachable", "no connection was made in time"],
  "connection-limit-reached": ["unreachable", "the host has no more connections to give"],
  "TLS-certificate-error": ["unreachable", "the server's certificate is not trusted"],
  "TLS-protocol-error": TLS,
  "TLS-alert-received": TLS,
  "connection-read-timeout": LATE,
  "connection-write-timeout": LATE,
  "HTTP-response-timeout": LATE,
  "connection-terminated": CUT,
  "HTTP-response-incomplete": CUT,
  "HTTP-response-body-size": LONG,
  "HTTP-response-header-section-size": LONG,
  "HTTP-request-body-size": ["too-large", "the request is larger than the host allows"],
  "HTTP-request-URI-invalid": WRONG,
  "HTTP-request-method-invalid": WRONG,
};

/** The error of an `error-code` of `wasi:http`. */
export function httpError({ tag, val }) {
  // Where a host has something to say, it says it so.
  if (tag === "internal-error") {
    const said = val ?? "the host could not make the request";
    return new HttpError(said.startsWith("denied: ") ? "denied" : "broken", said);
  }
  if (tag === "DNS-error") {
    const why = val.rcode == null ? "" : `: ${val.rcode}`;
    return new HttpError("unreachable", `the host's name was not resolved${why}`);
  }
  const [kind, message] = CODES[tag] ?? ["broken", `the request failed: ${tag}`];
  return new HttpError(kind, message);
}
