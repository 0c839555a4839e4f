"""A model in torch and in safetensors, compared with the model: by torch, and by their package."""

import importlib.util
import json
import random
import struct

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from micrograd_like import MLP, nn, predict
from micrograd_like.export import load_safetensors, save_safetensors, to_torch
from micrograd_like.nn.dense import ACTIVATIONS

IMAGES = [[[[1.0, 2.0, 0.5], [3.0, 4.0, -1.0], [0.0, 1.0, 2.0]]], [[[0.1] * 3] * 3]]
PAIRS = [[0.5, -1.0], [2.0, 0.25], [-3.0, 40.0]]
MODELS = {
    **{name: (lambda name=name: MLP(2, [3, 2], name, name, rng=0), PAIRS) for name in ACTIVATIONS},
    "one output": (lambda: MLP(2, [4, 4, 1], rng=0), PAIRS),
    "a neuron": (lambda: nn.Neuron(2, rng=0), PAIRS),
    "normalised": (
        lambda: nn.Sequential(
            nn.Linear(2, 3, rng=0), nn.BatchNorm(3, eps=1e-3), nn.Activation("relu"),
            nn.Dropout(0.25, rng=0), nn.BatchNorm(3), MLP(3, [2, 2], rng=1),
        ),
        PAIRS,
    ),
    "one line": (lambda: nn.mlp(2, [4, 4, 1], batch_norm=True, dropout=0.1, rng=0), PAIRS),
    "pooled": (
        lambda: nn.Sequential(
            nn.MaxPool2d(2, stride=1), nn.AvgPool2d(2, padding=1), nn.Flatten(),
            nn.Linear(4, 1, rng=0),
        ),
        IMAGES,
    ),
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2, stride=1, padding=1, rng=0), nn.Activation("gelu"), nn.Flatten(),
            nn.Layer(32, 2, "silu", rng=1),
        ),
        IMAGES,
    ),
}  # fmt: skip


def made(name):
    model, samples = MODELS[name][0](), MODELS[name][1]
    rng = random.Random(0)
    model.load_state_dict({key: rng.uniform(0.1, 1.0) for key in model.state_dict()})
    return model, samples


