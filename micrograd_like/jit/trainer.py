"""trainer: a training step written by hand, in one call of machine code.

``Memory`` is where machine code has parameters, gradients and the optimiser's state: for such a
step, and for the epochs of fit (training.py). What is computed there is compiled from the loss as
any function is (program.py); the optimiser's rule comes behind it (update.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import partial
from itertools import repeat
from operator import attrgetter
from threading import RLock
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np

from ..checks import number
from ..engine import Value, as_float, assign, swapped
from ..modes import uncollected
from ..tape import JitError, check_nobody_watches
from ..tape.surroundings import OURS, PLAIN, Surroundings
from .arguments import Call
from .native import WORK, Array, Native, buffer
from .once import Once
from .program import Program
from .update import KEPT, LOOP, STATE, STEP, STEPS, G, Rules, Update, loops

_number, _grad = attrgetter("_number"), attrgetter("_grad")


class Memory:
    """Parameters, gradients and an optimiser's state, where machine code works on them.

    Args:
        optimizer: whose parameters and rule.
        penalty: a function of one weight, to be added to the loss, or None.
        penalised: the parameters that it applies to.

    Raises:
        JitError: why the optimiser's rule cannot be compiled.
    """

    def __init__(
        self, optimizer: Any, penalty: Callable[[Any], Any] | None = None,
        penalised: Iterable[Value] = (),
    ) -> None:  # fmt: skip
        self.optimizer, self.penalty, self.params = optimizer, penalty, list[Value]()
        self.shape: Any = (), b""  # of the rules that are compiled
        self.table = np.empty((0, 0))
        self.seen: tuple[Any, Any] = (), ()  # the parameters' numbers and the state in the Values
        self.space, self.start = buffer(1, 0)[0], 0
        self.follow(penalised)

    @property
    def p(self) -> Array:
        """The numbers of the parameters, and what lies behind them."""
        found: Array = self.space[self.start :]
        return found

    def follow(self, penalised: Iterable[Value] = (), save: bool = False) -> bool:
        """Takes the optimiser's rule as it is now; returns whether its numbers must be read.

        Args:
            penalised: the parameters that the penalty applies to.
            save: write to the Values what would be lost.
        """
        params, flagged = list(self.optimizer.params), set(penalised)
        rules = Rules(self.optimizer, self.penalty)
        if is_other := (params, rules.keys, rules.shape()) != (self.params, *self.shape):
            if save:
                self.write()
                rules = Rules(self.optimizer, self.penalty)  # of what is kept for them now
            kept: Any = list(map(_number, params))
            if params == self.params:  # the last step with a finite loss is still the last one
                kept = self.table[KEPT, : rules.n]
            self.update = Update(rules)
            self.table, self.settings, self.sums = self.update.memory()
            self.table[KEPT, : rules.n] = kept
            self.first = np.zeros(1, np.int64)
            self.params, self.shape = params, (rules.keys, rules.shape())
            self._make_room(0, 0)
        self.rules = rules
        self.update.set(rules, self.table, self.settings, [p in flagged for p in params])
        return is_other

    def around(self, native: Native, shared: int, others: Sequence[float]) -> Array:
        """Memory for what samples share in a program: its shared inputs, p, the rest."""
        n = len(self.params)
        scalars = native.new_scalars([*[0.0] * shared, *self.p[:n], *others])
        self._make_room(shared, len(scalars) - shared - n)
        place: Array = self.space[self.start - shared :][: len(scalars)]
        place[:] = scalars
        return place

    def _make_room(self, before: int, behind: int) -> None:
        """At least for so many numbers on both sides of the parameters."""
        n, start = len(self.params), max(self.start, -(-before // 8) * 8)  # p begins a vector
        size = start + max(n + behind, self.update.columns)
        if start != self.start or size > len(self.space):
            p = self.p[:n].copy()
            self.space, self.start = buffer(1, max(size, len(self.space)))[0], start
            self.p[: len(p)] = p

    def arguments(self) -> dict[str, Any]:
        """Of LOOP, all that are in here."""
        return {
            "finish": self.update.address, "p": self.p, "table": self.table,
            "settings": self.settings, "sums": self.sums, "first": self.first,
        }  # fmt: skip

    def read(self) -> None:
        """Parameters, gradients and the optimiser's state as they are in the Values."""
        n, states, numbers = len(self.params), self.optimizer.state, list(map(_number, self.params))
        self.p[:n], self.table[G, :n] = numbers, list(map(_grad, self.params))
        for i, key in enumerate(self.rules.keys, STATE):
            self.table[i, :n] = [state.get(key, 0.0) for state in states]
        self.settings[:, STEPS] = states[0].get("step", 0.0)
        self.first[0] = states[0].keys() != self.rules.after
        self.seen = numbers, states

    def write(self) -> None:
        """Writes to the Values what has become of them: all or nothing."""
        n, table, state = len(self.params), self.table, self.optimizer.state
        numbers, grads = self.p[:n].tolist(), table[G, :n].tolist()
        columns = {key: table[i, :n].tolist() for i, key in enumerate(self.rules.keys, STATE)}
        if self.rules.counts:
            columns["step"] = [float(self.settings[0, STEPS])] * n
        if columns and not self.first[0]:  # there is something to keep
            pairs = [zip(repeat(key), column) for key, column in columns.items()]
            state = list(map(dict, zip(*pairs)))
        also = [(self.optimizer, "state", state), (self, "seen", (numbers, state))]
        assign(self.params, data=numbers, grad=grads, also=also)


