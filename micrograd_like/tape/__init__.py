"""A program as a flat list of instructions: traced, printed, checked, run, re-rolled."""

from .reroll import reroll
from .tape import Instruction, JitError, Tape
from .trace import trace

__all__ = ["Instruction", "JitError", "Tape", "reroll", "trace"]
