"""Mutants: right engines with one small change each, made by a program, always the same ones.

Two right engines are changed: one of closures, one of records. A change that no probe notices is
left out as equivalent; one that only shows where the engine was wrong before is left out too.
"""

from __future__ import annotations

import ast
import copy
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from . import load, source_of
from .probes import answers, first_difference

# Where an engine is wrong before anything is changed: what differs there only says nothing.
WRONG_BEFORE = {
    "closures_full": frozenset({"backward twice", "two losses", "a leaf changed",
                                "gradients in between", "the output is a leaf, twice"}),
    "records": frozenset[str](),
}  # fmt: skip
OTHER_OPS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult], ast.Pow: [ast.Mult],
}  # fmt: skip
OTHER_COMPARES: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Gt: [ast.GtE, ast.Lt], ast.Lt: [ast.LtE, ast.Gt], ast.NotIn: [ast.In],
}  # fmt: skip
OTHER_FUNCTIONS = {
    "sin": "cos", "cos": "sin", "exp": "log", "log": "exp", "sinh": "cosh", "cosh": "sinh",
    "tan": "tanh", "tanh": "tan", "atan": "tanh", "sqrt": "exp",
}  # fmt: skip
OTHER_NAMES = {"self": ["out"], "out": ["self"]}  # in v.data; self and other anywhere
NO_BRACKETS = str.maketrans("", "", "()")
WALK = {"backward", "_sorted_below"}
EACH = 5  # changes of an op that are tried; of the walk, all
SKIPPED = {"__repr__", "__init__"}


class Mutant(NamedTuple):
    """A wrong engine made by a program."""

    engine: str  # that was right
    feature: str  # the op that is changed, "walk"
    change: str  # "line 30: a + b -> a - b"
    source: str
    level: str  # at which it must be noticed
    shown_by: str  # the first probe that shows it

    @property
    def name(self) -> str:
        return f"{self.engine} {self.feature}, {self.change}"

    def load(self) -> Any:
        return load(self.source, name=self.engine)


def other_nodes(node: ast.AST, names: set[str]) -> Iterator[ast.AST]:
    """What may stand for a node, wrongly; names are those that the function knows."""
    if isinstance(node, ast.BinOp):
        for op in OTHER_OPS[type(node.op)]:
            yield ast.BinOp(node.left, op(), node.right)
        if not isinstance(node.op, ast.Add | ast.Mult):
            yield ast.BinOp(node.right, node.op, node.left)
        yield from (node.left, node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Compare):
        for compare in OTHER_COMPARES.get(type(node.ops[0]), []):
            yield ast.Compare(node.left, [compare()], node.comparators)
        if isinstance(node.ops[0], ast.NotIn):
            yield ast.Constant(True)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from map(ast.Constant, {0: [1.0], 1: [0.0, 2.0, -1.0]}.get(
            node.value, [2 * node.value, node.value + 1, -node.value]))  # fmt: skip
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
        yield node.body
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value)
        other = ast.Sub if isinstance(node.op, ast.Add) else ast.Add
        yield ast.AugAssign(node.target, other(), node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Assign | ast.Expr):
        yield ast.Pass()
    else:
        yield from _other_expressions(node, names)


