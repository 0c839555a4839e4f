"""demos/cnn.py: it trains on 28x28 images, and reads MNIST in both of its formats."""

import gzip
import struct

import numpy as np
import pytest
from helpers.commands import ROOT, assert_pictures, numbers, python

DEMO = ROOT / "demos" / "cnn.py"


@pytest.fixture
def mnist():
    """Four arrays as MNIST's, small: 40 images of a bar whose column is the digit, 20 to test."""
    rng, sets = np.random.default_rng(0), []
    for n in (40, 20):
        digits = rng.integers(0, 10, n).astype(np.uint8)
        images = np.zeros((n, 28, 28), np.uint8)
        for image, digit in zip(images, digits):
            image[:, 2 * digit : 2 * digit + 3] = 255
        sets += [images, digits]
    return sets


def as_npz(folder, mnist):
    path = folder / "mnist.npz"
    np.savez(path, **dict(zip(("x_train", "y_train", "x_test", "y_test"), mnist)))
    return path


def as_idx(folder, mnist):
    """Two of the files compressed, two not."""
    for k, (array, name) in enumerate(
        zip(
            mnist,
            ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"),
        )
    ):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        content, path = head + array.tobytes(), folder / f"{name}-ubyte"
        if k % 2:
            path.write_bytes(content)
        else:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.mark.parametrize("written", [as_npz, as_idx])
def test_mnist_is_read_in_both_formats(written, mnist, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DEMO.parent)
    import cnn

    for array, expected in zip(cnn.read(written(tmp_path, mnist)), mnist, strict=True):
        assert array.shape == expected.shape
        assert (array == expected).all()


def test_files_that_are_not_there_or_not_of_that_format_get_a_sentence(
    mnist, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(DEMO.parent)
    import cnn

    with pytest.raises(SystemExit, match=r"there is no .*: expected mnist.npz or the folder"):
        cnn.read(tmp_path / "mnist.npz")
    with pytest.raises(SystemExit, match=r"has no train-images-idx3-ubyte.gz: expected the four"):
        cnn.read(tmp_path)
    (as_idx(tmp_path, mnist) / "train-labels-idx1-ubyte").write_bytes(b"<html>")
    with pytest.raises(SystemExit, match="train-labels-idx1-ubyte is no IDX file of bytes"):
        cnn.read(tmp_path)


def test_the_network_trains_on_a_given_file_compiled(mnist, tmp_path):
    pytest.importorskip("llvmlite", reason="the jit extra is not installed")
    path, out = as_npz(tmp_path, mnist), tmp_path / "out"
    run = python(DEMO, "--quick", "--data", path, "--epochs", "30", "--out", out)
    assert run.returncode == 0, run.stderr
    assert "40 images to train on, 20 held out: mnist.npz" in run.stdout
    assert numbers(r"held-out accuracy ([\d.]+)% of 20", run.stdout)[0] >= 80.0
    assert_pictures(out, "cnn.png")


@pytest.mark.slow
def test_without_a_file_the_images_are_scikit_learn_s_and_it_says_so(tmp_path):
    run = python(DEMO, "--out", tmp_path)
    assert run.returncode == 0, run.stderr
    assert "1347 images to train on, 450 held out: scikit-learn's 8x8 digits" in run.stdout
    assert numbers(r"held-out accuracy ([\d.]+)% of 450", run.stdout)[0] >= 93.0
    assert numbers(r"([\d.]+) s, [\d.]+ s of them training", run.stdout)[0] > 0.0
    assert_pictures(tmp_path, "cnn.png")
