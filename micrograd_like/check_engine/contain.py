"""Runs code of an engine that nobody trusts; nothing comes back but numbers and text.

The engine lives in a forked child, which is killed when a program takes too long: it may loop,
print, exit, crash, ask for input or all memory. Where processes cannot be forked (Windows) it
lives in a thread, which is a weaker wall: loops are stopped, a crash is not.

>>> from fractions import Fraction
>>> with Contained(lambda: Fraction) as engine:
...     engine.run("x = Fraction(1, 4)\\ny = 1 / 0", ["float(x)"]).trouble
Trouble(kind='raised', type='ZeroDivisionError', message='division by zero', line=2, where='')
"""

import ctypes
import faulthandler
import gc
import inspect
import io
import json
import linecache
import os
import select
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any, NamedTuple, TypeAlias

CODE = "<check>"  # the file name of what is run
MEMORY = 4 << 30  # bytes more than at the start
Program: TypeAlias = tuple[str, Sequence[str]]  # code, and what is asked then
Came: TypeAlias = float | list[float] | str  # a text says what came that is no number


class Trouble(NamedTuple):
    """Why a program ended too early.

    Attributes:
        kind: "raised", "late" (stopped after its time) or "died" (the whole process).
        type, message: of the exception.
        line: of the program, from 1; 0 where it is not known.
        where: the engine's own line, as "engine.py:12: out.grad += x".
    """

    kind: str
    type: str = ""
    message: str = ""
    line: int = 0
    where: str = ""


class Outcome(NamedTuple):
    """What came of a program: its numbers, by expression, or the trouble; and what ran.

    Attributes:
        ran: the engine's functions that ran, as "file:line:name"; if it was asked for.
        called: those of them that the program itself called, in their order.
    """

    numbers: dict[str, Came]
    trouble: Trouble | None = None
    ran: tuple[str, ...] = ()
    called: tuple[str, ...] = ()


class Contained:
    """An engine behind a wall.

    Args:
        load: gives the class; it is called inside, and may do there whatever it does.
        extra: names that programs may use besides those of the engine's module.
        seconds: how long loading may take.
    """

    def __init__(
        self, load: Callable[[], Any], extra: dict[str, Any] | None = None, seconds: float = 30.0
    ) -> None:
        self._load, self._extra, self._seconds = load, extra or {}, seconds
        self._wall: _Forked | _Threaded | None = None
        self._loaded: dict[str, Any] = {}  # its trouble, if it could not be loaded

    def __enter__(self) -> "Contained":
        return self

    def __exit__(self, *error: object) -> None:
        if self._wall is not None:
            self._wall.close()
        self._wall = None

    def describe(self) -> dict[str, Any]:
        """The class from outside: name, methods, arguments; or {"trouble": ...}."""
        return self._ask({"do": "describe"}, self._seconds)

    def look(self, code: str, name: str) -> list[str]:
        """The attributes of what a program calls by a name; without values, nothing is trusted."""
        found: list[str] = self._ask({"do": "look", "code": code, "name": name}, 2.0).get(
            "names", []
        )
        return found

    def run(
        self, code: str, asks: Sequence[str] = (), seconds: float = 2.0, traced: bool = False,
        data: str = "",
    ) -> Outcome:  # fmt: skip
        """Runs a program, then evaluates expressions.

        Args:
            code, asks: in the engine's own words.
            seconds: for both together.
            traced: says what ran, too.
            data: the engine's word for a number, such as "{}.data", for a gradient that is a node.
        """
        request = {"do": "run", "code": code, "asks": list(asks), "traced": traced, "data": data}
        return _outcome(self._ask(request, seconds))

    def run_each(
        self, programs: Sequence[Program], seconds: float = 2.0,
        traced: bool = False, data: str = "", once: bool = False,
    ) -> Iterator[Outcome]:  # fmt: skip
        """Runs several programs in one process; one by one, to the first that ends it, if one does.

        Args:
            seconds: for all together; and if that is not enough, or the process dies, for each.
            once: gives nothing then.
        """
        common = {"traced": traced, "data": data}
        requests = [{"do": "run", "code": code, "asks": list(asks)} for code, asks in programs]
        if len(requests) > 1:
            found = self._ask({"do": "each", "requests": [r | common for r in requests]}, seconds)
            if "each" in found:
                yield from map(_outcome, found["each"])
                return
            if once:
                return
        for request in requests:
            outcome = _outcome(self._ask(request | common, seconds))
            yield outcome
            if outcome.trouble and outcome.trouble.kind != "raised":
                return

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if self._wall is None:
            wall = _Forked if hasattr(os, "fork") else _Threaded
            self._wall = wall(_Inside(self._load, self._extra))
            self._loaded = self._wall.ask({"do": "load"}, self._seconds)
        if self._loaded:
            return self._loaded
        reply = self._wall.ask(request, seconds)
        if self._wall.is_gone:
            self._wall.close()
            self._wall = None
        return reply


