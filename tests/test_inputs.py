"""Every kind of input, any size: what goes in comes back in its own size and kind."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec import carriers
from codec.carriers.base import UNBOUND, Options
from codec.header import Header
from codec.jpeg.tables import STANDARD, scale_tables
from codec.picture import Picture, Pixels, check_size, read_picture
from tests.conftest import PICTURES, jpeg_bytes, psnr

PATH = PICTURES / "kodim04-crop.png"


@pytest.fixture(scope="module")
def reference() -> bytes:
    return codec.encode(PATH)


def test_all_ways_in_give_the_same_bytes(one_photo: Pixels, reference: bytes) -> None:
    planes = torch.from_numpy(one_photo).permute(2, 0, 1)
    with PATH.open("rb") as file, Image.open(PATH) as img:
        ways = [str(PATH), PATH.read_bytes(), file, img, one_photo, planes, planes.float() / 255, planes.double() / 255]
        for way in ways:
            assert codec.encode(way) == reference, type(way)


def test_all_ways_out_agree(reference: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(reference)
    img = codec.decode(path)
    array, tensor = codec.decode(io.BytesIO(reference), to="numpy"), codec.decode(bytearray(reference), to="torch")
    assert (img.mode, img.size) == ("RGB", (192, 144))
    assert np.array_equal(np.array(img), array)
    assert torch.equal(tensor, torch.from_numpy(array).permute(2, 0, 1))
    with pytest.raises(codec.CodecError, match="to must be"):
        codec.decode(reference, to="tensorflow")  # type: ignore[call-overload]


def test_the_file_is_an_ordinary_jpeg_of_half_the_size(reference: bytes) -> None:
    with Image.open(io.BytesIO(reference)) as img:
        assert (img.format, img.mode, img.size) == ("JPEG", "RGB", (96, 72))


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_the_smaller_of_progressive_and_baseline_is_written(one_photo: Pixels, quality: int) -> None:
    tables = scale_tables(STANDARD, quality).reshape(-1, 64).tolist()
    options = {"qtables": tables, "subsampling": "4:2:0", "optimize": True}
    both = [len(jpeg_bytes(one_photo, progressive=progressive, **options)) for progressive in (True, False)]
    header = 200
    stated = Header("m", (384, 288), (192, 144), UNBOUND)
    data, _ = carriers.get("jpeg").write(Picture(one_photo), stated, Options(quality), None)
    assert len(data) <= min(both) + header


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 1), (3, 2), (4, 4), (7, 5), (16, 16), (17, 31), (191, 143)])
def test_any_size_comes_back_exact(one_photo: Pixels, size: tuple[int, int]) -> None:
    width, height = size
    part = one_photo[:height, :width]
    data = codec.encode(part, 90)
    restored = codec.decode(data, to="numpy")
    assert restored.shape == part.shape
    assert codec.inspect(data).header.full_size == size
    assert psnr(restored, part) > 20


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
def test_grey_stays_grey(one_photo: Pixels, quality: int) -> None:
    grey = one_photo[..., 1]
    data = codec.encode(grey, quality)
    with Image.open(io.BytesIO(data)) as img:
        assert img.mode == "L"
    restored = codec.decode(data)
    assert (restored.mode, restored.size) == ("L", (192, 144))
    assert codec.decode(data, to="torch").shape == (1, 144, 192)
    assert psnr(restored, grey) > (18 if quality == 1 else 25)


def test_bilevel_and_palette_pictures(one_photo: Pixels) -> None:
    img = Image.fromarray(one_photo)
    assert codec.decode(codec.encode(img.convert("1"))).mode == "L"
    palette = img.quantize(64)
    assert psnr(codec.decode(codec.encode(palette)), palette.convert("RGB")) > 22


def test_opaque_alpha_is_let_go(one_photo: Pixels, reference: bytes) -> None:
    assert codec.encode(Image.fromarray(one_photo).convert("RGBA")) == reference


def test_noise_at_full_quality_fits(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 700, 3), np.uint8)
    assert codec.decode(codec.encode(noise, 100)).size == (700, 600)


def animation(one_photo: Pixels, kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(one_photo), Image.fromarray(255 - one_photo)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "PNG", "TIFF", "AVIF"])
def test_animations_warn(one_photo: Pixels, kind: str) -> None:
    with pytest.warns(UserWarning, match="only the first of 2 frames is stored") as caught:
        picture = read_picture(animation(one_photo, kind))
    assert psnr(picture.pixels, one_photo) > 20
    assert [warning.filename for warning in caught] == [__file__]


def test_the_frame_that_a_caller_chose(one_photo: Pixels) -> None:
    img = Image.open(io.BytesIO(animation(one_photo, "PNG")))
    img.seek(1)
    with pytest.warns(UserWarning, match="only frame 2 of 2"):
        assert np.array_equal(read_picture(img).pixels, 255 - one_photo)


def test_warnings_point_at_the_callers_line(one_photo: Pixels) -> None:
    with pytest.warns(UserWarning, match="frames") as caught:
        codec.encode(animation(one_photo, "PNG"))
    assert [warning.filename for warning in caught] == [__file__]


def test_the_other_pictures_in_a_phones_jpeg_are_no_frames(one_photo: Pixels) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert psnr(read_picture(animation(one_photo, "MPO")).pixels, one_photo) > 20


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4), bool), "uint8"),
        (np.zeros((4, 4), np.uint32), "uint8"),
        (np.zeros((4, 4, 5), np.uint8), r"\[H, W, 1…4\]"),
        (np.zeros((4,), np.uint8), r"\[H, W, 1…4\]"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (torch.zeros(3, 4), r"\[1…4, H, W\]"),
        (torch.zeros(5, 4, 4), r"\[1…4, H, W\]"),
        (torch.full((3, 4, 4), 2.0), r"\[0, 1\]"),
        (torch.full((3, 4, 4), float("nan")), r"\[0, 1\]"),
        (torch.zeros(3, 4, 4, dtype=torch.int32), "uint8"),
        (Image.new("L", (0, 5)), "empty"),
        (b"", "empty"),
        (b"not a picture at all", "no known format"),
        (PATH.read_bytes()[:5000], "damaged or cut short"),
    ],
)
def test_what_cannot_be_stored_is_refused(image: object, message: str) -> None:
    for function in (read_picture, codec.encode):
        with pytest.raises(codec.UnsupportedFormatError, match=message):
            function(image)


@pytest.mark.parametrize("wrong", [RuntimeError("odd\nlines"), IndexError(), RecursionError(), SyntaxError("no")])
def test_whatever_a_parser_raises_is_an_error_of_ours(wrong: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise wrong

    for name in ("open", "Image.load"):
        monkeypatch.setattr(f"PIL.Image.{name}", fail)
        with pytest.raises(codec.UnsupportedFormatError) as caught:
            read_picture(PATH.read_bytes() if name == "open" else Image.new("L", (2, 2)))
        assert "\n" not in str(caught.value)


def test_too_little_memory_is_no_fault_of_the_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(codec.PictureTooLargeError, match="memory"):
        read_picture(Image.new("L", (2, 2)))


def png(width: int, height: int) -> bytes:
    """A PNG of that size without a pixel in it."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return head + struct.pack(">I", 9) + b"IDAT" + bytes(13)


