"""Every kind of input, any size: what goes in comes back in its own size and kind."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec.carriers import jpeg
from codec.jpeg.tables import STANDARD, scale_tables
from codec.picture import Picture, Pixels
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
    assert len(jpeg.write(Picture(one_photo), STANDARD, quality, "m", (384, 288))) <= min(both) + header


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


def test_opaque_alpha_is_let_go_and_transparency_refused(one_photo: Pixels, reference: bytes) -> None:
    img = Image.fromarray(one_photo).convert("RGBA")
    assert codec.encode(img) == reference
    img.putpixel((3, 3), (0, 0, 0, 128))
    with pytest.raises(codec.UnsupportedFormatError, match="transparency"):
        codec.encode(img)


def test_noise_at_full_quality_fits(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 700, 3), np.uint8)
    assert codec.decode(codec.encode(noise, 100)).size == (700, 600)


def test_animations_warn(one_photo: Pixels) -> None:
    out = io.BytesIO()
    frames = [Image.fromarray(one_photo), Image.fromarray(255 - one_photo)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.warns(UserWarning, match="first of 2 frames"):
        codec.encode(out.getvalue())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"\[H, W, 3\]"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (torch.zeros(3, 4), r"\[3, H, W\]"),
        (torch.zeros(2, 4, 4), r"\[3, H, W\]"),
        (torch.full((3, 4, 4), 2.0), r"\[0, 1\]"),
        (torch.full((3, 4, 4), float("nan")), r"\[0, 1\]"),
        (torch.zeros(3, 4, 4, dtype=torch.int32), "uint8"),
        (Image.new("CMYK", (4, 4)), "CMYK"),
        (Image.new("I;16", (4, 4)), "I;16"),
        (b"", "empty"),
        (b"not a picture at all", "not a picture"),
        (PATH.read_bytes()[:5000], "damaged or cut short"),
    ],
)
def test_what_cannot_be_stored_is_refused(image: object, message: str) -> None:
    with pytest.raises(codec.UnsupportedFormatError, match=message):
        codec.encode(image)


def test_other_types_are_refused() -> None:
    for image in (None, 5, io.StringIO("text"), [1, 2]):
        with pytest.raises(TypeError, match="expected a path"):
            codec.encode(image)
    with pytest.raises(FileNotFoundError):
        codec.encode("no/such/file.png")


@pytest.mark.parametrize("quality", [0, 101, -1, 75.0, True, "75", None])
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
