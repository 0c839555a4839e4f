"""update: the second half of a training step, from sums over the samples to new parameters.

The optimiser's own rule (and the penalty's gradient) is traced as any function, with a parameter
where others have a sample. A table holds all that is known of the parameters, a column for each:

    P        its number; then the other scalars that the samples share: the loss is computed from it
    G, NEW   its gradient, and the one that is being computed
    FLAG     1 where the penalty applies
    KEPT     its number at the last step with a finite loss
    STATE... what the optimiser keeps for it; then, what the rules compute
"""

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial, reduce
from itertools import chain
from typing import Any

import numpy as np

from .. import ops
from ..engine import Value, apply, as_value, grad
from ..tape import JitError, Tape, reroll, trace
from .cache import digest
from .emit import DOUBLE, INT, Signature, accumulate, at, copy_numbers, loop, read
from .lower import Layout, lower
from .native import WORK, Array, Module, Native, buffer, shape_of
from .plan import placed
from .vectormath import Vectors, host_width

P, G, NEW, FLAG, KEPT, STATE = range(6)
RATE, STEPS = range(2)  # of the settings, a row for each rule; then its constants

RULE = Signature("rule", table="doubles", settings="doubles", cost="doubles")
FINISH = Signature(
    "finish", returns="int", table="doubles", settings="doubles", sums="doubles", loss="doubles",
    norm="doubles", size="int", max_norm="double", first="int",
)  # fmt: skip
LOOP = Signature(
    "loop", returns="int", data="doubles", length="int", order="ints", samples="int", batch="int",
    epochs="int", rows="doubles", outputs="doubles", table="doubles", settings="doubles",
    sums="doubles", losses="doubles", norms="doubles", max_norm="double", first="int",
)  # fmt: skip


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
        numbers = [[x, x, x, 1.0, x, *[x] * len(self.keys)] for x in (0.5, 0.25)]
        traced = {
            name: reroll(trace(rule, numbers, [optimizer.lr, 1.0]).tape)
            for name, rule in self._rules(penalty).items()
        }
        self.numbers = [tape.constants for tape in traced.values()]
        self.tapes = {name: _with_scalars(tape) for name, tape in traced.items()}

    def shape(self) -> bytes:
        """All that the machine code of an Update depends on, beside the tape of the loss."""
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
        """What is traced: functions of a column of the table and of the settings."""

        def update(column: list[Value], settings: list[Value], first: bool = False) -> Any:
            lr, step = settings
            kept = dict(zip(self.keys, column[STATE:])) | ({"step": step} if self.counts else {})
            if first:
                kept = {key: kept[key] for key in kept if key in self.before}
            new = self._update(lr, column[P], column[G], kept)
            return [new, *[kept[key] for key in self.keys]], []

        def penalise(column: list[Value], settings: list[Value]) -> Any:
            cost = as_value(penalty(column[P]))
            slope = grad(cost, column[P], create_graph=True)
            only = [apply(ops.WHERE, column[FLAG], v, 0.0) for v in (slope, cost)]
            return [column[NEW] + only[0]], [only[1]]

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
    """The optimiser's rule and the penalty's gradient, emitted as FINISH and LOOP beside WORK."""

    def __init__(self, native: Native, rules: Rules) -> None:
        self.n, self.rules, self.n_sums = rules.n, rules, len(native.traced.sums)
        width = host_width() if self.n >= host_width() else 1
        strip = min(4, -(-self.n // width)) * width
        self.strips = -(-self.n // strip)
        stride = max(self.strips, -(-native.n_scalars // strip)) * strip
        self.layout = Layout(width, strip // width, stride)
        tapes = rules.tapes.values()
        self.n_settings = max(tape.size - sum(tape.varies()) for tape in tapes)

    def emit(self, module: Module) -> None:
        """Adds the functions to the module of WORK."""
        for name in self.rules.tapes:
            self._emit_rule(module, name)
        _Finish(module, self).emit()
        _emit_loop(module, self.n_sums)

    def memory(self, rules: Rules, scalars: Array, flags: list[bool]) -> tuple[Array, Array]:
        """The table, from what all samples share and where the penalty applies; the settings."""
        table = buffer(max(sum(tape.varies()) for tape in rules.tapes.values()), self.layout.stride)
        table[P, : len(scalars)], table[FLAG, : self.n] = scalars, flags
        table[KEPT, : self.n] = scalars[: self.n]
        settings = np.zeros((len(rules.tapes), self.n_settings))
        for row, numbers in zip(settings, rules.numbers):
            row[STEPS + 1 : STEPS + 1 + len(numbers)] = numbers
        return table, settings

    def _emit_rule(self, module: Module, name: str) -> None:
        """A RULE; it ends by copying its outputs to the rows that they replace."""
        #   call update_rule_shared(table, settings, cost, 1)
        #   call update_rule(table, settings, cost, n)
        #   memcpy(table[P], table[row of the result]); ...
        tape, keys = self.rules.tapes[name], self.rules.keys
        b, args = RULE.named(name).define(module.ir)
        memory = {"rows": args.table, "scalars": args.settings, "sums": args.cost}
        functions = lower(tape, module.ir, f"{name}_rule", self.layout)
        for function, columns in zip(functions, (1, self.n)):
            function.call(b, **memory, columns=INT(columns))
        varies, places = placed(tape)
        targets = [NEW] if name == "penalise" else [P, *range(STATE, STATE + len(keys))]
        for target, slot in zip(targets, tape.outputs):
            if not varies[slot]:
                raise JitError("the optimiser's rule gives one number for all parameters")
            rows = [at(b, args.table, i * self.layout.stride) for i in (places[slot], target)]
            copy_numbers(b, rows[1], rows[0], self.n)
        b.ret_void()


class _Finish:
    """FINISH: makes a step from the sums over ``size`` samples.

    Returns 0, and puts the parameters of the step before back, when the loss is not finite.
    """

    def __init__(self, module: Module, update: Update) -> None:
        self.update, (b, args) = update, FINISH.define(module.ir)
        self.b, self.args, n = b, args, update.n_settings
        rows = [at(b, args.table, i * update.layout.stride) for i in (P, G, NEW, KEPT)]
        self.p, self.g, self.new, self.kept = rows
        self.cost = b.alloca(DOUBLE, name="cost")
        self.settings = {
            name: at(b, args.settings, i * n) for i, name in enumerate(update.rules.tapes)
        }

    def emit(self) -> None:
        """The steps of a step, one after the other."""
        #   mean = sums[0] / size;  g = sums[1:] / size
        #   penalise: new += slope of the penalty;  g = new
        #   norm = |g|;  if 0 <= max_norm < norm: g *= max_norm / norm
        #   kept = p;  call first or update
        #   steps += 1;  ret 1
        b, args = self.b, self.args
        share = b.fdiv(DOUBLE(1.0), b.sitofp(args.size, DOUBLE), "share")
        mean = b.fmul(read(b, args.sums, 0), share, "mean")
        self._stop_unless_finite(mean)
        b.store(DOUBLE(0.0), self.cost)
        if "penalise" in self.settings:
            self._scale(at(b, args.sums, 1), share, self.new)
            self._call("penalise")
            self._stop_unless_finite(b.fadd(mean, b.load(self.cost, typ=DOUBLE), "total"))
            b.store(mean, args.loss)
            square = self._scale(self.new, DOUBLE(1.0), self.g)
        else:
            square = self._scale(at(b, args.sums, 1), share, self.g)
        self._clip(square)
        copy_numbers(b, self.kept, self.p, self.update.n)
        with b.if_else(b.icmp_signed("!=", args.first, INT(0))) as (then, otherwise):
            with then:
                self._call("first" if "first" in self.settings else "update")
            with otherwise:
                self._call("update")
        steps = at(b, self.settings["update"], STEPS)
        b.store(b.fadd(b.load(steps, "steps", typ=DOUBLE), DOUBLE(1.0)), steps)
        b.ret(INT(1))

    def _call(self, rule: str) -> None:
        settings = self.settings[rule]
        RULE.named(rule).call(self.b, table=self.args.table, settings=settings, cost=self.cost)

    def _stop_unless_finite(self, loss: Any) -> None:
        b = self.b
        b.store(loss, self.args.loss)
        odd = b.fcmp_unordered("!=", b.fsub(loss, loss), DOUBLE(0.0), "odd")
        with b.if_then(odd, likely=False):
            copy_numbers(b, self.p, self.kept, self.update.n)
            b.ret(INT(0))

    def _scale(self, source: Any, factor: Any, target: Any) -> Any:
        """target = source * factor; returns the sum of the squares."""
        #   each_j: x = load <4 x double> source[j * 16 + v * 4]
        #           store x * factor, target[j * 16 + v * 4]
        #           acc = acc + x * x
        b, vectors = self.b, self.update.layout.vectors
        m = Vectors(b, self.update.layout.width)

        def strip(j: Any, squares: list[Any]) -> list[Any]:
            total = []
            for v, square in enumerate(squares):
                place = b.mul(b.add(b.mul(j, INT(vectors)), INT(v)), INT(m.width))
                number = b.load(at(b, source, place), align=8, typ=m.type)
                x = m.mul(number, m.splat(factor))
                b.store(x, at(b, target, place), align=8)
                total.append(m.add(m.mul(x, x), square))
            return total

        squares = accumulate(b, [m.constant(0.0)] * vectors, self.update.strips, strip)
        return m.totals([reduce(m.add, squares)])

    def _clip(self, square: Any) -> None:
        b, args = self.b, self.args
        sqrt, small = partial(Vectors(b, 1).intrinsic, "llvm.sqrt"), 2.0**-600
        b.store(sqrt(square), args.norm)
        with b.if_then(b.fcmp_ordered("==", square, DOUBLE(math.inf)), likely=False):
            square = self._scale(self.g, DOUBLE(small), self.new)  # the squares are too large
            b.store(b.fmul(sqrt(square), DOUBLE(1.0 / small)), args.norm)
        norm = b.load(args.norm, "norm", typ=DOUBLE)
        scale = b.fdiv(args.max_norm, b.fadd(norm, DOUBLE(1e-6)), "scale")
        clips = b.fcmp_unordered("<", scale, DOUBLE(1.0), "clips")  # also when it is nan
        asked = b.fcmp_ordered(">=", args.max_norm, DOUBLE(0.0), "asked")
        with b.if_then(b.and_(asked, clips)):
            self._scale(self.g, scale, self.g)


def _emit_loop(module: Module, n_sums: int) -> None:
    """LOOP: for every epoch, for every batch: WORK, FINISH. Returns how many were finite."""
    #   each_epoch:  each_k:
    #       size = min(samples - k * batch, batch)
    #       sums = 0;  call work(...)
    #       finite = call finish(...)
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
        with loop(b, n_sums) as i:
            b.store(DOUBLE(0.0), at(b, args.sums, i))
        WORK.call(
            b, data=args.data, length=args.length, order=at(b, args.order, column, INT),
            samples=size, rows=args.rows, scalars=args.table,  # its row P
            sums=args.sums, outputs=at(b, args.outputs, column), outputs_length=total,
        )  # fmt: skip
        step = b.load(done, "step", typ=INT)
        finite = FINISH.call(
            b, table=args.table, settings=args.settings, sums=args.sums,
            loss=at(b, args.losses, step), norm=at(b, args.norms, step), size=size,
            max_norm=args.max_norm,
            first=b.select(b.icmp_signed("==", step, INT(0)), args.first, INT(0)),
        )  # fmt: skip
        with b.if_then(b.icmp_signed("==", finite, INT(0)), likely=False):
            b.ret(step)
        b.store(b.add(step, INT(1)), done)
    b.ret(b.load(done, typ=INT))
