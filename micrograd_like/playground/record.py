"""record: a training as data: tapes of a sample's gradients, of its neurons, of the optimiser.

Nothing here knows a layer's or a loss's derivative: tape/ has recorded them. The page runs the same
tapes (pages/tape.js); the losses of the first steps, by the engine, tell whether it is right.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..engine import Value, as_float, as_value, assign, grad, no_grad
from ..modes import replaced
from ..nesting import flatten
from ..nn import MLP, Activation, Layer, Sequential
from ..optim import Optimizer
from ..pages import number_as_json, packed, runs, tape_as_json
from ..tape import JitError, Tape, reroll, trace
from ..tape.recording import Recorded, record

STEPS = 20  # that Python makes for the page to compare with
WORK = 1_500_000  # inputs of nodes in them: about two seconds
MOST_CLASSES = 8  # as many shapes as the page has


class Recording:
    """What the page needs of a training.

    Args:
        problem: the model, its data, its loss and its optimiser, as fit checks them.

    Raises:
        JitError: why a sample or the optimiser's rule cannot be written down as a tape.
    """

    def __init__(self, problem: Any) -> None:
        self.problem, self.model = problem, problem.model
        self.params = list(problem.optimizer.params)
        self.nest_x, self.nest_y = flatten(problem.X[0])[1], flatten(problem.y[0])[1]
        self.X, self.y = _rows(problem.X, "samples"), _rows(problem.y, "targets")
        modules = self.model.modules()
        if any(m.draws or m.keeps for m in modules):
            raise JitError(
                "the model draws random numbers (Dropout) or needs a whole batch (BatchNorm), and "
                "the page computes sample by sample and compares itself with Python: leave them out"
            )
        with replaced(modules, "training", [True] * len(modules)):
            self.rules = Rules(problem.optimizer)
            self.checked, self.losses = self._first_losses()
            with _alone():
                two = [[*self.X[i], *self.y[i]] for i in (0, -1)]
                two = [[x * k for x in row] for row, k in zip(two, (1.25, 0.75))]
                self.traced = trace(self._sample, two, [], self.params)
        self.tape = self.traced.gradients(self.params)
        self._compare()

    def _sample(self, numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from a sample and its target to the outputs and the loss."""
        n = len(self.X[0])
        outs = self.model.batch([self.nest_x(numbers[:n])])
        loss = self.problem.loss(outs, [self.nest_y(numbers[n:])])
        leaves, self.nest_out = flatten(list(outs))
        self.n_outputs = len(leaves)
        return leaves, [loss]

    def recorded(self, row: list[float]) -> Recorded:
        """What a sample and its target compute, op by op."""
        modules = self.model.modules()
        with replaced(modules, "training", [True] * len(modules)):
            return record(self._sample, row, [])

    # --- what Python says ---

    def _first_losses(self) -> tuple[int, list[float]]:
        """How many samples, the first ones, and the losses of the first steps on them."""
        problem, optimizer, params = self.problem, self.problem.optimizer, self.params
        n = max(2, min(len(self.X), WORK // (STEPS * max(1, problem.work()))))
        states, before = [dict(s) for s in optimizer.state], [p.data for p in params]
        losses = []
        try:
            for _ in range(STEPS):
                loss = as_value(problem.loss(self.model.batch(problem.X[:n]), problem.y[:n]))
                losses.append(loss.data)
                slopes = grad(loss, params)
                both = zip(params, slopes, states)
                assign(params, data=[optimizer.update(p.data, g, s) for p, g, s in both])
        finally:
            assign(params, data=before)
        return min(n, len(self.X)), losses

    def _compare(self) -> None:
        """Refuses a loss that is no mean over the samples, or decides by a number."""
        n, scalars = self.checked, [p.data for p in self.traced.parameters]
        each = [self.traced.tape.run(row, scalars)[1][0] for row in self._numbers()[:n]]
        mean, wanted = sum(each) / n, self.losses[0]
        most = max([abs(x) for x in each if math.isfinite(x)], default=0.0)
        if math.isfinite(wanted) and not abs(mean - wanted) <= 1e-9 * abs(wanted) + 1e-13 * most:
            raise JitError(
                f"the loss of {n} samples is {wanted!r}, but the mean of their losses is {mean!r}: "
                'let the loss be a mean over samples (reduction="mean"), and write '
                "functional.where and eq where a number decides"
            )

    def _numbers(self) -> list[list[float]]:
        return [[*x, *y] for x, y in zip(self.X, self.y)]

    # --- what the page shows ---

    def columns(self) -> tuple[list[dict[str, Any]], Tape | None]:
        """The layers of neurons, from left to right, and a tape whose outputs are all neurons.

        A column has the name of its activation and, where they are known, the places of each
        neuron's weights and bias among the parameters, so many of each neuron.
        """
        layers = _layers(self.model)
        found: list[dict[str, Any]] = []
        place = {p: i for i, p in enumerate(self.traced.parameters)}

        def neurons(numbers: list[Value], _: list[Value]) -> tuple[list[Any], list[Any]]:
            found[:] = []
            x: Any = self.nest_x(numbers)
            outs: list[list[Any]] = []
            for layer in layers:
                x = layer(x)
                if isinstance(layer, Activation) and found:
                    found[-1]["activation"] = layer.name
                    outs[-1] = x
                else:
                    found.append(_column(layer, place))
                    outs.append(x)
            return [v for out in outs for v in out], []

        if not layers or len(self.nest_x(self.X[0])) != len(self.X[0]):
            return [], None
        two = [self.X[0], [0.5 * x + 0.1 for x in self.X[0]]]
        return found, reroll(trace(neurons, two, [], self.traced.parameters).tape)

    def kind(self) -> dict[str, Any]:
        """What the targets are: classes, told by one output or by scores, or numbers."""
        flat = [row[0] for row in self.y] if len(self.y[0]) == 1 else [0.5]
        classes = sorted(set(flat))
        whole = all(float(x).is_integer() for x in classes)
        if whole and len(classes) == 2 and self.n_outputs == 1:
            return {"kind": "sign", "classes": classes, "middle": self._middle(*classes)}
        scores = range(self.n_outputs) if 1 < self.n_outputs <= MOST_CLASSES else range(0)
        if whole and classes[0] in scores and classes[-1] in scores:
            return {"kind": "scores", "classes": list(scores), "middle": 0}
        return {"kind": "number", "classes": [], "middle": sum(flat) / len(flat)}

    def _middle(self, low: float, high: float) -> float:
        """The output that the loss finds as right for one class as for the other."""

        def tells(out: float) -> float:
            with no_grad():
                both = [self.problem.loss(self.nest_out([out]), [t]) for t in targets]
            return as_float(as_value(both[0]).data - as_value(both[1]).data)

        targets = [next(t for t, row in zip(self.problem.y, self.y) if row[0] == x)
                   for x in (low, high)]  # fmt: skip
        a, b = low - 1.0, high + 1.0
        if not tells(a) < 0.0 < tells(b):
            return (low + high) / 2.0
        for _ in range(40):
            middle = (a + b) / 2.0
            a, b = (a, middle) if tells(middle) > 0.0 else (middle, b)
        return round((a + b) / 2.0, 9)

    def as_json(self) -> dict[str, Any]:
        """All of it, as the page reads it: see training.js."""
        columns, neurons = self.columns()
        numbers = [p.data for p in self.traced.parameters]
        states = self.problem.optimizer.state
        return {
            **self.kind(),
            "inputs": len(self.X[0]),
            "targets": len(self.y[0]),
            "outputs": self.n_outputs,
            "X": packed([x for row in self.X for x in row]),
            "y": [_short(x) for row in self.y for x in row],
            "step": tape_as_json(reroll(self.tape)),
            "neurons": neurons and tape_as_json(neurons),
            "columns": columns,
            "trained": len(self.params),
            "parameters": packed(numbers),
            "rules": [tape_as_json(tape) for tape in self.rules.tapes],
            "keys": [self.rules.before, self.rules.after],
            "kept": [packed([s[key] for s in states]) for key in self.rules.before],
            "lr": self.problem.optimizer.lr,
            "optimizer": type(self.problem.optimizer).__name__,
            "check": [self.checked, packed(self.losses)],
        }


class Rules:
    """The optimiser's rule, traced: for its next step and, if that keeps other things, the others.

    A tape's inputs are the parameter, its gradient and what is kept for it; its scalar is the
    learning rate; its outputs are the parameter and what is kept after the step.
    """

    def __init__(self, optimizer: Any) -> None:
        kind, names = type(optimizer), ("step", "zero_grad", "_check_leaves")
        if not isinstance(optimizer, Optimizer) or any(
            getattr(kind, name) is not getattr(Optimizer, name) for name in names
        ):
            raise JitError(
                f"the optimizer {kind.__name__} has a step() of its own: derive it from "
                "optim.Optimizer and define update(p, g, state)"
            )
        states = optimizer.state
        self.optimizer: Any = optimizer
        self.before = sorted(states[0])
        self.after = sorted(self._kept_after(self.before))
        same = all(s.keys() == states[0].keys() for s in states)
        if not same or sorted(self._kept_after(self.after)) != self.after:
            raise JitError("the optimizer does not keep the same for all parameters and steps")
        keys = [self.before] if self.before == self.after else [self.before, self.after]
        self.tapes = [self._tape(some) for some in keys]

    def _tape(self, keys: list[str]) -> Tape:
        def rule(inputs: list[Value], settings: list[Value]) -> tuple[list[Any], list[Any]]:
            p, g, *rest = inputs
            kept: dict[str, Any] = dict(zip(keys, rest))
            new = self._update(settings[0], p, g, kept)
            return [new, *[kept[key] for key in self.after]], []

        two = [[x] * (2 + len(keys)) for x in (0.5, 0.25)]
        return trace(rule, two, [self.optimizer.lr]).tape

    def _kept_after(self, keys: Sequence[str]) -> dict[str, Any]:
        kept = dict.fromkeys(keys, 3.0)
        self._update(self.optimizer.lr, 0.5, 0.25, kept)
        return kept

    def _update(self, lr: Any, p: Any, g: Any, kept: dict[str, Any]) -> Any:
        """The rule, of an optimiser that has nothing but its settings."""
        shadow = copy.copy(self.optimizer)
        shadow.lr = lr
        del shadow.params, shadow.state
        try:
            return shadow.update(p, g, kept)
        except AttributeError as error:
            raise JitError(f"the optimizer's rule reads more than its settings: {error}") from None


def _rows(samples: Sequence[Any], what: str) -> list[list[float]]:
    """The numbers of each sample or target."""
    rows = [[float(x) for x in flatten(sample)[0]] for sample in samples]
    if len({len(row) for row in rows}) > 1:
        raise JitError(f"the {what} are not all of one length: for sequences there is data.padded")
    return rows


@contextmanager
def _alone() -> Iterator[None]:
    """Inside, a ValueError says that one sample was not enough."""
    try:
        yield
    except ValueError as error:
        raise JitError(f"the model or the loss cannot take one sample alone: {error}") from None


def _layers(model: Any) -> list[Callable[[Any], Any]]:
    """The layers of a model whose neurons stand in columns; of another one none."""
    if isinstance(model, Layer):
        return [model]
    if isinstance(model, MLP):
        return list(model.layers)
    if not isinstance(model, Sequential):
        return []
    parts = [[part] if isinstance(part, Activation) else _layers(part) for part in model.layers]
    return [layer for part in parts for layer in part] if all(parts) else []


def _column(layer: Any, place: dict[Value, int]) -> dict[str, Any]:
    if isinstance(layer, Activation):  # of the inputs
        return {"activation": layer.name, "neurons": [], "each": 1}
    rows = [[place[p] for p in (*neuron.w, neuron.b)] for neuron in layer.neurons]
    places = runs([i for row in rows for i in row])
    return {"activation": layer.activation, "neurons": places, "each": len(rows[0])}


def _short(x: float) -> float | str:
    """A whole number without its .0; the same number in JavaScript."""
    return int(x) if x.is_integer() and repr(x) != "-0.0" and abs(x) < 1e15 else number_as_json(x)