def _other_expressions(node: ast.AST, names: set[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = node.value.id == "math"
        if module and node.attr in OTHER_FUNCTIONS:
            yield ast.Attribute(node.value, OTHER_FUNCTIONS[node.attr], node.ctx)
        if not module and node.attr in ("data", "grad"):
            other = "grad" if node.attr == "data" else "data"
            yield ast.Attribute(node.value, other, node.ctx)
            for name in OTHER_NAMES.get(node.value.id, []):
                if name in names:
                    yield ast.Attribute(ast.Name(name), node.attr, node.ctx)
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        if len(node.elts) > 1:
            yield ast.Tuple(node.elts[::-1], node.ctx)
        for i in range(len(node.elts)):
            yield ast.Tuple(node.elts[:i] + node.elts[i + 1 :], node.ctx)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "reversed":
            yield node.args[0]
    elif isinstance(node, ast.Name) and node.id in ("self", "other") and "other" in names:
        yield ast.Name("other" if node.id == "self" else "self", node.ctx)


def functions_of(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for top in tree.body:
        for item in [top, *getattr(top, "body", [])] if isinstance(top, ast.ClassDef) else [top]:
            if isinstance(item, ast.FunctionDef) and item.name not in SKIPPED:
                yield item


class Change(NamedTuple):
    """A node of a tree, and what is to stand there."""

    feature: str
    old: ast.AST
    new: ast.AST

    def __str__(self) -> str:
        return f"line {self.old.lineno}: {ast.unparse(self.old)} -> {ast.unparse(self.new)}"

    def made(self, source: str) -> str:
        """The source with this change."""
        new = ast.unparse(self.new)
        if isinstance(self.new, ast.expr) and not isinstance(self.new, ast.Attribute | ast.Name):
            new = f"({new})"
        lines = source.splitlines(keepends=True)
        starts = [0, *itertools.accumulate(map(len, lines))]
        start = starts[self.old.lineno - 1] + self.old.col_offset  # the sources are ASCII
        end = starts[self.old.end_lineno - 1] + self.old.end_col_offset
        return source[:start] + new + source[end:]


def changes_of(source: str) -> dict[str, list[Change]]:
    """All changes of the functions of an engine, by feature."""
    tree = ast.parse(source)
    changes: dict[str, list[Change]] = {}
    for function in functions_of(tree):
        names = {"self", *[n.id for n in ast.walk(function) if isinstance(n, ast.Name)]}
        feature = "walk" if function.name in WALK else function.name.strip("_")
        for node in list(ast.walk(function)):
            if node is not function and not _is_lifting(node) and not _is_doc(node):
                for new in other_nodes(node, names):
                    new = ast.copy_location(copy.deepcopy(new), node)  # a part of node stays there
                    ast.fix_missing_locations(new)
                    changes.setdefault(feature, []).append(Change(feature, node, new))
    return changes


def chosen(changes: list[Change], count: int, seed: str) -> list[Change]:
    """Some changes, of as many kinds as there are."""
    changes = random.Random(seed).sample(changes, len(changes))
    met = Counter[tuple[type, type]]()
    turns = []  # the first change of every kind comes before the second of any
    for change in changes:
        kind = (type(change.old), type(change.new))
        turns.append(met[kind])
        met[kind] += 1
    return [changes[i] for i in sorted(range(len(changes)), key=turns.__getitem__)][:count]


def _is_lifting(node: ast.AST) -> bool:
    """Is it `other = other if isinstance(other, Value) else Value(other)`, or a part of it?"""
    return isinstance(node, ast.Assign | ast.IfExp) and "isinstance" in ast.unparse(node)


def _is_doc(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def all_mutants(each: int) -> tuple[list[Mutant], Counter[str]]:
    """Some mutants of each feature and all of the walk; how many changes were left out, and why."""
    made, left_out, seen = [], Counter[str](), set()
    for engine, before in WRONG_BEFORE.items():
        source = source_of(engine)
        wanted = answers(load(source))
        for feature, changes in changes_of(source).items():
            for change in chosen(changes, 10**6 if feature == "walk" else each, feature):
                new = change.made(source)
                meaning = new.translate(NO_BRACKETS)
                if meaning in seen:
                    left_out["the same as another"] += 1
                    continue
                seen.add(meaning)
                Value = load(new)
                shown_by = first_difference(Value, wanted, before)
                if shown_by:
                    level, about = shown_by.level, shown_by.about
                    made.append(Mutant(engine, feature, str(change), new, level, about))
                elif first_difference(Value, wanted):
                    left_out["shows only where the engine was wrong before"] += 1
                else:
                    left_out["equivalent"] += 1
    return made, left_out


def mutants(each: int = EACH) -> list[Mutant]:
    """Mutants that a judge must notice: `each` changes of every op, and all of the walk."""
    return all_mutants(each)[0]
