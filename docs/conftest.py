"""The pages are doctests; what builds the site, and what it writes, is not."""

collect_ignore_glob = ["conftest.py", "conf.py", "_ext/*", "gallery/*"]
