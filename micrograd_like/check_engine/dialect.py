"""How an engine spells what micrograd calls Value(x), .data, .grad, .backward() and .tanh().

Found by looking: names first, then what a small program gives. A word is a template, such as
``"{}.backprop()"``, and code in micrograd's words is rewritten by them.

>>> words = Dialect({"new": "Scalar({})", "tanh": "tanh({})", "backward": "{}.backprop()"})
>>> print(words.code("x = Value(0.5)\\ny = x.tanh()\\ny.backward()"))
x = Scalar(0.5)
y = tanh(x)
y.backprop()
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .contain import Came, Contained, Outcome, Program, Trouble
from .functions import FUNCTIONS

DATA = ["data", "value", "val", "v", "item()", "_data", "_value", "num", "number", "x", "n"]
DATA += ["scalar", "primal", "data()", "value()", "get_data()", "get_value()"]
GRAD = ["grad", "gradient", "grad()", "gradient()", "derivative", "adjoint", "deriv", "_grad", "g"]
GRAD += ["d", "dv", "bar", "partial", "get_grad()", "get_gradient()"]
BACKWARD = ["backward", "backprop", "backpropagate", "back_propagate", "backpropagation"]
BACKWARD += ["backward_pass", "backwards", "back", "compute_gradients", "compute_gradient"]
BACKWARD += ["compute_grads", "compute_grad", "calculate_gradients", "run_backward", "_backward"]
TRACKED = {"requires_grad", "require_grad", "requires_gradient", "track_grad", "trainable"}
FILLED = {"label": "''", "name": "''", "op": "''", "_op": "''", "grad": "0.0", "gradient": "0.0"}
FILLED |= dict.fromkeys(["children", "_children", "parents", "prev", "_prev", "inputs"], "()")
MULTIPLY = "a = Value(2.0)\nb = Value(3.0)\ny = a * b\ny.backward()"
ADD = "a = Value(2.0)\nb = Value(3.0)\ny = a + b\ny.backward()"
PROBES = [(MULTIPLY, [3.0, 2.0]), (ADD, [1.0, 1.0])]


class BadEngine(ValueError):
    """It cannot be tried at all; the message says why, and what to pass.

    Example:
        >>> from micrograd_like.check_engine import check_engine
        >>> check_engine(float)     # doctest: +ELLIPSIS
        Traceback (most recent call last):
        micrograd_like.check_engine.dialect.BadEngine: nothing of float(1.5) is called backward...
    """


class Missing(Exception):
    """The engine has no word for this."""


class Dialect:
    """The words of an engine.

    Args:
        words: templates by what they are for: "new", "data", "grad", "backward", "zero" (puts the
            gradient back to what it was at first), and functions by name. micrograd's stand in
            for what is not given; a function that is not given is missing.

    Attributes:
        later: functions whose methods raise NotImplementedError: not written yet.
        unseeded: backward() needs y.grad = 1.0 before it.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        usual = {"new": "Value({})", "data": "{}.data", "grad": "{}.grad"}
        usual |= {"backward": "{}.backward()", "zero": "{}.grad = 0.0"}
        self.words = {**usual, **words}
        self.later: list[str] = []
        self.unseeded = False

    def code(self, text: str) -> str:
        """Code in micrograd's words in the engine's; Missing if there is no word for something."""
        return _rewritten(text, tuple(self.words.items()))

    def run(self, engine: Contained, code: str, asks: list[str], **how: Any) -> Outcome:
        """Runs code in micrograd's words; numbers are found under the asks as they were given."""
        return next(self.run_each(engine, [(code, asks)], **how))

    def run_each(
        self, engine: Contained, programs: Sequence[Program], **how: Any
    ) -> Iterator[Outcome]:
        """The same for several programs in one process."""
        asked = [{ask: self.code(ask) for ask in asks} for _, asks in programs]
        rewritten = [(self.code(c), list(a.values())) for (c, _), a in zip(programs, asked)]
        for asks, found in zip(asked, engine.run_each(rewritten, data=self.words["data"], **how)):
            numbers = {a: found.numbers[r] for a, r in asks.items() if r in found.numbers}
            yield found._replace(numbers=numbers)


@lru_cache(10_000)
def _rewritten(text: str, words: tuple[tuple[str, str], ...]) -> str:
    return ast.unparse(_Rewriter(dict(words)).visit(ast.parse(text)))


