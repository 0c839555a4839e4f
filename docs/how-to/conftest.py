"""Optuna is in no extra: its page is run where it is installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("optuna") else ["optuna.md"]