def _outcome(found: dict[str, Any]) -> Outcome:
    trouble = found.get("trouble")
    return Outcome(
        found.get("numbers", {}), trouble and Trouble(*trouble),
        tuple(found.get("ran", ())), tuple(found.get("called", ())),
    )  # fmt: skip


# --- the two walls ---


class _Forked:
    def __init__(self, inside: "_Inside") -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        to_read, child_writes = os.pipe()
        child_reads, to_write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # threads of ours (a notebook's) do not go along
            self.child = os.fork()
        if not self.child:
            os.close(to_read)
            os.close(to_write)
            _serve(inside, child_reads, child_writes)
        os.close(child_writes)
        os.close(child_reads)
        self.reading, self.writing, self.rest = to_read, to_write, b""
        self.is_gone = False  # a program may have killed its whole group

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        with suppress(BrokenPipeError):
            _write(self.writing, request | {"seconds": seconds})
        grace = 5.0 if request["do"] != "load" else 0.0  # the child itself stops a program
        found, self.rest = _read(self.reading, self.rest, seconds + grace)
        self.is_gone = "reply" not in found
        reply: dict[str, Any] = found.get("reply", found)
        return reply

    def close(self) -> None:
        for kill in (os.killpg, os.kill):  # it has no group yet, perhaps
            with suppress(ProcessLookupError):
                kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.reading)
        os.close(self.writing)


def _serve(inside: "_Inside", reading: int, writing: int) -> None:
    """The child: loads the engine, and forks once more for every program. It never returns.

    So each program finds the engine as it was loaded, whatever the others did to it.
    """
    try:
        os.setsid()  # a group of its own, which dies together; Ctrl-C is the parent's to decide
        faulthandler.disable()  # what dies here dies silently
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        _limit_memory()
        sys.stdin = sys.stdout = sys.stderr = _Silence()
        with os.fdopen(reading, "rb") as requests:
            for line in requests:
                request = json.loads(line)
                if request["do"] == "load":
                    _write(writing, {"reply": inside.answer(request)})
                    gc.collect()
                    gc.freeze()  # what is there now is no garbage of a program
                else:
                    _write(writing, {"reply": _apart(inside, request)})
    finally:
        os._exit(1)


def _apart(inside: "_Inside", request: dict[str, Any]) -> dict[str, Any]:
    """Answers in a process of its own, which is killed when its time is over."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _write(writing, inside.answer(request))
        finally:
            os._exit(0)
    os.close(writing)
    try:
        return _read(reading, b"", request["seconds"])[0]
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _write(pipe: int, reply: dict[str, Any]) -> None:
    left = json.dumps(reply).encode() + b"\n"
    while left:
        left = left[os.write(pipe, left) :]


def _read(pipe: int, rest: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
    """A line of a pipe as what it says, and what stands behind it."""
    deadline = time.monotonic() + seconds
    while b"\n" not in rest:
        left = deadline - time.monotonic()
        if left <= 0.0 or not select.select([pipe], [], [], left)[0]:
            return {"trouble": ["late"]}, b""
        got = os.read(pipe, 1 << 16)
        if not got:
            return {"trouble": ["died"]}, b""
        rest += got
    line, _, rest = rest.partition(b"\n")
    return json.loads(line), rest


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


class _Threaded:
    is_gone = False

    def __init__(self, inside: "_Inside") -> None:
        self.inside = inside

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        replies: list[dict[str, Any]] = []
        with redirect_stdout(_Silence()), redirect_stderr(_Silence()):
            thread = threading.Thread(
                target=lambda: replies.append(self.inside.answer(request)), daemon=True
            )
            thread.start()
            thread.join(seconds)
            if thread.is_alive() and thread.ident is not None:
                stop = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(*stop)
                thread.join(0.2)
                return {"trouble": ["late"]}
        return replies[0] if replies else {"trouble": ["died"]}

    def close(self) -> None:
        pass


class _Silence(io.TextIOBase):
    """What is printed is gone."""

    def write(self, text: str) -> int:
        return len(text)


# --- behind the wall ---


class _Inside:
    def __init__(self, load: Callable[[], Any], extra: dict[str, Any]) -> None:
        self.load, self.extra, self.cls = load, extra, None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if self.cls is None:
                self.cls = self.load()
            if request["do"] == "load":
                return {}
            if request["do"] == "describe":
                return _described(self.cls)
            if request["do"] == "look":
                return self.look(request)
            if request["do"] == "each":
                return {"each": [self.run(one) for one in request["requests"]]}
            return self.run(request)
        except BaseException as error:
            return {"trouble": list(_trouble(error))}

    def look(self, request: dict[str, Any]) -> dict[str, Any]:
        names = self.names()
        exec(compile(request["code"], CODE, "exec", dont_inherit=True), names)
        node = names[request["name"]]
        try:
            own = list(object.__getattribute__(node, "__dict__"))
        except AttributeError:  # it has slots, which its class lists
            own = []
        return {"names": own + list(_attributes(type(node)))}

    def names(self) -> dict[str, Any]:
        """What a program may use: the engine's module, the class, what was given."""
        return {**_module(self.cls), _name(self.cls): self.cls, **self.extra, "__name__": CODE}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        names = self.names()
        program = compile(request["code"], CODE, "exec", dont_inherit=True)
        seen = _Seen()
        sys.setprofile(seen if request["traced"] else None)
        try:
            exec(program, names)
            numbers = {
                ask: self.number(eval(compile(ask, CODE, "eval"), names), request["data"])
                for ask in request["asks"]
            }
            return {"numbers": numbers, "ran": list(seen.ran), "called": list(seen.called)}
        except BaseException as error:
            found = {"trouble": list(_trouble(error))}
            return found | {"ran": list(seen.ran), "called": list(seen.called)}
        finally:
            sys.setprofile(None)

    def number(self, x: Any, data: str, depth: int = 0) -> Came:
        """A number as a float, several as a list, anything else as a text that says what it is."""
        kind = type(x)
        if kind in (float, int, bool):
            return float(x)
        if kind in (tuple, list) and depth == 0:
            found = [self.number(part, data, 1) for part in x]
            wrong = [part for part in found if not isinstance(part, float)]
            return str(wrong[0]) if wrong else found  # type: ignore[return-value]
        if x is None or depth > 2:
            return "None" if x is None else f"a {kind.__name__}"
        if data and issubclass(kind, self.cls):  # type: ignore[arg-type]
            return self.number(eval(data.format("node"), {"node": x}), data, depth + 1)
        if getattr(kind, "__float__", None) or hasattr(kind, "item"):
            with suppress(Exception):
                return float(x.item() if hasattr(kind, "item") else x)
        return f"{'an' if kind.__name__[:1] in 'aeiouAEIOU' else 'a'} {kind.__name__}"