class _Rewriter(ast.NodeTransformer):
    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def expression(self, word: str, node: ast.expr) -> Any:
        return _filled(self.words[word], node).value

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        f = node.func
        if isinstance(f, ast.Name) and f.id == "Value":
            return self.expression("new", node.args[0])  # type: ignore[no-any-return]
        if isinstance(f, ast.Attribute) and f.attr in FUNCTIONS and not node.args:
            if isinstance(f.value, ast.Name) and f.value.id == "math":
                return node
            if f.attr not in self.words:
                raise Missing(f.attr)
            return self.expression(f.attr, f.value)  # type: ignore[no-any-return]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr not in ("data", "grad"):
            return node
        found = self.expression(node.attr, node.value)
        if not isinstance(node.ctx, ast.Load):
            if not isinstance(found, ast.Attribute):
                raise Missing(f"setting {node.attr}")
            found.ctx = node.ctx
        return found  # type: ignore[no-any-return]

    def visit_Assign(self, node: ast.Assign) -> Any:
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "grad":
            if not self.words["zero"]:
                raise Missing("setting grad")
            return _filled(self.words["zero"], self.visit(target.value))
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        match node.value:
            case ast.Call(func=ast.Attribute(attr="backward", value=root), args=[]):
                template = self.words["backward"]
                return ast.parse(template.replace("{}", ast.unparse(self.visit(root)))).body
        return self.generic_visit(node)


