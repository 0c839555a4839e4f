"""Layers for images: channels of rows of numbers.

>>> out = Conv2d(1, 2, kernel_size=3, padding=1, rng=0)([[[1.0, 2.0], [3.0, 4.0]]])
>>> len(Flatten()(out))
8
"""

from typing import Any, ClassVar

from ..checks import integer
from ..engine import Value, as_value
from ..functional import dot
from ..nesting import flat, is_list, plain
from .init import Rng, initialiser, random_source
from .module import Module, Twin, width

__all__ = ["Conv2d", "Flatten"]

Image = list[list[list[Value]]]


class Conv2d(Module):
    """The same small window of weights, slid over an image: one dot for each place.

    Args:
        nin: channels of the input.
        nout: channels of the output, each with weights of its own.
        kernel_size: height and width of the window.
        stride: how far it moves.
        padding: rows and columns of zeros around the image.
        init: as for Neuron; a window is a neuron with nin * kernel_size**2 inputs.
        rng: a random.Random, or a seed for one.

    Returns:
        Called on an image, a list of nin channels of rows of numbers: nout such channels.

    Raises:
        ValueError: another number of channels, ragged rows, an image smaller than the window.

    Example:
        >>> image = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
        >>> out = Conv2d(1, 2, kernel_size=2, rng=0)(image)
        >>> len(out), len(out[0]), len(out[0][0])
        (2, 2, 2)

    Source: torch.nn.Conv2d.
    """

    settings: ClassVar = {
        "nin": width("input channels"),
        "nout": width("output channels"),
        "kernel_size": width("rows of the window"),
        "stride": width("steps of the window"),
        "padding": integer(0, 100),  # a file must not make images of any size
    }
    biases = ("b",)
    nin: int
    nout: int
    kernel_size: int
    stride: int
    padding: int

    def __init__(
        self, nin: int, nout: int, kernel_size: int, stride: int = 1, padding: int = 0,
        init: str = "auto", rng: Rng = None,
    ) -> None:  # fmt: skip
        self._configure(nin=nin, nout=nout, kernel_size=kernel_size, stride=stride, padding=padding)
        size, rng = kernel_size * kernel_size, random_source(rng)
        draw = initialiser(init, "relu")
        self.w = [[Value(draw(nin * size, nout * size, rng)) for _ in range(nin * size)]
                  for _ in range(nout)]  # fmt: skip
        self.b = [Value(0.0) for _ in range(nout)]

    @staticmethod
    def size(nin: int, nout: int, kernel_size: int, **others: Any) -> int:
        return (nin * kernel_size**2 + 1) * nout

    def twins(self) -> list[Twin]:
        n, m, k = self.nin, self.nout, self.kernel_size
        made = f"nn.Conv2d({n}, {m}, {k}, stride={self.stride}, padding={self.padding})"
        return [(made, {"weight": [m, n, k, k], "bias": [m]})]

    def checked(self, x: Any) -> Image:
        return as_image(self, x, self.nin)

    def forward(self, x: Image) -> Image:
        image = self._padded(x)
        k, step = self.kernel_size, self.stride
        rows = range(0, len(image[0]) - k + 1, step)
        columns = range(0, len(image[0][0]) - k + 1, step)

        def window(i: int, j: int) -> list[Value]:
            return [v for channel in image for row in channel[i : i + k] for v in row[j : j + k]]

        windows = [[window(i, j) for j in columns] for i in rows]
        return [
            [[dot(w, window) + b for window in row] for row in windows]
            for w, b in zip(self.w, self.b)
        ]

    def _padded(self, image: Image) -> Image:
        zero, p = Value(0.0), self.padding
        side, edge = [zero] * p, [[zero] * (len(image[0][0]) + 2 * p) for _ in range(p)]
        return [edge + [[*side, *row, *side] for row in channel] + edge for channel in image]


def as_image(layer: Any, x: Any, nin: int | None = None) -> Image:
    """An image as channels of rows of Values, no smaller than the layer's window."""
    x, name = plain(x), type(layer).__name__
    if not is_list(x) or len(x) != (nin or len(x) or 1):
        got = f"{len(x)} channels" if is_list(x) else type(x).__name__
        raise ValueError(f"{name} expects an image of {nin or 'some'} channels, got {got}")
    if not all(is_list(channel) and all(map(is_list, channel)) for channel in x):
        raise ValueError(f"{name} expects an image as channels of rows of numbers")
    widths = {len(row) for channel in x for row in channel}
    heights = {len(channel) for channel in x}
    if len(widths) != 1 or len(heights) != 1:
        raise ValueError(f"{name} expects channels of equal size with rows of equal length")
    if min(*widths, *heights) + 2 * layer.padding < layer.kernel_size:
        raise ValueError(f"the image is smaller than the window of {layer.kernel_size}")
    return [[list(map(as_value, row)) for row in channel] for channel in x]


class Flatten(Module):
    """A nested list, such as the channels, rows and columns of an image, as one flat list.

    Example:
        >>> Flatten()([[1.0, 2.0], [3.0, 4.0]])
        [1.0, 2.0, 3.0, 4.0]

    Source: torch.nn.Flatten.
    """

    def twins(self) -> list[Twin]:
        return [("nn.Flatten()", {})]

    def forward(self, x: Any) -> list[Any]:
        return flat(x)
