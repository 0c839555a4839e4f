"""micrograd's own names, arguments and defaults: its programs run with this import line changed.

>>> import random
>>> from micrograd_like.micrograd import MLP, Value
>>> random.seed(1337)
>>> model = MLP(2, [16, 16, 1])             # relu, and a linear last layer, as there
>>> model, len(model.parameters())          # doctest: +ELLIPSIS
(MLP of [Layer of [ReLUNeuron(2), ...], Layer of [LinearNeuron(16)]], 337)

The engine is the library's: only what micrograd and its lecture do differently stands here. The
weights are drawn from the same generator in the same order, and sums are added in the same order,
so the numbers are the same. Of the networks, prefer nn.py for new programs.

Source: github.com/karpathy/micrograd, version 0.1.0, and its lecture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import engine
from .functional import dot
from .nn import Module
from .ops import Op
from .words import symbol


class Value(engine.Value):
    """A Value that takes any attribute, can be made by hand, and has micrograd's private names.

    Args:
        data: any real number.
        _children: for a node made by hand, what it was computed from.
        _op: and the name of its operation.
        label: a name for pictures.

    Example:
        >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
        >>> out = Value(a.data * b.data, (a, b), "*")
        >>> def chain_rule():
        ...     a.grad += b.data * out.grad
        ...     b.grad += a.data * out.grad
        >>> out._backward = chain_rule
        >>> out.backward()
        >>> a.grad, b.grad, out._op, [v.label for v in out._prev]
        (-3.0, 2.0, '*', ['a', 'b'])
    """

    def __init__(
        self, data: float, _children: Iterable[engine.Value] = (), _op: str = "", label: str = ""
    ) -> None:
        super().__init__(data, label)
        if _op:
            self._op = _op
        self._prev = _children

    @property
    def _prev(self) -> tuple[engine.Value, ...]:
        return self.inputs

    @_prev.setter
    def _prev(self, children: Iterable[engine.Value]) -> None:
        inputs = tuple(children)
        if inputs:
            self._by_hand(self._op, inputs, [v.data for v in inputs], _no_rule)
        else:  # cut off from what it was computed from
            self.op = self._x = self._y = self._x_data = self._y_data = None

    @property
    def _op(self) -> str:
        shown = symbol(self.op, self.arguments[len(self.inputs) :]) if self.op else ""
        return str(vars(self).get("_op", "ReLU" if shown == "relu" else shown))

    @_op.setter
    def _op(self, name: str) -> None:
        vars(self)["_op"] = name

    @property
    def _backward(self) -> Callable[[], None]:
        """One step of the chain rule: adds to the grads of the inputs what this node passes on."""

        def step() -> None:
            if self.op is not None:
                received = self.op.backward(self.grad, self.data, *self.arguments)
                for x, g in zip(self.inputs, received):
                    if g is not None:
                        x.grad += g

        return step

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        inputs = self.inputs
        if not inputs:  # a leaf stays one
            return

        def rule(g: float, *args: float) -> tuple[float, ...]:
            kept = [v.grad for v in (self, *inputs)]
            try:  # function adds to the inputs' grads: let it add to clean ones
                engine.assign((self, *inputs), grad=[g] + [0.0] * len(inputs))
                function()
                got = {v: v.grad for v in inputs}
                return tuple([got.pop(v, 0.0) for v in inputs])  # an input used twice counts once
            finally:
                engine.assign((self, *inputs), grad=kept)

        self._by_hand(self._op, inputs, self.arguments[: len(inputs)], rule)

    def _by_hand(
        self, name: str, inputs: tuple[Any, ...], numbers: Sequence[float], rule: Any
    ) -> None:
        number = self._number
        self.op = Op(name, name, None, lambda *args: number, rule)
        self._x, self._x_data, self._y, self._y_data = inputs, tuple(numbers), None, None


Value._kind = Value  # operations on it make such Values again


def _no_rule(*args: Any) -> Any:
    raise TypeError("a node made by hand has no rule until its _backward is set to a function")


class Neuron(Module):
    """relu(w x + b), or w x + b without nonlin; weights from -1 to 1 by the global generator.

    Example:
        >>> Neuron(3), Neuron(3, nonlin=False)
        (ReLUNeuron(3), LinearNeuron(3))
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1.0, 1.0)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = nonlin

    def __call__(self, x: Iterable[Any]) -> Any:
        x = list(x)[: len(self.w)]  # as zip does there
        act = dot([self.b, *self.w[: len(x)]], [1.0, *x])  # in this order: b + w1 x1 + w2 x2 + ...
        return act.relu() if self.nonlin else act

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """nout neurons; called, the list of their outputs, or of one neuron the output itself.

    Example:
        >>> type(Layer(2, 1)([1.0, 2.0])).__name__
        'Value'
    """

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Iterable[Any]) -> Any:
        x = list(x)
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers of relu neurons, the last one linear.

    Example:
        >>> MLP(3, [2, 1])
        MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3)], Layer of [LinearNeuron(2)]]
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        widths, last = [nin, *nouts], len(nouts) - 1
        sizes = enumerate(zip(widths, nouts))
        self.layers = [Layer(n, m, nonlin=i != last) for i, (n, m) in sizes]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer([x] if isinstance(x, engine.Value) else x)
        return x

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
