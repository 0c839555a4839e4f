"""What the page needs to compute a graph anew when one of its leaves is changed.

The page knows every Value's op and inputs. For each kind of op that the graph has, it gets two
tapes: of the function, and of the rule that passes a gradient back, both recorded from the op
table. So the page needs no derivative of its own, and a large graph no more tapes than a small one.

>>> tapes = tapes_of(OPS["mul"], "", 2)     # the function; the rule; which inputs receive something
>>> tapes[0]["code"], tapes[1]["code"], tapes[2]
([['mul', 1, 0, 1]], [['mul', 1, 0, 3], ['mul', 1, 0, 2]], [0, 1])
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from typing import Any

from ..engine import Value
from ..ops import OPS, Op
from ..pages import tape_as_json
from .replay import BackwardPass

_MOST = 20_000  # Values: an edit of so many takes a browser about 0.1 s
# What pages/exact.js rounds as C does but for about a call in a thousand; and what it does not.
_SELDOM = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan"}
_SELDOM |= {"pow", "powc", "sigmoid", "softplus", "silu", "elu", "logsumexp"}
_OFTEN = {"erfc", "gelu"}
_AS_IT_IS = {"expm1", "log1p", "sinh", "tanh", "elu", *_OFTEN}  # exact.js has nothing better


def changeable(walk: BackwardPass) -> dict[str, Any]:
    """What the page needs to change a leaf: tapes by kind of op; or a sentence why it cannot."""
    if why := why_not(walk):
        return {"fixed": f"No leaf can be changed here: {why}."}
    graph = walk.graph
    kinds = {}
    for v in graph.nodes:
        if v.op is not None:
            constant = str(v.arguments[-1]) if v.op.constants else ""
            kinds[v.op.name, constant, len(v.inputs)] = v.op
    rules = {
        f"{name} {constant} {size}": tapes_of(op, constant, size)
        for (name, constant, size), op in kinds.items()
    }
    unnamed = [i for i, v in enumerate(graph.nodes)
               if v.op is None and not graph.called[i] and i not in graph.folded]  # fmt: skip
    return {"rules": rules, "unnamed": unnamed, "close": _how_close(_used(rules))}


def needs_exact(data: dict[str, Any]) -> bool:
    """Whether exact.js has anything for the tapes of these data."""
    return bool(_used(data.get("rules", {})) & (_SELDOM - _AS_IT_IS))


def _used(rules: dict[str, Any]) -> set[str]:
    return {row[0] for pair in rules.values() for tape in pair[:2] for row in tape["code"]}


def why_not(walk: BackwardPass) -> str:
    """Why no leaf of the graph can be changed; nothing, if all can."""
    nodes, values = walk.graph.nodes, walk.values
    if len(nodes) > _MOST:
        return f"the graph has {len(nodes):,} values, the page computes at most {_MOST:,} anew"
    for v, out, inputs in zip(nodes, values, walk.graph.inputs):
        if v.op is None:
            continue
        row = OPS.get(v.op.name)
        if row is None or row.forward is not v.op.forward:
            return f"the op {v.op.name!r} was made by hand, and the page knows the op table only"
        numbers = [*[values[x] for x in inputs], *v.arguments[len(inputs) :]]
        if repr(out) != repr(row.forward(*numbers)):
            return "data was changed inside the graph after it was made"
    return ""


def _how_close(used: set[str]) -> str:
    """What of the page's numbers may differ from Python's, in a sentence."""
    seldom, often = sorted(used & _SELDOM), sorted(used & _OFTEN)
    parts = [f"{', '.join(seldom)} (about one call in 1,000)"] * bool(seldom)
    parts += [f"{', '.join(often)} (up to 8 units of the last bit)"] * bool(often)
    return f"May differ from Python in the last bit: {'; '.join(parts)}." if parts else ""


@lru_cache(256)
def tapes_of(op: Op, constant: str, size: int) -> tuple[dict[str, Any], dict[str, Any], list[int]]:
    """The tapes of an op of so many inputs: of its function (inputs -> out), and of its rule
    (g, out, inputs -> what the inputs in the list receive)."""
    k = [float(constant)] if constant else []
    to: list[int] = []

    def rule(*given: Value) -> list[Value]:
        received = op.backward(*given, *k)[:size]
        to[:] = [i for i, r in enumerate(received) if r is not None]
        return [received[i] for i in to]

    function = _tape(lambda *xs: [_applied(op, xs, k)], size)
    return function, _tape(rule, 2 + size), to


def _applied(op: Op, xs: Any, k: list[float]) -> Any:
    return op(*xs, *k) if xs else Value(op.forward())


def _tape(f: Callable[..., Any], inputs: int) -> dict[str, Any]:
    """What f computes, op by op as Python does it: trace() writes some powers as products."""
    from ..tape import Tape  # here, since the package does not load it
    from ..tape.recording import number, record

    call = record(lambda x, _: (f(*x), []), [1.0] * inputs, [])
    constants = [number(x) for x in call.leaves]
    own = [float.fromhex(k) for _, _, k in call.code if k]
    tape = Tape(inputs, constants=[*constants, *own, 0.0])

    def slot(place: int) -> int:
        if place < 0:  # a leaf
            return inputs - 1 - place
        return place if place < inputs else place - inputs + tape.first

    after = iter(range(inputs + len(constants), tape.first))  # the constants of the ops
    for op, reads, k in call.code:
        args = [*map(slot, reads), *([next(after)] if k else [])]
        if op.name == "dot":  # on a tape: start, w1, x1, w2, x2, ...
            args = list(chain.from_iterable(zip(args[: len(args) // 2], args[len(args) // 2 :])))
        if op.name in ("sum", "dot"):
            args = [tape.first - 1, *args]
        tape.add(op.name, args)
    tape.outputs = list(map(slot, call.outputs))
    return tape_as_json(tape)
