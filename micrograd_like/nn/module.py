"""Module: anything with parameters, what a layer declares and checks, and modules in a row.

>>> from micrograd_like.nn import Linear
>>> Linear(1, 2).tensors()
{'w': ['neurons.0.w.0', 'neurons.1.w.0'], 'b': ['neurons.0.b', 'neurons.1.b']}

Saving, the penalties of fit, the comparison with torch and the compiler know no layer: they ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, ClassVar, TypeAlias

from ..checks import Check, check_all, is_int
from ..engine import Value, as_float, as_value, assign
from ..modes import at_once, is_evaluated
from ..nesting import is_list, parts

__all__ = ["Module", "Sequential"]

# One of torch's modules: how it is made, "nn.Linear(2, 3)", and its tensors with their shapes, in
# the order of Module.tensors().
Twin: TypeAlias = tuple[str, dict[str, list[int]]]


class Module:
    """Anything with parameters: the Values among its attributes, and those of the modules in it.

    A subclass sets attributes in ``__init__`` (Values, Modules, lists of them) and computes in
    ``forward``. Names follow torch.nn.Module.

    Example:
        >>> class Line(Module):
        ...     def __init__(self):
        ...         self.slope, self.offset = Value(2.0), Value(1.0)
        ...     def forward(self, x):
        ...         return self.slope * x + self.offset
        >>> line = Line()
        >>> line(3.0).data, line.state_dict()
        (7.0, {'slope': 2.0, 'offset': 1.0})
    """

    @property
    def training(self) -> bool:
        """Whether it is in training mode; not where evaluate or predict is using it."""
        return vars(self).get("training", True) and not is_evaluated(self)

    @training.setter
    def training(self, mode: bool) -> None:
        vars(self)["training"] = mode

    # --- what a layer declares ---

    # The constructor's arguments that make it again, kept as attributes, each with the check of
    # what it can be. A limit that has a sentence of its own stays in the constructor.
    settings: ClassVar[Mapping[str, Check]] = {}
    parts = ""  # the setting that is a list of modules, which the constructor takes one by one
    biases: tuple[str, ...] = ()  # attributes that no penalty applies to
    stacked: tuple[str, ...] = ()  # lists of modules that are the rows of one tensor
    buffers: tuple[str, ...] = ()  # names of attributes that are state but not trained
    draws = False  # in training, numbers are multiplied by factor(), which draws them from rng
    keeps = False  # in training, keep(...) gets what it keeps of a batch, and changes nothing else

    @staticmethod
    def size(*args: Any, **settings: Any) -> int:
        """How many parameters and buffered numbers these settings make, modules inside apart."""
        return 0

    def twins(self) -> list[Twin]:
        """What computes the same in torch.nn, one after the other."""
        raise TypeError(
            f"{type(self).__name__} has no counterpart in torch.nn that is known here: define "
            'twins(), such as [("nn.Linear(2, 1)", {"weight": [1, 2], "bias": [1]})]'
        )

    def _configure(self, **given: Any) -> None:
        """Keeps settings as attributes, each as its check returns it."""
        vars(self).update(given | check_all(self.settings, given))

    # --- computing ---

    def forward(self, x: Any) -> Any:
        """The output for one sample; a subclass must define it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(x)")

    def checked(self, x: Any) -> Any:
        """One sample as forward takes it; a layer refuses here what it cannot take."""
        return x

    def __call__(self, x: Any) -> Any:
        return self.forward(self.checked(x))

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        """The outputs for a list of samples; BatchNorm, which needs them all, overrides it."""
        return [self(x) for x in xs]

    # --- what is in it ---

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Pairs such as ("layers.0.neurons.3.b", Value), each parameter once."""
        return ((name, p) for name, _, _, p in self._parameters())

    def parameters(self) -> list[Value]:
        """The Values to train."""
        return [p for _, _, _, p in self._parameters()]

    def weights(self) -> list[Value]:
        """The parameters that a penalty applies to: all that no layer declares as biases.

        ``Module.weights(model)`` is safe also where an attribute has this name.
        """
        return [p for _, _, weight, p in self._parameters() if weight]

    def tensors(self) -> dict[str, list[str]]:
        """The names in state_dict, sorted into what torch keeps as one tensor each, row by row."""
        tensors: dict[str, list[str]] = {}
        for name, tensor, _, _ in self._parameters():
            tensors.setdefault(tensor, []).append(name)
        for names, tensor, _, _ in self._buffers():
            tensors.setdefault(tensor, []).extend(names)
        return tensors

    def modules(self) -> list[Module]:
        """This module and those in it, at any depth."""
        return list(_modules(self))

    def _parameters(self) -> list[_Place]:
        places: dict[Value, _Place] = {}
        for place in _walk(self):
            if isinstance(place[3], Value):
                places.setdefault(place[3], place)
        return list(places.values())

    def _buffers(self) -> Iterator[tuple[list[str], str, Module, str]]:
        """For every buffer the names of its numbers, its tensor, and where it is."""
        for name, tensor, _, m in _walk(self):
            for key in m.buffers if isinstance(m, Module) else ():
                names = [f"{name}{key}.{i}" for i in range(len(getattr(m, key)))]
                yield names, f"{tensor}{key}", m, key

    # --- changing all of it ---

    def zero_grad(self) -> None:
        """Sets every parameter's grad to 0."""
        parameters = self.parameters()
        assign(parameters, grad=[0.0] * len(parameters))

    def train(self, mode: bool = True) -> Module:
        """Puts this module and those in it into training mode; returns itself."""
        spaces = map(vars, self.modules())
        at_once(map(dict.__setitem__, spaces, repeat("training"), repeat(mode)))()
        return self

    def eval(self) -> Module:
        """Puts this module and those in it into evaluation mode; returns itself."""
        return self.train(False)

    def state_dict(self) -> dict[str, float]:
        """Every parameter's number by its name, and the buffers (running statistics)."""
        state = {name: p.data for name, p in self.named_parameters()}
        for names, _, m, key in self._buffers():
            state.update(zip(names, getattr(m, key)))
        return state

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Sets every parameter and buffer from such a dict, or none of them.

        Raises:
            ValueError: the names differ; the message lists all that are missing or unknown.
            TypeError: an entry is not a number.
        """
        own = self.state_dict()
        wrong = [f"{name} is missing" for name in own if name not in state]
        wrong += [f"{name} is unknown" for name in state if name not in own]
        if wrong:
            more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
            shown = ", ".join(wrong[:10]) + more
            raise ValueError(f"this state does not fit the {type(self).__name__}: {shown}")
        new = {name: as_float(number) for name, number in state.items()}
        parameters = dict(self.named_parameters())
        also = [(m, key, [new[name] for name in names]) for names, _, m, key in self._buffers()]
        assign(parameters.values(), data=[new[name] for name in parameters], also=also)

    def __repr__(self) -> str:
        """How a layer is made: two arguments by position, the others by name or by default."""
        ours = (c for c in type(self).__mro__ if c.__module__.startswith(f"{__package__}."))
        cls: type[Module] = next(ours)
        if cls is Module:  # a class of the user's
            return super().__repr__()
        import inspect  # a tenth of the package's import time

        shown: list[str] = []
        parameters = inspect.signature(cls).parameters
        for name in cls.settings:
            value, default = getattr(self, name), parameters[name].default
            if name == cls.parts:
                shown += map(repr, value)
            elif default is inspect.Parameter.empty and len(shown) < 2:
                shown.append(repr(value))
            elif value != default or isinstance(value, str):
                shown.append(f"{name}={value!r}")
        return f"{cls.__name__}({', '.join(shown)})"


# --- the walk ---

# A Value or Module that was found in a Module: its name as in state_dict, "layers.0.neurons.1.w.2";
# what torch would keep it in, "layers.0.w"; whether it is a weight. For a Module the first two are
# what those of its parts begin with.
_Place: TypeAlias = tuple[str, str, bool, Any]


def _walk(module: Module, name: str = "", tensor: str = "") -> Iterator[_Place]:
    """The module, then everything in it in the order of its attributes."""
    yield name, tensor, False, module
    cls = type(module)
    for key, x in vars(module).items():
        if key in cls.stacked:
            for i, row in enumerate(x):
                yield from _walk(row, f"{name}{key}.{i}.", tensor)
        else:
            path = f"{tensor}{key}"
            yield from _inside(x, f"{name}{key}", path, path, key not in cls.biases)


def _modules(x: Any) -> Iterator[Module]:
    """The modules that _walk meets, without a look at every Value."""
    if isinstance(x, Module):
        yield x
        x = vars(x)
    if isinstance(x, dict):
        x = x.values()
    elif not isinstance(x, list | tuple):
        return
    for part in x:
        if not isinstance(part, Value):
            yield from _modules(part)


def _inside(x: Any, name: str, tensor: str, path: str, weight: bool) -> Iterator[_Place]:
    """What is in an attribute: the Values in lists of lists are one tensor.

    Modules and dicts begin tensors of their own, below the path that has the indices too.
    """
    if isinstance(x, Value):
        yield name, tensor, weight, x
    elif isinstance(x, Module):
        yield from _walk(x, f"{name}.", f"{path}.")
    elif isinstance(x, list | tuple):
        for i, part in enumerate(x):
            if isinstance(part, Value):  # the most
                yield f"{name}.{i}", tensor, weight, part
            else:
                yield from _inside(part, f"{name}.{i}", tensor, f"{path}.{i}", weight)
    elif isinstance(x, dict):
        for key, part in x.items():
            yield from _inside(part, f"{name}.{key}", f"{path}.{key}", f"{path}.{key}", weight)


# --- checks of what a layer is given: settings when it is made, inputs when it is called ---


def width(what: str) -> Check:
    """A number of something, of at least 1."""

    def check(name: str, n: Any) -> int:
        if not is_int(n):
            raise TypeError(f"the number of {what} must be an int, got {type(n).__name__} {n!r}")
        if n < 1:
            raise ValueError(f"the number of {what} must be at least 1, got {n}")
        return int(n)

    return check


def widths(what: str) -> Check:
    """A list of such numbers."""
    one = width(what)
    return lambda name, ns: [one(name, n) for n in many(name, ns)]


def many(name: str, x: Any) -> list[Any]:
    """A list, of modules or in a file of what describes them."""
    if not isinstance(x, list):
        raise TypeError(f"{name} must be a list, got {type(x).__name__} {x!r:.60}")
    return x


def text(name: str, x: Any) -> str:
    """One text."""
    if not isinstance(x, str):
        raise TypeError(f"{name} must be a text, got {type(x).__name__} {x!r:.60}")
    return x


def texts(name: str, x: Any) -> Any:
    """One text, or a list of them."""
    for part in x if is_list(x) else [x]:
        text(name, part)
    return x


def as_inputs(layer: Any, x: Iterable[Any]) -> list[Value]:
    """The layer's nin inputs as Values, from any iterable of numbers or Values."""
    name, nin = type(layer).__name__, layer.nin
    if isinstance(x, str | dict | set | frozenset) or not isinstance(x, Iterable):
        raise TypeError(f"{name} expects a list of {nin} numbers, got {type(x).__name__} {x!r:.60}")
    values = [as_value(v) for v in parts(x)]
    if len(values) != nin:
        raise ValueError(f"{name} expects {nin} inputs, got {len(values)}")
    return values


# --- modules made of modules ---


class Sequential(Module):
    """Modules one after the other, each fed with the output of the one before.

    Example:
        >>> from micrograd_like.nn import Activation, BatchNorm, Linear
        >>> model = Sequential(Linear(2, 3, rng=0), BatchNorm(3), Activation("relu"))
        >>> [len(out) for out in model.batch([[1.0, 2.0], [3.0, -1.0]])]
        [3, 3]

    Source: torch.nn.Sequential.
    """

    settings: ClassVar = {"layers": many}
    parts = "layers"
    layers: list[Module]

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(
                    f"Sequential expects modules, got {type(layer).__name__} at position {i}"
                )
        if not layers:
            raise ValueError("Sequential expects at least one module")
        self._configure(layers=list(layers))

    def twins(self) -> list[Twin]:
        return [twin for layer in self.layers for twin in layer.twins()]

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def batch(self, xs: Iterable[Any]) -> list[Any]:
        outs = list(xs)
        for layer in self.layers:
            outs = layer.batch(outs)
        return outs
