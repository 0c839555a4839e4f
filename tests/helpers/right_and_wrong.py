"""Programs whose page must say nothing against them, and programs that it should tell of."""

from micrograd_like import (
    MLP,
    SGD,
    Adam,
    Sequential,
    Value,
    hinge_loss,
    micrograd,
    mse_loss,
    no_grad,
)
from micrograd_like import functional as F
from micrograd_like.engine import grad
from micrograd_like.nn import Dropout, Layer, Neuron
from micrograd_like.optim import clip_grad_norm_
from micrograd_like.train import fit

from .pages import spelled_out, trained

X = [[0.5, -1.0], [2.0, 0.25], [-1.5, 0.75], [0.5, -1.0]]  # one sample twice
Y = [1.0, -1.0, 1.0, 1.0]


def network():
    return MLP(2, [3, 1], rng=0)


def loss_of(model, rows=slice(None)):
    return mse_loss([model(x) for x in X[rows]], Y[rows])


# --- right programs: a function that gives explore's arguments ---


def nothing_was_done():
    return [loss_of(network())], {}


def one_backward_pass():
    model = network()
    loss = loss_of(model)
    loss.backward()
    return [loss], {"model": model}


def a_training_loop(optimizer_of=SGD, steps=4, **settings):
    model = network()
    optimizer = optimizer_of(model.parameters(), lr=0.1, **settings)
    for _ in range(steps):
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss], {"model": model}


def a_training_loop_without_its_model():
    return a_training_loop()[0], {}


def a_training_loop_with_momentum_and_decay():
    return a_training_loop(Adam, weight_decay=0.1)


def the_next_loss_before_zero_grad():
    _, given = a_training_loop()
    return [loss_of(given["model"])], given


def zeroed_before_the_page():
    (loss,), given = one_backward_pass()
    given["model"].zero_grad()
    return [loss], given


def gradients_added_up_over_batches():
    model = network()
    for rows in (slice(0, 2), slice(2, 4)):
        loss = loss_of(model, rows) / 2.0
        loss.backward()
    return [loss], {"model": model}


def two_losses_of_one_graph():
    model = network()
    outs = [model(x) for x in X]
    first, second = mse_loss(outs, Y), hinge_loss(outs, Y)
    first.backward()
    second.backward()
    return [first], {"model": model}


def another_root_in_the_same_graph():
    model = network()
    losses = [loss_of(model, slice(i, i + 1)) for i in range(3)]
    F.sum(losses).backward()
    return [losses[0]], {"model": model}


def a_part_of_the_graph_only():
    model = network()
    hidden = model.layers[0](X[0])
    out = F.sum(hidden) * 3.0
    out.backward()
    return [out * out], {"model": model}


def a_gradient_from_outside():
    model = network()
    loss = loss_of(model)
    loss.backward(2.0)
    return [loss], {"model": model}


def a_scaled_loss_that_is_scaled_back():
    model = network()
    loss = loss_of(model)
    (loss * 1024.0).backward()
    for p in model.parameters():
        p.grad /= 1024.0
    return [loss], {"model": model}


def clipped_gradients():
    (loss,), given = one_backward_pass()
    clip_grad_norm_(given["model"].parameters(), 0.01)
    return [loss], given


def a_penalty_added_by_hand():
    (loss,), given = one_backward_pass()
    for p in given["model"].parameters():
        p.grad += 0.01 * p.data
    return [loss], given


def a_penalty_in_the_loss():
    model = network()
    data = loss_of(model)
    (data + 0.1 * F.sum([w * w for w in model.weights()])).backward()
    return [data], {"model": model}


def frozen_weights_whose_gradients_nobody_clears():
    model = network()
    optimizer = SGD(model.layers[1].parameters(), lr=0.1)
    for _ in range(3):
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss], {"model": model}


def inputs_that_are_used_again():
    model = network()
    x = [Value(1.0, label="x0"), Value(-2.0, label="x1")]
    for _ in range(2):  # two equal passes: the inputs hold twice the gradient, nobody needs it
        model.zero_grad()
        loss = (model(x) - 1.0) ** 2
        loss.backward()
    return [loss], {"model": model}


