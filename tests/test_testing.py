"""The tester tested: what is right must pass, and what is wrong must be caught and named."""

import math
import random

import pytest
import torch
from helpers.checklist import DIFFERENTIABLE
from helpers.known_ops import KNOWN, with_rule
from helpers.points import points

from micrograd_like import nn, ops, optim
from micrograd_like.engine import Value, apply, grad
from micrograd_like.functional import softmax
from micrograd_like.losses import cross_entropy, huber_loss, mse_loss
from micrograd_like.ops import OPS, Op
from micrograd_like.testing import (
    GradcheckError,
    assert_matches_torch,
    assert_module_matches_torch,
    assert_training_matches_torch,
    gradcheck,
    gradgradcheck,
)

F = torch.nn.functional


def scaled(op, factor):
    def wrong(g, out, *args):
        return [None if gx is None else gx * factor for gx in op.backward(g, out, *args)]

    return with_rule(op, wrong)


def calls(op):
    """The op as a function of its differentiable arguments, at ordinary points beside no kink."""
    for args in points(op, edges=False):
        n = len(args) - op.constants
        if not KNOWN[op.name].smooth(*args):
            continue
        if op.name in ("where", "take"):  # the condition or the index: a constant of the function
            yield lambda *xs, first=args[0]: apply(op, first, *xs), args[1:]
        else:
            yield lambda *xs, k=args[n:]: apply(op, *xs, *k), args[:n]


# --- gradcheck ---


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_rule_of_the_table_passes_at_smooth_points(name):
    checked = 0
    for f, args in calls(OPS[name]):
        assert gradcheck(f, *args) is True
        checked += 1
    assert checked >= 5


@pytest.mark.parametrize("factor", [1.0005, 1.0 + 1e-8, 1.0 - 1e-8])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_rule_that_is_off_by_a_factor_is_caught_wherever_it_gives_a_slope(name, factor):
    caught = 0
    for f, args in calls(scaled(OPS[name], factor)):
        xs = [Value(x) for x in args]
        if any(grad(f(*xs), xs)):
            with pytest.raises(GradcheckError, match="wrong; the worst is d output / d "):
                gradcheck(f, *args)
            caught += 1
    assert caught >= 5


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_rule_s_own_derivative_passes_at_smooth_points(name):
    assert all(gradgradcheck(f, *args) for f, args in calls(OPS[name]))


@pytest.mark.parametrize("activation", sorted(nn.ACTIVATIONS))
def test_a_network_and_its_loss_pass_with_every_parameter(activation):
    model = nn.MLP(2, [3, 2], activation=activation, output_activation="linear", rng=5)
    xs = [[0.5, -1.0], [1.5, 0.3], [-0.7, -0.2]]
    assert gradcheck(lambda: cross_entropy(model.batch(xs), [0, 1, 1]), parameters=model)
    assert gradcheck(model, xs[0], parameters=model)


def test_a_function_that_uses_gradients_itself_can_be_checked():
    def penalised(x):
        out = x**3
        return out + grad(out, x, create_graph=True) ** 2

    assert gradcheck(penalised, 0.7)
    assert gradgradcheck(penalised, 0.7)


BROKEN_EXP = scaled(ops.EXP, 1.0005)


def message_of(f, *inputs, check=gradcheck, **options):
    with pytest.raises(GradcheckError) as caught:
        check(f, *inputs, **options)
    assert isinstance(caught.value, AssertionError)
    return str(caught.value)


def test_the_report_names_the_worst_input_what_was_expected_and_what_came(monkeypatch):
    monkeypatch.setattr(ops, "EXP", BROKEN_EXP)
    head, backward, expected, relative = message_of(
        lambda w, x: w[0] * x["a"] + w[1].exp(), [2.0, 0.0], {"a": 3.0}
    ).splitlines()
    assert head == "1 of 3 gradients are wrong; the worst is d output / d w[1], at w[1] = 0.0:"
    assert backward == "  backward: 1.0005"
    assert expected.startswith(("  expected: 1.000000000000", "  expected: 0.999999999999"))
    assert expected.endswith("e-13)")
    assert "(differences, sure to " in expected
    assert relative == "  relative error: 0.0005"


