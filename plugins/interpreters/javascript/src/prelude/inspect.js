// Values as text for people: `print` and `console`.

const NAME = /^[A-Za-z_$][\w$]*$/;
const WIDTH = 72, DEPTH = 4, ITEMS = 100;

/** A value as text: a string stands as it is, all else as a literal would look. */
function show(value) {
  return typeof value === "string" ? toWellFormed(value) : inspect(value, 0, []);
}

function inspect(value, depth, above) {
  switch (typeof value) {
    case "string":
      return toWellFormed(stringify(value));
    case "bigint":
      return `${value}n`;
    case "number":
      return value === 0 && 1 / value < 0 ? "-0" : text(value);
    case "function":
      return `[${indexOf(text(value), "class") === 0 ? "class" : "Function"} ${text(value.name) || "(anonymous)"}]`;
    case "object":
      if (value === null) return "null";
      try {
        return inspectObject(value, depth, above);
      } catch (error) {
        return `[${className(value)} that cannot be shown: ${text(error && error.message)}]`;
      }
    default:
      return text(value);
  }
}

function inspectObject(value, depth, above) {
  for (let i = 0; i < above.length; i++) if (above[i] === value) return "[Circular]";
  if (value instanceof Intrinsic.Error) return depth === 0 ? errorText(value) : `[${text(value.name)}: ${text(value.message)}]`;
  if (value instanceof Intrinsic.Date) return isFinite(dateTime(value)) ? dateText(value) : "Invalid Date";
  if (value instanceof Intrinsic.RegExp) return regexText(value);
  if (value instanceof Intrinsic.Promise) return "Promise {}";
  if (depth > DEPTH) return isArray(value) ? "[Array]" : `[${className(value)}]`;
  push(above, value);
  const parts = [];
  const item = (part) => parts.length < ITEMS && push(parts, part());
  const inner = (member) => inspect(member, depth + 1, above);
  let count, open = "{", close = "}", name = "";
  if (isArray(value) || isView(value)) {
    if (!isArray(value)) name = `${className(value)}(${value.length}) `;
    open = "[", close = "]", count = value.length ?? 0;
    for (let i = 0; i < count && i < ITEMS; i++) item(() => inner(value[i]));
  } else if (value instanceof Intrinsic.Map) {
    name = `Map(${mapSize(value)}) `, count = mapSize(value);
    mapEach(value, (member, key) => item(() => `${inner(key)} => ${inner(member)}`));
  } else if (value instanceof Intrinsic.Set) {
    name = `Set(${setSize(value)}) `, count = setSize(value);
    setEach(value, (member) => item(() => inner(member)));
  } else {
    if (!isPlain(value)) name = `${className(value)} `;
    const keys = ownKeys(value);
    count = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (!isEnumerable(value, key)) continue;
      count++;
      const shown = typeof key === "symbol" ? `[${text(key)}]` : test(NAME, key) ? key : stringify(key);
      item(() => `${toWellFormed(shown)}: ${inner(value[key])}`);
    }
  }
  above.length -= 1;
  if (count > parts.length) push(parts, `… ${count - parts.length} more`);
  if (parts.length === 0) return `${name}${open}${close}`;
  const line = join(parts, ", ");
  if (line.length + name.length + 2 * depth <= WIDTH && indexOf(line, "\n") < 0) {
    return open === "[" ? `${name}[${line}]` : `${name}{ ${line} }`;
  }
  const indent = repeat("  ", depth + 1);
  return `${name}${open}\n${indent}${join(parts, `,\n${indent}`)}\n${repeat("  ", depth)}${close}`;
}

/** An error with the script's own frames. */
function errorText(error) {
  const head = `${text(error.name)}: ${text(error.message)}`;
  const frames = natives.frames(stackOf(error));
  return frames === "" ? head : `${head}\n${frames}`;
}

/** What `console.log` writes for its arguments: with format specifiers where the first is a string. */
function format(values) {
  let line = "", next = 0;
  if (typeof values[0] === "string" && values.length > 1 && indexOf(values[0], "%") >= 0) {
    next = 1;
    line = replace(values[0], /%[sdifjoOc%]/g, (specifier) => {
      if (specifier === "%%") return "%";
      if (next >= values.length) return specifier;
      const value = values[next++];
      switch (specifier) {
        case "%s":
          return show(value);
        case "%d":
          return text(typeof value === "object" ? NaN : Intrinsic.Number(value));
        case "%i":
          return text(GLOBAL_PARSE_INT(value));
        case "%f":
          return text(GLOBAL_PARSE_FLOAT(value));
        case "%j":
          return text(stringify(value));
        case "%c":
          return "";
        default:
          return inspect(value, 0, []);
      }
    });
    line = toWellFormed(line);
  }
  for (let i = next; i < values.length; i++) line += (i > 0 ? " " : "") + show(values[i]);
  return line;
}

const GLOBAL_PARSE_INT = GLOBAL.parseInt, GLOBAL_PARSE_FLOAT = GLOBAL.parseFloat;

let indentation = "";
function write(toErr, values) {
  let line = format(values);
  if (indentation !== "") line = indentation + replace(line, /\n/g, `\n${indentation}`);
  natives.print(toErr, `${line}\n`);
}

const out = (...values) => write(false, values);
const err = (...values) => write(true, values);
const consoleMembers = {
  __proto__: null,
  log: out,
  info: out,
  debug: out,
  dir: (value) => write(false, [value]),
  table: (value) => write(false, [value]),
  warn: err,
  error: err,
  trace: err,
  assert: (holds, ...values) => {
    if (!holds) write(true, ["Assertion failed", ...values]);
  },
  group: (...values) => {
    if (values.length > 0) write(false, values);
    if (indentation.length < 40) indentation += "  ";
  },
  groupEnd: () => {
    indentation = slice(indentation, 2);
  },
};
const consoleObject = {};
for (const name in consoleMembers) define(consoleObject, name, consoleMembers[name], true);
define(GLOBAL, "console", consoleObject);
define(GLOBAL, "print", function print(...values) {
  write(false, values);
});
