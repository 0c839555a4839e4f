"""The pages are doctests; what builds the site, and what it writes, is not.

A page that imports torch or optuna, which is in no extra, is run where they are installed.
"""

from importlib.util import find_spec
from pathlib import Path

collect_ignore_glob = ["conftest.py", "conf.py", "_ext/*", "gallery/*"]
MISSING = [name for name in ("optuna", "torch") if find_spec(name) is None]
collect_ignore = [
    str(page) for page in Path(__file__).parent.rglob("*.md")
    if any(f">>> import {name}" in page.read_text("utf-8") for name in MISSING)
]  # fmt: skip
