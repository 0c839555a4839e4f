"""The right engines: what each has, how it spells it, and how far it is right.

Every name is a file of this folder, which stands alone. What is not in `has` must be called
"not there" by a judge, and nothing in `has` may be called wrong.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import load, source_of

BOTH_SIDES = "add radd add_number sub rsub sub_number mul rmul mul_number div rdiv div_number neg"
WORDS = {  # code, in micrograd's words: x a plain number, v and y Values, name a function
    "new": "Value(x)",
    "data": "v.data",
    "grad": "v.grad",
    "backward": "y.backward()",
    "function": "v.name()",
}


class Right(NamedTuple):
    """A right engine."""

    name: str  # of the file
    has: str  # operators and functions, see OPERATIONS in tests/check_engine/test_engines.py
    holds: str = "rules"  # the highest level that it can hold; why not the next is in `limit`
    limit: str = "recursion; numbers read at backward time"
    words: dict[str, str] = {}  # noqa: RUF012  where they are not those of WORDS
    cls: str = "Value"
    digits: int = 12  # to which its numbers are right, relative
    adapter: bool = False  # must a user say what `words` says, or can it be found by looking?

    @property
    def source(self) -> str:
        return source_of(self.name)

    def load(self) -> Any:
        return load(self.source, self.cls, self.name)

    def word(self, which: str) -> str:
        return {**WORDS, **self.words}[which]


RIGHT = [
    Right("closures",
          "add radd add_number sub sub_number mul rmul mul_number div div_number neg pow pow_minus "
          "pow_half tanh exp relu",
          limit="recursion; interior gradients accumulate; tanh by exponentials overflows"),
    Right("closures_full",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow abs exp log sqrt sin cos tanh "
          "sigmoid relu leaky_relu softplus",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("global_tape", f"{BOTH_SIDES} pow pow_minus pow_half exp log sin cos tanh",
          limit="the tape is empty after backward, so neither twice nor two losses"),
    Right("torch_backed",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow abs exp log sqrt tanh sigmoid relu",
          limit="torch refuses backward where a leaf was changed in place (it raises, aloud)"),
    Right("torch_float32",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow exp log sin cos tanh sigmoid relu "
          "softplus gelu",
          limit="seven digits; backward once; data and grad cannot be assigned", digits=5),
    Right("numpy_0d", f"{BOTH_SIDES} pow pow_minus pow_half exp log sin cos tanh relu",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("dual_numbers",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow abs exp log tanh relu",
          holds="careful", limit="gradients in between are not there; log(-1) raises"),
    Right("iterative",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow exp log tanh sigmoid relu",
          holds="careful", limit="1 / 0, 0 ** -1, 1e308 ** 2 and Value('3') are Python's"),
    Right("records",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow abs exp log sqrt sin cos tan sinh "
          "cosh atan tanh sigmoid silu relu elu softplus",
          limit="recursion; exp overflows; twice and two losses are right"),
    Right("function_classes",
          f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow exp log tanh sigmoid relu",
          limit="recursion; interior gradients accumulate"),
    Right("value_gradient", f"{BOTH_SIDES} pow pow_minus pow_half sin sigmoid relu", cls="Node",
          words={"new": "Node(x)", "data": "v.value", "grad": "v.gradient",
                 "backward": "y.backprop()"},
          limit="recursion; `in` a list is quadratic; interior gradients accumulate"),
    Right("requires_grad", f"{BOTH_SIDES} pow pow_minus pow_half exp log tanh", cls="Scalar",
          words={"new": "Scalar(x, requires_grad=True)"}, limit="recursion; exp overflows"),
    Right("grad_method", f"{BOTH_SIDES} pow pow_minus pow_half tanh relu",
          words={"grad": "v.grad()"},
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("module_functions", f"{BOTH_SIDES} exp log sin tanh relu", cls="Var",
          words={"new": "Var(x)", "function": "name(v)"},
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("seed_by_user", f"{BOTH_SIDES} pow pow_minus pow_half exp tanh",
          words={"backward": "y.grad = 1.0; y.backward()"},
          limit="recursion; interior gradients accumulate"),
    Right("backward_paths", f"{BOTH_SIDES} pow pow_minus pow_half log sigmoid",
          words={"backward": "y.backward(1.0)"},
          limit="recursion; 2 ** 20 paths take a second, so the MLP of 20 steps may be late"),
    Right("higher_order", f"{BOTH_SIDES} pow pow_minus pow_half exp log sin cos tanh",
          words={"grad": "v.grad.data"},
          limit="recursion; rules in Values read a leaf's number at backward time"),
    Right("slots", f"{BOTH_SIDES} exp tanh relu",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("prints",
          "add radd add_number sub rsub sub_number mul rmul mul_number neg tanh",
          limit="recursion; `in` a list is quadratic; interior gradients accumulate"),
    Right("label_default", f"{BOTH_SIDES} pow pow_minus pow_half exp softplus sqrt",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("recursion_limit", f"{BOTH_SIDES} pow pow_minus pow_half pow_value rpow exp log sin",
          limit="depth 1,000,000; interior gradients accumulate"),
    Right("eq_by_data", f"{BOTH_SIDES} pow pow_minus pow_half exp tanh",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("dataclass_based",
          f"{BOTH_SIDES} pow pow_minus pow_half abs sqrt sigmoid", holds="careful",
          limit="abs'(0) is 1"),
    Right("int_data", f"{BOTH_SIDES} pow pow_minus pow_half relu",
          limit="recursion; interior gradients accumulate; ints become bignums"),
    Right("minimal", "add mul",
          limit="interior gradients accumulate; exponential where paths meet again"),
    Right("pow_asserts",
          f"{BOTH_SIDES} pow pow_minus pow_half rpow exp log sigmoid tanh",
          limit="recursion; interior gradients accumulate; leaves are read at backward time"),
    Right("pow_not_implemented", f"{BOTH_SIDES} pow pow_minus pow_half cosh sinh atan",
          limit="interior gradients accumulate"),
    Right("zero_interior", f"{BOTH_SIDES} pow pow_minus pow_half sin tanh"),
    Right("repr_raises", f"{BOTH_SIDES} exp relu",
          limit="recursion; a quadratic walk; interior gradients accumulate"),
    Right("activations_tanh",
          "add radd add_number sub rsub sub_number mul rmul mul_number neg relu leaky_relu elu "
          "gelu_tanh silu", limit="recursion; interior gradients accumulate"),
    Right("activations_erf",
          "add radd add_number sub rsub sub_number mul rmul mul_number neg leaky_relu_steep gelu "
          "swish softplus tanh", limit="recursion; interior gradients accumulate"),
]  # fmt: skip