def test_the_report_names_the_output_and_the_dict_key(monkeypatch):
    monkeypatch.setattr(ops, "EXP", BROKEN_EXP)
    message = message_of(lambda x: [x["a"], x["b"].exp()], {"a": 1.0, "b": 2.0})
    assert message.startswith("1 of 4 gradients are wrong; the worst is d output[1] / d x['b'], at")


def test_the_report_names_the_parameter(monkeypatch):
    model = nn.MLP(1, [2, 1], activation="tanh", output_activation="linear", rng=0)
    monkeypatch.setattr(ops, "TANH", scaled(ops.TANH, 1.001))
    message = message_of(lambda: mse_loss(model([0.3]), 1.0), parameters=model)
    assert message.startswith("4 of 7 gradients are wrong; the worst is d output / d layers.0.neur")
    p, q = Value(0.5, label="weight"), Value(0.5)
    assert "d output / d weight" in message_of(lambda: p.tanh(), parameters=[p])
    assert "d output / d parameters[0]" in message_of(lambda: q.tanh(), parameters=[q])


def test_a_gradient_of_nan_or_infinity_is_the_worst(monkeypatch):
    nan_rule = with_rule(ops.TANH, lambda g, out, x: (math.nan,))
    monkeypatch.setattr(ops, "TANH", nan_rule)
    monkeypatch.setattr(ops, "EXP", BROKEN_EXP)
    message = message_of(lambda x, y: x.exp() + y.tanh(), 0.0, 0.0)
    assert message.startswith("2 of 2 gradients are wrong; the worst is d output / d y, at y = 0.0")
    assert "backward: nan" in message
    assert message.endswith("relative error: inf")


def test_a_second_derivative_that_lost_its_path_is_caught(monkeypatch):
    def rule(g, out, x):
        return (g * (1.0 - getattr(out, "data", out) ** 2),)  # right, but a constant

    monkeypatch.setattr(ops, "TANH", with_rule(ops.TANH, rule))
    assert gradcheck(lambda x: x.tanh(), 0.5)
    message = message_of(lambda x: x.tanh(), 0.5, check=gradgradcheck)
    assert message.startswith("1 of 1 gradients are wrong; the worst is d d output / d x / d x, at")


@pytest.mark.parametrize(
    ("f", "x", "said"),
    [
        (lambda x: x.relu(), 0.0, "the slope is 0 on its left and 1 on its right; backward gave 0"),
        (abs, 0.0, "the slope is -1 on its left and 1 on its right; backward gave 0.0."),
        (lambda x: (x.relu() * 3.0 + 1.0).tanh(), 0.0, "the slope is 0 on its left and 1.25992 on"),
        (lambda x: x.elu(0.3), 0.0, "the slope is 0.3 on its left and 1 on its right"),
        (lambda x: x.leaky_relu(), 0.0, "the slope is 0.01 on its left and 1 on its right"),
        (lambda x: apply(ops.MAXIMUM, x, 2.0), 2.0, "the slope is 0 on its left and 1 on its"),
        (lambda x: (x - 0.3).relu() * x.exp(), 0.3, "the slope is 0 on its left and 1.34986 on"),
    ],
)
def test_a_kink_is_called_a_kink_and_not_a_wrong_gradient(f, x, said):
    message = message_of(f, x)
    assert message.startswith(f"x = {x} is on a kink of output: {said}")
    assert message.endswith("Differences cannot judge a gradient there: check at another point")


def test_a_wrong_gradient_is_reported_before_a_kink(monkeypatch):
    monkeypatch.setattr(ops, "EXP", BROKEN_EXP)
    message = message_of(lambda x, y: x.relu() + y.exp(), 0.0, 0.0)
    assert message.startswith("1 of 2 gradients are wrong; the worst is d output / d y, at y = 0.0")


@pytest.mark.parametrize("x", [1e-3, 1e-6, -1e-6, 1e-10, -1e-10])
def test_beside_a_kink_a_right_gradient_passes_and_a_wrong_one_does_not(monkeypatch, x):
    assert gradcheck(lambda x: x.relu(), x)
    monkeypatch.setattr(ops, "RELU", with_rule(ops.RELU, lambda g, out, x: (0.5 * g,)))
    assert "1 of 1 gradients are wrong" in message_of(lambda x: x.relu(), x)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x.sqrt(), "converge at x = 0.0: nan, but sure only to inf; backward gave inf."),
        (lambda x: abs(x).sqrt(), "the differences of output do not converge at x = 0.0"),
    ],
)
def test_where_no_slope_exists_the_message_says_so(f, said):
    assert said in message_of(f, 0.0)


