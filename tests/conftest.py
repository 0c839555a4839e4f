"""A checklist runs first: what it says explains what fails after it."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same", derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.load_profile("same")

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and all have one name


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "checklist" not in item.path.name)
