"""A checklist runs first: what it says explains what fails after it."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "checklist" not in item.path.name)