def test_differences_smooth_where_the_function_is_though_its_curvature_jumps():
    assert gradcheck(lambda x: x.elu(), 0.0)
    assert gradcheck(lambda x: x.relu() ** 2, 0.0)


@pytest.mark.parametrize("x", [1e-10, 1e-3, 1.0, 1e5, 1e300])
def test_steps_fit_the_size_of_the_input_and_the_nearness_of_a_pole(x):
    assert gradcheck(lambda x: x.log(), x)
    assert "wrong" in message_of(lambda x: apply(scaled(ops.LOG, 1.0 + 1e-8), x), x)


def test_a_kink_is_found_where_the_function_is_huge_or_infinite_nearby():
    assert gradcheck(lambda x: x.exp(), 700.0)
    assert "is on a kink" in message_of(lambda x: (x - 700.0).relu() + 1e-305 * x.exp(), 700.0)


def test_a_period_of_the_first_step_does_not_deceive():
    for period in (0.5, 0.25, 0.2, 0.125, 0.1, 0.05):
        assert gradcheck(lambda x, k=2.0 * math.pi / period: (x * k).sin(), 0.3)


@pytest.mark.parametrize(
    ("f", "x", "most"),
    [
        (lambda x: x.exp(), 1.0, 13),  # sure after five steps
        (lambda x: x.tanh(), 10.0, 21),  # never sure: the slope is lost in the rounding of 1.0
    ],
)
def test_a_smooth_function_is_called_a_dozen_times_for_an_input(f, x, most):
    calls = []
    assert gradcheck(lambda x: [calls.append(x.data), f(x)][1], x)
    assert len(calls) <= most


def test_what_cannot_be_checked_is_said():
    assert message_of(lambda x: x.log(), -1.0) == "output is nan here: check where it is finite"
    assert message_of(lambda x: x.atan(), math.inf) == ("x is inf: differences need finite inputs")
    rng = random.Random(0)
    message = message_of(lambda x: x * rng.random(), 1.0)
    assert message == (
        "output is 0.8444218515250481 and then 0.7579544029403025 for the same inputs: make f "
        "deterministic, for example with model.eval()"
    )
    with pytest.raises(ValueError, match="nothing to differentiate: pass inputs of f, or its par"):
        gradcheck(lambda: Value(1.0))
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        gradcheck(lambda x, y: x * y, 1.0)


def test_values_are_moved_in_place_and_put_back_and_no_grad_is_written():
    x, model = Value(0.3), nn.Neuron(1, rng=0)
    x.grad = 7.0
    state = model.state_dict()
    seen = set()

    def f(v):
        assert v is x
        seen.add(v.data)
        return model([v])

    assert gradcheck(f, x, parameters=model)
    assert len(seen) > 5
    assert (x.data, x.grad) == (0.3, 7.0)
    assert model.state_dict() == state
    assert [p.grad for p in model.parameters()] == [0.0, 0.0]


def test_numbers_are_put_back_also_when_f_fails():
    x = Value(0.3)

    def f(v):
        if v.data != 0.3:
            raise KeyboardInterrupt
        return v * v

    with pytest.raises(KeyboardInterrupt):
        gradcheck(f, x)
    assert x.data == 0.3


def test_a_wider_tolerance_can_be_asked_for(monkeypatch):
    monkeypatch.setattr(ops, "EXP", BROKEN_EXP)
    assert gradcheck(lambda x: x.exp(), 1.0, rtol=1e-3)


# --- assert_matches_torch ---


def test_a_right_gradient_passes_with_numbers_and_nested_lists():
    assert_matches_torch(lambda x, w: (w[0] * x).tanh() / w[1][0] + x**2, 0.3, [2, [-1.5]])
    assert_matches_torch(lambda x: [x[0] * x[1], {"sum": x[0] + x[1]}], [2.0, 3.0])


def test_an_input_that_is_not_used_has_gradient_zero_on_both_sides():
    assert_matches_torch(lambda x, y: x * 2.0, 1.0, 5.0)
    assert_matches_torch(lambda x: 3.0, 1.0)


