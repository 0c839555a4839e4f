"""Is anybody's engine right? A judge for classes like micrograd's Value.

>>> from micrograd_like import Value
>>> report = check_engine(Value, level="rules")
>>> report.ok, report.failures
(True, [])

``cases`` says what a check is, ``rules``, ``careful`` and ``complete`` list them; ``dialect`` finds
how an engine spells things, ``contain`` runs it behind a wall, ``judge`` compares.
"""

from .cases import Case, Check
from .dialect import BadEngine
from .judge import CHECKS, check_engine, check_loaded
from .report import Failure, Report, Result

__all__ = [
    "CHECKS", "BadEngine", "Case", "Check", "Failure", "Report", "Result", "check_engine",
    "check_loaded",
]  # fmt: skip

check_engine.CHECKS = CHECKS  # type: ignore[attr-defined]
