"""The wrong engines: what each gets wrong, what must be accused, and what the cause must speak of.

Most are a right engine with a few words replaced: `changes` holds (function, old text, new text),
each found exactly once. Some are files of their own, wrong_NAME.py.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from . import load, source_of
from .right import WORDS


class Wrong(NamedTuple):
    """A wrong engine; alternatives in its texts are separated by "|"."""

    name: str
    accused: str  # what the first failure must be about: "exp", "2 - v"; "" is whatever it calls it
    cause: str  # words of which the sentence of the likely cause must hold all
    base: str = "closures_full"  # the right engine, or a file of its own without changes
    changes: tuple[tuple[str, str, str], ...] = ()
    level: str = "rules"  # at which it must be noticed: it passes those below
    also: str = ""  # what must be accused too, as a failure of its own
    follows: str = ""  # what fails because of it and must not be accused
    contained: str = ""  # how it ends a process that runs it unguarded; "" if it does not
    when: str = ""  # what in it does that: an op, "new", "backward"
    cls: str = "Value"
    words: dict[str, str] = {}  # noqa: RUF012  as in right.py

    @property
    def source(self) -> str:
        return changed(source_of(self.base), self.changes)

    def load(self) -> Any:
        return load(self.source, self.cls, self.name)

    def word(self, which: str) -> str:
        return {**WORDS, **self.words}[which]


def changed(source: str, changes: tuple[tuple[str, str, str], ...]) -> str:
    """The source with texts replaced, each inside one function; "" is the whole file."""
    for function, old, new in changes:
        start, end = _extent(source, function)
        text = source[start:end]
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in {function or 'the file'}")
        source = source[:start] + text.replace(old, new) + source[end:]
    return source


def _extent(source: str, function: str) -> tuple[int, int]:
    if not function:
        return 0, len(source)
    (node,) = [
        n for n in ast.walk(ast.parse(source))
        if isinstance(n, ast.FunctionDef) and n.name == function
    ]  # fmt: skip
    lines = source.splitlines(keepends=True)
    return len("".join(lines[: node.lineno - 1])), len("".join(lines[: node.end_lineno]))


def _method(text: str, base: str = "closures_full") -> tuple[str, str, str]:
    """The change that adds a method, before backward."""
    return ("", "    def backward(self):\n", f"{text}\n\n    def backward(self):\n")


EQ = _method(
    "    def __eq__(self, other):\n        return self.data == getattr(other, 'data', other)"
)
VISITED_LIST = (
    ("backward", "visited = set()", "visited = []"),
    ("backward", "visited.add(v)", "visited.append(v)"),
)

# --- public engines were seen with these ---

SEEN = [
    Wrong("tanh_without_backward", "tanh", "_backward|rule|backward", "closures",
          (("tanh", "        out._backward = _backward\n", ""),)),
    Wrong("exp_of_out", "exp", "exp(out",
          changes=(("exp", "out.data * out.grad", "math.exp(out.data) * out.grad"),)),
    Wrong("rpow_is_pow", "2 ** v|rpow", "v ** 2|swapped|sides|exchanged|order",
          changes=(("__rpow__", "        out = ", "        return self**other\n        out = "),)),
    Wrong("rsub_swapped", "2 - v|rsub", "v - 2|swapped|sides|exchanged|order",
          changes=(("__rsub__", "Value(other) - self", "self - other"),)),
    Wrong("rsub_is_sub", "2 - v|rsub", "v - 2|swapped|sides|exchanged|order", "closures",
          (_method("    __rsub__ = __sub__"),)),
    Wrong("pow_assigns", "pow|v **", "+=",
          changes=(("__pow__", "self.grad +=", "self.grad ="),)),
    Wrong("pow_stores_an_int", "pow|v **", "int|float|number|not a Value",
          changes=(("__pow__", "out = Value(self.data**other, (self,)",
                    "out = Value(self.data**other, (self, other)"),)),
    Wrong("typo_that_crashes", "log", "gard|AttributeError",
          changes=(("log", "out.grad", "out.gard"),)),
    Wrong("typo_in_forward", "sin", "sine|AttributeError",
          changes=(("sin", "math.sin", "math.sine"),)),
    Wrong("math_not_imported", "tanh|exp", "math|NameError", "closures",
          (("", "import math\n", ""),), also="tanh|exp"),
    Wrong("tanh_name_undefined", "tanh", "is not defined|NameError",
          changes=(("tanh", "(1.0 - out.data**2)", "(1.0 - t**2)"),)),
    Wrong("abs_and_mul", "mul|v * w", "", changes=(
        ("__mul__", "other.grad += self.data", "other.grad += other.data"),
        ("__abs__", "else -1.0", "else 1.0")), also="abs"),
    Wrong("visits_twice", "used twice|walk|diamond|order", "twice|visited|more than once",
          changes=(("backward", "if v not in visited:", "if True:"),)),
    Wrong("accumulates_in_between", "backward twice|second backward|twice",
          "between|interior|left in",
          "iterative", (
              ("backward", "dict.fromkeys(order, 0.0)", "{v: v.grad for v in order}"),
              ("backward", "g if v._inputs else v.grad + g", "g")), level="careful"),
    Wrong("leaf_read_at_backward", "changed", "backward", "iterative",
          (("__mul__", "lambda g: (g * b, g * a)", "lambda g: (g * other.data, g * self.data)"),),
          level="careful"),
    Wrong("recursion", "depth|deep", "recurs", "iterative", (
        ("backward", "order, seen, stack = [], {self}, [(self, iter(self._inputs))]",
         "order, seen, stack = [], set(), []\n"
         "        def visit(v):\n            if v not in seen:\n                seen.add(v)\n"
         "                for x in v._inputs:\n                    visit(x)\n"
         "                order.append(v)\n        visit(self)"),), level="careful"),
    Wrong("tanh_overflows", "tanh", "overflow", "iterative",
          (("tanh", "math.tanh(self.data)",
            "(math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)"),), level="careful"),
]  # fmt: skip

# --- rules of operators and functions ---

RULES = [
    Wrong("neg_gradient_plus", "neg|-v", "sign|minus|slope is -1|larger divisor",
          changes=(("__neg__", "self.grad -=", "self.grad +="),)),
    Wrong("sub_sends_plus", "sub|v - w", "sign|minus|slope is -1|larger divisor",
          changes=(("__sub__", "other.grad -=", "other.grad +="),)),
    Wrong("div_sign", "div|v / w", "sign|minus|slope is -1|larger divisor",
          changes=(("__truediv__", "-self.data", "self.data"),)),
    Wrong("rdiv_swapped", "2 / v|rtruediv|rdiv", "v / 2|swapped|sides|exchanged|order",
          changes=(("__rtruediv__", "Value(other) / self", "self / other"),)),
    Wrong("radd_recursion", "2 + v|radd", "recurs|itself",
          changes=(("__radd__", "self + other", "other + self"),)),
    Wrong("add_forgets_an_input", "add|v + w", "input|child|children|_prev",
          changes=(("__add__", "(self, other), ", "(self,), "),)),
    Wrong("add_assigns", "add|used twice|v + v", "+=", "closures", (
        ("__add__", "self.grad += 1.0", "self.grad = 1.0"),
        ("__add__", "other.grad += 1.0", "other.grad = 1.0"))),
    Wrong("mul_assigns", "mul|used twice|v * v", "+=", "closures", (
        ("__mul__", "self.grad +=", "self.grad ="), ("__mul__", "other.grad +=", "other.grad =")),
        follows="neg|sub|div"),
    Wrong("mul_of_its_own", "mul|v * w", "other|exchanged|swapped|own",
          changes=(("__mul__", "other.data * out.grad", "self.data * out.grad"),
                   ("__mul__", "other.grad += self.data", "other.grad += other.data"))),
    Wrong("pow_forgets_the_exponent", "pow|v **", "n *|exponent|factor|times", "closures",
          (("__pow__", "other * (self.data", "(self.data"),), follows="div"),
    Wrong("pow_of_the_same_exponent", "pow|v **", "k - 1|exponent", "closures",
          (("__pow__", "(other - 1)", "other"),), follows="div"),
    Wrong("forgets_out_grad", "sin", "out.grad|incoming|chain rule",
          changes=(("sin", " * out.grad", ""),)),
    Wrong("exp_forgets_out_grad", "exp", "out.grad|incoming|chain rule",
          changes=(("exp", " * out.grad", ""),)),
    Wrong("sigmoid_of_the_input", "sigmoid", "out|input|x",
          changes=(("sigmoid", "out.data * (1.0 - out.data)", "self.data * (1.0 - self.data)"),)),
    Wrong("tanh_of_the_input", "tanh", "out|input|x",
          changes=(("tanh", "out.data**2", "self.data**2"),)),
    Wrong("tanh_without_square", "tanh", "square|**2|** 2",
          changes=(("tanh", "out.data**2", "out.data"),)),
    Wrong("relu_of_the_wrong_node", "relu", "",
          changes=(("relu", "(1.0 if self.data > 0", "(1.0 if out.grad > 0"),)),
    Wrong("relu_passes_everything", "relu", "",
          changes=(("relu", "(1.0 if self.data > 0 else 0.0) * out.grad", "out.grad"),)),
    Wrong("relu_at_0", "relu", "0", "iterative",
          (("relu", "self.data > 0.0", "self.data >= 0.0"),), level="careful"),
    Wrong("leaky_relu_sides", "leaky_relu", "",
          changes=(("leaky_relu", "(1.0 if self.data > 0 else slope)",
                    "(slope if self.data > 0 else 1.0)"),)),
    Wrong("log_of_out", "log", "out|1 / x|1 / v",
          changes=(("log", "out.grad / self.data", "out.grad / out.data"),)),
    Wrong("log_base_10", "log", "10|base",
          changes=(("log", "math.log(self.data)", "math.log10(self.data)"),)),
    Wrong("sqrt_without_half", "sqrt", "2|half|factor",
          changes=(("sqrt", "0.5 / out.data", "1.0 / out.data"),)),
    Wrong("cos_sign", "cos",
          "sign|minus|slope is -1|larger divisor",
          changes=(("cos", "self.grad -=", "self.grad +="),)),
    Wrong("softplus_sign", "softplus", "",
          changes=(("softplus", "math.exp(-self.data)", "math.exp(self.data)"),)),
    Wrong("rpow_without_log", "2 ** v|rpow", "log",
          changes=(("__rpow__", "math.log(other) * ", ""),)),
    Wrong("iadd_changes_the_number", "+=|in place|in-place", "place|__iadd__|changes",
          changes=(_method("    def __iadd__(self, other):\n"
                           "        self.data += getattr(other, 'data', other)\n"
                           "        return self"),)),
    Wrong("changes_its_input", "relu", "change",
          changes=(("relu", "        out = ",
                    "        self.data = max(0.0, self.data)\n        out = "),)),
    Wrong("function_class_div", "div|v / w",
          "sign|minus|slope is -1|larger divisor", "function_classes",
          (("", "-grad * a / (b * b)", "grad * a / (b * b)"),)),
    Wrong("record_rsub_sign", "2 - v|rsub", "sign|minus|slope is -1|larger divisor", "records",
          (("__rsub__", "(-1.0,)", "(1.0,)"),)),
    Wrong("backprop_sigmoid", "sigmoid", "", "value_gradient",
          (("sigmoid", "s * (1 - s))", "s)"),), cls="Node",
          words={"new": "Node(x)", "data": "v.value", "grad": "v.gradient",
                 "backward": "y.backprop()"}),
    Wrong("function_tanh", "tanh", "", "module_functions",
          (("tanh", "(1 - t * t)", "(1 - t)"),), cls="Var",
          words={"new": "Var(x)", "function": "name(v)"}),
    Wrong("requires_grad_mul", "mul|v * w", "other|exchanged|swapped|own", "requires_grad",
          (("__mul__", "(self, lambda g: g * b), (other, lambda g: g * a)",
            "(self, lambda g: g * a), (other, lambda g: g * b)"),), cls="Scalar",
          words={"new": "Scalar(x, requires_grad=True)"}),
    Wrong("dual_product_rule", "mul|v * w", "other|exchanged|swapped|own", "dual_numbers",
          (("__mul__", "(self, b), (other, a)", "(self, a), (other, b)"),)),
]  # fmt: skip

# --- the walk, what is kept, what is late ---

WALKS = [
    Wrong("breadth_first", "walk|diamond|order|used twice", "order|topolog",
          "wrong_breadth_first"),
    Wrong("preorder", "walk|diamond|order|used twice", "order|topolog", changes=(
        ("backward", "                order.append(v)\n", ""),
        ("backward", "visited.add(v)\n", "visited.add(v)\n                order.append(v)\n"),
        ("backward", "reversed(order)", "order"))),
    Wrong("not_reversed", "backward|chain|walk|order", "revers|order",
          changes=(("backward", "reversed(order)", "order"),)),
    Wrong("no_seed", "", "1", changes=(("backward", "self.grad = 1.0", "self.grad = 0.0"),)),
    Wrong("seed_of_its_data", "", "1",
          changes=(("backward", "self.grad = 1.0", "self.grad = self.data"),)),
    Wrong("edges_in_a_dict", "x * x|used twice|v * v|v + v", "twice|same|set|dict|edge",
          "wrong_edges_in_a_dict"),
    Wrong("shared_children", "", "", "wrong_shared_children"),
    Wrong("grads_by_number", "", "", "wrong_grads_by_number"),
    Wrong("eq_without_hash", "", "hash", changes=(EQ,)),
    Wrong("eq_merges_equal_numbers", "", "equal|__eq__", changes=(EQ, *VISITED_LIST)),
    Wrong("zeroes_leaves", "backward twice|second backward|twice|two losses|accumulate",
          "zero|set|+=|add", "iterative",
          (("backward", "g if v._inputs else v.grad + g", "g"),), level="careful"),
    Wrong("quadratic_list", "depth|deep", "list|square|quadratic|time", "iterative", (
        ("backward", "[], {self}, [(", "[], [self], [("),
        ("backward", "seen.add(x)", "seen.append(x)")), level="careful"),
    Wrong("keeps_everything", "garbage|leak|memory", "kept|keeps|leak|free|alive", "iterative", (
        ("", "\n\nclass Value:", "\nEVERYTHING = []\n\n\nclass Value:"),
        ("__init__", "self.data = data", "EVERYTHING.append(self)\n        self.data = data")),
        level="careful"),
    Wrong("cycles", "garbage|leak|memory", "cycle|circle|itself|collector", "iterative", (
        ("__mul__", "return Value(a * b, (self, other), lambda g: (g * b, g * a))",
         "out = Value(a * b, (self, other))\n"
         "        out._rule = lambda g: (g * b, g * a) if out else None\n        return out"),),
        level="careful"),
    Wrong("tape_never_cleared", "twice|two losses|garbage|leak|memory",
          "tape|kept|leak|between|left in",
          "global_tape", (
              ("backward", "        while TAPE:\n            out, edges = TAPE.pop()\n",
               "        for out, edges in reversed(TAPE):\n"),), level="careful"),
]  # fmt: skip

# --- what must be contained: a judge goes on, and says what happened ---

HANGS = "        while True:\n            pass\n"
CONTAINED = [
    Wrong("backward_hangs", "", "time|end|loop", contained="hangs", when="backward",
          changes=(("backward", "self.grad = 1.0\n", f"self.grad = 1.0\n{HANGS}"),)),
    Wrong("exp_hangs", "exp", "time|end|loop", contained="hangs", when="exp",
          changes=(("exp", "        out = ", f"{HANGS}        out = "),)),
    Wrong("add_recurs", "add|v + w", "recurs|itself",
          changes=(("__add__", "        out = ", "        return self + other\n        out = "),)),
    Wrong("exits", "", "exit", contained="exits", when="backward",
          changes=(("backward", "order = []", "raise SystemExit(0)\n        order = []"),)),
    Wrong("interrupts", "log", "KeyboardInterrupt|interrupt", contained="exits", when="log",
          changes=(("log", "        out = ", "        raise KeyboardInterrupt\n        out = "),)),
    Wrong("aborts", "tanh", "died|killed|signal|process|crash", contained="dies", when="tanh",
          changes=(("", "import math\n", "import math\nimport os\n"),
                   ("tanh", "        out = ", "        os.abort()\n        out = "))),
    Wrong("exits_at_once", "sigmoid", "died|ended|exit|process", contained="dies", when="sigmoid",
          changes=(("", "import math\n", "import math\nimport os\n"),
                   ("sigmoid", "        out = ", "        os._exit(0)\n        out = "))),
    Wrong("segfaults", "abs", "died|killed|signal|process|crash", contained="dies", when="abs",
          changes=(("", "import math\n", "import ctypes\nimport math\n"),
                   ("__abs__", "        out = ", "        ctypes.string_at(0)\n        out = "))),
    Wrong("too_much_memory", "exp", "memory", contained="memory", when="exp",
          changes=(("exp", "        out = ",
                    "        kept = bytearray(1 << 60)\n        out = "),)),
    Wrong("closes_its_output", "cos", "", contained="closes", when="cos",
          changes=(("", "import math\n", "import math\nimport os\n"),
                   ("cos", "        out = ",
                    "        os.close(1)\n        os.close(2)\n        out = "),
                   ("cos", "self.grad -=", "self.grad +="))),
    Wrong("raises_what_is_no_exception", "sqrt", "",
          changes=(("sqrt", "        out = ",
                    "        raise BaseException('no')\n        out = "),),
          contained="exits", when="sqrt"),
    Wrong("patches_math", "softplus", "", changes=(
        ("softplus", "        out = ", "        math.tanh = math.exp = abs\n        out = "),),
        contained="patches", when="softplus"),
    Wrong("takes_no_number", "", "number", contained="refused", when="new",
          changes=(("__init__", "self, data, _children=(), _op=\"\"", "self"),
                   ("__init__", "float(data)", "0.0"), ("__init__", "tuple(_children)", "()"),
                   ("__init__", "= _op", "= ''"))),
    Wrong("data_is_text", "", "number|text|str", contained="refused", when="new",
          changes=(("__init__", "float(data)", "str(data)"),)),
    Wrong("numbers_that_lie", "", "number", contained="refused", when="new",
          changes=(("", "\n\nclass Value:",
                    "\n\nclass Liar(float):\n    def __float__(self):\n        return 0.0\n\n"
                    "    def __repr__(self):\n        return '<b>right</b>'\n\n"
                    "    def __eq__(self, other):\n        return True\n\n\nclass Value:"),
                   ("__init__", "float(data)", "Liar(data)"),
                   ("tanh", "1.0 - out.data**2", "0.0"))),
]  # fmt: skip

# --- hostile in their manners, right in their numbers: nothing may be accused at level "rules" ---

RAISES = "        raise ValueError('no')"
HOSTILE = [
    Wrong("prints_a_lot", "", "",
          changes=(("__add__", "        out = ", "        print('x' * 100_000)\n        out = "),)),
    Wrong("hostile_repr", "", "",
          changes=(("__repr__", "        return", f"{HANGS}        return"),)),
    Wrong("hostile_getattr", "", "",
          changes=(_method(f"    def __getattr__(self, name):\n{RAISES}"),)),
    Wrong("hostile_float", "", "",
          changes=(_method(f"    def __float__(self):\n{RAISES}\n\n"
                           f"    def __int__(self):\n{RAISES}\n\n"
                           f"    def __str__(self):\n{RAISES}\n\n"
                           f"    def __format__(self, spec):\n{RAISES}"),)),
    Wrong("hostile_bool", "", "",
          changes=(_method(f"    def __bool__(self):\n{RAISES}\n\n"
                           f"    def __len__(self):\n{RAISES}"),)),
    Wrong("hostile_class", "", "",
          changes=(_method("    @property\n    def __class__(self):\n        return int"),)),
    Wrong("hostile_eq", "", "",
          changes=(_method(f"    def __eq__(self, other):\n{RAISES}\n\n"
                           "    __hash__ = object.__hash__"),
                   ("", "v not in visited", "id(v) not in visited"),
                   ("", "visited.add(v)", "visited.add(id(v))"))),
    Wrong("hostile_del", "", "", changes=(_method(f"    def __del__(self):\n{RAISES}"),)),
]  # fmt: skip

WRONG = [*SEEN, *RULES, *WALKS, *CONTAINED]
