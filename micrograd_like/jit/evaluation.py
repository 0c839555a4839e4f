"""evaluation: what a model in evaluation mode says of data that it does not learn from.

It is traced for one sample, as training is (problem.py). Buffers, such as BatchNorm's running
statistics, change with every step: they are inputs of the program, shared by all samples.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from ..engine import Value, as_value, no_grad
from ..modes import evaluating, replaced
from ..nesting import flatten
from ..tape import JitError, trace
from ..tape.surroundings import Surroundings
from .native import Native, shape_of
from .problem import as_array, check_indices, is_close, largest


class Evaluation:
    """The outputs of a model for some samples, and their loss, as they are after any step.

    Args:
        trainer: of the model; its machine code is used where it computes the same.
        X, y: samples and targets, which nobody changes.

    Raises:
        JitError: it cannot be compiled; as any other error, it leaves no trace.
    """

    def __init__(self, trainer: Any, X: Sequence[Any], y: Sequence[Any]) -> None:
        (self.model, _, _, self.loss), self.X, self.y = trainer.arguments, X, y
        self.arrays = as_array(X, "samples"), as_array(y, "targets")
        columns = [a.reshape(len(a), -1).T for a in self.arrays]
        self.data = np.ascontiguousarray(np.concatenate(columns))
        self.is_mean = trainer.size == 1  # what the trainer has compared for its own samples
        modules = self.model.modules()
        self.mode = evaluating(modules)
        self.buffers = [(m, name) for m in modules for name in m.buffers]
        around = Surroundings(self.model, self.loss)
        try:
            self._compile(trainer)
            self._check(trainer.numbers())
            if changes := around.changes():
                raise JitError(f"the model or the loss changes {changes[0]} when it is called")
        finally:
            around.put_back()

    def __call__(self, numbers: Sequence[float]) -> tuple[list[Any], float]:
        """The outputs, and the loss; with these numbers for the trainer's parameters."""
        others = [v.data for v in self.read[len(numbers) :]]
        buffers = [x for m, name in self.buffers for x in getattr(m, name)]
        outputs, sums = self.native(self.data, np.concatenate([buffers, numbers, others]))
        outs = [self.nest(row) for row in outputs.T.tolist()]
        return outs, float(sums[0]) / len(outs) if self.is_mean else self._loss_of(outs)

    def agrees(self, sample: int) -> bool:
        """Whether this is still what Python computes for a sample."""
        return self._agrees([sample % len(self.X)])

    def _compile(self, trainer: Any) -> None:
        problem = trainer.problem
        shared = [x for m, name in self.buffers for x in getattr(m, name)]
        two = [self.data[:, i].tolist() for i in (0, -1)]
        traced = trace(self._one_sample, two, shared, problem.read)
        check_indices(traced.tape, self.data, "a number of a held-out sample or its target")
        self.read, self.n = traced.parameters, len(trainer.optimizer.params)
        same = self.is_mean and not shared and traced.tape.scalars == problem.traced.tape.scalars
        if same and shape_of(traced.tape) == shape_of(problem.traced.tape):
            self.native = trainer.native  # the gradients that it computes too cost little
        else:
            self.native = Native(traced.tape, len(self.X))

    def _one_sample(self, x: list[Value], shared: list[Value]) -> tuple[list[Any], list[Any]]:
        """What is traced: from the numbers of a sample to its outputs and its loss."""
        (X, y), rest = [flatten(a[0].tolist())[1] for a in self.arrays], iter(shared)
        n = self.arrays[0][0].size
        with ExitStack() as stack:
            for m, name in self.buffers:
                new = [next(rest) for _ in getattr(m, name)]
                stack.enter_context(replaced([m], name, [new]))
            stack.enter_context(self.mode)
            out = self.model(X(x[:n]))
        leaves, self.nest = flatten(out)
        return leaves, [self.loss([out], [y(x[n:])])] if self.is_mean else []

    def _check(self, numbers: Sequence[float]) -> None:
        """Raises a JitError when outputs of some samples, or the loss of all, are not Python's."""
        outs, loss = self(numbers)
        if not self._agrees([0, len(self.X) // 2, len(self.X) - 1]):
            raise JitError("the outputs that are compiled are not those of the model in Python")
        wanted = self._loss_of(outs)
        if not is_close(loss, wanted, 1e-13 * largest([loss, wanted])):
            raise JitError(f"the loss of the held-out samples is {wanted!r}, but compiled {loss!r}")

    def _agrees(self, some: list[int]) -> bool:
        with self.mode, no_grad():
            outs = self.model.batch([self.X[i] for i in some])
        wanted = [as_value(v).data for v in flatten(list(outs))[0]]
        compiled, _ = self([v.data for v in self.read[: self.n]])
        found = [x for i in some for x in flatten(compiled[i])[0]]
        return len(found) == len(wanted) and is_close(found, wanted, 1e-9 * largest(wanted))

    def _loss_of(self, outs: list[Any]) -> float:
        """By Python."""
        leaves, nest = flatten(outs)
        with self.mode, no_grad():
            loss: float = as_value(self.loss(nest(list(map(Value, leaves))), self.y)).data
        return loss
