"""What is changed in a script before it is compiled.

- A call that is awaited, or handed to something that awaits it (`asyncio.gather(…)`, `create_task(…)`, a variable that
  is only awaited later), goes by `$await` or `$start`: where it is the call of a tool, it does not block.
- `await` takes a value that is there already: the result of a call that has run.
- `asyncio.run(…)` is awaited where that is possible.
- The value of the last expression is kept; `return` is allowed at the top.

The helpers' names begin with `$`, so no script can hide them.
"""

import ast

from . import flow

AWAIT, READY, START, RUN, LATER, VALUE, MAIN = "$await", "$ready", "$start", "$run", "$later", "$value", "$main"

# Methods and functions of asyncio that await their arguments, by their last name.
_AWAITING = frozenset(
    {"gather", "create_task", "ensure_future", "wait_for", "as_completed", "shield", "run_until_complete"}
)
# These have names that others have too: only those of asyncio itself.
_AWAITING_IN_ASYNCIO = _AWAITING | {"wait", "run", "run_coroutine_threadsafe"}
_RUNNING = frozenset({"run", "run_until_complete"})
# Scripts that mention one of these may name anything.
_DYNAMIC = frozenset({"eval", "exec", "globals", "locals", "vars", "compile", "__import__", "__builtins__", "importlib"})


class Script:
    """A script, ready to run: its code, and the names that it mentions (None: any)."""

    __slots__ = ("code", "names")

    def __init__(self, code, names):
        self.code = code
        self.names = names


def compile_script(source, file):
    """Rewrites and compiles. Raises SyntaxError (also RecursionError, MemoryError: too much nesting)."""
    tree = ast.parse(source, file)
    seen = _Seen(tree)
    if seen.calls:
        _Rewriter(_Awaits(seen.imports)).run(tree)
    _keep_value(tree.body)
    if _returns(tree.body):
        tree = _in_function(tree)
    code = compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True, optimize=0)
    return Script(code, seen.names)


def _at(node, where):
    """The node, at the place of another."""
    node.lineno, node.col_offset = where.lineno, where.col_offset
    node.end_lineno, node.end_col_offset = where.end_lineno, where.end_col_offset
    return node


class _Seen:
    """What one look over the tree finds."""

    __slots__ = ("names", "calls", "imports")

    def __init__(self, tree):
        names = set()
        self.calls = False
        self.imports = []
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            kind = type(node)
            if kind is ast.Name:
                names.add(node.id)
                continue
            if kind in flow.LEAVES:
                continue
            if kind is ast.Call or kind is ast.Await:
                self.calls = True
            elif kind is ast.Import or kind is ast.ImportFrom:
                self.imports.append(node)
                for alias in node.names:
                    names.update(alias.name.split("."))
                if kind is ast.ImportFrom and node.module:
                    names.add(node.module)
                continue
            waiting += flow.children(node)
        # Every name that the script reads or imports; None where it may be any.
        self.names = None if names & _DYNAMIC else names


class _Awaits:
    """Tells which calls await their arguments, by the names under which the script has asyncio."""

    def __init__(self, imports):
        self._modules = {"asyncio"}
        self._functions = {}
        for node in imports:
            if type(node) is ast.Import:
                self._modules.update(alias.asname for alias in node.names if alias.name == "asyncio" and alias.asname)
            elif (node.module or "").split(".")[0] == "asyncio":
                for alias in node.names:
                    if alias.name in _AWAITING_IN_ASYNCIO:
                        self._functions[alias.asname or alias.name] = alias.name

    def name(self, call):
        """The name in asyncio of a function that awaits its arguments; None for any other."""
        function = call.func
        if type(function) is ast.Attribute:
            in_asyncio = type(function.value) is ast.Name and function.value.id in self._modules
            if function.attr in (_AWAITING_IN_ASYNCIO if in_asyncio else _AWAITING):
                return function.attr
        elif type(function) is ast.Name:
            return self._functions.get(function.id)
        return None

    def __call__(self, call):
        return self.name(call) is not None


