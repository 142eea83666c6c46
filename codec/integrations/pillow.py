"""The codec as a guest in Pillow: `Image.open` restores our files, `save(…, format="SAIN")` writes them.

Our files are ordinary pictures, so the formats' own plugins go on opening them; ours looks at what they found, and
only where that bears our mark takes the file over. All else is left as it is, at the price of that look.
"""

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, Any, Literal

from PIL import Image, ImageFile

from codec import carriers, opening
from codec.api import decode, encode
from codec.errors import CodecError, NotRescaledError, PictureTooLargeError, StaleHeaderError
from codec.opening import Opened
from codec.picture import Metadata, read_picture
from codec.reading import inside

FORMAT = "SAIN"
OnStale = Literal["ignore", "restore"]
_Factory = Callable[[Any, Any], ImageFile.ImageFile]

_lock = threading.Lock()
_stock: dict[str, _Factory] = {}
"""What opened each format before us, while we are registered."""


class RescaledFile(ImageFile.ImageFile):
    """One of our files as the full-size picture that it restores to, when its pixels are first asked for.

    `draft`, and so `thumbnail`, takes the stored picture where that is large enough: no network runs.
    """

    format = FORMAT
    format_description = "restored from a small ordinary picture"

    def __init__(self, fp: IO[bytes], filename: Any, data: bytes, opened: Opened) -> None:
        self._data: bytes | None = data
        self._opened = opened
        self._lock = threading.Lock()
        self._small = False
        super().__init__(fp, filename)
        self.custom_mimetype = opened.file.carrier.mime

    def _open(self) -> None:
        opened, file = self._opened, self._opened.file
        grey = opened.header.grey or file.image.mode in ("L", "LA")
        self._size = opened.shown_size
        self._mode = ("LA" if grey else "RGBA") if opened.stated.alpha else "L" if grey else "RGB"
        self.info.update(_info(file.carrier.users(file.image)))

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """The stored picture instead of the full one, if it is as large as the full one fitted into `size` would be.

        One that is stored at full size shows all that the smaller copies need.
        """
        if size is None or self._data is None or self._small or self._opened.stated.alpha:
            return None
        small = self._opened.file.size
        reduced = size[0] < self.size[0] or size[1] < self.size[1]
        if (small[0] < size[0] and small[1] < size[1]) or not reduced:
            return None
        self._small, full, self._size = True, self.size, small
        scale = self._opened.header.full_size[0] / self._opened.header.lr_size[0]
        return self.mode, (0, 0, full[0] / scale, full[1] / scale)

    def load(self) -> Any:
        """The pixels, by way of the network; raises OSError if the file cannot be restored."""
        with self._lock:
            if self._data is not None:
                try:
                    self._take(self._of_file() if self._small else decode(self._data, on_stale=self._opened.on_stale))
                except CodecError as error:
                    raise OSError(str(error)) from error
        return super().load()

    def _of_file(self) -> Image.Image:
        return replace(self._opened.file.picture(), metadata=Metadata()).to_pil().convert(self.mode)

    def _take(self, img: Image.Image) -> None:
        self.im, self._size, self._mode = img.im, img.size, img.mode
        self.info.update(img.info)
        if self._exclusive_fp and self.fp:
            self.fp.close()
        self._data, self.readonly, self.fp = None, 0, None

    def __getstate__(self) -> list[Any]:
        self.load()
        return super().__getstate__()

    def __setstate__(self, state: list[Any]) -> None:
        self._data, self._lock = None, threading.Lock()
        super().__setstate__(state)


def _info(metadata: Metadata) -> dict[str, bytes]:
    return {k: v for k, v in vars(metadata).items() if v is not None}


def _opened_ours(data: bytes, on_stale: OnStale) -> Opened | None:
    """What the file restores to, None if it is no file of ours, or no longer."""
    try:
        return opening.open_file(data, None, "raise" if on_stale == "ignore" else "restore", None)
    except PictureTooLargeError as error:
        raise Image.DecompressionBombError(str(error)) from error
    except (NotRescaledError, StaleHeaderError):
        return None
    except CodecError as error:
        warnings.warn(f"opened as the small picture that it holds: {error}", stacklevel=4)
        return None


def _factory(name: str, stock: _Factory, on_stale: OnStale) -> _Factory:
    carrier = next(c for c in carriers.carriers().values() if c.pillow == name)

    def opened(fp: IO[bytes], filename: Any) -> ImageFile.ImageFile:
        img = stock(fp, filename)
        if inside() or not _marked(carrier, img):
            return img
        at = fp.tell()
        fp.seek(0)  # where Pillow has every file begin
        data = fp.read()
        fp.seek(at)
        ours = _opened_ours(data, on_stale)
        return img if ours is None else RescaledFile(fp, filename, data, ours)

    return opened


def _marked(carrier: carriers.Carrier, img: ImageFile.ImageFile) -> bool:
    """Whether a file may be one of ours, by what opening it has read already."""
    if carrier.pillow in ("HEIF", "JXL"):  # theirs tells too little
        return True
    try:
        return (file := carrier.open(b"", img)) is not None and carrier.find_header(file) is not None
    except CodecError:
        return True  # one that is damaged, or newer than we are: said where it is opened


def register_pillow(*, on_stale: OnStale = "ignore") -> None:
    """Let Pillow open and save our files, in every format whose plugin is registered by now.

    `on_stale`: what to do with files that somebody resized or encoded again: `"ignore"` opens the small pictures that
    they are, `"restore"` the best that can be restored. Raises `CodecError` for anything else. `unregister_pillow`
    undoes it. Files of formats that have to be registered themselves (HEIF, JPEG XL) need that first.
    """
    if on_stale not in ("ignore", "restore"):
        raise CodecError(f'on_stale must be "ignore" or "restore", not {on_stale!r}')
    Image.init()  # plugins that register later would take our place
    with _lock:
        _undo()
        for name in {c.pillow for c in carriers.carriers().values()} & set(Image.OPEN):
            stock, accept = Image.OPEN[name]
            _stock[name] = stock
            Image.register_open(name, _factory(name, stock, on_stale), accept)
        Image.register_save(FORMAT, _save)


def unregister_pillow() -> None:
    """Let Pillow open all files as it did before `register_pillow`. Images that are open stay as they are."""
    with _lock:
        _undo()


def _undo() -> None:
    for name, stock in _stock.items():
        Image.register_open(name, stock, Image.OPEN[name][1])
    _stock.clear()
    Image.SAVE.pop(FORMAT, None)


def _save(img: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    options: dict[str, Any] = dict(img.encoderinfo)
    named = carriers.by_suffix(filename.decode() if isinstance(filename, bytes) else str(filename))
    options.setdefault("format", options.pop("carrier", None) or (named.name if named else "jpeg"))
    fp.write(encode(_with_metadata(img, options), **options))


def _with_metadata(img: Image.Image, options: dict[str, Any]) -> Any:
    """The picture, with what is given to `save` in the place of its own EXIF, ICC profile and XMP."""
    given: Mapping[str, Any] = {k: options.pop(k) for k in ("exif", "icc_profile", "xmp") if k in options}
    if not given:
        return img
    exif = given.get("exif")
    given = {**given, "exif": exif.tobytes() if isinstance(exif, Image.Exif) else exif} if exif else given
    picture = read_picture(img)
    return replace(picture, metadata=replace(picture.metadata, **{k: v or None for k, v in given.items()}))
