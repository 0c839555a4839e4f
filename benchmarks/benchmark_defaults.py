"""How good are the defaults? Scores on rows never seen, beside scikit-learn's own defaults.

    python benchmarks/benchmark.py --only defaults

Five data sets that come with scikit-learn, five splits each (a quarter of the rows is held out, the
same rows for all, with the classes in proportion), every setting at its default: of scikit-learn a
linear model and its MLP, of this library the estimators and the command line, which is given the
rows as CSV files, classes as words. "raw": the numbers of the data set as they are; "scaled": after
a StandardScaler, in a Pipeline. Accuracy, or r2 for diabetes; means over the splits, and the worst.
"""

import contextlib
import csv
import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from micrograd_like import estimators
from micrograd_like.cli import main as command

SETS = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
ALLOWED = {"accuracy": 0.02, "r2": 0.05}  # below the better of scikit-learn's two


def scores(name: str, split: int, scaled: bool) -> dict[str, float]:
    """The score of everybody on one split of one data set."""
    X, y = SETS[name](return_X_y=True)
    numeric = name == "diabetes"
    parts = train_test_split(X, y, random_state=split, stratify=None if numeric else y)
    if numeric:
        linear, theirs, ours = LinearRegression(), MLPRegressor, estimators.MLPRegressor
    else:
        linear, theirs, ours = LogisticRegression(), MLPClassifier, estimators.MLPClassifier
    models = {
        "linear": linear,
        "scikit-learn's MLP": theirs(random_state=split),
        "estimator": ours(random_state=split),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's of convergence; the scores tell
        found = {who: score(model, parts, scaled) for who, model in models.items()}
    return found | {"command line": command_score(parts, numeric, scaled, split)}


def score(model: Any, parts: Any, scaled: bool) -> float:
    """Of an estimator, alone or after a StandardScaler."""
    X, held_out, y, right = parts
    pipeline = make_pipeline(StandardScaler(), model) if scaled else model
    return float(pipeline.fit(X, y).score(held_out, right))


def command_score(parts: Any, numeric: bool, scaled: bool, seed: int) -> float:
    """Of ``train FILE --target y`` and ``predict``, asked in this process."""
    X, held_out, y, right = parts
    if scaled:
        scaler = StandardScaler().fit(X)
        X, held_out = scaler.transform(X), scaler.transform(held_out)
    with tempfile.TemporaryDirectory() as folder:
        rows, new, model, answers = (
            str(Path(folder, name)) for name in ("rows.csv", "new.csv", "model.json", "answers.csv")
        )
        write_csv(rows, X, y if numeric else [f"class {k}" for k in y])
        write_csv(new, held_out, right if numeric else [f"class {k}" for k in right])
        quietly("train", rows, "--target", "y", "--save", model, "--seed", str(seed))
        quietly("predict", model, new, "--out", answers)
        with open(answers, newline="") as file:
            _, *lines = csv.reader(file)
    if numeric:
        return float(r2_score(right, [float(line[1]) for line in lines]))
    return float(accuracy_score(right, [int(line[1].split()[1]) for line in lines]))


def quietly(*words: str) -> None:
    """A command whose words do not matter, if it works."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command(words)
    if code != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {code}: {said.getvalue()}")


def write_csv(path: str, X: Any, y: Any) -> None:
    """The rows under the names x0, x1, ..., y."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{i}" for i in range(len(X[0]))), "y"])
        writer.writerows([*x.tolist(), t] for x, t in zip(X, y))


def rows(quick: bool) -> list[dict[str, Any]]:
    """A row for each data set, raw and scaled: means, worst, and how far ours are below theirs."""
    table = []
    for name in ["iris"] if quick else SETS:
        for scaled in [False] if quick else [False, True]:
            found = [scores(name, split, scaled) for split in range(1 if quick else 5)]
            means = {who: float(np.mean([each[who] for each in found])) for who in found[0]}
            worst = {who: min(each[who] for each in found) for who in found[0]}
            theirs = max(means["linear"], means["scikit-learn's MLP"])
            behind = theirs - min(means["estimator"], means["command line"])
            measure = "r2" if name == "diabetes" else "accuracy"
            shown = {who: f"{means[who]:.3f} ({worst[who]:.3f})" for who in means}
            table.append(
                {"data": f"{name}, {'scaled' if scaled else 'raw'}", "score": measure, **shown,
                 "behind": f"{behind:.3f}", "good": "yes" if behind <= ALLOWED[measure] else "NO"}
            )  # fmt: skip
    return table
