"""Runs first: what a plot still lacks or breaks of what all of them promise, in one list."""

import builtins
import inspect
import io
import re

import matplotlib
import matplotlib.pyplot as plt
from helpers.known_plots import CALLS, COMPARING
from helpers.still_missing import missing_words, report
from matplotlib.figure import Figure

from micrograd_like import plot


def missing(name, function, calls=CALLS):
    """Every place where a plot still has to be written, and every promise that it breaks."""
    yield from missing_words(function, ">>>")
    if not hasattr(plot, name):
        yield "__all__ of its file, and a line of micrograd_like/plot/__init__.py"
    if "outputs" in inspect.signature(function).parameters and name not in COMPARING:
        yield "tests/helpers/known_plots.py: a row of COMPARING, outputs and targets"
    if name not in calls:
        yield "tests/helpers/known_plots.py: a row of CALLS, arguments that work"
        return
    call = calls[name]
    yield from broken_on_new_axes(call)
    yield from broken_on_given_axes(call)
    if not re.search(r'pip install "micrograd_like\[plot\]"', said_without("matplotlib", call)):
        yield "without matplotlib, an ImportError that says what to install"


def broken_on_new_axes(call):
    before = settings()
    ax, other = call(None), call(None)
    if ax is None or ax.figure is other.figure:
        yield "without Axes, a new Figure each time"
        return
    ax.figure.savefig(picture := io.BytesIO())
    if len(picture.getvalue()) < 1000:
        yield "a picture that can be saved"
    if not ax.get_xlabel() or not (ax.get_ylabel() or ax.get_legend()):
        yield "a label of each axis; of the height of functions, a legend"
    if settings() != before:
        yield "no change of matplotlib's settings"
    if plt.get_fignums():
        yield "no figure of pyplot, and no show()"
        plt.close("all")


def broken_on_given_axes(call):
    ax = Figure().add_subplot()
    before = len(ax.get_children())
    if call(ax) is not ax:
        yield "the Axes that were given, returned"
    if len(ax.get_children()) <= before:
        yield "something drawn into the Axes that were given"
    if not ax.spines["top"].get_visible():
        yield "the style of other people's Axes left alone"


def settings():  # the backend is chosen by whoever looks at it first
    return {k: v for k, v in matplotlib.rcParams.items() if k != "backend"}


def said_without(package, call):
    """The ImportError of a call where a package is not installed."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    builtins.__import__ = without
    try:
        call(None)
    except ImportError as error:
        return str(error)
    finally:
        builtins.__import__ = real
    return ""


def test_every_plot_is_written_everywhere_and_keeps_what_all_promise():
    found = {name: f for name, f in vars(plot).items() if name.startswith("plot_")}
    report({name: list(missing(name, function)) for name, function in found.items()})
    assert set(found) == set(CALLS)


def test_without_scikit_learn_the_confusion_matrix_says_what_to_install():
    said = said_without("sklearn", CALLS["plot_confusion_matrix"])
    assert said == 'plot_confusion_matrix needs scikit-learn: pip install "micrograd_like[train]"'


def test_a_plot_that_keeps_no_promise_is_told_all_of_them():
    def plot_badly(ax=None):
        matplotlib.rcParams["lines.linewidth"] = 7.0
        return plt.subplots()[1]

    with matplotlib.rc_context():
        assert len(list(missing("plot_badly", plot_badly, {}))) == 3
        broken = list(missing("plot_badly", plot_badly, {"plot_badly": plot_badly}))
        plt.close("all")
    assert len(broken) == 8
