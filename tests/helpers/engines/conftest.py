"""Engines are imported by the tests that want them: some change Python itself when they are."""

collect_ignore_glob = ["*.py"]
