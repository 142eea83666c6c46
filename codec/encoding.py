"""A picture on its way into a file: read and checked once, then encoded at as many qualities as a search wants."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import numpy as np
from PIL import Image

from codec import alpha as alphas
from codec import carriers
from codec import metadata as metadatas
from codec.carriers.base import UNBOUND, Options
from codec.errors import CodecError
from codec.header import Header
from codec.jpeg.tables import scale_tables
from codec.models import registry
from codec.models.config import Downscaler
from codec.models.description import describe, lr_size
from codec.networks import ANY, Engine, choose
from codec.picture import Picture, Pixels, read_picture
from codec.plain import Plain
from codec.reading import our_errors, warn_caller
from codec.tradeoff import rate_weight

if TYPE_CHECKING:
    from codec.jpeg.coefficients import Coefficients
    from codec.networks.on_torch import TorchNetwork
    from codec.rescaler import Rescaler


def rescaler_of(model: str, engine: Engine) -> "Rescaler | Plain":
    """As `codec.rescaler.load`, also of no network."""
    if model == registry.PLAIN:
        return Plain()
    from codec import rescaler

    return rescaler.load(model, engine)


class Detached(NamedTuple):
    """A file, and its header (which is also in the file, unless it was to be kept beside it)."""

    data: bytes
    header: Header


@dataclass(frozen=True)
class Job:
    """What is to be done with a picture, apart from quality; see `codec.encode`."""

    format: str
    options: Options
    strip: str | Collection[str] = ()
    model: str = registry.DEFAULT
    max_pixels: int | None = None
    progress: bool = False
    engine: Engine = ANY
    detached: bool = False
    """Whether the header stays beside the file."""
    effort: int = 0
    """0…9: how long the file is refined, see `codec.refinement` (JPEG) and `codec.hcd` (others)."""
    downscaler: Downscaler | None = None
    """Whose LR picture to aim at; for networks that can."""


def mean_square(restored: Pixels, original: Pixels) -> float:
    """Mean squared error on the 0…255 scale."""
    difference = np.subtract(restored, original, dtype=np.float32)
    return float(np.square(difference, out=difference).mean(dtype=np.float64))


class Encoder:
    """Raises `CodecError` as soon as a picture or a wish cannot be: before any network is loaded."""

    def __init__(self, image: Any, job: Job) -> None:
        self.job = job
        self.carrier, self.model = carriers.get(job.format), registry.resolve(job.model)
        if job.downscaler is not None:
            self._check_downscaler()
        if job.effort:
            self._check_effort()
        self.carrier.check(job.options)
        picture = image if isinstance(image, Picture) else read_picture(image, job.max_pixels)
        self.size, alpha = picture.size, picture.alpha
        self.pixels: Pixels = picture.pixels
        """What is to be restored: `[H, W, 3]`, or `[H, W]` of a grey picture."""
        self._coded_alpha: bytes | None = None
        self._shown: Pixels | None = None
        if alpha is not None:
            self._coded_alpha = alphas.code(alpha)
            if not self.carrier.transparent:
                self.pixels = alphas.hide(picture.pixels, alpha)
        known = describe(self.model)
        if self.model != registry.PLAIN and known.scale == 1 and not self.carrier.lossy:
            raise CodecError(
                f"a full-size {self.carrier.name} loses nothing that {self.model} could restore: take model='plain'"
            )
        if known.lossless and self.carrier.lossy:
            warn_caller(f"{self.model} knows of no compression and restores little of lossy files: take format='png'")
        self.lr_size = lr_size(self.size, known.scale)
        self.carrier.check_size(self.lr_size)
        self.options = replace(job.options, tables=known.tables)
        metadata = metadatas.strip(picture.metadata, job.strip)
        self._metadata = metadatas.refreshed(metadata, self.pixels, self.lr_size)
        if alpha is not None:
            self._shown = alphas.shown(alpha, self.lr_size)
        self.passes = 0
        """Network passes so far, down or up."""

    def _check_effort(self) -> None:
        if self.carrier.refined is None:
            some = ", ".join(name for name, carrier in carriers.carriers().items() if carrier.refined)
            raise CodecError(f"effort refines {some}: there is none with format={self.carrier.name!r}")
        choose("torch")  # the only backend with gradients

    def _check_downscaler(self) -> None:
        if self.job.downscaler not in get_args(Downscaler):
            names = ", ".join(get_args(Downscaler))
            raise CodecError(f"downscaler must be one of {names}, not {self.job.downscaler!r}")
        if not describe(self.model).dual:
            raise CodecError(f"{self.model} cannot aim at a downscaler: leave it out, or use model='dlv-irn-x4'")

    @property
    def identity(self) -> bool:
        """Whether the LR picture is the photo itself, at any quality."""
        return describe(self.model).identity

    @property
    def rescaler(self) -> "Rescaler | Plain":
        """The network, loaded when first asked for."""
        return rescaler_of(self.model, self.job.engine)

    def at(self, quality: float) -> Detached:
        """The file at a quality of the carrier's encoder, refined if the job says so.

        JPEG's qualities may lie between whole numbers.
        """
        lr = self.downscaled(quality)
        return self.refined(lr, quality) if self.job.effort else self.written(lr, quality)

    def qualities(self) -> Sequence[float]:
        """All that the file can be written at, the coarsest first."""
        every = self.carrier.qualities()
        if self.options.form != "none" or self.job.detached:
            return every
        told = (replace(self.options, quality=quality) for quality in every)
        return [options.quality for options in told if self.carrier.tells(self.model, options)]

    def condition(self, quality: float) -> float:
        """What the network is told of a quality: the mean log2 of the quantisation steps, 0…8."""
        return self.carrier.condition(replace(self.options, quality=quality))

    def downscaled(self, quality: float) -> Pixels:
        """The LR picture `[h, w, 3]` or `[h, w]` as the network makes it for a quality."""
        self.passes += not self.identity
        job, condition = self.job, self.condition(quality)
        return self.rescaler.downscale(self.pixels, condition, progress=job.progress, downscaler=job.downscaler)

    def reduced(self) -> Pixels:
        """An LR picture without the network: what a search makes its first guess from."""
        return np.array(Image.fromarray(self.pixels).resize(self.lr_size, Image.Resampling.LANCZOS))

    def refined(self, lr: Pixels, quality: float) -> Detached:
        """The file of an LR picture at a quality, refined by the job's effort: never worse than `written`.

        Better is, by real files and real decoding, what has the smaller sum of squared error and weighted bits; of
        lossless formats, whose bits no quality weighs, the smaller squared error.
        """
        if self.model == registry.PLAIN:
            return self.written(lr, quality)
        from codec import rescaler
        from codec.networks.on_torch import TorchNetwork

        engine = self.job.engine._replace(backend="torch")
        network = cast(TorchNetwork, rescaler.load(self.model, engine).network)
        refine = self._requantised if self.carrier.refined == "coefficients" else self._collaborative
        weight = self._weight(quality) if self.carrier.lossy else 0.0

        def cost(file: Detached) -> float:
            error = mean_square(self.restored(file), self.pixels) * self.size[0] * self.size[1]
            return error + weight * 8 * len(file.data)

        return min(self.written(lr, quality), refine(network, lr, quality), key=cost)

    def _weight(self, quality: float) -> float:
        return rate_weight(self.condition(quality), describe(self.model).scale)

    def _requantised(self, network: "TorchNetwork", lr: Pixels, quality: float) -> Detached:
        """With better coefficients."""
        from codec.jpeg.coefficients import Coefficients
        from codec.refinement import ROUNDS, refine

        options = replace(self.options, quality=quality)
        sampled = 2 if self.carrier.subsampling(options) == "4:2:0" else 1
        start = Coefficients.of(lr, scale_tables(options.tables, quality), sampled)
        condition, rounds = self.condition(quality), ROUNDS[self.job.effort]
        weight, progress = self._weight(quality), self.job.progress
        return self.written(lr, quality, refine(network, self.pixels, start, condition, weight, rounds, progress))

    def _collaborative(self, network: "TorchNetwork", lr: Pixels, quality: float) -> Detached:
        """With better LR pixels."""
        from codec import hcd
        from codec.coded import CodedPatch

        patch = partial(CodedPatch, code=partial(self.coded, quality)) if self.carrier.lossy else hcd.Patch
        each = hcd.ITERATIONS[self.job.effort]
        steps = hcd.Iterations(0 if self.identity else each, each)  # what is given to no network is the LR picture
        start = hcd.Start(network, self.pixels, lr, self.condition(quality), self.job.downscaler)
        better = hcd.collaborative(start, steps, self.job.progress, patch)
        return self.written(better, quality)

    def coded(self, quality: float, lr: Pixels) -> tuple[Pixels, int]:
        """LR pixels, all or a part, as the format gives them back, and the bytes that they take by themselves."""
        img = Image.fromarray(lr if self.carrier.grey else Picture(lr).rgb)
        with our_errors(f"the {self.carrier.name} encoder refused it"):
            data = self.carrier.save(img, replace(self.options, quality=quality), {})
        return self.carrier.reopened(data).picture().pixels, len(data)

    def written(self, lr: Pixels, quality: float, coefficients: "Coefficients | None" = None) -> Detached:
        """The file at a quality of an LR picture, which may have been made for one nearby.

        `coefficients` take the place of the LR picture's own.
        """
        options = replace(self.options, quality=quality, coefficients=coefficients)
        condition = self.carrier.condition(options)
        crc = alphas.crc(self._coded_alpha) if self._coded_alpha else None
        header = Header(self.model, self.size, self.lr_size, UNBOUND, condition, alpha=crc)
        written = Detached(
            *self.carrier.write(Picture(lr, self._shown, self._metadata), header, options, self._coded_alpha)
        )
        self._check_told(written)
        return written

    def _check_told(self, written: Detached) -> None:
        wanted = self.options.form == "none" and not self.job.detached
        if wanted and self.carrier.reopened(written.data).header != written.header:
            raise CodecError(
                f"this {self.carrier.name} file cannot do without a header (its tables do not tell format, size, "
                'quality or transparency): take header="compact", or codec.encode_detached'
            )

    def restored(self, written: Detached) -> Pixels:
        """What `decode` will make of a file: `[H, W, 3]`, or `[H, W]` of a grey picture."""
        file = self.carrier.reopened(written.data)
        told = written.header.condition if file.condition is None else file.condition
        assert told is not None  # noqa: S101 - one of the two always states it
        self.passes += self.model != registry.PLAIN
        grey = written.header.grey
        return self.rescaler.upscale(file.picture().pixels, told, self.size, progress=self.job.progress, grey=grey)