def _filled(template: str, node: ast.expr) -> Any:
    """The statement that a template stands for, with the node in its place."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.AST:
            return node if name.id == "_x_" else name

    return Fill().visit(ast.parse(template.replace("{}", "_x_")).body[0])


# --- finding it ---


def find_dialect(engine: Contained, adapter: Mapping[str, str]) -> Dialect:
    """Looks how an engine spells things; what the adapter says is taken as it is.

    Raises:
        BadEngine: a word cannot be found; the message says how to pass it.
    """
    about = engine.describe()
    if "trouble" in about:
        raise BadEngine(said(Trouble(*about["trouble"])))
    found = Dialect({"new": _new(about), **adapter})
    one = found.run(engine, "v = Value(1.5)", [])
    if one.trouble and one.trouble.type != "NotImplementedError":
        made = found.words["new"].format("1.5")
        raise BadEngine(
            f"{made} failed ({said(one.trouble)}): a number should be enough; if it needs more, "
            f"pass adapter={{'new': '{about['name']}({{}}, ...)'}}"
        )
    _find_data(found, engine, about, adapter)
    _find_backward(found, engine, about, adapter)
    _find_zero(found, engine, about, adapter)
    for name in FUNCTIONS:
        if name not in adapter:
            _find_function(found, engine, about, name)
    return found


def said(trouble: Trouble) -> str:
    """A trouble in words."""
    if trouble.kind == "raised":
        return f"{trouble.type}: {trouble.message}" if trouble.message else trouble.type
    return "it took too long" if trouble.kind == "late" else "the whole process died"


def _new(about: dict[str, Any]) -> str:
    extra = []
    for name, required, default in about["arguments"][1:]:
        if name in TRACKED and default is not True:
            extra.append(f"{name}=True")
        elif required and name in FILLED:
            extra.append(f"{name}={FILLED[name]}")
    return f"{about['name']}({', '.join(['{}', *extra])})"


def _names(engine: Contained, found: Dialect) -> list[str]:
    """What a node of this engine has, by name."""
    looked = engine.look(found.code("v = Value(1.5)"), "v")
    return [name for name in looked if not name.startswith("__")]


def _find_data(
    found: Dialect, engine: Contained, about: dict[str, Any], adapter: Mapping[str, str]
) -> None:
    if "data" in adapter:
        return
    there = _names(engine, found)
    others = [name for name in there if name not in DATA]
    first = ""
    for name in [n for n in DATA if n.removesuffix("()") in there] + others:
        came = found.run(engine, "v = Value(1.5)", [f"v.{name}"]).numbers.get(f"v.{name}")
        if came == 1.5:
            found.words["data"] = f"{{}}.{name}"
            return
        if isinstance(came, float) and name in DATA:
            first = first or name
    if first:
        found.words["data"] = f"{{}}.{first}"
    elif "data" not in there and not _unfinished(found, engine):
        raise BadEngine(
            f"nothing of {found.words['new'].format('1.5')} is the number 1.5 (it has "
            f"{_listed(there)}): pass adapter={{'data': '{{}}.name_of_it'}}"
        )


def _unfinished(found: Dialect, engine: Contained) -> bool:
    trouble = found.run(engine, "v = Value(1.5)", []).trouble
    return trouble is not None and trouble.type == "NotImplementedError"


def _find_backward(
    found: Dialect, engine: Contained, about: dict[str, Any], adapter: Mapping[str, str]
) -> None:
    methods, functions = about["methods"], about["functions"]
    calls = [_called(name, methods[name]) for name in BACKWARD if name in methods]
    calls += [f"{name}({{}})" for name in BACKWARD if name in functions]
    calls = [adapter["backward"]] if "backward" in adapter else calls
    if not calls:
        raise BadEngine(
            f"nothing of {found.words['new'].format('1.5')} is called backward (it has "
            f"{_listed(methods)}): pass adapter={{'backward': '{{}}.name_of_it()'}}"
        )
    there = _names(engine, found)
    grads = [f"{{}}.{name}" for name in GRAD if name.removesuffix("()") in there] or ["{}.grad"]
    grads = [adapter["grad"]] if "grad" in adapter else grads
    tries = [(s, c, g) for s in ("", "{grad} = 1.0; ") for c in calls for g in grads]
    for seed, call, grad in tries:
        words = {"grad": grad, "backward": seed.replace("{grad}", grad) + call}
        gives = _gives_gradients(found, engine, words)
        if gives:
            found.words |= words
            found.unseeded = bool(seed)
            if _is_gradient_a_node(found, engine):
                found.words["grad"] = found.words["data"].replace("{}", grad)
            return
        if gives is None:  # it would hang again
            break
    readable = [g for g in grads if _is_read(found, engine, g)] or grads
    found.words |= {"grad": readable[0], "backward": calls[0]}


def _called(name: str, parameters: list[list[Any]]) -> str:
    needed = [p for p in parameters[1:] if p[1]]
    return f"{{}}.{name}({'1.0' if len(needed) == 1 else ''})"


def _gives_gradients(found: Dialect, engine: Contained, words: dict[str, str]) -> bool | None:
    """Whether they are right in one of the probes; None if that has no end."""
    trial = Dialect({**found.words, **words})
    for code, right in PROBES:
        try:
            came = trial.run(engine, code, ["a.grad", "b.grad"])
        except SyntaxError:  # a gradient that cannot be set
            return False
        if came.trouble and came.trouble.kind != "raised":
            return None
        if all(_is_near(came.numbers.get(a), r) for a, r in zip(("a.grad", "b.grad"), right)):
            return True
    return False


def _is_gradient_a_node(found: Dialect, engine: Contained) -> bool:
    ask = "type(a.grad) is type(a)"
    return found.run(engine, PROBES[0][0], [ask]).numbers.get(ask) == 1.0


def _is_near(came: Came | None, right: float) -> bool:
    return isinstance(came, float) and abs(came - right) < 1e-6


def _is_read(found: Dialect, engine: Contained, grad: str) -> bool:
    trial = Dialect({**found.words, "grad": grad})
    came = trial.run(engine, "v = Value(1.5)", ["v.grad"]).numbers.get("v.grad")
    return isinstance(came, float) or came == "None"


def _find_zero(
    found: Dialect, engine: Contained, about: dict[str, Any], adapter: Mapping[str, str]
) -> None:
    if "zero" in adapter:
        return
    fresh = found.run(engine, "v = Value(1.5)", ["v.grad", "type(v.grad) in (int, float)"]).numbers
    grad, plain = found.words["grad"], fresh.get("type(v.grad) in (int, float)") == 1.0
    if plain and not grad.endswith(")"):
        found.words["zero"] = f"{grad} = 0.0"
    elif "zero_grad" in about["methods"]:
        found.words["zero"] = "{}.zero_grad()"
    elif not grad.endswith(")"):
        anew = grad.replace("{}", found.words["new"].replace("{}", "0.0"))
        found.words["zero"] = f"{grad} = {'None' if fresh.get('v.grad') == 'None' else anew}"
    else:
        found.words["zero"] = ""


def _find_function(found: Dialect, engine: Contained, about: dict[str, Any], name: str) -> None:
    for spelled in _spellings(about, name):
        trial = Dialect({**found.words, name: spelled})
        x = FUNCTIONS[name].points[0]
        came = trial.run(engine, f"x = Value({x})\ny = x.{name}()", ["y.data"])
        trouble = came.trouble
        if trouble and trouble.type == "NotImplementedError":
            found.later.append(name)
            return
        foreign = (
            spelled[0] != "{" and "." not in spelled and name != "abs"
        )  # a helper for plain numbers, perhaps
        if foreign and (trouble and trouble.type in ("TypeError", "AttributeError")):
            continue
        if foreign and not trouble and not _is_node(trial, engine, x, name):
            continue
        found.words[name] = spelled
        return


def _is_node(trial: Dialect, engine: Contained, x: float, name: str) -> bool:
    code = f"x = Value({x})\ny = x.{name}()"
    return trial.run(engine, code, ["type(y) is type(x)"]).numbers.get("type(y) is type(x)") == 1.0


def _spellings(about: dict[str, Any], name: str) -> Iterator[str]:
    if name == "abs" and "__abs__" in about["methods"]:
        yield "abs({})"
    for spelling in FUNCTIONS[name].spellings:
        parameters = about["methods"].get(spelling)
        if parameters is not None and sum(p[1] for p in parameters) <= 1:
            static = spelling in about["static"]
            yield f"{about['name']}.{spelling}({{}})" if static else f"{{}}.{spelling}()"
        parameters = about["functions"].get(spelling)
        if parameters is not None and sum(p[1] for p in parameters) == 1:
            yield f"{spelling}({{}})"


def _listed(names: Any) -> str:
    shown = [name for name in names if not name.startswith("_")]
    return ", ".join(shown[:12]) or "nothing public"
