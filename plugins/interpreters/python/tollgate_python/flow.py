"""Which variables of a scope hold calls that are awaited later.

    tasks = [github.get(i) for i in ids]
    results = await asyncio.gather(*tasks)

Here `tasks` holds calls, so they are started and not waited for. That is only so where every use of the variable awaits
what it holds or does not look at it (`tasks.append(…)`, `len(tasks)`). Of any other use (`tasks[0]["id"]`, a `return`, a
nested function) follows that the variable holds results, and its calls are blocking. Either way the script is right:
what is known to be awaited only runs at once as well.
"""

import ast

_SCOPES = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef})
# What has nothing below it, and names nothing.
LEAVES = frozenset(
    {ast.Constant}.union(*(base.__subclasses__() for base in (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)))
)
# Methods that put something into a container.
ADDERS = frozenset({"append", "add", "extend", "insert", "appendleft", "setdefault", "update"})
# Methods that give what a container holds.
_GETTERS = frozenset({"values", "pop", "popleft", "copy", "get"})
# Functions that look at a container, not at what it holds.
_LOOKS = frozenset({"len", "bool", "range"})
_SAME_ITEMS = frozenset({"list", "tuple", "set", "reversed", "iter", "sorted"})

# What becomes of a value: it is looked at; it is awaited; only whether and how many is looked at.
_USED, _AWAITED, _IGNORED = "used", "awaited", "ignored"


def held(scope, awaits):
    """The names of a scope that hold calls. `awaits(call)` tells whether a call awaits its arguments."""
    body = scope.body if isinstance(scope.body, list) else [scope.body]
    flow = _Flow(awaits)
    for statement in body:
        flow.visit(statement, _IGNORED)
    return flow.held()


