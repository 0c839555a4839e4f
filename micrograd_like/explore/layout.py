"""Where the cards of a picture go, and the lines between them; knows items and edges only.

>>> placed = layout(3, [(0, 2), (1, 2)])           # two inputs, and right of them their user
>>> placed["x"], placed["left"]
([0, 0, 1], [0, 193])

Names: an item is a number below count; an edge (a, b) goes from left to right, and there is no
cycle. A slot is an item, or a rail: the place that a long edge takes in a column that it passes.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

Edge: TypeAlias = tuple[int, int]

WIDTH, HEIGHT, GAP_X, GAP_Y, RAIL = 160, 60, 24, 12, 20  # of a card, between cards; of a rail
TALL = 12  # cards in a column; of more, some go into the next
MAX_CARDS = 1000  # in one view; above, the page shows a neighbourhood


def layout(count: int, edges: Sequence[Edge]) -> dict[str, Any]:
    """Columns by longest path, in each column the cards in the order of least crossing.

    A long edge gets a rail through the columns between, so that it crosses no card.

    Returns:
        x, the column, and y, the middle, of every item; left, where each column begins; e, for
        each edge its items and the y of its rails. More items than MAX_CARDS: big, and as y only a
        place in the column, because the page stacks the few that it shows; gap between columns.
    """
    rank = ranks(count, edges)
    if edges and count <= MAX_CARDS:
        rank = _wrapped(rank)
    paths = _paths(edges, rank)
    columns: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for slot, r in enumerate(rank):
        columns[r].append(slot)
    before, after = neighbours(len(rank), (link for path in paths for link in pairwise(path)))
    _order(columns, before, after)
    if count > MAX_CARDS:
        place = {k: (c, j) for c, column in enumerate(columns) for j, k in enumerate(column)}
        xs, ys = zip(*[place[k] for k in range(count)])
        return {"big": 1, "x": xs, "y": ys, "e": [], "gap": 2 * GAP_X}
    y = _heights(columns, before, after, count)
    steep = [max((abs(y[k] - y[n]) for k in column for n in after[k]), default=0)
             for column in columns]  # fmt: skip
    gaps = (GAP_X + min(rise // 4, 200) for rise in steep)  # so that no line is too steep
    left = [*accumulate((WIDTH + gap for gap in gaps), initial=0)][:-1]
    routes = [[a, b, *[y[rail] for rail in on_the_way]] for a, *on_the_way, b in paths]
    return {"x": rank[:count], "y": y[:count], "left": left, "e": routes}


def route(placed: dict[str, Any], edge: list[int]) -> str:
    """An edge as an SVG path: out of one card to the right, through the rails, into another."""
    a, b, *rails = edge
    left, column = placed["left"], placed["x"][a]
    x, y = left[column] + WIDTH, placed["y"][a]
    path = f"M{x} {y}"
    for j, to in enumerate([*rails, placed["y"][b]], start=1):
        last = j > len(rails)
        end = left[placed["x"][b] if last else column + j]
        middle = (x + end) // 2
        path += f"C{middle} {y} {middle} {to} {end} {to}"
        x, y = end + WIDTH, to
        path += "" if last else f"H{x}"
    return path


# --- columns, and the places in them ---


def peeled(edges: Iterable[tuple[Any, Any]]) -> list[Any]:
    """The ends of edges, inputs before users, without what is on a cycle or behind one."""
    users: dict[Any, list[Any]] = {}
    waiting: dict[Any, int] = {}
    for a, b in edges:
        users.setdefault(a, []).append(b)
        waiting[b] = waiting.get(b, 0) + 1
    free = [a for a in users if a not in waiting]
    for a in free:  # the list grows meanwhile
        for b in users.get(a, ()):
            waiting[b] -= 1
            if not waiting[b]:
                free.append(b)
    return free


def neighbours(count: int, edges: Iterable[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """For every number below count those before it and those after it, each once."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in dict.fromkeys(edges):
        before[b].append(a)
        after[a].append(b)
    return before, after


def ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """The column of every item: right of all its inputs; what has none, next to its users."""
    if not edges:  # a grid, about as wide as high
        rows = math.ceil(math.sqrt(count * 3.0))
        return [k // rows for k in range(count)]
    inputs, users = neighbours(count, edges)
    rank = [0] * count
    for k in peeled(edges):
        rank[k] = max([rank[a] + 1 for a in inputs[k]], default=0)
    for k in range(count):
        if not inputs[k]:
            rank[k] = min([rank[b] for b in users[k]], default=1) - 1
    return rank


def _wrapped(rank: list[int]) -> list[int]:
    """Long ranks go on in a column beside, so that a view is not much higher than a screen."""
    wrapped, first = [0] * len(rank), 0
    columns: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for k, r in enumerate(rank):
        columns[r].append(k)
    for column in columns:
        parts = math.ceil(len(column) / TALL)
        for j, k in enumerate(column):
            wrapped[k] = first + j * parts // len(column)
        first += parts
    return wrapped


def _paths(edges: Sequence[Edge], rank: list[int]) -> list[list[int]]:
    """Every edge with its rails, shared by edges from the same item; rank gets their columns."""
    count, rails = len(rank), dict[Edge, int]()  # {(a, column): the slot of a's rail there}
    too_many = sum(rank[b] - rank[a] - 1 for a, b in edges) > 20 * MAX_CARDS
    paths = []
    for a, b in edges:
        passed = () if too_many or count > MAX_CARDS else range(rank[a] + 1, rank[b])
        paths.append([a, *[rails.setdefault((a, r), count + len(rails)) for r in passed], b])
    rank += [r for _, r in rails]
    return paths


def _sweeps(
    count: int, columns: list[list[int]], before: list[list[int]], after: list[list[int]]
) -> Iterator[tuple[list[int], list[list[int]]]]:
    """There and back through the columns, each with the neighbours that have just been placed."""
    for sweep in range(count):
        for column in reversed(columns) if sweep % 2 else columns:
            yield column, after if sweep % 2 else before


def _order(columns: list[list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Barycentre sweeps: every slot goes to the mean place of its neighbours."""
    place = {k: float(j) for column in columns for j, k in enumerate(column)}
    for column, near in _sweeps(6, columns, before, after):
        middle = (len(column) - 1) / 2.0
        if middle:
            mean = {k: _mean([place[n] for n in near[k]], place[k]) for k in column}
            column.sort(key=mean.__getitem__)
        place |= {k: j - middle for j, k in enumerate(column)}


def _heights(
    columns: list[list[int]], before: list[list[int]], after: list[list[int]], count: int
) -> list[int]:
    """The y of every slot: as near to its neighbours as the order and the gaps allow."""
    step = [HEIGHT + GAP_Y] * count + [RAIL] * (len(before) - count)
    y = [0.0] * len(before)
    for column in columns:
        _stack(column, [0.0] * len(column), step, y)
    for column, near in _sweeps(8, columns, before, after):
        around = [near[k] or before[k] or after[k] for k in column]
        wanted = [_mean([y[n] for n in some], y[k]) for k, some in zip(column, around)]
        _stack(column, wanted, step, y)
    top = min(y[k] - step[k] / 2.0 for k in range(len(y)))
    return [round(y[k] - top) for k in range(len(y))]


def _stack(column: list[int], wanted: list[float], step: list[int], y: list[float]) -> None:
    """Least squares under the gaps: neighbours that want to overlap share their mean place."""
    blocks: list[tuple[float, int]] = []  # the sum of the wanted tops, how many
    offsets, offset = [], 0.0
    for k, place in zip(column, wanted):
        offset += step[k] / 2.0
        offsets.append(offset)
        total, n = place - offset, 1
        offset += step[k] / 2.0
        while blocks and blocks[-1][0] * n >= total * blocks[-1][1]:
            above, m = blocks.pop()
            total, n = above + total, m + n
        blocks.append((total, n))
    tops = [total / n for total, n in blocks for _ in range(n)]
    for k, top, offset in zip(column, tops, offsets):
        y[k] = top + offset


def _mean(numbers: list[float], default: float) -> float:
    return sum(numbers) / len(numbers) if numbers else default
