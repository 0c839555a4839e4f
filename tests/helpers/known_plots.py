"""Every plot with arguments that work, and how a test reads what was drawn."""

from micrograd_like import plot
from micrograd_like.engine import Value
from micrograd_like.losses import mse_loss
from micrograd_like.nn import Neuron

HISTORY = {"loss": [0.9, 0.5, 0.2], "val_loss": [1.0, 0.7, 0.6], "accuracy": [0.5, 0.8, 0.9]}
CORNERS, XOR = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]


def product(x):
    """The sign of xor, for corners moved to -1 and 1."""
    return -(2.0 * x[0] - 1.0) * (2.0 * x[1] - 1.0)


# A new plot needs a row.
CALLS = {
    "plot_history": lambda ax: plot.plot_history(HISTORY, ax=ax),
    "plot_decision_boundary": lambda ax: plot.plot_decision_boundary(product, CORNERS, XOR, ax, 5),
    "plot_histogram": lambda ax: plot.plot_histogram(Neuron(2, rng=0), ax=ax),
    "plot_weight_norms": lambda ax: plot.plot_weight_norms({"layers.0": [1.0, 2.0]}, ax),
    "plot_confusion_matrix": lambda ax: plot.plot_confusion_matrix(
        outputs=[1, 1], targets=[0, 1], ax=ax
    ),
    "plot_activation": lambda ax: plot.plot_activation(Value.tanh, ax),
    "plot_loss": lambda ax: plot.plot_loss(mse_loss, 1.0, ax),
    "plot_schedule": lambda ax: plot.plot_schedule(lambda epoch: 0.1, 3, ax),
    "plot_loss_landscape": lambda ax: plot.plot_loss_landscape(
        lambda: 1.0, [Value(1.0), Value(2.0)], ax, resolution=3
    ),
    "plot_predictions": lambda ax: plot.plot_predictions([1.0, 3.0], [1.0, 2.0], ax),
}

# Those that take what a model says and what was wanted, each with both as the metrics take them; a
# new one needs a row here too.
COMPARING = {
    "plot_predictions": (plot.plot_predictions, [1.5, -2.0, 0.25], [1.0, -2.5, 0.0]),
    "plot_confusion_matrix": (plot.plot_confusion_matrix, [1, 0, 1], [1, 1, 0]),
}


def drawn(ax):
    """Everything that a plot shows: lines, points, regions, images and texts."""
    points = [(c.get_offsets().tolist(), c.get_facecolor().tolist()) for c in ax.collections]
    regions = [[path.vertices.tolist() for path in c.get_paths()] for c in ax.collections]
    images = [image.get_array().tolist() for image in ax.images]
    return (
        [xy(line) for line in ax.get_lines()],
        points,
        regions,
        images,
        [text.get_text() for text in ax.texts],
    )


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def xy(line):
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]
