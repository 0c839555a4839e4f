"""Every kind of list that samples and their targets come in: the same numbers in all of them."""

import numpy as np
import pandas as pd
import torch

from . import torch_twins  # noqa: F401  its tensors are of float64

# Of a list of numbers, one for each sample.
ONE_EACH = {
    "t": list,
    "[t]": lambda ts: [[t] for t in ts],
    "[[t]]": lambda ts: [[[t]] for t in ts],
    "tuples": lambda ts: tuple((t,) for t in ts),
    "array (n,)": np.array,
    "array (n, 1)": lambda ts: np.array(ts)[:, None],
    "list of numpy's numbers": lambda ts: list(np.array(ts)),
    "tensor (n,)": torch.tensor,
    "tensor (n, 1)": lambda ts: torch.tensor(ts)[:, None],
    "list of 0-d tensors": lambda ts: list(torch.tensor(ts)),
    "list of 1-d tensors": lambda ts: list(torch.tensor(ts)[:, None]),
    "Series with an index of its own": lambda ts: pd.Series(ts, index=range(7, 7 + len(ts))),
    "DataFrame": lambda ts: pd.DataFrame({"t": ts}),
    "DataFrame of numbered columns": lambda ts: pd.DataFrame([[t] for t in ts]),
}

# Of a list of rows.
ROWS = {
    "lists": list,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "generator": lambda rows: (row for row in rows),
    "zip": lambda rows: zip(*zip(*rows)),
    "array": np.array,
    "list of arrays": lambda rows: list(map(np.array, rows)),
    "tensor": torch.tensor,
    "list of tensors": lambda rows: list(map(torch.tensor, rows)),
    "DataFrame": lambda rows: pd.DataFrame(rows, columns=list("ab"), index=range(9, 9 + len(rows))),
    "DataFrame of numbered columns": pd.DataFrame,
    "DataFrame of awkward columns": lambda rows: pd.DataFrame(rows, columns=["dataset", "columns"]),
}


def loader(X, y):
    """A DataLoader of these samples."""
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y))
    return torch.utils.data.DataLoader(pairs, batch_size=2)
