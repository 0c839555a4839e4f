"""bridge: from a sample of the training to the explorer's page of its graph.

The page holds the explorer's page of one sample's loss, squeezed. Any other sample at any other
moment has the same graph with other numbers in its leaves, and the two pages agree on the leaves.
"""

import zlib
from base64 import b64encode
from collections.abc import Sequence

from ..engine import Value, apply
from .record import Recording

__all__ = ["bridge", "graph"]


def bridge(recording: Recording, names: Sequence[str]) -> tuple[str, str]:
    """The explorer's page as base64 of zlib; or nothing, and a sentence why there is none.

    Args:
        recording: the training.
        names: of the inputs; those that are missing are x0, x1 and so on.
    """
    from ..explore.page import guest  # here, since it is needed for this page only

    page, why = guest(*graph(recording, names), recording.model)
    if why:
        return "", f"A sample's graph cannot be opened here: {why}."
    return b64encode(zlib.compress(page.encode("utf-8", "backslashreplace"), 9)).decode(), ""


def graph(recording: Recording, names: Sequence[str]) -> tuple[Value, list[Value]]:
    """The loss of the first sample, op by op as it was traced; its inputs, targets, parameters.

    So what a model or a loss takes out of a Value with data or detach() follows the others, too.
    """
    row, n, targets = [*recording.X[0], *recording.y[0]], len(recording.X[0]), len(recording.y[0])
    call = recording.recorded(row)
    labels = [*names, *[f"x{k}" for k in range(len(names), n)]][:n]
    labels += [f"target {k}" for k in range(targets)] if targets > 1 else ["target"]
    given = [Value(x, label=label) for x, label in zip(row, labels)]
    nodes = list(given)
    numbers = [float.fromhex(x) if isinstance(x, str) else x for x in call.leaves]
    for op, reads, constant in call.code:
        args = [nodes[i] if i >= 0 else numbers[-1 - i] for i in reads]
        nodes.append(apply(op, *args, *([float.fromhex(constant)] if constant else [])))
    return nodes[call.sums[0]], [*given, *recording.traced.parameters]
