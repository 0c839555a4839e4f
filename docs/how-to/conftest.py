"""Optuna is in no extra: its page is run where it is installed."""

from importlib.util import find_spec

collect_ignore = ["conftest.py", *["optuna.md"] * (find_spec("optuna") is None)]