class _Rewriter:
    def __init__(self, awaits):
        self._awaits = awaits
        # The variables that hold calls, of the scopes around; whether `await` is allowed here.
        self._held = [frozenset()]
        self._async = [True]

    def run(self, tree):
        self._scope(tree, True)

    def visit(self, node):
        """What stands in the node's place afterwards."""
        kind = type(node)
        if kind is ast.Name or kind in flow.LEAVES:
            return node
        method = _VISITS.get(kind)
        return self._parts(node) if method is None else method(self, node)

    def _parts(self, node):
        """The node with its parts rewritten."""
        for field in node._fields:
            value = getattr(node, field, None)
            if type(value) is list:
                value[:] = [self.visit(each) if isinstance(each, ast.AST) else each for each in value]
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        return node

    def _scope(self, node, is_async):
        self._held.append(flow.held(node, self._awaits))
        self._async.append(is_async)
        try:
            return self._parts(node)
        finally:
            self._held.pop()
            self._async.pop()

    def visit_FunctionDef(self, node):
        return self._function(node, False)

    def visit_AsyncFunctionDef(self, node):
        return self._function(node, True)

    def visit_Lambda(self, node):
        return self._function(node, False)

    def _function(self, node, is_async):
        # Decorators and defaults belong to the scope around.
        node.args = self.visit(node.args)
        if type(node) is not ast.Lambda:
            node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self._held.append(flow.held(node, self._awaits))
        self._async.append(is_async)
        try:
            if type(node) is ast.Lambda:
                node.body = self.visit(node.body)
            else:
                node.body = [self.visit(each) for each in node.body]
        finally:
            self._held.pop()
            self._async.pop()
        return node

    def visit_ClassDef(self, node):
        return self._scope(node, False)

    def visit_GeneratorExp(self, node):
        # An `await` would make it another kind of generator.
        self._async.append(False)
        try:
            return self._parts(node)
        finally:
            self._async.pop()

    def visit_Await(self, node):
        value = node.value
        if type(value) is ast.Call:
            node.value = self._by(AWAIT, self._call(value))
        else:
            node.value = self._helper(READY, [self._awaited(value)], value)
        return node

    def visit_Call(self, node):
        if self._async[-1] and self._awaits.name(node) in _RUNNING:
            return _at(ast.Await(self._by(RUN, self._call(node))), node)
        return self._call(node)

    def _call(self, node):
        """The call with its parts rewritten."""
        function = node.func
        adds = type(function) is ast.Attribute and function.attr in flow.ADDERS and self._holds(function.value)
        visit = self._awaited if adds or self._awaits(node) else self.visit
        node.func = self.visit(function)
        node.args = [visit(each) for each in node.args]
        for keyword in node.keywords:
            keyword.value = visit(keyword.value)
        return node

    def _awaited(self, node):
        """An expression whose value is awaited, or what it holds is."""
        kind = type(node)
        if kind is ast.Call:
            return self._awaited_call(node)
        if kind in (ast.Starred, ast.NamedExpr):
            node.value = self._awaited(node.value)
        elif kind in (ast.List, ast.Tuple, ast.Set):
            node.elts = [self._awaited(each) for each in node.elts]
        elif kind is ast.Dict:
            node.keys = [key and self.visit(key) for key in node.keys]
            node.values = [self._awaited(each) for each in node.values]
        elif kind is ast.IfExp:
            node.test = self.visit(node.test)
            node.body, node.orelse = self._awaited(node.body), self._awaited(node.orelse)
        elif kind is ast.BoolOp:
            node.values = [self._awaited(each) for each in node.values]
        elif kind is ast.BinOp and type(node.op) is ast.Add:
            node.left, node.right = self._awaited(node.left), self._awaited(node.right)
        elif kind in (ast.ListComp, ast.SetComp, ast.GeneratorExp):
            node.generators = [self.visit(each) for each in node.generators]
            node.elt = self._awaited(node.elt)
        elif kind is ast.DictComp:
            node.generators = [self.visit(each) for each in node.generators]
            node.key, node.value = self.visit(node.key), self._awaited(node.value)
        else:
            node = self.visit(node)
        return node

    def _awaited_call(self, node):
        name = node.func.id if type(node.func) is ast.Name else None
        if name in ("list", "tuple", "set", "reversed", "iter", "enumerate", "zip", "dict"):
            node.args = [self._awaited(each) for each in node.args]
            return node
        if name == "map" and node.args:
            function, *rest = [self.visit(each) for each in node.args]
            node.args = [self._helper(LATER, [function], function), *rest]
            return node
        if self._awaits.name(node) in _RUNNING:
            return self.visit(node)
        return self._by(START, self._call(node))

    def _by(self, helper, call):
        """`f(x)` as `helper(f, x)`."""
        call.args = [call.func, *call.args]
        call.func = _at(ast.Name(helper, ast.Load()), call.func)
        return call

    def _helper(self, helper, args, where):
        call = ast.Call(_at(ast.Name(helper, ast.Load()), where), args, [])
        return _at(call, where)

    def _holds(self, target):
        return flow.stored_in(target) in self._held[-1]

    def visit_Assign(self, node):
        node.targets = [self.visit(target) for target in node.targets]
        node.value = self._value_for(node.targets, node.value)
        return node

    def _value_for(self, targets, value):
        if all(self._holds(target) for target in targets):
            return self._awaited(value)
        if len(targets) == 1 and type(targets[0]) is ast.Tuple and type(value) is ast.Tuple:
            if len(value.elts) == len(targets[0].elts):
                value.elts = [self._value_for([each], part) for each, part in zip(targets[0].elts, value.elts)]
                return value
        return self.visit(value)

    def visit_AnnAssign(self, node):
        node.target, node.annotation = self.visit(node.target), self.visit(node.annotation)
        if node.value is not None:
            node.value = self._value_for([node.target], node.value)
        return node

    def visit_AugAssign(self, node):
        node.target = self.visit(node.target)
        node.value = self._value_for([node.target], node.value)
        return node

    def visit_NamedExpr(self, node):
        node.value = self._value_for([node.target], node.value)
        return node

    def visit_For(self, node):
        return self._loop(node)

    def visit_AsyncFor(self, node):
        return self._loop(node)

    def _loop(self, node):
        node.target = self.visit(node.target)
        # `for t in (github.a(), github.b()): await t`
        holds = self._holds(node.target) and type(node.iter) in (ast.List, ast.Tuple)
        node.iter = self._awaited(node.iter) if holds else self.visit(node.iter)
        node.body = [self.visit(each) for each in node.body]
        node.orelse = [self.visit(each) for each in node.orelse]
        return node


