"""A model for elsewhere: a readable torch module, and weights as other libraries read them.

>>> import tempfile
>>> model = nn.MLP(2, [3, 1], rng=0)
>>> path = to_torch(model, tempfile.mkdtemp() + "/net.py", samples=[[0.5, -1.0]])
>>> for line in path.read_text().splitlines()[19:25]:
...     print(line.strip())
super().__init__(
nn.Linear(2, 3),
nn.Tanh(),
nn.Linear(3, 1),
nn.Tanh(),
)

Each layer says what it is in torch (Module.twins). Neither torch nor the package safetensors is
needed to write; a file that comes from elsewhere is checked before anything of it is taken.

Source: the format of safetensors: its length in 8 bytes, a header as JSON, the numbers in a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path
from struct import pack, unpack
from typing import Any

from . import nn
from .engine import as_value, no_grad
from .files import AnyPath, read_whole, write_whole
from .modes import evaluating
from .nesting import flat, plain

__all__ = ["load_safetensors", "save_safetensors", "to_torch"]

_MAX_BYTES = 2**26  # of a file that is read
_KINDS = {"F64": ("d", 8), "F32": ("f", 4), "F16": ("e", 2)}  # torch's float64, float32, float16


def to_torch(model: nn.Module, path: AnyPath, samples: Any) -> Path:
    """Writes a torch module that computes what this model does, and checks that itself.

    Two files: ``net.py`` with the layers, and ``net.safetensors`` beside it with the weights.
    ``python net.py`` compares its outputs with this model's; ``from net import load`` is the way
    to use it, and ``load().float()`` what most go on with. A batch of images has torch's shape
    (samples, channels, rows, columns), outputs have (samples, outputs), also if there is one.

    Args:
        model: made of the modules of nn, in evaluation mode whatever it is in now.
        path: of the Python file; the other one gets its name.
        samples: a few inputs, such as ``X[:3]``, to compare the outputs for.

    Returns:
        The path of the Python file.

    Raises:
        TypeError: a module that torch.nn has nothing for, or one whose forward is another one.
        ValueError: a path that does not end in .py, no samples.
        OSError: the disk or the folder refuses.

    Example:
        >>> import tempfile
        >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.BatchNorm(3), nn.Activation("relu"))
        >>> to_torch(model, tempfile.mkdtemp() + "/net.py", samples=[[0.5, 1.0]]).name
        'net.py'
    """
    made, path = [twin for twin, _ in _twins(model)], Path(path)
    if path.suffix != ".py":
        raise ValueError(f"a torch module is written to a .py file, got {str(path)!r:.200}")
    rows = _rows(samples)
    with no_grad(), evaluating(model.modules()):
        outs = [[as_value(v).data for v in flat([out])] for out in model.batch(rows)]
    weights = path.with_suffix(".safetensors")
    about = {"samples": json.dumps(rows), "outputs": json.dumps(outs)}
    write_whole(weights, _as_bytes(_tensors(model), about))
    write_whole(path, _source(type(model).__name__, made, path.stem, weights.name).encode())
    return path


def save_safetensors(model: nn.Module, path: AnyPath) -> None:
    """Writes the weights under torch's names, float64, in the format of safetensors.

    Args:
        model: made of the modules of nn; they are numbered as in torch's Sequential, each
            activation being one: "0.weight", "0.bias", "2.weight".
        path: the file; an old one is replaced when the new one is safely on the disk.

    Raises:
        TypeError: a module that torch.nn has nothing for.
        OSError: the disk or the folder refuses; the old file is whole.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/net.safetensors"
        >>> model = nn.MLP(2, [3, 1], rng=0)
        >>> save_safetensors(model, path)
        >>> load_safetensors(nn.MLP(2, [3, 1], rng=1), path)
    """
    write_whole(path, _as_bytes(_tensors(model), {}))


def load_safetensors(model: nn.Module, path: AnyPath) -> None:
    """Sets a model's numbers from such a file, also one that torch wrote: all of them, or none.

    Args:
        model: whose names, as save_safetensors writes them, and shapes are those of the file.
        path: the file, with numbers of 16, 32 or 64 bits.

    Raises:
        ValueError: the file is damaged, or holds other tensors; the message lists them.
        OSError: it cannot be read.
    """
    try:
        found = _from_bytes(read_whole(path, _MAX_BYTES))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{Path(path).name} is no whole file of safetensors: {error}") from None
    found = {k: t for k, t in found.items() if not k.endswith("num_batches_tracked")}
    wanted = _tensors(model)
    wrong = [f"{k} {shape}" for k, (shape, _) in wanted.items() if _shape(found, k) != shape]
    unknown = [f"{k} {shape}" for k, (shape, _) in found.items() if k not in wanted]
    if wrong or unknown:
        raise ValueError(
            f"the tensors of {Path(path).name} are not those of this {type(model).__name__}: "
            f"missing or of another shape {_some(wrong)}; unknown {_some(unknown)}"
        )
    own = model.tensors()
    names = [name for _, place in _places(model) for name in own[place]]
    numbers = [x for k in wanted for x in found[k][1]]
    model.load_state_dict(dict(zip(names, numbers)))


def _shape(found: dict[str, _Tensor], name: str) -> list[int] | None:
    return found[name][0] if name in found else None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "none") + more


def _rows(samples: Any) -> list[Any]:
    try:
        rows = [plain(row) for row in samples]
        json.dumps(rows, allow_nan=False)
    except (TypeError, ValueError):
        rows = []
    if not rows:
        what = f"{type(samples).__name__} {samples!r:.60}"
        raise ValueError(f"samples must be a list of inputs, finite numbers, such as X[:3]: {what}")
    return rows


# --- what the model is in torch ---

_Tensor = tuple[list[int], list[float]]  # its shape, its numbers row by row


def _twins(model: nn.Module) -> list[nn.module.Twin]:
    if not isinstance(model, nn.Module):
        came = f"{type(model).__name__} {model!r:.60}"
        raise TypeError(f"model must be an nn.Module, such as MLP(2, [16, 1]), got {came}")
    for m in model.modules():
        order = type(m).__mro__
        computes = next(cls for cls in order if "forward" in vars(cls))
        says = next(cls for cls in order if "twins" in vars(cls))
        if order.index(computes) < order.index(says) and says is not nn.Module:
            raise TypeError(
                f"{type(m).__name__} has a forward of its own, so what {says.__name__} is in torch "
                "is not what it computes: define twins() beside it"
            )
    return model.twins()


def _places(model: nn.Module) -> Iterable[tuple[str, str]]:
    """Torch's names and the names in tensors(): there all buffers come after the parameters."""
    names = [(i, key) for i, (_, shapes) in enumerate(_twins(model)) for key in shapes]
    names.sort(key=lambda name: name[1].startswith("running_"))
    own = model.tensors()
    if len(own) != len(names):
        raise TypeError(
            f"the {type(model).__name__} keeps {len(own)} tensors, its layers in torch "
            f"{len(names)}: a layer that occurs twice cannot be written"
        )
    return [(f"{i}.{key}", place) for (i, key), place in zip(names, own)]


