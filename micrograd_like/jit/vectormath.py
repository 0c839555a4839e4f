"""Arithmetic of vectors in LLVM IR: what each op of the table becomes.

``LOWERINGS`` has one emitter for each op: from a Vectors (a builder that knows the width) and the
arguments, one IR value each, to the result. exp, expm1 and tanh are computed here, because networks
are full of them; the other transcendental functions call the platform's vector library where it has
one, or else libm for each lane.

Only the ``contract`` flag is set (a * b + c may be rounded once; then a * b alone cannot
overflow), so nan, inf, -0.0 and subnormal numbers behave as in Python.
"""

import ctypes
import ctypes.util
import math
import platform
from collections.abc import Callable, Sequence
from functools import cache, partial, reduce
from typing import Any

from llvmlite import binding as llvm
from llvmlite import ir

from .emit import DOUBLE, INT, INT32

CONTRACT = ("contract",)

# The names of glibc's vector functions by width: SSE2 and NEON two, AVX2 four, AVX-512 eight.
_X86 = {2: "_ZGVbN2{}_{}", 4: "_ZGVdN4{}_{}", 8: "_ZGVeN8{}_{}"}
_ARM = {2: "_ZGVnN2{}_{}"}
NAMES = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}.get(platform.machine(), {})


@cache
def host_width() -> int:
    """How many doubles a vector register of this machine holds."""
    features = llvm.get_host_cpu_features()
    return 8 if features.get("avx512f") else 4 if features.get("avx") else 2


@cache
def _library(vector: bool) -> Any:
    """The vector math library or libm, or None where there is none."""
    libm = "ucrtbase" if platform.system() == "Windows" else ctypes.util.find_library("m")
    try:
        return ctypes.CDLL("libmvec.so.1" if vector else libm)
    except OSError:
        return None


@cache
def address(name: str) -> int | None:
    """Where a function of the platform's vector library or libm is; None when there is none."""
    function = getattr(_library(name.startswith("_ZGV")), name, None)
    return function and ctypes.cast(function, ctypes.c_void_p).value


