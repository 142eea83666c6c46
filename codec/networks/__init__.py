"""Networks at work: what runs them, one contract for all.

A backend takes pictures, not tensors, so that what calls it need not know which one it is. `choose` picks by what is
installed: torch, which also trains and refines; ONNX Runtime, a tenth of its size, which only codes.
"""

from importlib.util import find_spec
from typing import Literal, NamedTuple, Protocol, get_args

from codec.errors import CodecError
from codec.models.config import Downscaler
from codec.picture import Pixels

Backend = Literal["torch", "onnx"]
Precision = Literal["float32", "bfloat16"]
_PACKAGES = {"torch": "torch", "onnx": "onnxruntime"}


class Engine(NamedTuple):
    """Where and how networks run; None: what is best of what is there."""

    device: str | None = None
    """`"cpu"` or `"cuda"`."""
    backend: Backend | None = None
    precision: Precision | None = None
    """Of the subnets; float32 unless given. All else is float32 in any case."""

    def checked(self) -> "Engine":
        """With the backend that it comes to; raises `CodecError` for what cannot be."""
        if self.precision is not None and self.precision not in get_args(Precision):
            raise CodecError(f"precision must be one of {', '.join(get_args(Precision))}, not {self.precision!r}")
        backend = choose(self.backend)
        if backend == "onnx" and self.precision not in (None, "float32"):
            raise CodecError(f"precision={self.precision!r} needs backend='torch': graphs compute in float32")
        return self._replace(backend=backend)


ANY = Engine()


class Network(Protocol):
    """A network with its weights on a device. Stateless once built: threads may share it."""

    def downscale(self, pixels: Pixels, condition: float, downscaler: Downscaler | None = None) -> Pixels:
        """uint8 `[s h, s w, 3]` -> its LR picture, uint8 `[h, w, 3]`, for quantisation steps of 2**condition.

        `downscaler`: which one's picture to aim at; only for networks that were trained to, see `SAINConfig.dual`.
        """
        ...

    def upscale(self, lr: Pixels, condition: float) -> Pixels:
        """A decoded LR picture, uint8 `[h, w, 3]` -> the restored one, uint8 `[s h, s w, 3]`."""
        ...


def choose(backend: Backend | None) -> Backend:
    """The backend itself, or of those installed the first; raises `CodecError` if it is not installed."""
    if backend is not None and backend not in get_args(Backend):
        raise CodecError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")
    for name in get_args(Backend) if backend is None else (backend,):
        if find_spec(_PACKAGES[name]):
            found: Backend = name
            return found
    if backend:
        raise CodecError(f"backend={backend!r} needs {_PACKAGES[backend]}: pip install 'sain-codec[{backend}]'")
    raise CodecError("nothing is installed that runs networks: pip install 'sain-codec[torch]' or 'sain-codec[onnx]'")
