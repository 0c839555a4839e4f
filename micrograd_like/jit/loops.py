"""loops: what all emitters of LLVM code share: memory by index, loops, sums in registers.

A number that is known while emitting, an ``ir.Constant``, is computed there and then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .signature import DOUBLE, INT, POINTER


def plus(b: Any, x: Any, y: Any) -> Any:
    """x + y, now when both are known."""
    if isinstance(x, ir.Constant) and isinstance(y, ir.Constant):
        return INT(x.constant + y.constant)
    return b.add(x, y)


def times(b: Any, x: Any, n: int) -> Any:
    """x * n, now when x is known."""
    return INT(x.constant * n) if isinstance(x, ir.Constant) else b.mul(x, INT(n))


def at(b: Any, base: Any, i: Any, kind: Any = DOUBLE) -> Any:
    """The address of base[i]."""
    return b.gep(base, [i if isinstance(i, ir.Value) else INT(i)], source_etype=kind)


def read(b: Any, base: Any, i: Any, kind: Any = DOUBLE, name: str = "") -> Any:
    """The number base[i]."""
    return b.load(at(b, base, i, kind), typ=kind, name=name)


def copy_numbers(b: Any, target: Any, source: Any, n: int) -> None:
    """Emits a copy of n doubles."""
    memcpy = b.module.declare_intrinsic("llvm.memcpy", [POINTER, POINTER, INT])
    b.call(memcpy, [target, source, INT(8 * n), ir.IntType(1)(0)])


@contextmanager
def loop(b: Any, stop: Any, step: int = 1, name: str = "i") -> Iterator[Any]:
    """Emits ``for i in range(0, stop, step)``; yields i. One round needs no loop."""
    if isinstance(stop, int):
        if stop <= step:
            yield INT(0)
            return
        stop = INT(stop)
    #   before:  br 0 < stop, each_i, end_i
    #   each_i:  i = phi [0, before], [i_next, ...]
    #            ...
    #            i_next = i + step
    #            br i_next < stop, each_i, end_i
    before = b.block
    body, end = b.append_basic_block(f"each_{name}"), b.append_basic_block(f"end_{name}")
    b.cbranch(b.icmp_signed("<", INT(0), stop), body, end)
    b.position_at_end(body)
    i = b.phi(INT, name)
    i.add_incoming(INT(0), before)
    yield i
    after = b.add(i, INT(step), f"{name}_next")
    i.add_incoming(after, b.block)
    b.cbranch(b.icmp_signed("<", after, stop), body, end)
    b.position_at_end(end)


def accumulate(b: Any, start: list[Any], stop: Any, body: Any) -> list[Any]:
    """Emits ``acc = start; for j in range(stop): acc = body(j, acc)``; returns acc."""
    #   before:  br 0 < stop, terms, total
    #   terms:   j = phi [0, before], [j_next, ...]
    #            acc = phi [start, before], [new, ...]
    #            new = ...
    #            br j_next < stop, terms, total
    #   total:   sum = phi [start, before], [new, ...]
    stop = INT(stop) if isinstance(stop, int) else stop
    before, terms, total = b.block, b.append_basic_block("terms"), b.append_basic_block("total")
    b.cbranch(b.icmp_signed("<", INT(0), stop), terms, total)
    b.position_at_end(terms)
    j = b.phi(INT, "j")
    j.add_incoming(INT(0), before)
    acc = [b.phi(x.type, "acc") for x in start]
    new = body(j, acc)
    after = b.add(j, INT(1), "j_next")
    last = b.block
    b.cbranch(b.icmp_signed("<", after, stop), terms, total)
    j.add_incoming(after, last)
    for phi, first, value in zip(acc, start, new):
        phi.add_incoming(first, before)
        phi.add_incoming(value, last)
    b.position_at_end(total)
    return [either(b, first, before, value, last) for first, value in zip(start, new)]


def either(b: Any, x: Any, from_x: Any, y: Any, from_y: Any) -> Any:
    """x or y, by the block that control came from."""
    phi = b.phi(x.type, "sum")
    phi.add_incoming(x, from_x)
    phi.add_incoming(y, from_y)
    return phi
