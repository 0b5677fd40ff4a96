"""Runs Python scripts over the tools of a Tollgate host.

# Layout

- `run`: one run, from the request to the answer.
- `rewrite` and `flow`: what is changed in a script before it is compiled, and how it is found out which calls are
  awaited later.
- `bridge`: calls of tools and their failures. `results`: what a script sees of an answer.
- `namespaces`: servers and tools as objects; the module `unified_api`.
- `interfaces`: the global `tollgate`. `model`: its requests to the model. `checked`: the arguments that it takes.
- `loop` and `aio`: the event loop over the host's calls, and what asyncio does otherwise here.
- `convert`: values as JSON. `errors`: what ended a script, with the script's own lines.
- `sandbox`: parts of the standard library that need a word or a stand-in here.

Everything that a script may import is imported while the component is built: a run starts from a snapshot.
"""