def _tensors(model: nn.Module) -> dict[str, _Tensor]:
    """Shape and numbers by torch's name."""
    shapes = {f"{i}.{key}": shape for i, (_, of) in enumerate(_twins(model))
              for key, shape in of.items()}  # fmt: skip
    own, state = model.tensors(), model.state_dict()
    tensors = {name: (shapes[name], [state[key] for key in own[place]])
               for name, place in _places(model)}  # fmt: skip
    for name, (shape, numbers) in tensors.items():
        if len(numbers) != prod(shape):
            raise TypeError(f"{name} has {len(numbers)} numbers, its shape in torch is {shape}")
    return tensors


# --- the file of numbers ---


def _as_bytes(tensors: dict[str, _Tensor], about: dict[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **about}}
    end = 0
    for name, (shape, numbers) in tensors.items():
        begin, end = end, end + 8 * len(numbers)
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at a multiple of 8
    numbers = [x for _, of in tensors.values() for x in of]
    return pack("<Q", len(text)) + text + pack(f"<{len(numbers)}d", *numbers)


def _from_bytes(data: bytes) -> dict[str, _Tensor]:
    size = int.from_bytes(data[:8], "little")
    if size > len(data) - 8:
        raise ValueError("it is cut off")
    header, numbers = json.loads(data[8 : 8 + size]), data[8 + size :]
    header.pop("__metadata__", None)
    tensors = {}
    for name, of in header.items():
        (begin, end), shape = of["data_offsets"], of["shape"]
        if name.endswith("num_batches_tracked"):  # a whole number that torch counts
            continue
        if of["dtype"] not in _KINDS:
            raise ValueError(f"{name} has the type {of['dtype']!r:.20}, not {', '.join(_KINDS)}")
        code, bytes_each = _KINDS[of["dtype"]]
        n = prod(shape)
        if not 0 <= begin <= end <= len(numbers) or end - begin != n * bytes_each:
            raise ValueError(f"{name} has {end - begin} bytes for the shape {shape!r:.60}")
        tensors[name] = (shape, list(unpack(f"<{n}{code}", numbers[begin:end])))
    return tensors


# --- the file of Python ---


def _source(name: str, made: list[str], stem: str, weights: str) -> str:
    layers = "".join(f"            {line},\n" for line in made)
    sin = _SIN if "Sin()" in made else ""
    return _MODULE.format(name=name, layers=layers, sin=sin, stem=stem, weights=weights)


_SIN = """class Sin(nn.Module):
    def forward(self, x):
        return torch.sin(x)


"""
_MODULE = '''"""{name} in torch: the weights are micrograd_like's, whose to_torch wrote this file.

    from {stem} import load
    model = load()             # float64, in evaluation mode; model.float() for float32

python {stem}.py compares its outputs with those that it had there.
"""

import json
from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name({weights!r})


{sin}class Model(nn.Sequential):
    def __init__(self):
        super().__init__(
{layers}        )


def read(path=WEIGHTS):
    """The tensors of a safetensors file by name, and the texts that it says of itself."""
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    about = header.pop("__metadata__")
    tensors = {{}}
    for name, of in header.items():
        begin, end = of["data_offsets"]
        flat = torch.frombuffer(bytearray(data[start + begin : start + end]), dtype=torch.float64)
        tensors[name] = flat.reshape(of["shape"])
    return tensors, about


def load():
    """The network with its weights."""
    model = Model().double().eval()
    model.load_state_dict(read()[0])
    return model


def check():
    """The largest difference from the outputs that it had; an error if it is no rounding."""
    about = read()[1]
    samples = torch.tensor(json.loads(about["samples"]), dtype=torch.float64)
    outputs = torch.tensor(json.loads(about["outputs"]), dtype=torch.float64)
    with torch.no_grad():
        found = load()(samples).reshape(outputs.shape)
    if not torch.allclose(found, outputs, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise ValueError(f"the outputs differ: {{found.tolist()}}, they were {{outputs.tolist()}}")
    return (found - outputs).abs().max().item()


if __name__ == "__main__":
    print("equal to what it was, largest difference", check())
'''
