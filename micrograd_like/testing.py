"""Tools for your own tests: is this gradient right?

>>> f = lambda x, y: (x * y).tanh() + y**2
>>> gradcheck(f, 0.5, -1.5)              # against differences of f itself
True
>>> assert_matches_torch(f, 0.5, -1.5)   # against the same lambda on PyTorch's tensors

Nothing here writes a ``.grad`` or leaves a number changed. torch is imported when it is needed.

Names: x is an input's number, h a step away from it.
"""

import copy
import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from .engine import Value, as_value, assign, grad, writing
from .modes import Mode
from .nesting import flatten

Function = Callable[..., Any]
Named = list[tuple[str, Any]]
Names = dict[str, str] | None
Rows = list[tuple[str, float, float]]  # what, our number, torch's


# --- against differences ---


class GradcheckError(AssertionError):
    """A gradient is wrong, or differences cannot tell; the message says which.

    Example:
        >>> gradcheck(abs, 0.0)     # doctest: +ELLIPSIS
        Traceback (most recent call last):
        micrograd_like.testing.GradcheckError: x = 0.0 is on a kink of output: the slope is -1 on...
    """


def gradcheck(f: Function, *inputs: Any, parameters: Any = (), rtol: float = 1e-9) -> bool:
    """Compares every gradient that backward computes with differences of f.

    The differences are extrapolated to a step of zero, which makes them good to about 1e-13 of
    the gradient where f is smooth; their error is estimated for each, and reported.

    Args:
        f: a function of numbers or nested lists of them that returns a Value or a nested list.
        inputs: its arguments. A Value among them is moved in place and put back.
        parameters: Values that f uses but does not take: a Module, or a list of Values.
        rtol: the allowed relative error of a gradient.

    Returns:
        True: every gradient is right.

    Raises:
        GradcheckError: with the worst input, what was expected, what came and how sure that is;
            or because the input is on a kink, or f is not finite or not smooth there.

    Example:
        >>> gradcheck(lambda w, x: [w[0] * x + w[1], w[1].exp()], [0.5, 2.0], 3.0)
        True
        >>> from micrograd_like import MLP, mse_loss
        >>> model = MLP(2, [2, 1], rng=0)
        >>> gradcheck(lambda: mse_loss(model([0.5, -1.0]), 1.0), parameters=model)
        True

    Source: torch.autograd.gradcheck; Ridders (1982), Accurate computation of F'(x) and F'(x)F''(x).
    """
    variables, call = _variables(f, inputs, parameters)
    return _check(call, variables, rtol)


def gradgradcheck(f: Function, *inputs: Any, parameters: Any = (), rtol: float = 1e-9) -> bool:
    """As gradcheck, for the second derivatives: differences of what grad(create_graph=True) gives.

    Example:
        >>> gradgradcheck(lambda x: x[0] ** 3 * x[1].sin(), [2.0, 0.5])
        True

    Source: torch.autograd.gradgradcheck.
    """
    variables, call = _variables(f, inputs, parameters)
    values = [v for _, v in variables]

    def slopes() -> Named:
        return [
            (f"d {out_name} / d {name}", slope)
            for out_name, out in call()
            for (name, _), slope in zip(variables, grad(out, values, create_graph=True))
        ]

    return _check(slopes, variables, rtol)


def _variables(f: Function, inputs: Any, parameters: Any) -> tuple[Named, Callable[[], Named]]:
    """What is differentiated, as named Values, and f called on it with named outputs."""
    leaves, rebuild = flatten(list(inputs))
    args = rebuild([as_value(leaf) for leaf in leaves])
    variables = _named_arguments(f, args)
    if hasattr(parameters, "named_parameters"):
        variables += parameters.named_parameters()
    else:
        variables += [(p.label or f"parameters[{i}]", p) for i, p in enumerate(parameters)]
    if not variables:
        raise ValueError("there is nothing to differentiate: pass inputs of f, or its parameters")

    def call() -> Named:
        return [(name, as_value(out)) for name, out in _named(f(*args), "output")]

    return variables, call


def _named_arguments(f: Function, args: list[Any]) -> Named:
    """Pairs such as ("w[0]", number), by the names that f gives its arguments."""
    try:
        arguments = inspect.signature(f).bind(*args).arguments
    except ValueError:  # some functions written in C do not tell
        arguments = {f"input {i}": arg for i, arg in enumerate(args)}
    return [row for name, arg in arguments.items() for row in _named(arg, name)]