_VISITS = flow.visits(_Rewriter)


def _keep_value(body):
    """Keeps the value of the last expression; the body of `if __name__ == "__main__":` counts as the top."""
    last = body[-1] if body else None
    if type(last) is ast.Expr:
        target = _at(ast.Name(VALUE, ast.Store()), last)
        body[-1] = _at(ast.Assign([target], last.value), last)
    elif type(last) is ast.If and _is_main_guard(last.test):
        _keep_value(last.body)


def _is_main_guard(test):
    if type(test) is not ast.Compare or len(test.comparators) != 1 or type(test.ops[0]) is not ast.Eq:
        return False
    sides = [test.left, test.comparators[0]]
    names = [side.id for side in sides if type(side) is ast.Name]
    values = [side.value for side in sides if type(side) is ast.Constant]
    return names == ["__name__"] and values == ["__main__"]


_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _returns(body):
    """Whether a `return` stands at the top."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if type(node) is ast.Return:
            return True
        if not isinstance(node, (*_NESTED, ast.expr)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def _in_function(tree):
    """The script as the body of a function, whose variables are all global."""
    ahead, body = [], []
    for node in tree.body:
        star = type(node) is ast.ImportFrom and (node.module == "__future__" or node.names[0].name == "*")
        (ahead if star else body).append(node)
    names = sorted(_bound(body) | {VALUE})
    first = body[0]
    is_async = any(_awaits_something(node) for node in body)
    make = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    arguments = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = make(MAIN, arguments, [ast.Global(names), *_without_annotations(body)], [])
    function.type_params = []
    _at(function, first)
    _at(function.body[0], first)
    call = ast.Call(ast.Name(MAIN, ast.Load()), [], [])
    value = ast.Await(call) if is_async else call
    after = ast.Assign([ast.Name("$returned", ast.Store())], value)
    for node in ast.walk(after):
        if node._attributes:
            _at(node, first)
    return ast.Module([*ahead, function, after], [])


def _awaits_something(node):
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if isinstance(each, ast.comprehension) and each.is_async:
            return True
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(each))
    return False


def _bound(body):
    """The names that statements bind, outside of functions and classes in them."""
    names = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
            names.add(node.name)
            waiting.extend(node.decorator_list)
            continue
        if kind is ast.Lambda:
            continue
        if kind is ast.Name and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif kind is ast.alias:
            names.add((node.asname or node.name).split(".")[0])
        elif kind in (ast.ExceptHandler, ast.MatchAs, ast.MatchStar) and node.name:
            names.add(node.name)
        elif kind is ast.MatchMapping and node.rest:
            names.add(node.rest)
        elif kind is ast.NamedExpr:
            names.add(node.target.id)
        if kind in (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp):
            # A comprehension's own names stay its own; only `:=` binds outside.
            inner = {each.id for part in node.generators for each in ast.walk(part.target) if type(each) is ast.Name}
            walrus = {each.target.id for each in ast.walk(node) if type(each) is ast.NamedExpr}
            names.update(walrus - inner)
            continue
        waiting.extend(ast.iter_child_nodes(node))
    return names


class _Plain(ast.NodeTransformer):
    def visit_AnnAssign(self, node):
        if type(node.target) is not ast.Name:
            return node
        if node.value is None:
            return _at(ast.Pass(), node)
        return _at(ast.Assign([node.target], node.value), node)

    def _keep(self, node):
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _keep


def _without_annotations(body):
    # A global name cannot be annotated in a function.
    plain = _Plain()
    return [plain.visit(node) for node in body]
