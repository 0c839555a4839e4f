"""A checklist runs first: what it says explains what fails after it."""

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and all have one name


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "checklist" not in item.path.name)
