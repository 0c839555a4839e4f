"""jit: scalar code, compiled to loops over a whole batch.

>>> from micrograd_like import grad
>>> f = jit(lambda x: x[0] ** 2 * x[1].tanh())
>>> f([[1.0, 0.0], [3.0, 0.5]])                    # two samples
array([0.        , 4.15905442])
>>> jit(grad(lambda x: x * x))([1.0, 2.0, 3.0])    # the slope at three points
array([2., 4., 6.])

f is written for one sample, with scalars. The graph that it records becomes a flat list of
instructions (tape/), then LLVM code (plan.py, lower.py, vectormath.py), compiled by native.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, overload

try:
    import llvmlite  # noqa: F401
    import numpy  # noqa: F401
except ImportError as error:
    raise ImportError(f'jit needs {error.name}: pip install "micrograd_like[jit]"') from None

from ..tape import JitError
from .compiled import Compiled

__all__ = ["JitError", "jit"]


@overload
def jit(f: Callable[..., Any], batch: Sequence[bool] | None = None) -> Compiled: ...
@overload
def jit(
    f: None = None, batch: Sequence[bool] | None = None
) -> Callable[[Callable[..., Any]], Compiled]: ...
def jit(f: Any = None, batch: Sequence[bool] | None = None) -> Any:
    """Compiles a function of scalars to one of arrays: see Compiled.

    Args:
        f: takes and returns numbers in any nesting of lists, tuples and dicts, for one sample.
            Without it, a decorator.
        batch: for each argument whether its arrays have a leading batch axis. Without it, numbers
            have none; arrays have one if it is as long as the longest first axis of all.

    Raises:
        ImportError: numpy or llvmlite is missing.
        TypeError: f is no function.
        JitError: f is a generator or an async function.

    Example:
        >>> line = jit(lambda w, x: w[0] * x + w[1])
        >>> line((2.0, 1.0), [1.0, 2.0, 3.0])
        array([3., 5., 7.])
        >>> @jit(batch=[False, True])
        ... def scaled(w, x):
        ...     return w[0] * x / w[1]
        >>> scaled(w=[1.0, 2.0], x=[3.0, 4.0])
        array([1.5, 2. ])

    Source: the shape of jax.jit(jax.vmap(f)).
    """
    return partial(jit, batch=batch) if f is None else Compiled(f, batch)
