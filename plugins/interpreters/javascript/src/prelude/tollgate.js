// The host's other interfaces, as the global `tollgate`: made when a script first names it.

/** What the functions take, and how many of it. */
function tollgateObject() {
  const object = functionsOf("", {
    complete: 1,
    ask: 2,
    servers: 0,
    serversByDomain: 1,
    serversByCapability: 1,
    gatherAllResources: 1,
    resourcesForDomain: 1,
  });
  define(object, "state", functionsOf("state.", { get: 1, set: 3, delete: 2, list: 2 }), true);
  define(object, "resources", functionsOf("resources.", { list: 0, read: 2 }), true);
  define(object, "prompts", functionsOf("prompts.", { list: 0, get: 3 }), true);
  return object;
}

function functionsOf(prefix, lengths) {
  const object = {}, names = ownKeys(lengths);
  for (let i = 0; i < names.length; i++) {
    const path = prefix + names[i], length = lengths[names[i]];
    const invoke = (...values) => inFlight(true, (id) => {
      // What is left out is null.
      values.length = length;
      natives.request(id, path, encode(values, `the arguments of tollgate.${path}`));
    });
    define(invoke, "name", names[i]);
    define(object, names[i], invoke, true);
  }
  return object;
}

defineProperty(GLOBAL, "tollgate", {
  __proto__: null,
  configurable: true,
  get() {
    const made = tollgateObject();
    define(GLOBAL, "tollgate", made);
    return made;
  },
  set: (value) => define(GLOBAL, "tollgate", value, true),
});