class _Flow:
    def __init__(self, awaits):
        self._awaits = awaits
        self._spoiled = set()
        self._awaited = set()
        # From a variable to those that get what it holds.
        self._into = {}
        # Names of the comprehensions around, innermost last.
        self._inner = []

    def held(self):
        spoiled, awaited = set(self._spoiled), set(self._awaited)
        changed = True
        while changed:
            changed = False
            for name, targets in self._into.items():
                if name not in spoiled and targets & spoiled:
                    spoiled.add(name)
                    changed = True
                if name not in awaited and targets & awaited:
                    awaited.add(name)
                    changed = True
        return {name for name in awaited - spoiled if isinstance(name, str)}

    def visit(self, node, use):
        """Follows a node whose value is used so: `_USED`, …, or a variable that it goes into (a tuple of one)."""
        kind = type(node)
        method = _VISITS.get(kind)
        if method is not None:
            method(self, node, use)
        elif kind in _SCOPES:
            self._nested(node)
        elif kind not in LEAVES:
            for child in children(node):
                self.visit(child, _USED)

    def _all(self, nodes, use):
        for node in nodes:
            self.visit(node, use)

    def _nested(self, node):
        # A function inside sees a variable at some other time: what it names holds results.
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                self._spoiled.add(each.id)

    def _key(self, name):
        for names in reversed(self._inner):
            if name in names:
                return names[name]
        return name

    def visit_Name(self, node, use):
        if not isinstance(node.ctx, ast.Load):
            return
        key = self._key(node.id)
        if use is _USED:
            self._spoiled.add(key)
        elif use is _AWAITED:
            self._awaited.add(key)
        elif isinstance(use, tuple):
            self._into.setdefault(key, set()).add(use[0])

    def visit_Global(self, node, use):
        self._spoiled.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_Await(self, node, use):
        self.visit(node.value, _AWAITED)

    def visit_Call(self, node, use):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        function = node.func
        if self._awaits(node):
            self.visit(function, _USED)
            self._all(arguments, _AWAITED)
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if function.attr in ADDERS:
                self._all(arguments, (self._key(function.value.id),))
            elif function.attr == "keys":
                self._all(arguments, _USED)
            elif function.attr in _GETTERS and use is not _USED:
                self.visit(function.value, use)
                self._all(arguments, _USED)
            else:
                self.visit(function, _USED)
                self._all(arguments, _USED)
        elif isinstance(function, ast.Name) and function.id in _LOOKS:
            self._all(arguments, _IGNORED)
        elif isinstance(function, ast.Name) and function.id in _SAME_ITEMS and len(arguments) == 1:
            self.visit(arguments[0], use)
        else:
            self.visit(function, _USED)
            self._all(arguments, _USED)

    def visit_Expr(self, node, use):
        self.visit(node.value, _IGNORED)

    def visit_Starred(self, node, use):
        self.visit(node.value, use)

    def _elements(self, node, use):
        self._all(node.elts, use)

    visit_List = visit_Tuple = visit_Set = _elements

    def visit_Dict(self, node, use):
        self._all([key for key in node.keys if key is not None], _USED)
        self._all(node.values, use)

    def visit_IfExp(self, node, use):
        self.visit(node.test, _IGNORED)
        self.visit(node.body, use)
        self.visit(node.orelse, use)

    def visit_BoolOp(self, node, use):
        self._all(node.values, use)

    def visit_UnaryOp(self, node, use):
        self.visit(node.operand, _IGNORED if isinstance(node.op, ast.Not) else _USED)

    def visit_BinOp(self, node, use):
        use = use if isinstance(node.op, ast.Add) else _USED
        self.visit(node.left, use)
        self.visit(node.right, use)

    def visit_NamedExpr(self, node, use):
        self.visit(node.value, (node.target.id,))
        self._into.setdefault(node.target.id, set())
        if use is _USED:
            self._spoiled.add(node.target.id)
        elif use is _AWAITED:
            self._awaited.add(node.target.id)

    def visit_Subscript(self, node, use):
        self.visit(node.slice, _USED)
        if isinstance(node.ctx, ast.Load):
            self.visit(node.value, use if use is not _IGNORED else _USED)
        elif isinstance(node.value, ast.Name):
            pass
        else:
            self.visit(node.value, _USED)

    def visit_If(self, node, use):
        self.visit(node.test, _IGNORED)
        self._all([*node.body, *node.orelse], _IGNORED)

    visit_While = visit_If

    def visit_Assign(self, node, use):
        for target in node.targets:
            self._assign(target, node.value)

    def visit_AnnAssign(self, node, use):
        self.visit(node.annotation, _USED)
        if node.value is not None:
            self._assign(node.target, node.value)

    def visit_AugAssign(self, node, use):
        self._assign(node.target, node.value)

    def _assign(self, target, value):
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for each, part in zip(target.elts, value.elts):
                    self._assign(each, part)
            else:
                self.visit(value, _USED)
        else:
            name = stored_in(target)
            self.visit(value, _USED if name is None else (self._key(name),))
            self.visit(target, _USED)

    def visit_For(self, node, use):
        self._iterate(node.target, node.iter)
        self._all([*node.body, *node.orelse], _IGNORED)

    def visit_AsyncFor(self, node, use):
        self._iterate(node.target, node.iter)
        self._all([*node.body, *node.orelse], _IGNORED)

    def _comprehension(self, node, use):
        names = {}
        for generator in node.generators:
            for each in ast.walk(generator.target):
                if isinstance(each, ast.Name):
                    names[each.id] = (each.id, id(node))
        for position, generator in enumerate(node.generators):
            # The first iterable is outside of the comprehension's own names.
            if position == 0:
                self._iterate(generator.target, generator.iter, names)
                self._inner.append(names)
            else:
                self._iterate(generator.target, generator.iter)
            self._all(generator.ifs, _IGNORED)
        if isinstance(node, ast.DictComp):
            self.visit(node.key, _USED)
            self.visit(node.value, use)
        else:
            self.visit(node.elt, use)
        self._inner.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def _iterate(self, target, iterable, names=None):
        """What an iterable holds goes into the names of a target."""

        def use_of(part):
            if isinstance(part, ast.Name):
                return ((names or {}).get(part.id) or self._key(part.id),)
            return _USED

        function = iterable.func if isinstance(iterable, ast.Call) else None
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else None
        if isinstance(function, ast.Name) and function.id == "enumerate" and parts and len(parts) == 2:
            self._iterate(parts[1], iterable.args[0] if iterable.args else iterable, names)
        elif isinstance(function, ast.Name) and function.id == "zip" and parts and len(parts) == len(iterable.args):
            for part, argument in zip(parts, iterable.args):
                self._iterate(part, argument, names)
        elif isinstance(function, ast.Attribute) and function.attr == "items" and isinstance(function.value, ast.Name):
            self.visit(function.value, use_of(parts[1]) if parts and len(parts) == 2 else _USED)
        elif isinstance(iterable, (ast.List, ast.Tuple)):
            self._all(iterable.elts, use_of(target))
        else:
            self.visit(iterable, use_of(target))


def children(node):
    """The nodes below a node, without leaves. (`ast.iter_child_nodes` costs a script several times as much.)"""
    found = []
    for field in node._fields:
        value = getattr(node, field, None)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST) and type(value) not in LEAVES:
            found.append(value)
    return found


def visits(kind):
    """The methods `visit_Name`, … of a class by the kinds of nodes. (A method looked up by a text that is made each time
    is not found in Python's cache of methods.)"""
    prefix = "visit_"
    return {getattr(ast, name[len(prefix) :]): method for name, method in vars(kind).items() if name.startswith(prefix)}


_VISITS = visits(_Flow)


def stored_in(target):
    """The variable that an assignment to this target puts a value into: `x = …`, `x["key"] = …`; else None."""
    if isinstance(target, ast.Subscript):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None