def _named(tree: Any, name: str) -> Named:
    """The leaves in the order of flatten, each with the expression that picks it."""
    if not isinstance(tree, dict | list | tuple):
        return [(name, tree)]
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [row for key, part in parts for row in _named(part, f"{name}[{key!r}]")]


def _check(call: Callable[[], Named], variables: Named, rtol: float) -> bool:
    for name, v in variables:
        if not math.isfinite(v.data):
            raise GradcheckError(f"{name} is {v.data!r}: differences need finite inputs")
    outs = call()
    for (name, out), (_, again) in zip(outs, call()):
        if not math.isfinite(out.data):
            raise GradcheckError(f"{name} is {out.data!r} here: check where it is finite")
        if out.data != again.data:
            raise GradcheckError(
                f"{name} is {out.data!r} and then {again.data!r} for the same inputs: make f "
                "deterministic, for example with model.eval()"
            )
    values = [v for _, v in variables]
    gradients = [grad(out, values) for _, out in outs]
    wrong, unsure = [], []
    for i, (name, v) in enumerate(variables):
        for (out_name, _), got, slope in zip(outs, gradients, _slopes(call, v)):
            finding = _Finding(out_name, name, v.data, got[i], slope)
            if not slope.is_smooth():
                unsure.append(finding)
            elif not abs(got[i] - slope.limit) <= rtol * abs(slope.limit) + 10.0 * slope.error:
                wrong.append(finding)
    if wrong:
        worst = max(wrong, key=_Finding.relative_error)
        raise GradcheckError(worst.wrong(len(wrong), len(outs) * len(variables)))
    if unsure:
        raise GradcheckError(unsure[0].unsure())
    return True


class _Slope(NamedTuple):
    """What differences say: the slope, how far off it may be, and how much it jumps at x."""

    limit: float
    error: float
    jump: float
    jump_error: float
    scale: float  # a slope that counts as large here

    def is_smooth(self) -> bool:
        return self.error + abs(self.jump) + self.jump_error <= 1e-6 * self.scale


class _Finding(NamedTuple):
    """One gradient beside its difference, and what to say about it."""

    output: str
    name: str
    x: float
    got: float
    slope: _Slope

    def relative_error(self) -> float:
        error = abs(self.got - self.slope.limit)
        return error / (abs(self.slope.limit) or 1.0) if math.isfinite(error) else math.inf

    def wrong(self, count: int, total: int) -> str:
        return (
            f"{count} of {total} gradients are wrong; the worst is d {self.output} / d {self.name},"
            f" at {self.name} = {self.x!r}:\n"
            f"  backward: {self.got!r}\n"
            f"  expected: {self.slope.limit!r} (differences, sure to {self.slope.error:.1g})\n"
            f"  relative error: {self.relative_error():.2g}"
        )

    def unsure(self) -> str:
        slope, middle = self.slope, self.slope.limit
        if abs(slope.jump) > 100.0 * slope.jump_error:
            sides = [middle - 0.5 * slope.jump, middle + 0.5 * slope.jump]
            left, right = (s if abs(s) > 1e-6 * slope.scale else 0.0 for s in sides)
            what = f"the slope is {left:.6g} on its left and {right:.6g} on its right"
            reason = f"{self.name} = {self.x!r} is on a kink of {self.output}: {what}"
        else:
            reason = (
                f"the differences of {self.output} do not converge at {self.name} = {self.x!r}: "
                f"{middle:.6g}, but sure only to {max(slope.error, slope.jump_error):.1g}"
            )
        return (
            f"{reason}; backward gave {self.got!r}. Differences cannot judge a gradient there: "
            "check at another point"
        )


def _slopes(call: Callable[[], Named], v: Value) -> list[_Slope]:
    """d(output)/d(v) for every output, by differences; v's number is put back."""
    x = v.data

    @cache
    def outputs_at(moved: float) -> list[float]:
        assign([v], data=[moved])
        return [out.data for _, out in call()]

    (back,) = writing([v], data=[x])
    with Mode(lambda: ((), back, lambda: True)):
        return [_slope(outputs_at, k, x) for k in range(len(outputs_at(x)))]