class Bound(NamedTuple):
    """A program, bound to memory for arguments of some shapes."""

    run: Callable[[], float]
    places: list[Array]  # where the arguments go
    check: Any  # a function that looks at the indices of tables, if there are any
    behind: Array  # memory behind the parameters,
    numbers: Array  # and what belongs there
    kept: Any  # what the machine code works on


_entered: WeakSet[Step] = WeakSet()  # whose block somebody is in
SHAPES = 128  # of arguments that a program and memory are kept for
_Array, _PLAIN, _KINDS = np.ndarray, frozenset({float, int}), frozenset("biuf")


class Step:
    """What ``jit(loss).trainer(optimizer)`` returns: a training step in one call of machine code.

    Inside ``with ... as step:``, called with the loss's arguments it computes their mean loss, the
    gradients and the optimiser's step, as ``zero_grad``, ``backward`` and ``step`` do one after the
    other, and returns the loss. Meanwhile parameters, gradients and the optimiser's state are in
    memory of its own; the Values keep their old numbers. On leaving the block, also by an error or
    Ctrl-C, all are written back or, after another interrupt, none; ``write_back`` does so at once.

    Any setting of the optimiser may change before any step. Arguments of other shapes get a program
    of their own when they first come; a parameter that it does not reach has gradient 0. What else
    the loss reads is as jit says; Values that the optimiser does not train stay as they are when
    the program is made.

    Raises:
        FloatingPointError: the loss is not finite; the parameters are those of the last step whose
            loss was.
        JitError: the loss or the optimiser cannot be compiled.
        RuntimeError: called outside of the block; a parameter that is in another block; something
            in the block has changed a Value, the state or the list of parameters.
        ValueError: the loss reads no parameter of the optimiser.

    Example:
        >>> from micrograd_like import SGD, Value
        >>> from micrograd_like.jit import jit
        >>> w = Value(0.0)
        >>> loss = jit(lambda x, y: (w * x - y) ** 2)
        >>> with loss.trainer(SGD([w], lr=0.1)) as step:
        ...     losses = [step([1.0, 2.0], [3.0, 6.0]) for _ in range(20)]
        >>> losses[0], round(w.data, 6)
        (22.5, 2.999997)
    """

    def __init__(
        self, f: Callable[..., Any], call: Callable[..., Call], optimizer: Any,
        max_norm: float | None = None,
    ) -> None:  # fmt: skip
        self.f, self.call, self.optimizer = f, call, optimizer
        self.max_norm = -1.0 if max_norm is None else number(0.0)("max_norm", max_norm)
        self.params: list[Value] = []  # of the programs
        self.lock, self.entered = RLock(), False

    def __enter__(self) -> Step:
        _check_own_ways(self.optimizer)
        check_nobody_watches()
        if any({*step.params} & {*self.optimizer.params} for step in _entered):
            raise RuntimeError(
                "parameters of this optimizer are in the block of a trainer, this one or another: "
                "leave that block first"
            )
        if self.params != self.optimizer.params:
            self.programs, self.params = Once[str, Program](SHAPES), list(self.optimizer.params)
        with uncollected():
            self.memory = Memory(self.optimizer)
            self.memory.read()
        self.losses, self.norms, self.rates = np.zeros((3, 1))
        self.bound: dict[Any, Bound] = {}
        self.behind: Any = None  # whose numbers lie behind the parameters
        self.fixed: dict[Value, float] = {}  # what the programs read and do not train
        self.watched: list[Any] = []  # the optimiser's attributes at the last step
        self._look()
        _entered.add(self)
        self.entered = True
        return self

    def __call__(self, *args: Any, **named: Any) -> float:
        """One step on a batch: the mean loss, before it."""
        with self.lock:
            if not self.entered:
                raise RuntimeError("a step outside of its block: write `with trainer as step:`")
            if swapped.in_use:  # by anybody, in any thread
                check_nobody_watches()
            now = [*vars(self.optimizer).values()]
            if now != self.watched:
                self._follow(now)
            key, arrays = None if named else _key(args), list(args)
            if key is None:
                call = self.call(args, named)
                key, arrays = (call.signature, call.count), call.arrays
            bound = self.bound.get(key) or self._bind(key, self.call(args, named))
            if self.behind is not bound:
                self.behind = None  # should there be an interrupt
                bound.behind[...] = bound.numbers
                self.behind = bound
            for place, x in zip(bound.places, arrays):
                place[...] = x
            if bound.check:
                bound.check()
            loss: float = bound.run()
        if loss - loss != 0.0:
            raise FloatingPointError(
                f"the loss is {loss}: the parameters are those of the last step with a finite "
                "loss; try a smaller learning rate, or max_norm to clip the gradients"
            )
        return loss

    def write_back(self) -> None:
        """Parameters, gradients and the optimiser's state into the Values, now: all or nothing.

        Raises:
            RuntimeError: somebody else has changed them in the block; written they are.
        """
        with self.lock:
            if not self.entered:
                raise RuntimeError("outside of the block everything is written back already")
            changed = self._changed()
            with uncollected():
                self.memory.write()
            if changed:
                raise RuntimeError(
                    f"{changed} was changed inside the block and is now what the steps have made "
                    "of it: change it before the block, or leave the block for it"
                )

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """What leaving the block does."""
        if self.entered:
            try:
                self.write_back()
            except KeyboardInterrupt:  # once more: the training is not to be lost
                self.write_back()
                raise
            finally:
                self.entered = False
                _entered.discard(self)

    # --- what may change from step to step ---

    def _changed(self) -> str:
        """What somebody else has changed since it was read or written; or nothing."""
        memory, optimizer = self.memory, self.optimizer
        numbers, state = memory.seen
        if optimizer.params != memory.params:
            return "the list of the optimizer's parameters"
        if optimizer.state is not state:
            return "the optimizer's state"
        now = list(map(_number, memory.params))
        if now != numbers:
            return f"parameter {next(i for i, x in enumerate(now) if x != numbers[i])}"
        changed = any(v.data != x for v, x in self.fixed.items())
        return "a Value that the loss reads" if changed else ""

    def _follow(self, now: list[Any]) -> None:
        """Takes the optimiser's settings as they are now."""
        memory, optimizer = self.memory, self.optimizer
        rate = as_float(optimizer.lr)
        if self.is_flat and len(now) == len(self.watched):
            self.watched[self.rate] = now[self.rate]
            if now == self.watched:  # a schedule
                self.rates[0] = rate
                return
        if optimizer.state is not memory.seen[1] or optimizer.params != memory.params:
            raise RuntimeError(f"{self._changed()} was changed inside the block: leave it for that")
        if self.around.changes():
            _check_own_ways(optimizer)
            if memory.follow(save=True):
                memory.read()
                self.bound, self.behind = {}, None
            self._look()
        self.rates[0] = rate
        # what lies deeper than an attribute is looked at before every step
        self.watched = now if self.is_flat else [object()]

    def _look(self) -> None:
        """What the optimiser's rule depends on, as it is now."""
        optimizer, own = self.optimizer, {"lr", "state", "params"}
        self.around = Surroundings(optimizer, without=own)
        settings = [x for name, x in vars(optimizer).items() if name not in own]
        self.rate = list(vars(optimizer)).index("lr")
        self.is_flat = _is_ours(type(optimizer).update) and all(map(_is_flat, settings))

    # --- programs for arguments of some shapes ---

    def _bind(self, key: Any, call: Call) -> Bound:
        """The program for such arguments, compiled where it is new, and memory for them."""
        memory, n, count = self.memory, len(self.params), call.count
        self.behind = None
        program = self.programs.get(call.signature, partial(Context().run, self._program, call))
        native, others = program.native("gradients", count), program.parameters[n:]
        shared, space = native.traced.scalars - len(program.parameters), memory.space
        self.fixed |= {v: v.data for v in others}
        scalars = memory.around(native, shared, [v.data for v in others])
        if memory.space is not space or len(self.bound) == SHAPES:  # all have moved
            self.bound = {}
        data = np.zeros((native.traced.inputs, count))
        given = {
            **memory.arguments(), "work": native.code.address(WORK), "data": data,
            "length": count, "order": np.arange(count), "samples": count, "batch": count,
            "epochs": 1, "rows": native.new_rows(), "outputs": np.empty(0), "scalars": scalars,
            "losses": self.losses, "norms": self.norms, "rates": self.rates,
            "max_norm": self.max_norm,
        }  # fmt: skip
        run = loops().get(STEP).prepared(arguments=_packed(given))  # type: ignore[attr-defined]
        behind, places = scalars[shared + n :], call.places(data, scalars)
        check = program.indices and partial(program.check_indices, data, scalars, call)
        bound = Bound(run, places, check, behind, behind.copy(), given)
        self.bound[key] = self.behind = bound
        return bound

    def _program(self, call: Call) -> Program:
        """The program for arguments of such shapes."""
        program = Program(self.f, call, self.params)
        tape, n = program.tape("gradients"), len(self.params)
        start = tape.inputs + tape.scalars - len(program.parameters)
        reads = {slot for code in program.values.code for table in code.args for slot in table}
        if reads.isdisjoint(range(start, start + n)):
            raise ValueError(
                "no gradient reaches a parameter of the optimizer: the loss reads none of them; "
                "is it computed of other Values, or of the .data of these?"
            )
        return program