def tied_weights():
    neuron = Neuron(1, rng=0)
    h = Value(0.5, label="h")
    for _ in range(3):
        h = neuron([h])
    h.backward()
    return [h], {"model": neuron}


def a_square():
    a = Value(3.0, label="a")
    root = a * a + a
    root.backward()
    return [root], {}


def made_without_recording():
    model = network()
    with no_grad():
        loss = loss_of(model)
    return [loss], {"model": model}


def a_second_derivative():
    x = Value(0.5, label="x")
    y = x.tanh() * x
    y.backward()
    (slope,) = grad(y, [x], create_graph=True)
    slope.backward()
    return [slope], {}


def a_masked_and_a_compared_value():
    c, a = Value(-1.0, label="c"), Value(2.0, label="a")
    root = F.where(F.gt(c, 0.0), a, a * 2.0) + F.relu(c)
    root.backward()
    return [root], {"names": {"mask.c": c}}


def dropout_in_training():
    model = Sequential(Layer(2, 4, rng=0), Dropout(0.5, rng=1), Layer(4, 1, rng=2))
    loss = F.sum(model(X[0])) ** 2
    loss.backward()
    return [loss], {"model": model}


def written_out_by_hand():
    a = micrograd.Value(2.0, label="a")
    out = micrograd.Value(4.0, (a,), "square")

    def backward():
        a.grad += 2.0 * a.data * out.grad

    out._backward = backward
    root = out * 3.0
    root.backward()
    return [root], {}


def a_training_by_fit():
    model = network()
    fit(model, X, Y, mse_loss, SGD(model.parameters(), lr=0.1), epochs=3, l2=0.1, max_norm=0.1,
        progress=False, jit=False)  # fmt: skip
    return [loss_of(model)], {"model": model}


def a_record_of_a_training():
    return [trained(epochs=3, widths=(3, 1))], {}


def a_record_of_a_training_that_went_on():
    history = trained(epochs=2, widths=(3, 1))
    model = history.recorded.model
    spelled_out(model, X[0]).backward()
    spelled_out(model, X[0]).backward()
    return [history], {}


RIGHT = [
    nothing_was_done, one_backward_pass, a_training_loop, a_training_loop_without_its_model,
    a_training_loop_with_momentum_and_decay, the_next_loss_before_zero_grad,
    zeroed_before_the_page, gradients_added_up_over_batches, two_losses_of_one_graph,
    another_root_in_the_same_graph, a_part_of_the_graph_only, a_gradient_from_outside,
    a_scaled_loss_that_is_scaled_back, clipped_gradients, a_penalty_added_by_hand,
    a_penalty_in_the_loss, frozen_weights_whose_gradients_nobody_clears,
    inputs_that_are_used_again, tied_weights, a_square, made_without_recording,
    a_second_derivative, a_masked_and_a_compared_value, dropout_in_training, written_out_by_hand,
    a_training_by_fit, a_record_of_a_training, a_record_of_a_training_that_went_on,
]  # fmt: skip


# --- wrong ones: explore's arguments, and how often the leaves with names hold the gradient ---


def backward_twice(times=2):
    a, b = Value(5.0, label="a"), Value(3.0, label="b")
    root = a * b + 0.1 * a
    for _ in range(times):
        root.backward()
    return [root], {}, times


def backward_seven_times():
    return backward_twice(7)


def a_loop_without_zero_grad_or_steps():
    model = network()
    for _ in range(3):
        loss = loss_of(model)
        loss.backward()
    return [loss], {"model": model}, 3


def weights_without_names_and_no_model():
    w = [Value(0.5), Value(-1.5)]
    for _ in range(2):
        loss = (w[0] * w[1]).tanh()
        loss.backward()
    return [loss], {}, 2


WRONG = [backward_twice, backward_seven_times, a_loop_without_zero_grad_or_steps,
         weights_without_names_and_no_model]  # fmt: skip