class Vectors:
    """Emits arithmetic on vectors of ``width`` doubles; of width 1, on plain doubles."""

    def __init__(self, builder: Any, width: int, vector_library: bool = True) -> None:
        self.b, self.width, self.vector_library = builder, width, vector_library
        self.type = DOUBLE if width == 1 else ir.VectorType(DOUBLE, width)
        self.int = INT if width == 1 else ir.VectorType(INT, width)

    def constant(self, number: float, kind: Any = None) -> Any:
        """The number in every lane."""
        return (kind or self.type)(number if self.width == 1 else [number] * self.width)

    def splat(self, scalar: Any) -> Any:
        """One number in every lane."""
        if self.width == 1:
            return scalar
        nothing = ir.Constant(ir.VectorType(scalar.type, self.width), ir.Undefined)
        one = self.b.insert_element(nothing, scalar, INT(0))
        return self.b.shuffle_vector(one, one, ir.VectorType(INT32, self.width)([0] * self.width))

    def _both(self, x: Any, y: Any) -> tuple[Any, Any]:
        return tuple(self.constant(a) if isinstance(a, float) else a for a in (x, y))

    def add(self, x: Any, y: Any) -> Any:
        return self.b.fadd(*self._both(x, y), flags=CONTRACT)

    def sub(self, x: Any, y: Any) -> Any:
        return self.b.fsub(*self._both(x, y), flags=CONTRACT)

    def mul(self, x: Any, y: Any) -> Any:
        return self.b.fmul(*self._both(x, y), flags=CONTRACT)

    def div(self, x: Any, y: Any) -> Any:
        return self.b.fdiv(*self._both(x, y))

    def compare(self, relation: str, x: Any, y: Any) -> Any:
        """A mask; false where x or y is nan, except for != and "unordered"."""
        x, y = self._both(x, y)
        if relation in ("!=", "uno"):
            return self.b.fcmp_unordered(relation, x, y)
        return self.b.fcmp_ordered(relation, x, y)

    def lanes(self, x: Any) -> list[Any]:
        """The numbers of a vector."""
        if self.width == 1:
            return [x]
        return [self.b.extract_element(x, INT(i)) for i in range(self.width)]

    def vector(self, lanes: Sequence[Any]) -> Any:
        """The vector of some numbers."""
        if self.width == 1:
            return lanes[0]
        vector = ir.Constant(self.type, ir.Undefined)
        for i, x in enumerate(lanes):
            vector = self.b.insert_element(vector, x, INT(i))
        return vector

    def select(self, mask: Any, x: Any, y: Any) -> Any:
        return self.b.select(mask, *self._both(x, y))

    def totals(self, xs: Sequence[Any]) -> Any:
        """The sum of the lanes of one vector; or of as many as have lanes, as a vector."""
        #   a0+a1 b0+b1 a2+a3 b2+b3;  then a0+a1+a2+a3 b0+b1+b2+b3 c0+c1+c2+c3 d0+d1+d2+d3
        if len(xs) < self.width:
            lanes = self.lanes(xs[0])
            while len(lanes) > 1:
                lanes = [self.b.fadd(p, q) for p, q in zip(lanes[::2], lanes[1::2])]
            return lanes[0]
        span = 1
        while len(xs) > 1:
            low = [r - r % (2 * span) + r % span for r in range(self.width)]
            low = [place + self.width * (r % (2 * span) >= span) for r, place in enumerate(low)]
            xs = [self._sum_of_lanes(p, q, low, span) for p, q in zip(xs[::2], xs[1::2])]
            span *= 2
        return xs[0]

    def _sum_of_lanes(self, p: Any, q: Any, low: list[int], span: int) -> Any:
        kind, high = ir.VectorType(INT32, self.width), [place + span for place in low]
        return self.b.fadd(*[self.b.shuffle_vector(p, q, kind(lanes)) for lanes in (low, high)])

    def intrinsic(self, name: str, *args: Any) -> Any:
        """An operation that LLVM itself knows, such as llvm.fabs."""
        suffix = "f64" if self.width == 1 else f"v{self.width}f64"
        return self.b.call(self._declare(f"{name}.{suffix}", self.type, len(args)), args)

    def call(self, name: str, *args: Any) -> Any:
        """A function of the math library, for all lanes at once or for each."""
        vector = NAMES.get(self.width, "").format("v" * len(args), name)
        if self.vector_library and vector and address(vector):
            return self.b.call(self._declare(vector, self.type, len(args)), args)
        if not address(name):
            raise RuntimeError(f"no function {name} in this platform's math library")
        function = self._declare(name, DOUBLE, len(args))
        return self.vector([self.b.call(function, x) for x in zip(*map(self.lanes, args))])

    def apply(self, op: str, args: Sequence[Any]) -> Any:
        """The result of an op of the table."""
        return LOWERINGS[op](self, *args)

    def _declare(self, name: str, kind: Any, n: int) -> Any:
        known, kind = self.b.module.globals, ir.FunctionType(kind, [kind] * n)
        return known.get(name) or ir.Function(self.b.module, kind, name)

    # --- the exponential family ---

    def round(self, x: Any) -> Any:
        """The nearest whole number, for numbers below 2**51."""
        return self.b.fsub(self.add(x, _ROUND), self.constant(_ROUND))

    def power_of_two(self, n: Any) -> Any:
        """2**n for whole numbers n between -1022 and 1023: n becomes the exponent's bits."""
        bits = self.b.bitcast(self.add(n, _ROUND + 1023.0), self.int)
        return self.b.bitcast(self.b.shl(bits, self.constant(52, self.int)), self.type)

    def polynomial(self, x: Any, coefficients: Sequence[float]) -> Any:
        """By Horner's rule, the highest power's coefficient first."""
        first, second, *rest = coefficients
        start = self.add(self.mul(x, first), second)
        return reduce(lambda total, c: self.add(self.mul(total, x), c), rest, start)

    def _reduce(self, x: Any) -> tuple[Any, Any]:
        """n and q with exp(x) = 2**n * (1 + q): x = n * log(2) + r, and q = expm1(r) by Taylor."""
        n = self.round(self.mul(x, 1.0 / math.log(2.0)))
        r = self.sub(self.sub(x, self.mul(n, _LOG2_HIGH)), self.mul(n, _LOG2_LOW))
        q = self.polynomial(r, _TAYLOR)
        return n, self.add(self.mul(self.mul(r, r), q), r)

    def exp(self, x: Any) -> Any:
        x = self.select(self.compare(">", x, 710.0), 710.0, x)  # beyond, inf; a nan stays
        n, q = self._reduce(self.select(self.compare("<", x, -746.0), -746.0, x))
        half = self.round(self.mul(n, 0.5))
        rest = self.power_of_two(self.sub(n, half))  # two factors: 2**-1074 has no exponent bits
        return self.mul(self.mul(self.add(q, 1.0), self.power_of_two(half)), rest)

    def expm1(self, x: Any) -> Any:
        """For x at most 709; below -40 it is -1."""
        n, q = self._reduce(self.select(self.compare("<", x, -40.0), -40.0, x))
        scale = self.power_of_two(n)
        out = self.add(self.mul(scale, q), self.sub(scale, 1.0))
        return self.intrinsic("llvm.copysign", out, x)  # or -0.0 would give 0.0

    def tanh(self, x: Any) -> Any:
        """By the addition theorem and Lambert's continued fraction, with one division.

        |x| = n * log(2) / 2 + t with 0 <= t < log(2) / 2. With s = 2**n and tanh(t) = p / q,

            tanh|x| = ((s - 1) * (q + p) + 2 * p) / (s * (q + p) + (q - p)),

        whose terms are all positive and never add up to more than 1. p and q are the seventh
        convergent of t / (1 + t*t / (3 + t*t / (5 + ...))), off by less than 2e-18.
        """
        size = self.intrinsic("llvm.fabs", x)
        size = self.select(self.compare(">", size, 20.0), 20.0, size)  # beyond, 1; a nan stays
        n = self.intrinsic("llvm.floor", self.mul(size, 2.0 / math.log(2.0)))
        t = self.sub(size, self.mul(n, 0.5 * math.log(2.0)))  # off by n * 1e-17, where tanh is flat
        square = self.mul(t, t)
        p = self.add(self.mul(self.mul(t, square), self.polynomial(square, _TANH_ABOVE)), t)
        q = self.polynomial(square, _TANH_BELOW)
        s, both = self.power_of_two(n), self.add(q, p)
        above = self.add(self.mul(self.sub(s, 1.0), both), self.add(p, p))
        below = self.add(self.mul(s, both), self.sub(q, p))
        return self.intrinsic("llvm.copysign", self.div(above, below), x)