@pytest.mark.parametrize("way", ["bytes", "image", "array", "tensor", "picture"])
def test_the_limit_holds_for_every_way_in(one_photo: Pixels, way: str) -> None:
    image = {
        "bytes": PATH.read_bytes(),
        "image": Image.fromarray(one_photo),
        "array": one_photo,
        "tensor": torch.from_numpy(one_photo).permute(2, 0, 1),
        "picture": Picture(one_photo),
    }[way]
    assert read_picture(image, max_pixels=192 * 144).size == (192, 144)
    with pytest.raises(codec.PictureTooLargeError, match="192x144 has more than the 27,647 pixels"):
        read_picture(image, max_pixels=192 * 144 - 1)


LIMIT = 178_956_970


def test_the_default_limit_is_pillows_at_the_time(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert 2 * Image.MAX_IMAGE_PIXELS == LIMIT
    check_size((1, LIMIT))
    for size in ((1, LIMIT + 1), (100_000, 100_000)):
        with pytest.raises(codec.PictureTooLargeError):
            check_size(size)
    with pytest.raises(codec.PictureTooLargeError):
        read_picture(png(100_000, 100_000))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 192 * 144 // 2)
    assert read_picture(one_photo).size == (192, 144)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for image in (one_photo, Image.fromarray(one_photo), PATH):
        with pytest.raises(codec.PictureTooLargeError):
            read_picture(image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    check_size((100_000, 100_000))
    with pytest.raises(codec.PictureTooLargeError):
        check_size((100_000, 100_000), LIMIT)


@pytest.mark.parametrize("action", ["ignore", "error"])
def test_a_hundred_megapixels_and_pillows_warning(action: str) -> None:
    img = Image.new("1", (10_000, 10_000))
    out = io.BytesIO()
    img.save(out, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter(action)  # type: ignore[arg-type]
        if action == "ignore":
            assert read_picture(out.getvalue()).size == (10_000, 10_000)
        else:
            with pytest.raises(codec.PictureTooLargeError, match="decompression bomb"):
                read_picture(out.getvalue())


def test_other_types_are_refused() -> None:
    for image in (None, 5, io.StringIO("text"), [1, 2]):
        with pytest.raises(TypeError, match="expected a path"):
            codec.encode(image)
    with pytest.raises(FileNotFoundError):
        codec.encode("no/such/file.png")


@pytest.mark.parametrize("quality", [0, 101, -1, 75.0, True, "75"])
def test_quality_is_a_whole_number_in_range(one_photo: Pixels, quality: object) -> None:
    with pytest.raises(codec.CodecError, match="quality must be"):
        codec.encode(one_photo, quality)  # type: ignore[arg-type]


def test_numpy_integers_are_whole_numbers(one_photo: Pixels, reference: bytes) -> None:
    assert codec.encode(one_photo, np.int64(75)) == reference  # type: ignore[arg-type]


def test_unknown_models_are_named(one_photo: Pixels) -> None:
    with pytest.raises(codec.UnknownModelError, match=r"no model 'sain-x3'.*sain-x2-lite"):
        codec.encode(one_photo, model="sain-x3")


@pytest.mark.parametrize("device", ["toaster", "cuda:99"])
def test_unusable_devices_are_named(one_photo: Pixels, device: str) -> None:
    with pytest.raises(codec.CodecError, match=f"device '{device}' cannot be used"):
        codec.encode(one_photo, device=device)
