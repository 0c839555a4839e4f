"""When two numbers agree."""

import math
from collections.abc import Iterable


def same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


def agrees(ours: float, theirs: float, rel: float) -> bool:
    """First what kind of float it is, then the number; the sign of a zero does not count."""
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return same(ours, theirs)
    return abs(ours - theirs) <= max(rel * abs(theirs), 4 * 5e-324)


def scattered(x: float, disturbed: Iterable[float]) -> float:
    """How far from x a right answer may be: nan where nobody can say.

    A chain of nodes may amplify a rounding error by any factor, so no fixed tolerance is both safe
    and sharp. So the same is computed again, a few times, with every use of a node off by a
    hundred roundings. What the answers then scatter by, thirty times over, is allowed; beside it
    1e-12 of the number. Where a branch flips by that the scatter is large, and where inf or nan
    comes and goes it is not finite.
    """
    if not math.isfinite(x):
        return 0.0 if all(agrees(y, x, 0.0) for y in disturbed) else math.nan
    return 30.0 * max(abs(y - x) for y in disturbed) + 1e-12 * abs(x) + 1e-322


def is_sharp(x: float, allowed: float) -> bool:
    """Whether the tolerance says much about the number."""
    return not math.isfinite(x) or allowed <= 1e-8 * max(1.0, abs(x))


def in_short(errors: dict[str, float]) -> str:
    return ", ".join(f"{kind} {error:.1e}" for kind, error in errors.items())


def differences(one, two, at=""):
    """Where two nestings are not equal to 1e-9."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        return [d for key in one for d in differences(one[key], two[key], f"{at}.{key}")]
    if isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        return [d for i, (a, b) in enumerate(zip(one, two)) for d in differences(a, b, f"{at}.{i}")]
    if isinstance(one, float) and isinstance(two, float):
        same = math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9) or (one != one and two != two)
    else:
        same = one == two
    return [] if same else [f"{at}: {one!r} is not {two!r}"]
