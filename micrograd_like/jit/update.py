"""update: the second half of a training step, from sums over the samples to new parameters.

The optimiser's own rule (and the penalty's gradient) is traced as any function, with a parameter
where others have a sample; here it becomes one loop over the parameters, a vector of them at a
time, that reads what it needs and leaves it as it will be after the step:

    p        the numbers of the parameters, from which the loss is computed
    sums     the loss; then the gradients, added up over the samples: 0 again afterwards
    table    G: the gradient; FLAG: 1 where the penalty applies; KEPT: p at the last step with a
             finite loss; STATE...: what the optimiser keeps
    settings a row for each rule: the learning rate, the steps so far, the rule's constants
"""

import copy
import math
from collections.abc import Callable, Iterable
from functools import cache, partial, reduce
from itertools import chain
from typing import Any

import numpy as np
from llvmlite import ir

from .. import ops
from ..engine import Value, apply, as_value, grad
from ..tape import JitError, Tape, reroll, trace
from .cache import digest
from .emit import DOUBLE, INT, Signature, accumulate, at, copy_numbers, loop, read
from .native import WORK, Array, Code, Module, buffer, machine_code, shape_of
from .vectormath import Called, Vectors, host_width

G, FLAG, KEPT, STATE = range(4)  # rows of the table; the tape of a rule reads p before them
RATE, STEPS = range(2)  # of the settings; then the constants

FINISH = Signature(
    "finish", returns="int", p="doubles", table="doubles", settings="doubles", sums="doubles",
    first="ints", loss="doubles", norm="doubles", size="int", rate="double", max_norm="double",
)  # fmt: skip
LOOP = Signature(
    "loop", returns="int", work="int", finish="int", data="doubles", length="int", order="ints",
    samples="int", batch="int", epochs="int", rows="doubles", outputs="doubles",
    scalars="doubles", p="doubles", table="doubles", settings="doubles", sums="doubles",
    first="ints", losses="doubles", norms="doubles", rates="doubles", max_norm="double",
)  # fmt: skip
STEP = Signature("step", returns="double", arguments="ints")


class Rules:
    """The optimiser's rule and the penalty's gradient as they are now, traced.

    Their constants, which come from the optimiser's settings, are read from memory: the machine
    code serves all rules that are equal but for those numbers.
    """

    def __init__(self, optimizer: Any, penalty: Any) -> None:
        self.optimizer, self.n, states = optimizer, len(optimizer.params), optimizer.state
        self.before = set(states[0])  # what is kept for each parameter now; then, what will be
        after = sorted(self._kept_after(self.before))
        if not self.keeps(self.before) or set(self._kept_after(after)) != set(after):
            raise JitError("the optimizer does not keep the same for all parameters and steps")
        if self.before == set(after) == set(self._kept_after(())):
            self.before = set()  # it can begin, too: the same machine code
        alike = len({state.get("step") for state in states}) == 1
        starts = "step" in self.before or self._kept_after(self.before).get("step") == 1.0
        self.counts = alike and starts and self._kept_after(after).get("step") == 4.0
        self.keys = [key for key in after if key != "step" or not self.counts]
        self.after = set(after)
        numbers = [[x, x, 1.0, x, *[x] * len(self.keys)] for x in (0.5, 0.25)]
        traced = {
            name: reroll(trace(rule, numbers, [optimizer.lr, 1.0]).tape)
            for name, rule in self._rules(penalty).items()
        }
        self.numbers = [tape.constants for tape in traced.values()]
        self.tapes = {name: _with_scalars(tape) for name, tape in traced.items()}

    def shape(self) -> bytes:
        """All that the machine code of an Update depends on."""
        parts = [(name.encode(), shape_of(tape)) for name, tape in self.tapes.items()]
        return digest(str(self.n).encode(), *chain.from_iterable(parts))

    def keeps(self, *keys: set[str]) -> bool:
        """Whether these are kept for every parameter, all one or the other."""
        states = self.optimizer.state
        return set(states[0]) in keys and all(s.keys() == states[0].keys() for s in states)

    def _kept_after(self, keys: Iterable[str]) -> dict[str, Any]:
        """What is kept after a step before which all of keys was 3."""
        kept = dict.fromkeys(keys, 3.0)
        self._update(self.optimizer.lr, 0.5, 0.25, kept)
        return kept

    def _update(self, lr: Any, p: Any, g: Any, kept: dict[str, Any]) -> Any:
        """The rule, of an optimiser that has nothing but its settings."""
        shadow = copy.copy(self.optimizer)
        shadow.lr = lr
        for name in ("params", "state"):
            delattr(shadow, name)
        settings = dict(vars(shadow))
        try:
            new = shadow.update(p, g, kept)
        except AttributeError as error:
            raise JitError(f"the optimizer's rule reads more than its settings: {error}") from None
        left = vars(shadow)
        if left.keys() != settings.keys() or any(left[k] is not x for k, x in settings.items()):
            raise JitError("the optimizer's rule changes its settings, for one parameter at a time")
        return new

    def _rules(self, penalty: Any) -> dict[str, Callable[..., Any]]:
        """What is traced: functions of p, a column of the table and the settings."""

        def update(inputs: list[Value], settings: list[Value], first: bool = False) -> Any:
            (p, *column), (lr, step) = inputs, settings
            kept = dict(zip(self.keys, column[STATE:])) | ({"step": step} if self.counts else {})
            if first:
                kept = {key: kept[key] for key in kept if key in self.before}
            new = self._update(lr, p, column[G], kept)
            return [new, *[kept[key] for key in self.keys]], []

        def penalise(inputs: list[Value], settings: list[Value]) -> Any:
            p, *column = inputs
            cost = as_value(penalty(p))
            slope = grad(cost, p, create_graph=True)
            only = [apply(ops.WHERE, column[FLAG], v, 0.0) for v in (slope, cost)]
            return [column[G] + only[0]], [only[1]]

        rules: dict[str, Callable[..., Any]] = {"update": update}
        if self.before != self.after:
            rules["first"] = partial(update, first=True)
        return rules | ({"penalise": penalise} if penalty is not None else {})


