// What goes to the host must be of the host's types: the engine ends a run that gives it anything else.

/** A text; half of a surrogate pair becomes U+FFFD. */
export function text(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} is a text, not ${shown(value)}`);
  return value.toWellFormed();
}

/** A text, or nothing. */
export const maybeText = (value, what) => (value == null ? undefined : text(value, what));

/** A whole number that counts something, or nothing. */
export function maybeCount(value, what, most = Number.MAX_SAFE_INTEGER) {
  if (value == null) return undefined;
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new TypeError(`${what} is a whole number from 0 to ${most}, not ${shown(value)}`);
}

/** Any value, as JSON text. */
export function json(value, what) {
  const written = JSON.stringify(value);
  if (written === undefined) throw new TypeError(`${what} cannot be written as JSON: ${shown(value)}`);
  return written;
}

const shown = (value) => (value === null || typeof value !== "object" ? String(value) : "an object");

/** The greatest number of 32 bits. */
export const U32_MAX = 2 ** 32 - 1;