def _key(args: tuple[Any, ...]) -> Any:
    """The shapes of the arguments; None where one is nested, or no plain number."""
    key = tuple([x.shape for x in args if type(x) is _Array and x.dtype.kind in _KINDS])
    if len(key) == len(args):  # the most
        return key
    looks = tuple(map(_look, args))
    return None if None in looks else looks


def _look(x: Any) -> Any:
    if type(x) is list and _PLAIN.issuperset(map(type, x)):
        return len(x)
    if type(x) is _Array and x.dtype.kind in _KINDS:
        return x.shape
    return () if type(x) in _PLAIN else None


def _packed(values: dict[str, Any]) -> Any:
    """The arguments of LOOP, as STEP reads them: numbers, and addresses of arrays."""
    packed = np.zeros(len(LOOP.arguments), np.int64)
    for i, name in enumerate(LOOP.arguments):
        x = values[name]
        where = packed.view(np.float64) if isinstance(x, float) else packed
        where[i] = x.ctypes.data if isinstance(x, np.ndarray) else x
    return packed


# --- which optimisers can be compiled ---


def _check_own_ways(optimizer: Any) -> None:
    """Refuses what does a part of a step in a way of its own."""
    if any(not hasattr(optimizer, name) for name in ("params", "state", "lr", "update")):
        came = f"{type(optimizer).__name__} {optimizer!r:.60}"
        raise TypeError(f"a trainer needs an optimizer, such as Adam(parameters), got {came}")
    for way in ("zero_grad", "step", "_check_leaves", "update"):
        is_own = way in vars(optimizer)
        if is_own or (way != "update" and not _is_ours(getattr(type(optimizer), way))):
            raise JitError(
                f"the optimizer has a {way}() of its own, which only Python can run: write the "
                "step as loss.backward(); optimizer.step(); optimizer.zero_grad()"
            )


def _is_ours(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").partition(".")[0] == OURS


def _is_flat(x: Any) -> bool:
    """Whether nothing in it can change."""
    return isinstance(x, PLAIN) or (isinstance(x, tuple) and all(map(_is_flat, x)))