_ROUND = 1.5 * 2.0**52  # adding it rounds to a whole number, which then stands in the last bits
_LOG2_HIGH = float.fromhex("0x1.62e42fefa38p-1")  # 41 bits, so that n times it is exact
_LOG2_LOW = float.fromhex("0x1.ef35793c7673p-45")
_TAYLOR = [1.0 / math.factorial(i) for i in range(13, 1, -1)]
_TANH_ABOVE = [1 / 135135, 2 / 715, 5 / 39]  # 135135 = 3 * 5 * 7 * 9 * 11 * 13
_TANH_BELOW = [4 / 19305, 10 / 429, 6 / 13, 1.0]


# --- one emitter for each op; ops.py says what they mean ---


def _flag(relation: str) -> Callable[..., Any]:
    return lambda m, x, y: m.select(m.compare(relation, x, y), 1.0, m.constant(0.0))


def _winner(relation: str) -> Callable[..., Any]:
    def select(m: Vectors, x: Any, y: Any) -> Any:
        return m.select(m.b.or_(m.compare(relation, x, y), m.compare("uno", x, x)), x, y)

    return select


def _sigmoid(m: Vectors, x: Any) -> Any:
    e = m.exp(m.b.fneg(m.intrinsic("llvm.fabs", x)))
    return m.div(m.select(m.compare("<", x, 0.0), e, 1.0), m.add(e, 1.0))


def _softplus(m: Vectors, x: Any) -> Any:
    tail = m.call("log1p", m.exp(m.b.fneg(m.intrinsic("llvm.fabs", x))))
    return m.select(m.compare(">", x, 0.0), m.add(x, tail), tail)


def _gelu(m: Vectors, x: Any) -> Any:
    out = m.mul(m.mul(x, 0.5), m.call("erfc", m.mul(x, -math.sqrt(0.5))))
    return m.select(m.compare("==", x, -math.inf), 0.0, out)


def _expm1(m: Vectors, x: Any) -> Any:
    small = m.select(m.compare(">", x, 1.0), 1.0, x)
    return m.select(m.compare(">", x, 1.0), m.sub(m.exp(x), 1.0), m.expm1(small))


def _elu(m: Vectors, x: Any, k: Any) -> Any:
    below = m.compare("<=", x, 0.0)
    return m.select(below, m.mul(k, m.expm1(m.select(below, x, 0.0))), x)


def _logsumexp(m: Vectors, *xs: Any) -> Any:
    top = _max(m, *xs)
    total = reduce(m.add, [m.exp(m.b.fsub(x, top)) for x in xs])
    finite = m.compare("==", m.b.fsub(top, top), 0.0)
    return m.select(finite, m.add(top, m.call("log", total)), top)