def _slope(outputs_at: Callable[[float], list[float]], k: int, x: float) -> _Slope:
    """Halves the step until the slope is sure, or is less sure than before: then f rounds."""
    here = outputs_at(x)[k]
    central = _Limit(2)  # the error of a central difference is a series in h**2, h**4, ...
    jump = _Limit(1)  # the right slope minus the left one is h times such a series
    first = h = 0.1137 * max(1.0, abs(x))  # no round number: it could be a period of f
    largest = 0.0
    for level in range(42):
        up, down = x + h, x - h
        f_up, f_down = outputs_at(up)[k], outputs_at(down)[k]
        size, slope = max(abs(here), abs(f_up), abs(f_down)), (f_up - f_down) / (up - down)
        noise = math.ulp(size) / h
        error = central.add(slope, noise)
        jump.add((f_up - here) / (up - x) - (here - f_down) / (x - down), noise)
        if level >= 4 and math.isfinite(size):  # f far from x may be of another size
            largest = max(largest, size)
        scale = max(abs(central.number), largest / first, 1e-290)  # f may be 0 all around
        found = _Slope(central.number, central.error, jump.number, jump.error, scale)
        enough = found.error <= 1e-12 * abs(found.limit) or error > 10.0 * found.error
        if level >= 4 and enough and found.is_smooth():
            break
        h *= 0.5
    return found


class _Limit:
    """Where numbers that belong to h, h/2, h/4, ... go, by Richardson's extrapolation.

    Their error is a series in h**power, h**(power + 2), ...; each column of the triangle removes
    one more term. Of all its entries the one that agrees best with its neighbours is kept.
    """

    def __init__(self, power: int) -> None:
        self.power = power
        self.row: list[float] = []
        self.number, self.error = math.nan, math.inf

    def add(self, number: float, noise: float) -> float:
        """Takes the next number; returns the least error of the entries that it makes."""
        row, least = [number], math.inf
        for j, above in enumerate(self.row[:7]):
            better = row[j] + (row[j] - above) / (2.0 ** (self.power + 2 * j) - 1.0)
            error = max(abs(better - row[j]), abs(better - above)) + noise
            row.append(better)
            least = min(least, error)
            if error < self.error:  # never for a nan, such as f beyond its domain
                self.number, self.error = better, error
        self.row = row
        return least


# --- against PyTorch ---


def assert_matches_torch(
    f: Function, *inputs: Any, twin: Any = None, rtol: float = 1e-12, atol: float = 1e-12
) -> None:
    """Runs f on Values and on torch float64 tensors; compares every output and every gradient.

    Args:
        f: a function of scalars that uses operators and methods both sides have, such as
            ``lambda x, w: (w[0] * x).tanh() + w[1] ** 2``; it returns a number or nested lists.
        inputs: f's arguments, numbers or nested lists of numbers.
        twin: what torch runs when f itself cannot run there, such as the loss of the same name; it
            gets each input as one tensor.
        rtol, atol: the allowed difference, relative to torch's number and besides.

    Raises:
        AssertionError: with a table of all that differ. nan equals nan, inf equals inf.
        ImportError: torch is not installed.

    Example:
        >>> assert_matches_torch(lambda w, x: w[0] * x + w[1], [0.5, 2.0], 3.0)
        >>> from micrograd_like import huber_loss
        >>> from torch.nn import functional
        >>> assert_matches_torch(huber_loss, [0.5, 3.0], [0.0, 1.0], twin=functional.huber_loss)
    """
    torch = _torch()
    leaves, rebuild = flatten(list(inputs))
    args = rebuild([Value(x) for x in leaves])
    outs, variables = _named(f(*args), "output"), _named_arguments(f, args)
    tensors = [_tensor(x).requires_grad_() for x in (leaves if twin is None else inputs)]
    if twin is None:
        results = flatten(f(*rebuild(tensors)))[0]
        expected = torch.stack([torch.as_tensor(t, dtype=torch.float64) for t in results])
    else:
        expected = twin(*tensors)
    _report(_outputs_and_slopes(outs, expected, variables, tensors), rtol, atol)