def _with_scalars(tape: Tape) -> Tape:
    """The same tape, whose constants are scalars that somebody gives it."""
    tape = copy.copy(tape)
    tape.scalars, tape.constants = tape.scalars + len(tape.constants), []
    return tape


class Update:
    """The optimiser's rule and the penalty's gradient as machine code: FINISH.

    Args:
        rules: what to compile; all rules that differ only in numbers have the same code.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules, n = rules, rules.n
        self.width = host_width() if n >= host_width() else 1
        self.vectors = min(4, -(-n // self.width))
        self.strips = -(-n // (self.vectors * self.width))
        self.columns = self.strips * self.vectors * self.width  # of a row; those beyond n are 0
        self.n_settings = STEPS + 1 + max(map(len, rules.numbers))
        self.code: Code = machine_code(rules.shape(), self._emit)
        self.finish, self.address = self.code.get(FINISH), self.code.address(FINISH)

    def _emit(self) -> tuple[Module, dict[str, Any]]:
        module = Module()
        _Finish(module, self).emit()
        return module, {}

    def memory(self) -> tuple[Array, Array, Array]:
        """The table, the settings and the sums; all 0."""
        table = buffer(STATE + len(self.rules.keys), self.columns)
        settings = np.zeros((len(self.rules.tapes), self.n_settings))
        return table, settings, buffer(1, 8 + self.columns)[0, 7:]  # the gradients begin a vector

    def set(self, rules: Rules, table: Array, settings: Array, flags: list[bool]) -> None:
        """Writes the numbers of rules with this code, and where the penalty applies."""
        table[FLAG, : rules.n] = flags
        for row, numbers in zip(settings, rules.numbers):
            row[STEPS + 1 : STEPS + 1 + len(numbers)] = numbers


class _Finish:
    """FINISH: makes a step from the sums over ``size`` samples.

    Returns 0, and puts the parameters of the step before back, when the loss is not finite.
    """

    def __init__(self, module: Module, update: Update) -> None:
        self.update, (self.b, self.args) = update, FINISH.define(module.ir)
        b, args, tapes = self.b, self.args, update.rules.tapes
        for memory in (args.p, args.table, args.settings, args.sums):
            memory.add_attribute("noalias")
        self.grads = at(b, args.sums, 1)
        names = "square", "factor", "cost"
        self.square, self.factor, self.cost = [b.alloca(DOUBLE, name=name) for name in names]
        self.settings = {
            name: at(b, args.settings, i * update.n_settings) for i, name in enumerate(tapes)
        }
        self.m = Vectors(b, update.width)

    def emit(self) -> None:
        """The steps of a step, one after the other."""
        #   mean = sums[0] / size;  factor = 1 / size
        #   if a penalty or 0 <= max_norm:                    else the norm is known afterwards
        #       sums[1:] = sums[1:] * factor + slope of the penalty
        #       factor = max_norm / |sums[1:]| or 1
        #   first or update: with g = sums[1:] * factor
        #   steps += 1;  ret 1
        b, args = self.b, self.args
        share = b.fdiv(DOUBLE(1.0), b.sitofp(args.size, DOUBLE), "share")
        mean = b.fmul(read(b, args.sums, 0), share, "mean")
        self._stop_unless_finite(mean)
        b.store(share, self.factor)
        for row in self.settings.values():
            b.store(args.rate, at(b, row, RATE))
        asked = b.fcmp_ordered(">=", args.max_norm, DOUBLE(0.0), "asked")
        penalised, bit = "penalise" in self.settings, ir.IntType(1)
        early = bit(1) if penalised else asked  # whether the norm is needed before the step
        with b.if_then(early):
            self._gradients(share)
            if penalised:
                self._stop_unless_finite(b.fadd(mean, b.load(self.cost, typ=DOUBLE), "total"))
                b.store(mean, args.loss)
            self._norm(self.grads)
            self._clip(asked)
        if "first" in self.settings:
            is_first = b.icmp_signed("!=", read(b, args.first, 0, INT), INT(0), "is_first")
            with b.if_else(is_first) as (then, otherwise):
                with then:
                    self._step("first")
                with otherwise:
                    self._step("update")
        else:
            self._step("update")
        with b.if_then(b.not_(early)):
            self._norm(self._row(G))
        b.store(DOUBLE(0.0), at(b, args.sums, 0))
        b.store(INT(0), args.first)
        steps = at(b, self.settings["update"], STEPS)
        b.store(b.fadd(b.load(steps, "steps", typ=DOUBLE), DOUBLE(1.0)), steps)
        b.ret(INT(1))

    def _stop_unless_finite(self, loss: Any) -> None:
        b, args, n = self.b, self.args, self.update.columns
        b.store(loss, args.loss)
        odd = b.fcmp_unordered("!=", b.fsub(loss, loss), DOUBLE(0.0), "odd")
        with b.if_then(odd, likely=False):
            kept = at(b, args.table, KEPT * n)
            copy_numbers(b, args.p, kept, self.update.rules.n)
            with loop(b, n + 1) as i:
                b.store(DOUBLE(0.0), at(b, args.sums, i))
            b.ret(INT(0))

    # --- loops over the parameters ---

    def _each(self, body: Callable[..., list[Any]], start: list[Any]) -> list[Any]:
        """Emits the body for the place of each vector; what it adds up, one for each of start."""
        #   each_j:  acc = body(j * 32), body(j * 32 + 8), ...
        b, m, vectors = self.b, self.m, self.update.vectors

        def strip(j: Any, acc: list[Any]) -> list[Any]:
            new = []
            for v in range(vectors):
                place = b.mul(b.add(b.mul(j, INT(vectors)), INT(v)), INT(m.width))
                new += body(place, acc[v * len(start) : (v + 1) * len(start)])
            return new

        acc = accumulate(b, start * vectors, self.update.strips, strip)
        return [m.totals([reduce(m.add, acc[i :: len(start)])]) for i in range(len(start))]

    def _load(self, row: Any, place: Any) -> Any:
        return self.b.load(at(self.b, row, place), align=8, typ=self.m.type)

    def _store(self, x: Any, row: Any, place: Any) -> None:
        self.b.store(x, at(self.b, row, place), align=8)

    def _row(self, i: int) -> Any:
        return at(self.b, self.args.table, i * self.update.columns)

    def _scaled(self, row: Any, place: Any, factor: Any) -> Any:
        return self.b.fmul(self._load(row, place), factor)  # rounded: no part of a fused product

    def _gradients(self, share: Any) -> None:
        """The mean gradients with the penalty's, in place; the sum of squares, and the cost."""
        b, m, factor = self.b, self.m, self.m.splat(share)
        rule = self._rule("penalise") if "penalise" in self.settings else None

        def body(place: Any, acc: list[Any]) -> list[Any]:
            g, more = self._scaled(self.grads, place, factor), []
            if rule is not None:
                p, flag = [self._load(row, place) for row in (self.args.p, self._row(FLAG))]
                (g,), (cost,) = rule({0: p, 1 + G: g, 1 + FLAG: flag})
                more = [m.add(acc[1], cost)]
            self._store(g, self.grads, place)
            return [m.add(m.mul(g, g), acc[0]), *more]

        zero = m.constant(0.0)
        totals = self._each(body, [zero] if rule is None else [zero, zero])
        for total, memory in zip(totals, (self.square, self.cost)):
            b.store(total, memory)

    def _step(self, name: str) -> None:
        """The optimiser's rule, of all parameters; the sum of squares of their gradients."""
        #   each_j:  g = sums[1 + j] * factor;  p[j], state[j] = rule(p[j], g, state[j])
        #            sums[1 + j], G[j], KEPT[j] = 0, g, the p before
        b, m, args = self.b, self.m, self.args
        rule, factor = self._rule(name), m.splat(b.load(self.factor, typ=DOUBLE))
        states = [self._row(STATE + i) for i in range(len(self.update.rules.keys))]

        def body(place: Any, acc: list[Any]) -> list[Any]:
            p, g = self._load(args.p, place), self._scaled(self.grads, place, factor)
            kept = {1 + STATE + i: self._load(row, place) for i, row in enumerate(states)}
            (new, *after), _ = rule({0: p, 1 + G: g, **kept})
            new = self._of_parameters(new, p, place)
            pairs = [(m.constant(0.0), self.grads), (g, self._row(G)), (p, self._row(KEPT))]
            for x, row in [*pairs, (new, args.p), *zip(after, states)]:
                self._store(x, row, place)
            return [m.add(m.mul(g, g), acc[0])]

        (total,) = self._each(body, [m.constant(0.0)])
        b.store(total, self.square)

    def _of_parameters(self, new: Any, p: Any, place: Any) -> Any:
        """The new numbers; behind the last parameter others follow, which stay."""
        b, m, n = self.b, self.m, self.update.rules.n
        if n == self.update.columns:
            return new
        lanes = INT(0) if m.width == 1 else ir.Constant(m.int, list(range(m.width)))
        return b.select(b.icmp_signed("<", lanes, m.splat(b.sub(INT(n), place))), new, p)

    def _rule(self, name: str) -> Any:
        """A function that emits a rule: from its inputs by slot to its outputs and sums."""
        b, tape = self.b, self.update.rules.tapes[name]
        varies = tape.varies()
        rows = [
            (c.op, slot, [table[t] for table in c.args])
            for c in tape.code for t, slot in enumerate(c.results)
        ]  # fmt: skip
        alone, settings = Called(b, 1), self.settings[name]
        alike = {s: read(b, settings, s - tape.inputs) for s in range(tape.inputs, tape.first)}
        for op, slot, args in rows:
            if not varies[slot]:
                alike[slot] = alone.apply(op, [alike[s] for s in args])
        alike = {slot: self.m.splat(x) for slot, x in alike.items()}

        def rule(known: dict[int, Any]) -> tuple[list[Any], list[Any]]:
            known = alike | known
            for op, slot, args in rows:
                if slot not in known:
                    known[slot] = self.m.apply(op, [known[s] for s in args])
            return [known[s] for s in tape.outputs], [known[s] for s in tape.sums]

        return rule

    # --- the norm of the gradients ---

    def _norm(self, grads: Any) -> None:
        """From the sum of their squares; where that is too large, of smaller ones."""
        b, m, norm = self.b, self.m, self.args.norm
        sqrt, small = partial(Vectors(b, 1).intrinsic, "llvm.sqrt"), 2.0**-600
        square = b.load(self.square, typ=DOUBLE)
        b.store(sqrt(square), norm)
        with b.if_then(b.fcmp_ordered("==", square, DOUBLE(math.inf)), likely=False):

            def body(place: Any, acc: list[Any]) -> list[Any]:
                x = m.mul(self._load(grads, place), small)
                return [m.add(m.mul(x, x), acc[0])]

            (square,) = self._each(body, [m.constant(0.0)])
            b.store(b.fmul(sqrt(square), DOUBLE(1.0 / small)), norm)

    def _clip(self, asked: Any) -> None:
        b, args = self.b, self.args
        norm = b.load(args.norm, "norm", typ=DOUBLE)
        scale = b.fdiv(args.max_norm, b.fadd(norm, DOUBLE(1e-6)), "scale")
        clips = b.and_(asked, b.fcmp_unordered("<", scale, DOUBLE(1.0), "clips"))  # or is nan
        b.store(b.select(clips, scale, DOUBLE(1.0)), self.factor)


