"""Saving and loading: one JSON file, no pickle, and the old file stays whole until the new one is.

>>> import tempfile
>>> path = tempfile.mkdtemp() + "/model.json"
>>> model = nn.MLP(2, [3, 1], rng=0)
>>> save(model, path)
>>> load(path).state_dict() == model.state_dict()
True

It holds what the network is made of, its numbers to the last bit and the states of optimizer and
scheduler (anything with ``state_dict``). A checksum finds accidents; against a hostile file every
size is checked before anything is built. Nothing here knows of training.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from . import nn
from .files import AnyPath, read_whole, write_whole
from .nn import Module

FORMAT, VERSION = "micrograd_like model", 1

# What a file may have, so that reading it takes less than a gigabyte, whoever made it.
MAX_BYTES = 2**26  # a million and a half parameters
MAX_LISTS = 2**20  # lists and dicts: an Adam keeps one for each parameter
MAX_MODULES = 10_000  # that it describes; each that draws has a generator of 2.5 kB
MAX_DIGITS = 4300  # of a whole number, as in Python: more take quadratic time

_NAMED = [cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, Module)]
_CLASSES = {cls.__name__: cls for cls in _NAMED if cls is not Module}  # what a file may name
_CONTENT = {
    "architecture": dict,
    "state": dict,
    "training": list,
    "generators": list,
    "optimizer": dict | None,
    "scheduler": dict | None,
    "extra": object,
}


class LoadError(ValueError):
    """A file that is no whole, safe, fitting saved model; the message says why."""


# --- the public functions ---


def save(
    model: Module, path: AnyPath, optimizer: Any = None, scheduler: Any = None, extra: Any = None
) -> None:
    """Writes the model to a file, all of it or nothing.

    Args:
        model: made of the modules of nn; for others keep ``model.state_dict()`` yourself.
        path: the file; an old one is replaced when the new one is safely on the disk.
        optimizer: its state is kept too, for load_state.
        scheduler: its state is kept too, for load_state.
        extra: what else to keep: None, numbers, strings, lists, tuples, dicts with string keys.

    Raises:
        TypeError: a module or an extra that cannot be saved.
        ValueError: a model changed by hand so that its constructor would not make it again.
        OSError: the disk or the folder refuses; the old file is whole.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/model.json"
        >>> save(nn.Neuron(2, rng=0), path, extra={"epoch": 3})
        >>> load_with_extra(path)
        (Neuron(2, activation='tanh'), {'epoch': 3})
    """
    architecture = _describe(model)
    state = model.state_dict()
    content = {
        "architecture": architecture,
        "state": {name: x if math.isfinite(x) else str(x) for name, x in state.items()},
        "training": [m.training for m in model.modules()],
        "generators": _generators(model),
        "optimizer": _describe_state(optimizer),
        "scheduler": _describe_state(scheduler),
        "extra": _encode(extra),
    }
    _check_remade(model, _build(architecture, len(state)))
    document = {"format": FORMAT, "version": VERSION, "checksum": _checksum(content)}
    data = (json.dumps({**document, "content": content}, allow_nan=False) + "\n").encode()
    if len(data) > MAX_BYTES:
        raise ValueError(f"the file would have {len(data)} bytes, more than {MAX_BYTES}")
    _check_lists(data)
    write_whole(path, data)


def load(path: AnyPath) -> Any:
    """The model of a saved file, as it was: numbers, running statistics, train or eval mode.

    Raises:
        LoadError: anything wrong with the file.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/model.json"
        >>> save(nn.Sequential(nn.Linear(2, 1), nn.Activation("relu")), path)
        >>> load(path)
        Sequential(Linear(2, 1), Activation('relu'))
    """
    return load_with_extra(path)[0]


def load_with_extra(path: AnyPath) -> tuple[Any, Any]:
    """The model, as load gives it, and what was saved as extra; the file is read once."""
    with _content(path) as content:
        state = {name: _number(number, name) for name, number in content["state"].items()}
        model = _build(content["architecture"], len(state))
        model.load_state_dict(state)
        _set_modes(model, content)
        return model, _decode(content["extra"])


def load_state(path: AnyPath, optimizer: Any = None, scheduler: Any = None) -> Any:
    """Puts the saved states into an optimizer and a scheduler: into all of those given, or none.

    Returns:
        What was saved as extra, or None.

    Raises:
        LoadError: anything wrong with the file, or a state of another kind.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> from micrograd_like.optim import SGD
        >>> path = tempfile.mkdtemp() + "/model.json"
        >>> save(nn.Neuron(1), path, SGD(nn.Neuron(1).parameters(), lr=0.25))
        >>> optimizer = SGD(load(path).parameters(), lr=1.0)
        >>> load_state(path, optimizer)
        >>> optimizer.lr
        0.25
    """
    given = {"optimizer": optimizer, "scheduler": scheduler}
    targets = {role: target for role, target in given.items() if target is not None}
    before = {role: dict(vars(target)) for role, target in targets.items()}
    with _content(path) as content:
        extra = _decode(content["extra"])
        new = {role: _state_for(content[role], role, target) for role, target in targets.items()}
        try:
            for role, target in targets.items():
                target.load_state_dict(new[role])
        except BaseException:
            for role, target in targets.items():
                vars(target).update(before[role])
            raise
        return extra


@contextlib.contextmanager
def _content(path: AnyPath) -> Iterator[dict[str, Any]]:
    """The content of the file; inside, whatever is wrong with it is a LoadError."""
    try:
        yield _read(path)
    except RecursionError:
        why: Any = "it is nested too deeply"
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        why = f"{error.args[0]!r} is missing" if type(error) is KeyError else error
    else:
        return
    raise LoadError(f"cannot load {path}: {why}")


# --- the architecture ---


def _describe(module: Any) -> dict[str, Any]:
    """The class of a module and its constructor's arguments."""
    cls = type(module)
    if _CLASSES.get(cls.__name__) is not cls:
        raise TypeError(
            f"cannot save a {cls.__name__}, only the modules of micrograd_like.nn: "
            "keep its state_dict() and build it yourself"
        )
    spec = {"class": cls.__name__, **{name: getattr(module, name) for name in cls.settings}}
    return spec | ({cls.parts: list(map(_describe, spec[cls.parts]))} if cls.parts else {})