def _max(m: Vectors, *xs: Any) -> Any:
    return reduce(partial(_winner(">="), m), xs, m.constant(-math.inf))


def _take(m: Vectors, index: Any, *table: Any) -> Any:
    """Of numbers that are not in memory; nests.py reads those that are."""
    out = m.constant(math.nan)
    for k, x in enumerate(table):
        out = m.select(m.compare("==", index, float(k)), x, out)
    return out


def _library_call(name: str) -> Callable[..., Any]:
    return lambda m, *args: m.call(name, *args)


LOWERINGS: dict[str, Callable[..., Any]] = {
    "add": Vectors.add,
    "sub": Vectors.sub,
    "mul": Vectors.mul,
    "div": Vectors.div,
    "neg": lambda m, x: m.b.fneg(x),
    "abs": lambda m, x: m.intrinsic("llvm.fabs", x),
    "powc": _library_call("pow"),
    "sqrt": lambda m, x: m.intrinsic("llvm.sqrt", x),
    "exp": lambda m, x: m.exp(x),
    "expm1": _expm1,
    "tanh": lambda m, x: m.tanh(x),
    **{
        name: _library_call(name)
        for name in ("pow", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "atan", "erfc")
    },
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": lambda m, x: m.mul(x, _sigmoid(m, x)),
    "gelu": _gelu,
    "relu": lambda m, x: m.select(m.compare("<=", x, 0.0), 0.0, x),
    "elu": _elu,
    "leaky_relu": lambda m, x, k: m.select(m.compare(">", x, 0.0), x, m.mul(x, k)),
    "gt": _flag(">"),
    "ge": _flag(">="),
    "eq": _flag("=="),
    "detach": lambda m, x: x,
    "where": lambda m, cond, x, y: m.select(m.compare("!=", cond, 0.0), x, y),
    "maximum": _winner(">="),
    "minimum": _winner("<="),
    "sum": lambda m, *xs: reduce(m.add, xs),
    "max": _max,
    "logsumexp": _logsumexp,
    "take": _take,
    "dot": lambda m, start, *wx: reduce(m.add, map(m.mul, wx[::2], wx[1::2]), start),
}


# --- calls instead of code ---

LANES = 4  # numbers whose exp is computed at once where one sample fills no vector
COSTLY = {"exp", "tanh", "expm1", "sigmoid", "softplus", "silu", "gelu", "elu", "max", "logsumexp"}


class Called(Vectors):
    """What takes much code as calls: in a program full of it, code for each would take long."""

    def exp(self, x: Any) -> Any:
        return self._libm_or_own("exp", super().exp, x)

    def expm1(self, x: Any) -> Any:
        return self._libm_or_own("expm1", super().expm1, x)

    def tanh(self, x: Any) -> Any:
        return self._libm_or_own("tanh", super().tanh, x)

    def together(self, op: str, xs: Sequence[Any]) -> list[Any]:
        """An op of each of at most LANES single numbers."""
        #   v = insert x0, x1, x2, x3;  v = call own_exp(v);  extract each lane of v
        if len(xs) == 1:
            return [self.apply(op, xs)]
        wide = Called(self.b, LANES, self.vector_library)
        vector = wide.constant(0.0)
        for i, x in enumerate(xs):
            vector = self.b.insert_element(vector, x, INT(i))
        return wide.lanes(wide.apply(op, [vector]))[: len(xs)]

    def apply(self, op: str, args: Sequence[Any]) -> Any:
        emit = partial(LOWERINGS[op], self)
        own = op in COSTLY - {"exp", "tanh"}  # which make themselves functions
        return self._own(op, emit, args) if own else emit(*args)

    def _libm_or_own(self, name: str, emit: Callable[[Any], Any], x: Any) -> Any:
        """libm, with its tables, for one number; a function of our own for vectors."""
        return self.call(name, x) if self.width == 1 else self._own(f"own_{name}", emit, [x])

    def _own(self, name: str, emit: Callable[..., Any], args: Sequence[Any]) -> Any:
        """A call of a function that computes emit, which is made the first time."""
        functions, own = self.b.module.globals, f"{name}_{len(args)}_{self.width}"
        if own not in functions:
            kind = ir.FunctionType(self.type, [self.type] * len(args))
            function = ir.Function(self.b.module, kind, own)
            function.linkage = "internal"
            function.attributes.add("noinline")
            outer, self.b = self.b, ir.IRBuilder(function.append_basic_block("entry"))
            self.b.ret(emit(*function.args))
            self.b = outer
        return self.b.call(functions[own], args)