# --- step after step ---


@cache
def loops() -> Code:
    """LOOP and STEP, for any WORK and FINISH."""

    def emit() -> tuple[Module, dict[str, Any]]:
        module = Module()
        _emit_loop(module)
        _emit_step(module)
        return module, {}

    found: Code = machine_code(digest(b"loops"), emit)
    return found


def _emit_loop(module: Module) -> None:
    """LOOP: for every epoch, for every batch: WORK, FINISH. Returns how many were finite."""
    #   each_epoch:  each_k:
    #       size = min(samples - k * batch, batch)
    #       call work(...)
    #       finite = call finish(..., rates[done])
    #       br finite == 0, ret done
    #       done += 1
    b, args = LOOP.define(module.ir)
    total = b.mul(args.samples, args.epochs, "total")
    batches = b.sdiv(b.add(args.samples, b.sub(args.batch, INT(1))), args.batch, "batches")
    done = b.alloca(INT, name="done")
    b.store(INT(0), done)
    with loop(b, args.epochs, name="epoch") as epoch, loop(b, batches, name="k") as k:
        start = b.mul(k, args.batch, "start")
        left = b.sub(args.samples, start, "left")
        size = b.select(b.icmp_signed("<", left, args.batch), left, args.batch, "size")
        column = b.add(b.mul(epoch, args.samples), start, "column")
        _call_at(
            b, args.work, WORK, data=args.data, length=args.length,
            order=at(b, args.order, column, INT), samples=size, rows=args.rows,
            scalars=args.scalars, sums=args.sums, outputs=at(b, args.outputs, column),
            outputs_length=total,
        )  # fmt: skip
        step = b.load(done, "step", typ=INT)
        finite = _call_at(
            b, args.finish, FINISH, p=args.p, table=args.table, settings=args.settings,
            sums=args.sums, first=args.first, loss=at(b, args.losses, step),
            norm=at(b, args.norms, step), size=size, rate=read(b, args.rates, step),
            max_norm=args.max_norm,
        )  # fmt: skip
        with b.if_then(b.icmp_signed("==", finite, INT(0)), likely=False):
            b.ret(step)
        b.store(b.add(step, INT(1)), done)
    b.ret(b.load(done, typ=INT))


def _emit_step(module: Module) -> None:
    """STEP: LOOP with arguments from memory; returns the loss of its first step."""
    b, args = STEP.define(module.ir)
    values = {
        name: read(b, args.arguments, i, kind)
        for i, (name, kind) in enumerate(zip(LOOP.arguments, LOOP.types))
    }
    LOOP.call(b, **values)
    b.ret(read(b, values["losses"], 0))


def _call_at(b: Any, address: Any, signature: Signature, **values: Any) -> Any:
    """Emits a call of the function at an address."""
    result = INT if signature.returns else ir.VoidType()
    kind = ir.FunctionType(result, signature.types).as_pointer()
    return b.call(b.inttoptr(address, kind), [values[name] for name in signature.arguments])