def test_infinities_and_nan_are_compared_too():
    assert_matches_torch(lambda x: x.log(), 0.0)
    assert_matches_torch(lambda x: (x * x).sqrt(), 0.0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda g, out, x: (g * (1.0 - out * out) * 1.001,), "1 of 2 numbers differ from torch"),
        (lambda g, out, x: (-g * (1.0 - out * out),), r"d output / d x: -0.9\d+, torch 0.9\d+, "),
    ],
)
def test_a_wrong_rule_is_caught_and_named(monkeypatch, broken, message):
    monkeypatch.setattr(ops, "TANH", with_rule(ops.TANH, broken))
    with pytest.raises(AssertionError, match=message):
        assert_matches_torch(lambda x: x.tanh(), 0.3)


def test_a_wrong_value_is_caught(monkeypatch):
    right = ops.TANH
    wrong = Op("tanh", "tanh", 1, lambda x: right.forward(x) + 1e-9, right.backward)
    monkeypatch.setattr(ops, "TANH", wrong)
    with pytest.raises(AssertionError, match=r"output: 0.29\d+, torch 0.29\d+, off by 1e-09"):
        assert_matches_torch(lambda x: x.tanh(), 0.3)


def test_a_loss_is_compared_with_torch_s_of_the_same_name():
    scores = [[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]
    assert_matches_torch(huber_loss, [[0.5, 3.0], [0.1, 0.2]], [[0.0, 1.0]] * 2, twin=F.huber_loss)
    assert_matches_torch(
        lambda x: cross_entropy(x, [2, 1]),
        scores,
        twin=lambda x: F.cross_entropy(x, torch.tensor([2, 1])),
    )
    assert_matches_torch(softmax, scores[0], twin=lambda x: x.softmax(0))


def test_another_loss_is_told_apart_and_a_long_table_is_cut():
    with pytest.raises(AssertionError) as caught:
        assert_matches_torch(mse_loss, [2.0] * 6, [0.0] * 6, twin=F.l1_loss)
    head, first, second, *rest = str(caught.value).splitlines()
    assert head == "13 of 13 numbers differ from torch:"
    assert first == "  output: 4.0, torch 2.0, off by 2"
    assert second.startswith("  d output / d input[0]: 0.66")
    assert second.endswith(", torch 0.16666666666666666, off by 0.5")
    assert len(rest) == 9
    assert rest[-1] == "  and 3 more"


def test_outputs_of_another_number_are_not_compared():
    with pytest.raises(AssertionError, match=r"1 outputs, but torch's are \(2,\)"):
        assert_matches_torch(mse_loss, [1.0, 2.0], [0.0, 0.0], twin=lambda x, y: (x - y) ** 2)


# --- modules and training ---

XS = [[0.5, -1.0], [1.5, 0.3], [-0.7, 2.0]]


def twin_mlp(width=3, nout=1, activation=torch.nn.Tanh):
    return torch.nn.Sequential(
        torch.nn.Linear(2, width), activation(), torch.nn.Linear(width, nout), torch.nn.Tanh()
    )


@pytest.mark.parametrize(
    ("module", "twin", "samples"),
    [
        (nn.MLP(2, [3, 1], rng=1), twin_mlp(), XS),
        (nn.MLP(2, [3, 2], rng=1), twin_mlp(nout=2), XS),
        (nn.Linear(2, 3, rng=1), torch.nn.Linear(2, 3), XS),
        (nn.Neuron(2, "sigmoid", rng=1), torch.nn.Sequential(
            torch.nn.Linear(2, 1), torch.nn.Sigmoid()), XS),
        (nn.Sequential(nn.Linear(2, 2, rng=1), nn.BatchNorm(2), nn.Activation("relu")),
            torch.nn.Sequential(
                torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.ReLU()), XS),
        (nn.Conv2d(2, 3, kernel_size=2, rng=1), torch.nn.Conv2d(2, 3, 2),
            [[[[0.5, -1.0, 2.0]] * 3, [[1.0, 0.0, -0.3]] * 3]]),
    ],
    ids=["mlp", "two outputs", "linear", "neuron", "batchnorm", "conv2d"],
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_a_module_equals_its_twin_in_outputs_gradients_and_statistics(
    module, twin, samples, training
):
    module.train(training)
    before, weights = module.state_dict(), [p.clone() for p in twin.parameters()]
    assert_module_matches_torch(module, twin, samples)
    assert module.state_dict() == before
    assert all(map(torch.equal, weights, twin.parameters()))
    assert {p.dtype for p in twin.parameters()} == {torch.get_default_dtype()}
    assert {p.grad for p in module.parameters()} == {0.0}


def test_another_activation_is_told_apart():
    with pytest.raises(AssertionError) as caught:
        assert_module_matches_torch(
            nn.MLP(2, [3, 1], rng=1), twin_mlp(activation=torch.nn.Sigmoid), XS
        )
    assert " numbers differ from torch:\n  output[0]: " in str(caught.value)
    assert "  d output[0] / d layers.0.neurons.0.w.0: " in str(caught.value)
    assert "  d output[0] / d samples[0][0]: " in str(caught.value)


def test_other_running_statistics_are_told_apart():
    with pytest.raises(AssertionError) as caught:
        assert_module_matches_torch(nn.BatchNorm(2), torch.nn.BatchNorm1d(2, momentum=0.3), XS)
    head, *lines = str(caught.value).splitlines()
    assert head == "4 of 74 numbers differ from torch:"
    assert [line.split(":")[0] for line in lines] == [
        "  running_mean.0",
        "  running_mean.1",
        "  running_var.0",
        "  running_var.1",
    ]


class Backwards(torch.nn.Module):
    """A linear layer that declares its bias first."""

    def __init__(self):
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(2))
        self.matrix = torch.nn.Parameter(torch.zeros(2, 2))

    def forward(self, x):
        return x @ self.matrix.T + self.offset


def test_names_say_which_tensor_takes_which_numbers():
    names = {"matrix": "w", "offset": "b"}
    assert_module_matches_torch(nn.Linear(2, 2, rng=1), Backwards(), XS, names=names)
    with pytest.raises(ValueError, match="do not fit each other") as caught:
        assert_module_matches_torch(nn.Linear(2, 2, rng=1), Backwards(), XS)
    assert str(caught.value) == (
        "the numbers of these modules do not fit each other:\n"
        "  ours:  w (4 numbers), b (2 numbers)\n"
        "  torch: offset (2,), matrix (2, 2)\n"
        "make the layers equal, or pass names={torch's name: ours, ...} with all of them"
    )


@pytest.mark.parametrize("names", [{"matrix": "w"}, {"matrix": "b", "offset": "w"}, {"w": "w"}])
def test_names_must_be_complete_and_fit(names):
    with pytest.raises(ValueError, match="do not fit each other by names:\n  ours: "):
        assert_module_matches_torch(nn.Linear(2, 2, rng=1), Backwards(), XS, names=names)


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (optim.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (optim.RMSprop, torch.optim.RMSprop, {"lr": 0.01}),
        (optim.Adam, torch.optim.Adam, {"lr": 0.05}),
        (optim.AdamW, torch.optim.AdamW, {"lr": 0.05}),
    ],
)
def test_training_equals_torch_step_by_step(ours, theirs, options):
    model = nn.MLP(2, [4, 1], rng=1)
    before = model.state_dict()
    assert_training_matches_torch(
        model,
        twin_mlp(4),
        XS,
        [1.0, -1.0, 0.5],
        losses=(mse_loss, F.mse_loss),
        optimizers=(lambda p: ours(p, **options), lambda p: theirs(p, **options)),
        steps=20,
    )
    assert model.state_dict() == before


def test_training_on_classes_with_running_statistics_equals_torch():
    assert_training_matches_torch(
        nn.Sequential(nn.Linear(2, 3, rng=1), nn.BatchNorm(3)),
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)),
        XS,
        [2, 0, 1],
        losses=(cross_entropy, F.cross_entropy),
        optimizers=(lambda p: optim.SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    )


def test_another_optimiser_is_told_apart_at_the_step_where_it_differs():
    with pytest.raises(AssertionError) as caught:
        assert_training_matches_torch(
            nn.Linear(2, 1, rng=1),
            torch.nn.Linear(2, 1),
            XS,
            [[1.0], [-1.0], [0.5]],
            losses=(mse_loss, F.mse_loss),
            optimizers=(
                lambda p: optim.SGD(p, lr=0.1, momentum=0.9),  # the first step has no momentum
                lambda p: torch.optim.SGD(p, lr=0.1),
            ),
        )
    head, first = str(caught.value).splitlines()[:2]
    assert head == "step 2: 3 of 7 numbers differ from torch:"
    assert first.startswith("  neurons.0.w.0: ")