def _build(spec: Any, numbers: int) -> Module:
    """The module that is described, if it has so many numbers; nothing large is made before."""
    count = _count(spec)
    if count != numbers:
        raise ValueError(f"the architecture has {count} numbers, the state {numbers}")
    modules = _described(spec)
    if modules > MAX_MODULES:
        raise ValueError(f"the architecture has {modules} modules, more than {MAX_MODULES}")
    return _construct(spec)


def _described(spec: dict[str, Any]) -> int:
    """How many modules it describes."""
    return 1 + sum(map(_described, spec.get(_CLASSES[spec["class"]].parts, [])))


def _count(spec: Any) -> int:
    """How many parameters and running statistics the module will have.

    Unknown classes and arguments that cannot be are refused; other limits the constructors know.
    """
    if not isinstance(spec, dict) or not isinstance(spec.get("class"), str):
        raise ValueError(f"{spec!r:.60} describes no module")
    name = spec["class"]
    if name not in _CLASSES:
        raise ValueError(f"unknown module {name!r:.60}: choose from {', '.join(sorted(_CLASSES))}")
    cls = _CLASSES[name]
    settings = {key: x for key, x in spec.items() if key != "class"}
    wrong = sorted(settings.keys() ^ cls.settings)
    if wrong:
        raise ValueError(f"missing or unknown arguments of {name}: {', '.join(wrong):.200}")
    for key, check in cls.settings.items():
        try:
            check(key, settings[key])
        except (TypeError, ValueError):
            raise ValueError(f"{key} of {name} cannot be {settings[key]!r:.60}") from None
    return cls.size(**settings) + sum(map(_count, settings.get(cls.parts, [])))


def _construct(spec: dict[str, Any]) -> Module:
    cls = _CLASSES[spec["class"]]
    settings = {name: spec[name] for name in cls.settings if name != cls.parts}
    return cls(*map(_construct, spec.get(cls.parts, [])), **settings)


def _check_remade(model: Module, remade: Module) -> None:
    """Refuses a model that its own description does not make again."""
    same = len(model.modules()) == len(remade.modules()) and all(
        type(a) is type(b)
        and all(vars(a).get(k) == v for k, v in vars(b).items() if isinstance(v, int | float | str))
        for a, b in zip(model.modules(), remade.modules())
    )
    if not same or model.state_dict().keys() != remade.state_dict().keys():
        raise ValueError(
            f"this {type(model).__name__} was changed after it was made, or shares a part with "
            "itself, and loading would not give it back: keep its state_dict()"
        )