def assert_module_matches_torch(
    module: Any, twin: Any, samples: Any, names: Names = None,
    rtol: float = 1e-10, atol: float = 1e-12,
) -> None:  # fmt: skip
    """Gives a torch.nn.Module a Module's numbers; compares every output and every gradient.

    torch keeps the numbers of a layer in tensors, this library in scalars; a Linear's
    ``weight[1, 2]`` is ``neurons.1.w.2``. torch's tensors and those of ``module.tensors()`` are
    matched in their order, parameters before running statistics, or by names.

    Args:
        module: the Module. It and the twin are copied: yours stay as they are.
        twin: the torch.nn.Module; its copy computes in float64, and in module's mode.
        samples: a list of inputs, which both get as one batch.
        names: torch's names to those in ``module.tensors()``, where the order is another one, as
            ``{"weight": "w", "bias": "b"}`` for a Layer.
        rtol, atol: the allowed difference, relative to torch's number and besides.

    Raises:
        AssertionError: with a table of the outputs, gradients and statistics that differ.
        ValueError: the numbers of one do not fit into the other; the message lists both.
        ImportError: torch is not installed.

    Example:
        >>> from torch.nn import Linear, Sequential, Tanh
        >>> from micrograd_like import MLP
        >>> model = MLP(2, [3, 1], output_activation="linear", rng=0)
        >>> twin = Sequential(Linear(2, 3), Tanh(), Linear(3, 1))
        >>> assert_module_matches_torch(model, twin, [[0.5, -1.0], [2.0, 0.0]])
    """
    both = _Twins(module, twin, names)
    leaves, rebuild = flatten(samples)
    inputs, tensor = rebuild([Value(x) for x in leaves]), _tensor(samples).requires_grad_()
    outs, expected = _named(both.module.batch(inputs), "output"), both.twin(tensor)
    variables, tensors = [*_named(inputs, "samples"), *both.parameters], [tensor, *both.trained]
    rows = _outputs_and_slopes(outs, expected, variables, tensors)
    _report(rows + both.numbers(), rtol, atol)


def assert_training_matches_torch(
    module: Any, twin: Any, samples: Any, targets: Any,
    losses: tuple[Function, Function], optimizers: tuple[Function, Function],
    steps: int = 10, names: Names = None, rtol: float = 1e-9, atol: float = 1e-12,
) -> None:  # fmt: skip
    """Trains a Module and its torch twin side by side; compares all numbers after every step.

    Other arguments and errors are those of assert_module_matches_torch; here too copies are taken.

    Args:
        targets: what the losses take; a list of ints becomes a tensor of ints.
        losses: our loss and torch's, functions of outputs and targets. torch's outputs arrive in
            the shape of ours: an MLP with one output gives one number for a sample.
        optimizers: our optimiser and torch's, functions of the parameters.
        steps: how many, each with all samples as one batch.

    Raises:
        AssertionError: with the step and a table of the loss, gradients and parameters that differ.

    Example:
        >>> import torch
        >>> from micrograd_like import SGD, Linear, mse_loss
        >>> assert_training_matches_torch(
        ...     Linear(1, 1, rng=0), torch.nn.Linear(1, 1), [[1.0], [2.0]], [[3.0], [5.0]],
        ...     losses=(mse_loss, torch.nn.functional.mse_loss),
        ...     optimizers=(lambda p: SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)))
    """
    both = _Twins(module, twin, names)
    ours = optimizers[0](both.module.parameters())
    theirs = optimizers[1](both.twin.parameters())
    batch, wanted = _tensor(samples), _tensor(targets)
    if all(isinstance(y, int) for y in flatten(targets)[0]):  # class indices
        wanted = wanted.long()
    for step in range(1, steps + 1):
        outs = both.module.batch(samples)
        loss = losses[0](outs, targets)
        numbers, rebuild = flatten(outs)
        shape = _tensor(rebuild([v.data for v in numbers])).shape
        expected = losses[1](both.twin(batch).reshape(shape), wanted)
        ours.zero_grad()
        theirs.zero_grad()
        loss.backward()
        expected.backward()
        rows = [("loss", loss.data, expected.item()), *both.gradients()]
        ours.step()
        theirs.step()
        _report(rows + both.numbers(), rtol, atol, f"step {step}: ")


