"""Encode, decode and inspect on bytes: the way of a picture, on one screen."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_args, overload

from PIL import Image

from codec import metadata as metadatas
from codec import opening, scaling
from codec.carriers.base import Form, Options, Subsampling
from codec.encoding import Detached, Job, rescaler_of
from codec.errors import CodecError
from codec.header import Header
from codec.models.choice import Tune
from codec.models.config import Downscaler
from codec.networks import Backend, Engine, Precision
from codec.opening import OnStale
from codec.picture import Output, Picture, Pixels, Source, read_bytes
from codec.scaling import Scale
from codec.wish import Wish, share, whole

if TYPE_CHECKING:
    import torch

    from codec.transfer import References


def _check(name: str, value: Any, choices: Any) -> None:
    if value not in get_args(choices):
        raise CodecError(f"{name} must be one of {', '.join(get_args(choices))}, not {value!r}")


def encode(
    image: Any,
    quality: int | None = None,
    *,
    max_bytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 0,
    format: str = "jpeg",  # noqa: A002 - Pillow's word for it
    subsampling: Subsampling | None = None,
    header: Form = "xmp",
    strip: str | Collection[str] = (),
    scale: Scale | None = None,
    tune: Tune | None = None,
    model: str | None = None,
    downscaler: Downscaler | None = None,
    max_pixels: int | None = None,
    progress: bool = False,
    device: str | None = None,
    backend: Backend | None = None,
    precision: Precision | None = None,
) -> bytes:
    """Store a picture as a small ordinary picture that any viewer shows and `decode` restores to full size.

    * `image`: a path, bytes, a binary file, a Pillow image, a numpy array or a torch tensor, see
      `codec.picture.read_picture`; grey or colour, with transparency or without, from 1x1 up.
    * `quality`: that of the format's encoder, 1…100 (PNG has none); 75 unless one of the next three is given instead.
    * `max_bytes`: the finest file of at most so many bytes, header, metadata and transparency included. A JPEG comes
      within 3 % of them as far as its steps can (the other formats have whole qualities only: the next one below).
    * `bpp`: the same in bits per full-size pixel.
    * `psnr`: a file that restores to at least so many dB (RGB) of the picture, with as few bytes as can be: in JPEG
      most often within 0.1 dB above. (What is wholly transparent counts as the file holds it: in JPEG, white.)
    * `effort`: 0…9, how long the file is refined with the decoder in the loop: a JPEG's coefficients (the same picture
      in fewer bytes, see `codec.refinement`), or the pixels of a PNG (a better picture in a few more), WebP, AVIF or
      HEIF, see `codec.hcd`; each step up takes about half as long again as the one before. JPEG XL has none.
    * `format`: `"jpeg"`, `"heif"`, `"avif"`, `"webp"`, `"png"` (lossless) or `"jxl"`.
    * `subsampling`: of chroma, `"4:2:0"` or `"4:4:4"`; the format's usual one unless given.
    * `header`: in the `"xmp"`; `"compact"`, in fewer bytes; or `"none"`, where a JPEG's tables tell all.
    * `strip`: what to leave out of the user's metadata, see `codec.metadata.strip`.
    * `scale`: how many times smaller a side of the file is: 2 unless given, or 4; 1 is a file of full size, of which
      the decoder restores more than viewers show (a PNG shows all: it comes back as it is); `"auto"` takes the
      best of all and of the plain file by the metric of `tune`, predicted from a sample of the picture: the one with
      the least distortion plus `quality`'s price of its bits (that of the scale 2; each scale at qualities of its own),
      with `max_bytes` and `bpp` the least distortion, with `psnr` the fewest bytes, see `codec.hull`.
    * `tune`: what the restored picture is to be best by, `"eye"` (unless given: SSIMULACRA2) or `"psnr"` (squared
      error): which weights of a scale are taken, see `codec.models.choice`, and what `"auto"` compares.
    * `model`: instead of scale and tune, a name of `codec.models.registry.available()`, with or without hash, or
      `"plain"`: an ordinary file of full size that comes back as viewers show it, without a network. Some know of no
      compression and are for PNG only (`irn-x2`, `irn-x4`, `dlv-irn-x4`, `hcflow-x4`); they warn.
    * `downscaler`: whose LR picture to aim at, `"bicubic"`, `"lanczos"` or `"area"`: only for models that know of them
      (`dlv-irn-x4`; the others aim at bicubic).
    * `max_pixels`: refuse larger pictures; Pillow's own limit unless given.
    * `progress`: show it on standard error if that is a terminal.
    * `device`: `"cpu"` or `"cuda"`; CUDA where there is one.
    * `backend`: what runs the network, `"torch"` or `"onnx"`; what is installed, torch before the other. Pictures of
      the two differ by a level at most. Effort needs torch.
    * `precision`: of the network, `"float32"` unless given, or `"bfloat16"` (torch only): four times as fast where the
      processor has it in hardware, for some 0.03 dB; single values differ by up to 10 levels.

    EXIF, ICC profile, XMP and transparency are kept in the file; orientation stays a tag. A target takes up to six
    network passes, most often one (bytes) or four (dB). Raises `CodecError`, for a target out of reach too.
    """
    _check("header", header, Form)
    wish, models = Wish.of(quality, max_bytes, bpp, psnr), scaling.models_of(scale, model, tune, format)
    effort = whole("effort", effort, 0, 9)
    options = Options(subsampling=subsampling, form=header)
    engine = Engine(device, backend, precision)
    job = Job(
        format,
        options,
        strip,
        max_pixels=max_pixels,
        progress=progress,
        engine=engine,
        effort=effort,
        downscaler=downscaler,
    )
    return scaling.encode(image, job, wish, models, tune).data


def encode_detached(
    image: Any,
    quality: int | None = None,
    *,
    max_bytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 0,
    format: str = "jpeg",  # noqa: A002
    subsampling: Subsampling | None = None,
    strip: str | Collection[str] = (),
    scale: Scale | None = None,
    tune: Tune | None = None,
    model: str | None = None,
    downscaler: Downscaler | None = None,
    max_pixels: int | None = None,
    progress: bool = False,
    device: str | None = None,
    backend: Backend | None = None,
    precision: Precision | None = None,
) -> Detached:
    """As `encode`, with the header beside the file instead of in it: for a database column, say.

    `Header.to_json` and `from_json` carry it there and back; `decode(data, header=…)` needs it. Transparency stays in
    the file's XMP.
    """
    wish, models = Wish.of(quality, max_bytes, bpp, psnr), scaling.models_of(scale, model, tune, format)
    effort = whole("effort", effort, 0, 9)
    options = Options(subsampling=subsampling, form="none")
    engine = Engine(device, backend, precision)
    job = Job(
        format,
        options,
        strip,
        max_pixels=max_pixels,
        progress=progress,
        engine=engine,
        detached=True,
        effort=effort,
        downscaler=downscaler,
    )
    return scaling.encode(image, job, wish, models, tune)


class _How(TypedDict, total=False):
    header: Header | Mapping[str, Any] | str | None
    on_stale: OnStale
    max_pixels: int | None
    progress: bool
    device: str | None
    backend: Backend | None
    precision: Precision | None
    reference: Any
    reference_strength: float


@overload
def decode(data: Source, *, to: Literal["pil"] = "pil", **how: Unpack[_How]) -> "Image.Image": ...
@overload
def decode(data: Source, *, to: Literal["numpy"], **how: Unpack[_How]) -> Pixels: ...
@overload
def decode(data: Source, *, to: Literal["torch"], **how: Unpack[_How]) -> "torch.Tensor": ...
def decode(
    data: Source,
    *,
    to: Output = "pil",
    header: Header | Mapping[str, Any] | str | None = None,
    on_stale: OnStale = "raise",
    max_pixels: int | None = None,
    progress: bool = False,
    device: str | None = None,
    backend: Backend | None = None,
    precision: Precision | None = None,
    reference: Any = None,
    reference_strength: float = 1.0,
) -> Any:
    """The full-size picture of what `encode` wrote (bytes, a path or a binary file).

    * `to`: `"pil"` (L, LA, RGB or RGBA, metadata in `info`), `"numpy"` (uint8 `[H, W]` or `[H, W, C]`) or `"torch"`
      (uint8 `[C, H, W]`).
    * `header`: of `encode_detached`, or its JSON.
    * `on_stale`: what to do with a file whose pixels were resized or encoded again since: raise, or `"restore"` what
      still can be (the full size, or what a crop has left of it).
    * `max_pixels`: refuse a larger full picture, or reference; Pillow's limit unless given.
    * `progress`, `device`, `backend`, `precision`: as for `encode`.
    * `reference`: another photo of the scene, or up to 16 of them in any iterable, each in all that `encode` takes (the
      first frame of an animation): where it shows what the picture shows, its detail is taken over, see
      `codec.transfer`. Needs torch.
    * `reference_strength`: 0…1, how much of that detail.

    Raises `NotRescaledError` for an ordinary picture, `StaleHeaderError`, `UnknownModelError`,
    `PictureTooLargeError`, OSError for a file that cannot be read, and `CodecError` for anything else that is wrong.
    """
    _check("to", to, Output)
    _check("on_stale", on_stale, OnStale)
    references = _references(reference, share("reference_strength", reference_strength), max_pixels)
    opened = opening.open_file(read_bytes(data), header, on_stale, max_pixels)
    full, grey = opened.header.full_size, opened.header.grey
    alpha, small = opened.alpha(), opened.file.picture()
    lr, rescaler = opened.lr(small.pixels), rescaler_of(opened.header.model, Engine(device, backend, precision))
    pixels = opened.fitted(rescaler.upscale(lr, opened.condition, full, progress=progress, grey=grey))
    if references is not None:
        told = references.told(opened.header.model, opened.condition)
        pixels = references.lent(pixels, told, small.metadata, progress)
    metadata = metadatas.refreshed(small.metadata, pixels, opened.shown_size)
    return Picture(pixels, alpha, metadata).to(to)


def _references(reference: Any, strength: float, max_pixels: int | None) -> "References | None":
    """Looked at before any network runs, for what is wrong with them should be said at once."""
    if reference is None:
        return None
    from codec.transfer import References

    return References.read(reference, strength, max_pixels)


@dataclass(frozen=True)
class Info:
    """What `inspect` finds."""

    carrier: str
    """Format of the file."""
    header: Header
    bytes: int
    bpp: float
    """Bits per full-size pixel, header and all."""
    untouched: bool
    """Whether the pixels are still those that `encode` wrote."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "header": self.header.to_json()}


def inspect(
    data: Source, *, header: Header | Mapping[str, Any] | str | None = None, max_pixels: int | None = None
) -> Info:
    """What a file of `encode` says of itself, without loading a network; raises as `decode`, but for stale files."""
    raw = read_bytes(data)
    opened = opening.open_file(raw, header, "restore", max_pixels)
    width, height = opened.stated.full_size
    return Info(opened.file.carrier.name, opened.stated, len(raw), 8 * len(raw) / (width * height), not opened.stale)
