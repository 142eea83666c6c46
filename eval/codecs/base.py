"""What a codec under test is.

The contract. A codec stores a picture (uint8 `[H, W, 3]`) at one of its own quality numbers as bytes, all of which
count, and restores it from these bytes and the picture's size. `identity` names everything that its results depend on:
two codecs with equal identity give equal results, so results are kept under it.
"""

from collections.abc import Sequence
from typing import Protocol

from codec.picture import Pixels


class MissingCodecError(Exception):
    """A codec cannot run here; the message says what would make it."""


class Codec(Protocol):
    """One way to store a picture."""

    @property
    def name(self) -> str:
        """As curves are labelled."""

    @property
    def description(self) -> str:
        """One line: settings that matter."""

    @property
    def identity(self) -> str:
        """Name, settings and versions."""

    @property
    def qualities(self) -> Sequence[int]:
        """Where the curve is measured unless told otherwise, ascending."""

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """The file."""

    def decode(self, data: bytes, size: tuple[int, int]) -> Pixels:
        """The restored picture of `size` (width, height)."""

    def stored(self, data: bytes) -> Pixels | None:
        """The picture that viewers see, smaller most often; None where it is the restored one."""