class _Twins:
    """Copies of a Module and of a torch.nn.Module that hold the same numbers."""

    def __init__(self, module: Any, twin: Any, names: Names) -> None:
        torch = _torch()
        self.module = copy.deepcopy(module)
        self.twin = copy.deepcopy(twin).double().train(module.training)
        state, values = self.module.state_dict(), dict(self.module.named_parameters())
        tensors = dict(self.twin.named_parameters())
        tensors |= {name: t for name, t in self.twin.named_buffers() if t.is_floating_point()}
        groups = self.module.tensors()
        matched = _matched(groups, tensors, names)
        self.tensors = [tensors[theirs] for theirs in matched]
        self.trained = [t for t in self.tensors if t.requires_grad]
        self.names = [name for ours in matched.values() for name in groups[ours]]
        self.parameters: Named = []
        for tensor, ours in zip(self.tensors, matched.values()):
            group = groups[ours]
            if tensor.requires_grad:
                self.parameters += [(name, values[name]) for name in group]
            with torch.no_grad():
                tensor.copy_(_tensor([state[name] for name in group]).reshape(tensor.shape))

    def gradients(self) -> Rows:
        grads = [0.0 * t if t.grad is None else t.grad for t in self.trained]
        return [
            (f"gradient of {name}", v.grad, g)
            for (name, v), g in zip(self.parameters, _numbers(grads))
        ]

    def numbers(self) -> Rows:
        state = self.module.state_dict()
        return [(name, state[name], x) for name, x in zip(self.names, _numbers(self.tensors))]


def _matched(groups: dict[str, list[str]], tensors: dict[str, Any], names: Names) -> dict[str, str]:
    """Torch's names to ours; all of both, and equal in size."""
    sizes = {name: len(group) for name, group in groups.items()}
    elements = {name: t.numel() for name, t in tensors.items()}
    matched = names or dict(zip(tensors, groups))
    fitting = {theirs: sizes.get(ours) for theirs, ours in matched.items()} == elements
    if fitting and set(matched.values()) == set(sizes):
        return matched
    left = ", ".join(f"{name} ({n} numbers)" for name, n in sizes.items())
    right = ", ".join(f"{name} {tuple(t.shape)}" for name, t in tensors.items())
    raise ValueError(
        f"the numbers of these modules do not fit each other{'' if names is None else ' by names'}:"
        f"\n  ours:  {left}\n  torch: {right}\n"
        "make the layers equal, or pass names={torch's name: ours, ...} with all of them"
    )


def _outputs_and_slopes(outs: Named, expected: Any, variables: Named, tensors: list[Any]) -> Rows:
    """Side by side; the elements of all the tensors, in a row, are the variables in their order."""
    torch = _torch()
    if expected.numel() != len(outs):
        raise AssertionError(f"{len(outs)} outputs, but torch's are {tuple(expected.shape)}")
    rows = []
    for (out_name, number), theirs in zip(outs, expected.flatten()):
        out = as_value(number)
        rows.append((out_name, out.data, theirs.item()))
        slopes = [torch.zeros_like(t) for t in tensors]
        if theirs.requires_grad:
            slopes = torch.autograd.grad(theirs, tensors, retain_graph=True, materialize_grads=True)
        got, wanted = grad(out, [v for _, v in variables]), _numbers(slopes)
        rows += [(f"d {out_name} / d {n}", a, b) for (n, _), a, b in zip(variables, got, wanted)]
    return rows


def _numbers(tensors: list[Any]) -> list[float]:
    return [number for tensor in tensors for number in tensor.flatten().tolist()]


def _report(rows: Rows, rtol: float, atol: float, where: str = "") -> None:
    ours, theirs = _tensor([row[1] for row in rows]), _tensor([row[2] for row in rows])
    close = _torch().isclose(ours, theirs, rtol, atol, equal_nan=True).tolist()
    wrong = [row for row, is_close in zip(rows, close) if not is_close]
    if not wrong:
        return
    lines = [f"  {name}: {a!r}, torch {b!r}, off by {a - b:.2g}" for name, a, b in wrong[:10]]
    lines += [f"  and {len(wrong) - 10} more"] if len(wrong) > 10 else []
    table = "\n".join(lines)
    raise AssertionError(f"{where}{len(wrong)} of {len(rows)} numbers differ from torch:\n{table}")


def _tensor(numbers: Any) -> Any:
    return _torch().tensor(numbers, dtype=_torch().float64)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("comparing with torch needs it: pip install torch") from None
    return torch
