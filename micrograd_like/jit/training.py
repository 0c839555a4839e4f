"""training: the steps of fit, whole epochs of them in one call of machine code.

A step gathers a mini-batch, computes the loss and its gradients (the tape of one sample,
native.py), adds the penalty, clips, and applies the optimiser's own update rule: it is traced as
any function, with the parameters as its samples. Nothing here knows a network, a loss or an
optimiser.
"""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from operator import attrgetter
from typing import Any

import numpy as np
from llvmlite import ir

from .. import ops
from ..engine import Value, apply, as_value, grad, no_grad
from ..modes import uncollected
from ..nesting import flatten
from ..tape.reroll import reroll
from ..tape.tape import JitError, Tape
from ..tape.trace import check_nobody_watches, probes, trace
from .lower import POINTER, Layout, accumulate, loop, lower
from .native import Array, Native, buffer, host_width, pointer
from .vectormath import DOUBLE, INT, Vectors

P, G, NEW, FLAG, STATE = range(5)  # rows: parameter, gradient, the next one, penalised?, state


class Trainer:
    """A model, a loss and an optimiser, compiled for samples of one shape.

    Args:
        model: a Module whose samples do not depend on each other.
        X: the samples, nested lists of numbers.
        y: the targets, numbers or nested lists of numbers.
        loss: a function of outputs and targets that is a mean over the samples.
        optimizer: with an ``update(p, g, state)``.
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.
        max_norm: clip the norm of all gradients together to this, or None.
        batch_size: samples for each step.
        threads: over how many cores to spread the blocks of a batch.

    Raises:
        JitError: why it cannot be compiled.
    """

    def __init__(
        self,
        model: Any,
        X: Sequence[Any],
        y: Sequence[Any],
        loss: Callable[[Any, Any], Any],
        optimizer: Any,
        penalty: Callable[[Any], Any] | None = None,
        penalised: Sequence[Value] = (),
        max_norm: float | None = None,
        batch_size: int = 32,
        threads: int = 1,
    ) -> None:
        check_nobody_watches()
        self.optimizer, self.params, self.threads = optimizer, optimizer.params, threads
        self.max_norm = -1.0 if max_norm is None else float(max_norm)
        self.samples, self.batch_size = len(X), min(batch_size, len(X))
        self.X, self.y = _array(X, "samples"), _array(y, "targets")
        modes = [(m, m.training) for m in model.modules()]
        try:
            model.train()
            self._build(model, y, loss, penalty)
            self._compare(model, loss)
        except BaseException:
            for m, training in modes:
                m.training = training
            raise
        self._memory(set(penalised))

    @uncollected()
    def _build(self, model: Any, y: Sequence[Any], loss: Any, penalty: Any) -> None:
        columns = [a.reshape(self.samples, -1).T for a in (self.X, self.y)]
        self.data = np.concatenate(columns)
        try:
            self.masks = _Masks(model, self.X[0].tolist())
        except ValueError as error:
            raise JitError(f"the model cannot take one sample alone: {error}") from None
        self._check_targets(model, loss, y)
        try:
            f = self._one_sample(model, loss)
            tape, self.read = trace(f, self._two_samples(), [], self.params)
        except ValueError as error:
            raise JitError(f"the model or the loss cannot take one sample: {error}") from None
        self.update = _Update(self.optimizer, penalty)
        self.native = Native(tape, self.batch_size, extra=self._emit)

    def _one_sample(self, model: Any, loss: Any) -> Callable[..., Any]:
        """What is traced: from the numbers of one sample to its outputs, loss and gradients."""
        sizes = self.X[0].size, self.X[0].size + self.y[0].size

        def one_sample(numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
            sample = _nested(self.X[0], iter(numbers[: sizes[0]]))
            target = _nested(self.y[0], iter(numbers[sizes[0] : sizes[1]]))
            with self.masks.given(numbers[sizes[1] :]):
                out = model(sample)
            outputs, self.nest = flatten(out)
            cost = loss([out], [target])
            return outputs, [cost, *grad(cost, self.params, create_graph=True)]

        return one_sample

    def _check_targets(self, model: Any, loss: Any, y: Sequence[Any]) -> None:
        """Lets the loss see all targets once: in the trace they are no numbers to check."""
        with no_grad(), self.masks.given([1.0] * self.masks.count):
            leaves, rebuild = flatten(model.batch(self.X[:1].tolist())[0])
            loss([rebuild(leaves)] * len(y), y)

    def _two_samples(self) -> list[list[float]]:
        kept = [[x] * self.masks.count for x in (1.25, 0.75)]
        return [[*self.data[:, i].tolist(), *mask] for i, mask in zip((0, -1), kept)]

    def _emit(self, module: Any, tape: Tape) -> None:
        self.update.emit(module)
        _emit_finish(module, self.update, len(self.params))
        _emit_loop(module, len(tape.sums))

    def _memory(self, penalised: set[Value]) -> None:
        n = len(self.params)
        self.rows = self.native.new_rows()
        self.sums = np.zeros(1 + self.update.layout.stride)  # beyond the parameters, 0
        self.moving = self.update.new_rows()
        self.moving[FLAG, :n] = [p in penalised for p in self.params]
        self.kept = np.array([p.data for p in self.params])
        self.scalars = self.native.new_scalars([p.data for p in self.read])
        self.update_scalars = self.update.new_scalars()
        self.finish = self.native.module.get("finish", *_FINISH_KINDS, returns=_INT)
        self.loop = self.native.module.get("loop", *_LOOP_KINDS, returns=_INT)

    # --- from and to the Values ---

    def read_values(self) -> None:
        """Parameters and the optimiser's state as they are now."""
        n = len(self.params)
        numbers = map(attrgetter("_number"), self.read)  # .data, in half the time
        self.scalars[: len(self.read)] = np.fromiter(numbers, np.float64)
        self.moving[P, :n] = self.scalars[:n]
        states = self.optimizer.state
        self.first = not states[0]
        for i, key in enumerate(self.update.keys, STATE):
            self.moving[i, :n] = [state.get(key, 0.0) for state in states]
        self.update_scalars[:, 0] = self.optimizer.lr
        self.update_scalars[:, 1] = states[0].get("step", 0.0)

    def write_values(self) -> None:
        """Parameters, their gradients and the optimiser's state as they have become."""
        n = len(self.params)
        numbers, grads = self.moving[[P, G], :n].tolist()
        rows = enumerate(self.update.keys, STATE)
        columns = {key: self.moving[i, :n].tolist() for i, key in rows}
        if self.update.counts:
            columns["step"] = [float(self.update_scalars[0, 1])] * n
        state = self.optimizer.state
        if columns and not self.first:  # there is something to keep, and a step was made
            state = [dict(zip(columns, row)) for row in zip(*columns.values())]
        # One call into C, in which no signal handler runs: all is written, or nothing.
        names = *["_number"] * n, *["_grad"] * n, "state"
        targets = *self.params, *self.params, self.optimizer
        any(map(setattr, targets, names, (*numbers, *grads, state)))

    # --- training ---

    def epochs(self, orders: list[list[int]]) -> tuple[Array, Array, int]:
        """Trains one epoch for each order of the samples.

        Returns:
            The loss of every step and the norm of its gradients, a row for each epoch; and how many
            steps had a finite loss: after the first that has not, nothing is computed, and the
            parameters are those of the last step whose loss was finite.
        """
        self.read_values()
        if all(order is orders[0] for order in orders):
            order = np.tile(np.array(orders[0], dtype=np.int64), (len(orders), 1))
        else:
            order = np.array(orders, dtype=np.int64)
        data, length = self.data, self.samples
        if self.masks.count:  # every visit of a sample has a mask of its own
            data = np.concatenate([data[:, order.ravel()], self.masks.draw(order.size).T])
            order, length = np.arange(order.size).reshape(order.shape), order.size
        data = np.ascontiguousarray(data)
        self.shown = np.empty((len(self.native.tape.outputs), order.size))
        steps = -(-self.samples // self.batch_size)
        losses, norms = np.full((len(orders), steps), np.nan), np.zeros((len(orders), steps))
        run = self._threaded if self.threads > 1 else self._single
        done = run(data, length, order, losses, norms)
        if done:
            self.first = False
        self.write_values()
        return losses, norms, done

    def outputs(self) -> list[Any]:
        """What the model computed for each sample of the last epoch, before its step."""
        return [self.nest(row) for row in self.shown.T.tolist()]

    def _single(self, data: Array, length: int, order: Any, losses: Array, norms: Array) -> int:
        return int(
            self.loop(
                *map(pointer, (data, order, self.rows, self.scalars, self.sums, self.shown)),
                *map(pointer, (self.moving, self.kept, self.update_scalars, losses, norms)),
                length, self.samples, self.batch_size, len(order), self.max_norm, self.first,
            )
        )  # fmt: skip

    def _threaded(self, data: Array, length: int, order: Any, losses: Array, norms: Array) -> int:
        """As the loop in machine code, but the blocks of a batch on several cores."""
        done, flat, shown = 0, order.ravel(), self.shown.shape[1]
        with ThreadPoolExecutor(self.threads) as pool:
            for e in range(len(order)):
                for start in range(0, self.samples, self.batch_size):
                    size = min(self.batch_size, self.samples - start)
                    block = self.native.layout.stride
                    starts = [e * self.samples + start + i for i in range(0, size, block)]
                    ends = [min(i + block, e * self.samples + start + size) for i in starts]

                    def one(part: tuple[int, int]) -> Array:
                        sums, scalars = np.zeros_like(self.sums), self.scalars.copy()
                        rows = self.native.new_rows()
                        self.native.work(
                            pointer(data), length, pointer(flat[part[0] :]), part[1] - part[0],
                            pointer(rows), pointer(scalars), pointer(sums),
                            pointer(self.shown) + 8 * part[0], shown,
                        )  # fmt: skip
                        return sums

                    self.sums[:] = 0.0
                    for sums in pool.map(one, zip(starts, ends)):  # in the order of the blocks
                        self.sums += sums
                    finite = self.finish(
                        *map(pointer, (self.scalars, self.sums, self.moving, self.kept)),
                        pointer(self.update_scalars), pointer(losses) + 8 * done,
                        pointer(norms) + 8 * done, size, self.max_norm, self.first,
                    )  # fmt: skip
                    if not finite:
                        return done
                    done, self.first = done + 1, False
        return done

    def _compare(self, model: Any, loss: Any) -> None:
        """Raises a JitError when the mean over samples is not what Python computes for a batch."""
        some = probes(self.samples, self.native.tape.size)
        few = len(some)
        data = np.concatenate([self.data[:, some], np.ones((self.masks.count, few))])
        _, sums = self.native(data, [p.data for p in self.read])
        xs, ys = self.X[some].tolist(), self.y[some].tolist()
        with self.masks.given([1.0] * (self.masks.count * few)):
            wanted = as_value(loss(model.batch(xs), _classes(ys))).data
        if not np.isclose(sums[0] / few, wanted, 1e-9, 1e-12, equal_nan=True):
            raise JitError(
                f"the loss of {few} samples is {wanted!r}, but the mean of their losses is "
                f"{float(sums[0] / few)!r}: only a mean over independent samples can be compiled"
            )


def _array(numbers: Sequence[Any], what: str) -> Array:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise JitError(f"the {what} are not numbers in lists of one shape") from None


def _nested(like: Any, numbers: Iterator[Any]) -> Any:
    """The numbers in lists of the array's shape."""
    return [_nested(part, numbers) for part in like] if np.ndim(like) else next(numbers)


def _classes(ys: list[Any]) -> list[Any]:
    """Whole numbers as ints: they may be classes."""
    return [int(y) if isinstance(y, float) and y.is_integer() else y for y in ys]


class _Masks:
    """The random factors of the model's Dropouts, drawn in the order in which fit draws them."""

    def __init__(self, model: Any, sample: Any) -> None:
        self.modules = [m for m in model.modules() if hasattr(m, "factor")]
        if len({id(m.rng) for m in self.modules}) < len(self.modules):
            raise JitError("two Dropouts share a random generator: give each one of its own")
        self.calls: list[int] = []  # for each factor of a sample, which module draws it
        with self._replaced(lambda i: self.calls.append(i) or 1.0):  # type: ignore[func-returns-value]
            model(sample)
        self.count = len(self.calls)

    def draw(self, samples: int) -> Array:
        """A row of factors for each of so many samples."""
        return np.array([[self.modules[i].factor() for i in self.calls] for _ in range(samples)])

    @contextmanager
    def given(self, numbers: Sequence[float | Value]) -> Iterator[None]:
        """Inside, the Dropouts use these factors."""
        rest = iter(numbers)
        with self._replaced(lambda i: next(rest)):
            yield

    @contextmanager
    def _replaced(self, factor: Callable[[int], Any]) -> Iterator[None]:
        for i, m in enumerate(self.modules):
            m.factor = lambda i=i: factor(i)
        try:
            yield
        finally:
            for m in self.modules:
                del m.factor


class _Update:
    """The optimiser's rule (and the penalty's gradient) as tapes whose samples are parameters."""

    def __init__(self, optimizer: Any, penalty: Callable[[Any], Any] | None) -> None:
        self.columns = len(optimizer.params)
        state: dict[str, Any] = {}
        optimizer.update(0.5, 0.25, state)
        self.counts = "step" in state
        self.keys = [key for key in state if key != "step"]
        numbers = [[x, x, x, 1.0, *[x] * len(self.keys)] for x in (0.5, 0.25)]

        def rule(known: bool) -> Callable[..., Any]:
            def update(inputs: list[Value], scalars: list[Value]) -> Any:
                shadow = copy.copy(optimizer)
                shadow.lr, step = scalars
                kept = dict(zip(self.keys, inputs[STATE:])) if known else {}
                if known and self.counts:
                    kept["step"] = step
                new = shadow.update(inputs[P], inputs[G], kept)
                return [new, *[kept[key] for key in self.keys]], []

            return update

        def penalise(inputs: list[Value], scalars: list[Value]) -> Any:
            assert penalty is not None
            cost = as_value(penalty(inputs[P]))
            slope = grad(cost, inputs[P], create_graph=True)
            only = [apply(ops.WHERE, inputs[FLAG], v, 0.0) for v in (slope, cost)]
            return [inputs[NEW] + only[0]], [only[1]]

        rules = {"update": rule(True)}
        rules |= {"first": rule(False)} if state else {}  # else every step is as the first
        rules |= {"penalise": penalise} if penalty is not None else {}
        self.tapes = {
            name: reroll(trace(f, numbers, [optimizer.lr, 1.0])[0]) for name, f in rules.items()
        }
        width = host_width() if self.columns >= host_width() else 1
        vectors = min(4, -(-self.columns // width))
        self.layout = Layout(
            width, vectors, -(-self.columns // (width * vectors)) * width * vectors
        )

    def new_rows(self) -> Array:
        """Memory for all parameters."""
        return buffer(max(sum(t.varies()) for t in self.tapes.values()), self.layout.stride)

    def new_scalars(self) -> Array:
        """A row for each tape: learning rate, steps so far, constants."""
        longest = max(t.size - sum(t.varies()) for t in self.tapes.values())
        scalars = np.zeros((len(self.tapes), longest))
        for row, tape in zip(scalars, self.tapes.values()):
            row[2 : 2 + len(tape.constants)] = tape.constants
        return scalars

    def emit(self, module: Any) -> None:
        """A function for each tape; each ends by copying its outputs to the rows they replace."""
        self.width = self.new_scalars().shape[1]
        for name, tape in self.tapes.items():
            shared, kernel = lower(tape, module.ir, f"{name}_rule", self.layout)
            b, (rows, scalars, sums) = module.function(name, POINTER, POINTER, POINTER)
            b.call(shared, [rows, scalars, sums, INT(1)])
            b.call(kernel, [rows, scalars, sums, INT(self.columns)])
            varies = np.array(tape.varies())
            places = np.cumsum(varies) - 1
            targets = [NEW] if name == "penalise" else [P, *range(STATE, STATE + len(self.keys))]
            for target, slot in zip(targets, tape.outputs):
                if not varies[slot]:
                    raise JitError("the optimiser's rule gives one number for all parameters")
                copy_numbers(
                    b,
                    row(b, rows, target, self.layout.stride),
                    row(b, rows, int(places[slot]), self.layout.stride),
                    self.columns,
                )
            b.ret_void()


# --- machine code around the tapes ---


def row(b: Any, rows: Any, i: int, stride: int) -> Any:
    """The address of a row."""
    return b.gep(rows, [INT(i * stride)], source_etype=DOUBLE)


def copy_numbers(b: Any, target: Any, source: Any, n: int) -> None:
    """Emits a copy of n doubles."""
    module = b.module
    name = "llvm.memcpy.p0.p0.i64"
    if name not in module.globals:
        kinds = [POINTER, POINTER, INT, ir.IntType(1)]
        ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    b.call(module.globals[name], [target, source, INT(8 * n), ir.IntType(1)(0)])


_PTR, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
_FINISH_KINDS = [*[_PTR] * 7, _INT, _DOUBLE, _INT]
_LOOP_KINDS = [*[_PTR] * 11, *[_INT] * 4, _DOUBLE, _INT]


def _emit_finish(module: Any, update: _Update, n: int) -> None:
    """finish(scalars, sums, moving, kept, update_scalars, loss, norm, size, max_norm, first).

    The second half of a step: from the sums over the samples to the new parameters. Returns 0,
    and puts the parameters of the step before back, when the loss is not finite.
    """
    stride = update.layout.stride
    b, args = module.function("finish", *[POINTER] * 7, INT, DOUBLE, INT, returns=INT)
    scalars, sums, moving, kept, update_scalars, loss, norm, size, max_norm, first = args
    p, g, new = [row(b, moving, i, stride) for i in (P, G, NEW)]

    def at(base: Any, i: Any) -> Any:
        return b.gep(base, [i], source_etype=DOUBLE)

    share = b.fdiv(DOUBLE(1.0), b.sitofp(size, DOUBLE))
    mean = b.fmul(b.load(sums, typ=DOUBLE), share)

    def stop_unless_finite(number: Any) -> None:
        b.store(number, loss)
        with b.if_then(b.fcmp_unordered("!=", b.fsub(number, number), DOUBLE(0.0)), likely=False):
            copy_numbers(b, p, kept, n)
            copy_numbers(b, scalars, kept, n)
            b.ret(INT(0))

    m, vectors = Vectors(b, update.layout.width), update.layout.vectors

    def scaled(source: Any, factor: Any, target: Any) -> Any:
        """target = source * factor; returns the sum of the squares."""

        def strip(i: Any, squares: list[Any]) -> list[Any]:
            total = []
            for v, square in enumerate(squares):
                place = b.mul(b.add(b.mul(i, INT(vectors)), INT(v)), INT(m.width))
                x = m.mul(b.load(at(source, place), typ=m.type, align=8), m.splat(factor))
                b.store(x, at(target, place), align=8)
                total.append(m.add(m.mul(x, x), square))
            return total

        zeros = [m.constant(0.0)] * vectors
        squares = accumulate(b, zeros, stride // update.layout.strip, strip)
        return m.horizontal(reduce(m.add, squares))

    stop_unless_finite(mean)
    square = scaled(at(sums, INT(1)), share, new if "penalise" in update.tapes else g)
    rules = {name: at(update_scalars, INT(i * update.width)) for i, name in enumerate(update.tapes)}
    cost = b.alloca(DOUBLE)
    b.store(DOUBLE(0.0), cost)
    if "penalise" in rules:
        b.call(module.ir.globals["penalise"], [moving, rules["penalise"], cost])
        stop_unless_finite(b.fadd(mean, b.load(cost, typ=DOUBLE)))
        b.store(mean, loss)
        square = scaled(new, DOUBLE(1.0), g)
    length = Vectors(b, 1).intrinsic("llvm.sqrt", square)
    b.store(length, norm)
    scale = b.fdiv(max_norm, b.fadd(length, DOUBLE(1e-6)))
    clips = b.fcmp_unordered("<", scale, DOUBLE(1.0))  # also when it is nan
    with b.if_then(b.and_(b.fcmp_ordered(">=", max_norm, DOUBLE(0.0)), clips)):
        scaled(g, scale, g)
    copy_numbers(b, kept, p, n)
    at_first = "first" if "first" in rules else "update"
    with b.if_else(b.icmp_signed("!=", first, INT(0))) as (then, otherwise):
        for branch, name in ((then, at_first), (otherwise, "update")):
            with branch:
                b.call(module.ir.globals[name], [moving, rules[name], cost])
    copy_numbers(b, scalars, p, n)
    steps = at(rules["update"], INT(1))
    b.store(b.fadd(b.load(steps, typ=DOUBLE), DOUBLE(1.0)), steps)
    b.ret(INT(1))


def _emit_loop(module: Any, n_sums: int) -> None:
    """loop(...): for every epoch, for every batch: work, finish. Returns how many were finite."""
    kinds = [*[POINTER] * 11, *[INT] * 4, DOUBLE, INT]
    b, args = module.function("loop", *kinds, returns=INT)
    data, order, rows, scalars, sums, outputs, moving, kept, update_scalars, losses, norms = args[
        :11
    ]
    length, samples, batch, epochs, max_norm, first = args[11:]
    total = b.mul(samples, epochs)
    done = b.alloca(INT)
    b.store(INT(0), done)
    with (
        loop(b, epochs) as epoch,
        loop(b, b.sdiv(b.add(samples, b.sub(batch, INT(1))), batch)) as k,
    ):
        start = b.mul(k, batch)
        left = b.sub(samples, start)
        size = b.select(b.icmp_signed("<", left, batch), left, batch)
        column = b.add(b.mul(epoch, samples), start)
        with loop(b, n_sums) as i:
            b.store(DOUBLE(0.0), b.gep(sums, [i], source_etype=DOUBLE))
        b.call(module.ir.globals["work"], [
            data, length, b.gep(order, [column], source_etype=INT), size, rows, scalars, sums,
            b.gep(outputs, [column], source_etype=DOUBLE), total,
        ])  # fmt: skip
        step = b.load(done, typ=INT)
        finite = b.call(module.ir.globals["finish"], [
            scalars, sums, moving, kept, update_scalars,
            b.gep(losses, [step], source_etype=DOUBLE), b.gep(norms, [step], source_etype=DOUBLE),
            size, max_norm, b.select(b.icmp_signed("==", step, INT(0)), first, INT(0)),
        ])  # fmt: skip
        with b.if_then(b.icmp_signed("==", finite, INT(0)), likely=False):
            b.ret(step)
        b.store(b.add(step, INT(1)), done)
    b.ret(b.load(done, typ=INT))