def _generators(model: Module) -> list[Any]:
    """For each module that draws, its generator, or the index of the first that shares it."""
    rngs = [m.rng for m in _drawing(model)]
    first = [next(j for j, other in enumerate(rngs) if other is rng) for rng in rngs]
    return [j if j < i else _encode(rngs[i].getstate()) for i, j in enumerate(first)]


def _drawing(model: Module) -> list[Any]:
    return [m for m in model.modules() if m.draws]


def _set_modes(model: Module, content: dict[str, Any]) -> None:
    """Train or eval for every module, and a generator for each that draws."""
    modules, drawing = model.modules(), _drawing(model)
    modes, generators = content["training"], content["generators"]
    if len(modes) != len(modules) or not all(type(mode) is bool for mode in modes):
        raise ValueError("the training modes do not fit the modules")
    if len(generators) != len(drawing):
        raise ValueError("the generators do not fit the Dropouts")
    for module, mode in zip(modules, modes):
        module.training = mode
    for module, state in zip(drawing, generators):
        if type(state) is int:
            module.rng = drawing[state].rng
        else:
            module.rng.setstate(_decode(state))


# --- states ---


def _describe_state(target: Any) -> dict[str, Any] | None:
    if target is None:
        return None
    return {"class": type(target).__name__, "state": _encode(target.state_dict())}


def _state_for(saved: Any, role: str, target: Any) -> Any:
    """The saved state, if it is of the target's class; what is in it the target checks itself."""
    name = type(target).__name__
    if saved is None:
        raise ValueError(f"it holds no state of the {role}: give it to save()")
    if saved["class"] != name:
        raise ValueError(f"it holds the state of {saved['class']!s:.60}, not of {name}")
    return _decode(saved["state"])


# --- values as JSON ---


def _number(value: Any, name: str) -> float:
    """A float from JSON, where nan and the infinities are strings."""
    if value in ("nan", "inf", "-inf") or (type(value) is float and math.isfinite(value)):
        return float(value)
    raise ValueError(f"{name} is {value!r:.60}: expected a float")


def _encode(value: Any) -> Any:
    """As JSON; what it lacks becomes {"$tuple": [...]} and {"$float": "nan"}."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, list):
        return [_encode(v) for v in value]
    if isinstance(value, tuple):
        return {"$tuple": [_encode(v) for v in value]}
    if not isinstance(value, dict):
        raise TypeError(f"cannot save {type(value).__name__} {value!r:.60}: use numbers and lists")
    for key in value:
        if not isinstance(key, str) or key.startswith("$"):
            raise TypeError(f"cannot save the key {key!r:.60}: use a string that starts without $")
    return {key: _encode(v) for key, v in value.items()}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$tuple"}:
        return tuple(_decode(value["$tuple"]))
    if value.keys() == {"$float"}:
        return _number(value["$float"], "$float")
    return {key: _decode(v) for key, v in value.items()}


# --- the file ---


def _checksum(content: Any) -> str:
    """SHA-256 of the canonical JSON: sorted keys, no spaces, ASCII."""
    import hashlib  # a tenth of the package's import time, and rarely needed

    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: AnyPath) -> dict[str, Any]:
    """The content of a file whose JSON, format, version and checksum are right."""
    data = read_whole(path, MAX_BYTES)
    _check_lists(data)
    hooks: Any = {"object_pairs_hook": _unique, "parse_int": _whole, "parse_constant": _no_constant}
    try:
        document = json.loads(data.decode(), **hooks)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("it is cut off, damaged or not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it is no micrograd_like model")
    version = document["version"]
    if type(version) is not int or version < 1:
        raise ValueError(f"version {version!r:.60} does not exist")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this library reads {VERSION}: update it")
    content = document["content"]
    if document["checksum"] != _checksum(content):
        raise ValueError("the checksum differs: the file is damaged")
    for key, kind in _CONTENT.items():
        if not isinstance(content[key], kind):
            raise ValueError(f"{key} cannot be {content[key]!r:.60}")
    return dict(content)


def _check_lists(data: bytes) -> None:
    """Before they are made: an empty one has two bytes in a file, and 64 in memory."""
    count = data.count(b"[") + data.count(b"{")
    if count > MAX_LISTS:
        raise ValueError(f"it has {count} lists and dicts, more than {MAX_LISTS}")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r:.60} occurs twice")
        result[key] = value
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
