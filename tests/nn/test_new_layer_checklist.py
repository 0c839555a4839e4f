"""A new layer: everything that is missing, in one list.

A layer is one class in a file of micrograd_like/nn and one row in tests/helpers/layers.py.
"""

import inspect

import pytest
from helpers.layers import ROWS, numbers, shake

from micrograd_like import nn
from micrograd_like.engine import Value
from micrograd_like.nesting import flat
from micrograd_like.serialize import load, save
from micrograd_like.testing import assert_module_matches_torch

LAYERS = {
    name: cls
    for name, cls in vars(nn).items()
    if isinstance(cls, type) and issubclass(cls, nn.Module) and cls is not nn.Module
}
SENTENCE = "expect|must be|unknown"  # in every message of ours about what came


def settings_of(module):
    return {name: repr(getattr(module, name)) for name in type(module).settings}


def is_described(cls, row, path):
    doc = cls.__doc__ or ""
    assert ">>>" in doc, "its docstring has no example"
    assert "Source:" in doc, "its docstring names no source"


def settings_are_the_constructor_s(cls, row, path):
    arguments = set(inspect.signature(cls).parameters) - set(row.start_only)
    assert arguments == set(cls.settings), "declare settings: the constructor's arguments"


def a_wrong_setting_gets_a_sentence(cls, row, path):
    module = row.make()
    good = {name: getattr(module, name) for name in cls.settings if name != cls.parts}
    for name in good:
        with pytest.raises((TypeError, ValueError), match=SENTENCE):
            cls(**{**good, name: object()})


def a_wrong_input_gets_a_sentence(cls, row, path):
    for wrong in row.refuses:
        for call in (row.make().eval(), lambda x: row.make().batch([x, x])):
            with pytest.raises((TypeError, ValueError), match=SENTENCE):
                call(wrong)


def its_repr_makes_it_again(cls, row, path):
    module = row.make()
    again = eval(repr(module), dict(vars(nn)))
    assert repr(again) == repr(module), "its repr does not make it again"
    assert settings_of(again) == settings_of(module), "its repr leaves a setting out"


def size_counts_its_numbers(cls, row, path):
    if not cls.parts:
        module = row.make()
        declared = cls.size(**{name: getattr(module, name) for name in cls.settings})
        assert declared == len(module.state_dict()), "declare size: how many numbers it holds"


def it_is_saved_and_loaded(cls, row, path):
    module = shake(row.make())
    module.batch(numbers(row.batch, seed=3))  # moves running statistics
    save(module.eval(), path)
    twin, x = load(path), numbers(row.batch)
    assert settings_of(twin) == settings_of(module), "loading gives other settings"
    assert twin.state_dict() == module.state_dict(), "loading gives other numbers"
    assert str(twin.batch(x)) == str(module.batch(x)), "loading gives other outputs"


def it_equals_torch(cls, row, path):
    if isinstance(row.twin, str):
        return
    for training in (True, False):
        module, twin = shake(row.make()).train(training), row.twin()
        assert_module_matches_torch(module, twin, numbers(row.batch))
    biases = sum(p.numel() for name, p in twin.named_parameters() if name.endswith("bias"))
    assert len(module.parameters()) - len(module.weights()) == biases, "declare biases"


def it_says_what_it_is_in_torch(cls, row, path):
    assert cls.twins is not nn.Module.twins, "define twins(): its counterpart in torch.nn"


def what_it_draws_is_declared(cls, row, path):
    module, x = row.make(), numbers(row.batch)
    if str(module.batch(x)) != str(module.batch(x)):
        assert module.draws, "declare draws = True"
    if cls.draws:
        assert callable(module.rng.getstate), "it has no rng"
        module.factor = lambda: 3.0
        assert flat(module.batch(x)) == [3.0 * v for v in flat(x)], "it does not ask factor()"


CHECKS = [
    is_described,
    settings_are_the_constructor_s,
    a_wrong_setting_gets_a_sentence,
    a_wrong_input_gets_a_sentence,
    its_repr_makes_it_again,
    size_counts_its_numbers,
    it_is_saved_and_loaded,
    it_equals_torch,
    it_says_what_it_is_in_torch,
    what_it_draws_is_declared,
]


def missing(cls, row, path):
    """The checks that fail, each with its reason."""
    if row is None:
        return ["a row in tests/helpers/layers.py (then look here again)"]
    found = []
    for check in CHECKS:
        try:
            check(cls, row, path)
        except (Exception, pytest.fail.Exception) as error:
            why = next(iter(str(error).splitlines()), "")
            found.append(f"{check.__name__.replace('_', ' ')}: {type(error).__name__}: {why}")
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_missing_of_a_layer(name, tmp_path):
    lines = missing(LAYERS[name], ROWS.get(name), tmp_path / "m.json")
    assert not lines, f"\n{name} lacks:\n  " + "\n  ".join(lines)


def test_a_layer_that_forgot_everything_is_told_all_of_it(tmp_path):
    class Shift(nn.Module):
        def __init__(self, by):
            self.b = [Value(by)]

        def forward(self, x):
            return [v + self.b[0] for v in x]

    row = ROWS["Linear"]._replace(make=lambda: Shift(1.0))
    text = "\n".join(missing(Shift, row, tmp_path / "m.json"))
    for check in CHECKS[:2] + CHECKS[3:9]:
        assert check.__name__.replace("_", " ") in text
