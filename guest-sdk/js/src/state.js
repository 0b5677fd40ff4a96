import * as host from "#host";
import { U32_MAX, json, maybeCount, maybeText, text } from "./arguments.js";
import { StateError, asked } from "./interface-errors.js";

// A key that others change all the time.
const UPDATE_TRIES = 100;

/** What a component keeps from one run to the next: JSON by key. Needs a grant `state`, or `state=PREFIX*`. */
export const state = {
  /** What a key has, as value and version; null where there is no such key. */
  get(key) {
    const entry = asked(StateError, () => host.getState(text(key, "a key")));
    return entry ? { value: JSON.parse(entry.value), version: Number(entry.version) } : null;
  },
  /** Sets a key: its new version. With `version` only if it has that one, with `absent` only if there is none. */
  set(key, value, { version, absent } = {}) {
    if (version != null && absent) throw new TypeError("a key that has a version is not absent: give one of the two");
    const wanted = maybeCount(version, "a version");
    const expected = absent ? { tag: "absent" } : wanted === undefined ? { tag: "any" } : { tag: "version", val: wanted };
    return Number(asked(StateError, () => host.setState(text(key, "a key"), json(value, "the value"), expected)));
  },
  /** Changes a key by a function of what it has, and tells what it has then. */
  update(key, change) {
    for (let tries = 1; ; tries += 1) {
      const entry = state.get(key);
      const value = change(entry?.value);
      try {
        state.set(key, value, entry ? { version: entry.version } : { absent: true });
        return value;
      } catch (error) {
        if (error?.kind !== "conflict" || tries >= UPDATE_TRIES) throw error;
      }
    }
  },
  /** Deletes a key, with `version` only if it has that one: whether it was there. */
  delete(key, { version } = {}) {
    return asked(StateError, () => host.deleteState(text(key, "a key"), maybeCount(version, "a version")));
  },
  /** The keys that begin so, 1,000 at most; `next` is to be given as `after` to get more. */
  list(prefix = "", { after, limit } = {}) {
    const args = [text(prefix, "a prefix"), maybeText(after, "`after`"), maybeCount(limit, "the limit", U32_MAX)];
    const page = asked(StateError, () => host.listKeys(...args));
    const keys = page.keys.map(({ key, version, size }) => ({ key, version: Number(version), size: Number(size) }));
    return { keys, next: page.next ?? null };
  },
};
