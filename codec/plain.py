"""Scale 1: no network. The LR picture is the picture itself; header, metadata and transparency are as ever."""

import numpy as np
from PIL import Image

from codec.models.config import Downscaler
from codec.picture import Pixels


class Plain:
    """What `codec.rescaler.Rescaler` does, for the model `codec.models.registry.PLAIN`."""

    def downscale(
        self, pixels: Pixels, condition: float, progress: bool = False, downscaler: Downscaler | None = None
    ) -> Pixels:
        """The picture as it is."""
        return pixels

    def upscale(
        self, lr: Pixels, condition: float, full: tuple[int, int], progress: bool = False, grey: bool = False
    ) -> Pixels:
        """The picture as it is; of a carrier that knows only colour, `[H, W]` if `grey` is asked for."""
        return np.array(Image.fromarray(lr).convert("L")) if grey and lr.ndim == 3 else lr