class _Seen:
    """A profiler: the engine's functions that run, and those that the program calls itself."""

    def __init__(self) -> None:
        self.ran: dict[str, None] = {}
        self.called: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_filename in (CODE, __file__):
            return
        name = _code_name(code)
        self.ran[name] = None
        if frame.f_back is not None and frame.f_back.f_code.co_filename == CODE:
            self.called[name] = None


def _code_name(code: CodeType) -> str:
    return f"{code.co_filename}:{code.co_firstlineno}:{code.co_name}"


def _trouble(error: BaseException) -> Trouble:
    line, where = 0, ""
    for frame, number in traceback.walk_tb(_begun(error)):
        file = frame.f_code.co_filename
        if file == CODE:
            line = line or number
        elif file != __file__:
            source = linecache.getline(file, number, frame.f_globals).strip()
            where = f"{Path(file).name}:{number}{f': {source}' if source else ''}"
    try:
        message = str(error)
    except BaseException:
        message = "(it has no readable message)"
    return Trouble("raised", type(error).__name__, message[:300], line, where[:200])


def _begun(error: BaseException) -> TracebackType | None:
    return error.__traceback__


def _name(cls: Any) -> str:
    return str(type.__getattribute__(cls, "__name__"))


def _module(cls: Any) -> dict[str, Any]:
    module = sys.modules.get(type.__getattribute__(cls, "__module__"))
    return dict(vars(module)) if module is not None else {}


def _attributes(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(type.__getattribute__(cls, "__mro__")[:-1]):
        found |= vars(base)
    return found


def _described(cls: Any) -> dict[str, Any]:
    if not isinstance(cls, type):
        return {"trouble": ["raised", "TypeError", f"{cls!r:.60} is no class"]}
    attributes = _attributes(cls)
    package = str(cls.__module__).partition(".")[0]
    functions = {
        name: _parameters(f)
        for name, f in _module(cls).items()
        if type(f) is FunctionType and str(f.__module__).partition(".")[0] == package
    }
    return {
        "name": _name(cls),
        "arguments": _parameters(cls),
        "methods": {n: _parameters(f) for n, f in attributes.items() if callable(f)},
        "static": [n for n, f in attributes.items() if isinstance(f, staticmethod | classmethod)],
        "others": [n for n, f in attributes.items() if not callable(f)],
        "functions": functions,
    }


def _parameters(f: Any) -> list[list[Any]]:
    """Of each parameter its name, whether it must be given, and a default that is True or False."""
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [
        [p.name, p.default is p.empty, p.default if type(p.default) is bool else None]
        for p in named
    ]