def imported(path):
    spec = importlib.util.spec_from_file_location("net", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", MODELS)
def test_the_torch_module_computes_what_the_model_does(name, tmp_path):
    model, samples = made(name)
    net = imported(to_torch(model, tmp_path / "net.py", samples))
    assert net.check() <= 1e-13
    ours = torch.tensor(predict(model, samples), dtype=torch.float64)
    theirs = net.load()(torch.tensor(samples, dtype=torch.float64))
    assert torch.allclose(theirs.reshape(ours.shape), ours, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_the_package_safetensors_reads_what_we_write_and_we_what_it_writes(name, tmp_path):
    model, _ = made(name)
    save_safetensors(model, tmp_path / "ours")
    tensors = load_file(tmp_path / "ours")
    numbers = sorted(x for t in tensors.values() for x in t.flatten().tolist())
    assert numbers == sorted(model.state_dict().values())
    net = imported(to_torch(model, tmp_path / "net.py", MODELS[name][1])).load()
    for key, t in net.state_dict().items():
        assert key.endswith("num_batches_tracked") or torch.equal(tensors[key], t)
    save_file(net.state_dict(), tmp_path / "theirs")
    other = MODELS[name][0]()
    load_safetensors(other, tmp_path / "theirs")
    assert other.state_dict() == model.state_dict()


def stacked(rng):
    """Some layers in a row, of those that take two numbers or more."""
    width, layers = 2, []
    for _ in range(rng.randint(1, 5)):
        wider = rng.randint(2, 4)
        layer = rng.choice([
            nn.Linear(width, wider, rng=rng), nn.Layer(width, wider, rng.choice([*ACTIVATIONS])),
            nn.BatchNorm(width, eps=rng.choice([1e-5, 0.5])), nn.Dropout(0.5, rng=rng),
            nn.Activation(rng.choice([*ACTIVATIONS])), MLP(width, [3, wider], rng=rng),
            nn.mlp(width, [3, wider], batch_norm=True, dropout=0.5, rng=rng),
        ])  # fmt: skip
        layers.append(layer)
        changes = isinstance(layer, nn.Layer | MLP | nn.Sequential)
        width = wider if changes else width
    return nn.Sequential(*layers)


def test_generated_networks_are_the_same_in_torch(tmp_path):
    for seed in range(40):
        rng = random.Random(seed)
        model = stacked(rng)
        model.load_state_dict({key: rng.uniform(0.1, 1.0) for key in model.state_dict()})
        path = to_torch(model, tmp_path / "net.py", PAIRS)
        assert imported(path).check() <= 1e-9, (seed, model)
        save_safetensors(model, tmp_path / "w")
        before = model.state_dict()
        model.load_state_dict(dict.fromkeys(before, 0.5))
        load_safetensors(model, tmp_path / "w")
        assert model.state_dict() == before, (seed, model)


def test_half_and_single_precision_are_read(tmp_path):
    model, _ = made("one output")
    save_safetensors(model, tmp_path / "f64")
    for kind in (torch.float32, torch.float16):
        save_file({k: t.to(kind) for k, t in load_file(tmp_path / "f64").items()}, tmp_path / "w")
        load_safetensors(other := MLP(2, [4, 4, 1], rng=1), tmp_path / "w")
        for key, x in model.state_dict().items():
            assert other.state_dict()[key] == torch.tensor(x, dtype=kind).item()


def test_a_module_that_computes_something_else_notices_it_itself(tmp_path):
    model, samples = made("one output")
    path = to_torch(model, tmp_path / "net.py", samples)
    path.write_text(path.read_text().replace("nn.Tanh()", "nn.ReLU()", 1))
    with pytest.raises(ValueError, match="the outputs differ"):
        imported(path).check()


def test_a_model_in_training_is_written_as_it_is_evaluated(tmp_path):
    model, samples = made("normalised")
    assert imported(to_torch(model.train(), tmp_path / "net.py", samples)).check() < 1e-13
    assert all(m.training for m in model.modules())


def test_the_numbers_begin_at_a_multiple_of_8_and_the_texts_say_what_was_computed(tmp_path):
    model, samples = made("one output")
    to_torch(model, tmp_path / "net.py", samples)
    data = (tmp_path / "net.safetensors").read_bytes()
    assert int.from_bytes(data[:8], "little") % 8 == 0
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        about = file.metadata()
    assert json.loads(about["samples"]) == samples
    assert [row[0] for row in json.loads(about["outputs"])] == predict(model, samples)


class Twice(nn.Layer):
    def forward(self, x):
        return [2.0 * v for v in super().forward(x)]


class Own(nn.Module):
    def forward(self, x):
        return x


SHARED = nn.Linear(2, 2, rng=0)
REFUSED = {
    "a path": (MLP(2, [1], rng=0), "net.txt", PAIRS, ValueError, "is written to a .py file, got"),
    "no samples": (MLP(2, [1], rng=0), "net.py", [], ValueError, "samples must be a list of"),
    "a nan": (MLP(2, [1], rng=0), "net.py", [[0.0, float("nan")]], ValueError, "finite numbers"),
    "no list": (MLP(2, [1], rng=0), "net.py", 3, ValueError, "samples must be a list of inputs"),
    "a forward": (Twice(2, 1, rng=0), "net.py", PAIRS, TypeError, "Twice has a forward of its own"),
    "no model": (3, "net.py", PAIRS, TypeError, "must be an nn.Module, .* got int 3"),
    "own": (Own(), "net.py", PAIRS, TypeError, "Own has no counterpart in torch.nn that is known"),
    "shared": (nn.Sequential(SHARED, SHARED), "net.py", PAIRS, TypeError, "that occurs twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(case, tmp_path):
    model, name, samples, error, text = REFUSED[case]
    with pytest.raises(error, match=text):
        to_torch(model, tmp_path / name, samples)
    assert list(tmp_path.iterdir()) == []


def header_of(data):
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def with_header(data, change):
    header, numbers = header_of(data)
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def set_in(name, key, value):
    return lambda data: with_header(data, lambda header: header[name].__setitem__(key, value))


DAMAGED = {
    "empty": (lambda data: b"", "it is cut off"),
    "half a header": (lambda data: data[:20], "it is cut off"),
    "half the numbers": (lambda data: data[:-9], "bytes for the shape"),
    "no JSON": (lambda data: data[:8] + b"x" + data[9:], "no whole file of safetensors"),
    "deep": (lambda data: struct.pack("<Q", 10**6) + b"[" * 10**6, "no whole file of safetensors"),
    "a list": (lambda data: struct.pack("<Q", 2) + b"[]", "no whole file of safetensors"),
    "type": (set_in("0.bias", "dtype", "I64"), "has the type 'I64', not F64, F32, F16"),
    "outside": (set_in("0.bias", "data_offsets", [10**9, 10**9 + 32]), "for the shape"),
    "before": (set_in("0.bias", "data_offsets", [-32, 0]), "for the shape"),
    "huge": (set_in("0.bias", "shape", [2**62]), "for the shape"),
    "a shape of text": (set_in("0.bias", "shape", ["4"]), "no whole file of safetensors"),
    "another shape": (set_in("0.weight", "shape", [2, 4]), "are not those of this MLP"),
    "a name": (
        lambda data: with_header(data, lambda h: h.update({"9.bias": h.pop("0.bias")})),
        r"of another shape 0.bias \[4\]; unknown 9.bias \[4\]",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_with_one_sentence_and_changes_nothing(case, tmp_path):
    model, _ = made("one output")
    save_safetensors(model, tmp_path / "w")
    damage, text = DAMAGED[case]
    (tmp_path / "w").write_bytes(damage((tmp_path / "w").read_bytes()))
    before = model.state_dict()
    with pytest.raises(ValueError, match=text):
        load_safetensors(model, tmp_path / "w")
    assert model.state_dict() == before
