"""Layers that make an image smaller: one number for each window of a channel.

>>> image = [[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 8.0]]]
>>> [[[v.data for v in row] for row in channel] for channel in MaxPool2d(2)(image)]
[[[4.0, 8.0]]]
"""

from typing import Any, ClassVar

from ..checks import integer
from ..engine import Value
from ..functional import max as largest
from ..functional import sum as total
from .convolution import Image, as_image
from .module import Module, Twin, width

__all__ = ["AvgPool2d", "MaxPool2d"]


class _Pool2d(Module):
    """A window that slides over each channel; a subclass says what becomes of its numbers."""

    settings: ClassVar = {
        "kernel_size": width("rows of the window"),
        "stride": width("steps of the window"),
        "padding": integer(0),
    }
    kernel_size: int
    stride: int
    padding: int

    def __init__(self, kernel_size: int, stride: int | None = None, padding: int = 0) -> None:
        stride = kernel_size if stride is None else stride
        self._configure(kernel_size=kernel_size, stride=stride, padding=padding)
        if 2 * padding > kernel_size:
            raise ValueError(
                f"padding must be at most half of the window of {kernel_size}, got {padding}"
            )

    def checked(self, x: Any) -> Image:
        return as_image(self, x)

    def forward(self, x: Image) -> Image:
        rows, columns = self._places(len(x[0])), self._places(len(x[0][0]))

        def window(channel: list[list[Value]], i: slice, j: slice) -> list[Value]:
            return [v for row in channel[i] for v in row[j]]

        return [
            [[self._pooled(window(channel, i, j)) for j in columns] for i in rows] for channel in x
        ]

    def _places(self, size: int) -> list[slice]:
        """Where the windows are along one side; the parts of them that lie outside are cut off."""
        k, p = self.kernel_size, self.padding
        return [slice(max(i, 0), i + k) for i in range(-p, size + p - k + 1, self.stride)]

    def _pooled(self, window: list[Value]) -> Value:
        raise NotImplementedError

    def _twin(self, name: str) -> Twin:
        return f"{name}({self.kernel_size}, stride={self.stride}, padding={self.padding})", {}


class MaxPool2d(_Pool2d):
    """The largest number of each window, in every channel by itself.

    Args:
        kernel_size: height and width of the window.
        stride: how far it moves; its own size, so that the windows touch, if left out.
        padding: rows and columns around the image, which are never the largest; at most half of
            the window.

    Returns:
        Called on an image, a list of channels of rows of numbers: as many smaller channels. Rows
        and columns that fill no window are left out (torch's ceil_mode=False).

    Raises:
        ValueError: ragged rows, an image smaller than the window, more padding than half of it.

    Example:
        >>> out = MaxPool2d(2)([[[1.0, 2.0, 0.0], [4.0, 3.0, 9.0]]])
        >>> out[0][0][0].data, len(out[0][0])       # the third column fills no window
        (4.0, 1)

    Source: torch.nn.MaxPool2d. Of n equal ones each receives 1/n of the gradient, as of
    functional.max; torch gives all of it to the first.
    """

    def twins(self) -> list[Twin]:
        return [self._twin("nn.MaxPool2d")]

    def _pooled(self, window: list[Value]) -> Value:
        out: Value = largest(window)
        return out


class AvgPool2d(_Pool2d):
    """The mean of each window, in every channel by itself.

    Args are those of MaxPool2d, but here the padding counts as zeros.

    Example:
        >>> AvgPool2d(2)([[[1.0, 2.0], [3.0, 6.0]]])[0][0][0].data
        3.0

    Source: torch.nn.AvgPool2d (count_include_pad=True).
    """

    def twins(self) -> list[Twin]:
        return [self._twin("nn.AvgPool2d")]

    def _pooled(self, window: list[Value]) -> Value:
        mean: Value = total(window) * (1.0 / self.kernel_size**2)
        return mean
