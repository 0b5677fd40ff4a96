// The host's other interfaces, as the global `tollgate`: made for the scripts that name it. `request` asks the host; the
// rest is the prelude's.

const { GLOBAL, define, encode, placeOf, rejected } = prelude;

/** An object of functions; each takes so many arguments. */
function functionsOf(prefix, lengths) {
  const object = {};
  for (const [name, length] of Object.entries(lengths)) {
    const path = prefix + name;
    const invoke = (...values) => {
      try {
        // What is left out is null.
        values.length = length;
        return request(path, encode(values, `the arguments of tollgate.${path}`), placeOf(invoke));
      } catch (error) {
        return rejected(error);
      }
    };
    define(invoke, "name", name);
    define(object, name, invoke, true);
  }
  return object;
}

const tollgate = functionsOf("", {
  complete: 1,
  ask: 2,
  servers: 0,
  serversByDomain: 1,
  serversByCapability: 1,
  gatherAllResources: 1,
  resourcesForDomain: 1,
});
define(tollgate, "state", functionsOf("state.", { get: 1, set: 3, delete: 2, list: 2 }), true);
define(tollgate, "resources", functionsOf("resources.", { list: 0, read: 2 }), true);
define(tollgate, "prompts", functionsOf("prompts.", { list: 0, get: 3 }), true);
define(GLOBAL, "tollgate", tollgate);
