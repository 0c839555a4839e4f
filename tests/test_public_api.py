"""What the package promises from outside: its names, their documentation, what importing costs."""

import inspect
from pathlib import Path

import pytest

import micrograd_like

PACKAGE = Path(micrograd_like.__file__).parent

def test_all_is_sorted_and_complete():
    names = micrograd_like.__all__
    order = sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert names == order
    public = {n for n, v in vars(micrograd_like).items() if not n.startswith("_")}
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    modules |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert public - modules <= set(names) <= public


@pytest.mark.parametrize("name", micrograd_like.__all__)
def test_every_public_name_is_described_with_an_example(name):
    thing = getattr(micrograd_like, name)
    doc = inspect.getdoc(thing)
    assert doc
    assert ">>>" in doc or inspect.ismodule(thing)


def test_every_method_of_value_without_a_docstring_is_described_in_functional():
    for name, method in vars(micrograd_like.Value).items():
        if callable(method) and not name.startswith("_") and not method.__doc__:
            assert getattr(micrograd_like.functional, name).__doc__
