"""What may be given as references, how they are read, and what is said of those that cannot be."""

import io
import random
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import transfer as transfers
from codec.cli import main
from codec.picture import Picture, Pixels, read_picture
from eval.transfer import true_reference
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, psnr
from tests.mutations import cut, flip, overwrite


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return pixels_of(PICTURES / "kodim08-crop.png")


@pytest.fixture(scope="module")
def data(photo: Pixels) -> bytes:
    return codec.encode(photo, 50, scale=4)


@pytest.fixture(scope="module")
def references(photo: Pixels) -> list[bytes]:
    return [jpeg_bytes(true_reference(photo, seed), quality=95) for seed in (1, 2)]


@pytest.fixture(scope="module")
def better(data: bytes, references: list[bytes]) -> Pixels:
    return codec.decode(data, to="numpy", reference=references)


WAYS: dict[str, Callable[[list[bytes]], Any]] = {
    "tuple": tuple,
    "generator": lambda each: (one for one in each),
    "map": lambda each: map(io.BytesIO, each),
    "keys": dict.fromkeys,
    "images": lambda each: [Image.open(io.BytesIO(one)) for one in each],
    "arrays": lambda each: (np.array(Image.open(io.BytesIO(one))) for one in each),
}


@pytest.mark.parametrize("way", WAYS)
def test_several_in_anything_that_can_be_gone_through(
    data: bytes, references: list[bytes], better: Pixels, way: str
) -> None:
    assert np.array_equal(codec.decode(data, to="numpy", reference=WAYS[way](references)), better)


def test_one_that_can_be_gone_through_is_one(data: bytes, references: list[bytes]) -> None:
    first = codec.decode(data, to="numpy", reference=references[:1])
    array = np.array(Image.open(io.BytesIO(references[0])))
    for one in (bytearray(references[0]), memoryview(references[0]), io.BytesIO(references[0]), array):
        assert np.array_equal(codec.decode(data, to="numpy", reference=one), first)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda _: (), "none"),
        (lambda good: (good for _ in iter(int, 1)), "1…16 of them, not more"),
        (lambda _: 3, "^reference: expected a path"),
        (lambda good: [good, [good]], "^reference 2 of 2: expected .* not list"),
        (lambda good: zip([good], [good], strict=True), "^reference: expected .* not tuple"),
        (lambda good: (good, b"none"), "^reference 2 of 2: not a picture"),
        (lambda good: [np.zeros((4, 4), np.float32), good], "^reference 1 of 2: .*uint8"),
        (lambda good: [good, good[:3000]], "^reference 2 of 2: .*damaged"),
    ],
    ids=["none", "without end", "number", "nested", "zip", "no picture", "floats", "cut short"],
)
def test_errors_say_which_one(data: bytes, references: list[bytes], given: Any, said: str) -> None:
    with pytest.raises(codec.CodecError, match=said):
        codec.decode(data, reference=given(references[0]))


def test_a_missing_file_is_what_it_is_elsewhere(data: bytes, references: list[bytes], tmp_path: Path) -> None:
    missing = tmp_path / "missing.jpg"
    with pytest.raises(FileNotFoundError):
        codec.decode(missing)
    with pytest.raises(FileNotFoundError, match=r"reference 2 of 2.*missing\.jpg"):
        codec.decode(data, reference=[references[0], missing])


def test_a_reference_may_have_so_many_pixels(data: bytes, references: list[bytes]) -> None:
    large = np.zeros((200, 200, 3), np.uint8)
    for one in (large, jpeg_bytes(large)):
        with pytest.raises(codec.PictureTooLargeError, match=r"^reference 2 of 2: 200x200"):
            codec.decode(data, reference=[references[0], one], max_pixels=192 * 144)


@pytest.mark.parametrize("strength", [10**400, -(10**400)], ids=["large", "small"])
def test_numbers_too_large_for_a_float(data: bytes, references: list[bytes], strength: int) -> None:
    with pytest.raises(codec.CodecError, match="reference_strength"):
        codec.decode(data, reference=references, reference_strength=strength)


def test_nobody_is_told_that_a_frame_is_stored(data: bytes, photo: Pixels) -> None:
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "WEBP", save_all=True, append_images=[Image.fromarray(photo[::-1])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codec.decode(data, reference=[out.getvalue(), Image.open(out)])


def test_a_batch_reads_its_reference_once(data: bytes, references: list[bytes], better: Pixels) -> None:
    pictures = codec.decode_batch([data] * 3, to="numpy", reference=map(io.BytesIO, references), workers=2)
    assert all(np.abs(picture.astype(int) - better).max() <= 1 for picture in pictures)
    with pytest.raises(codec.CodecError, match="reference"):
        codec.decode_batch([data], reference=b"none", errors="return")
    results = codec.decode_batch([data] * 2, reference=references[0][:3000], errors="return")
    assert [type(result) for result in results] == [codec.UnsupportedFormatError] * 2


def test_damaged_references_are_refused_or_used(data: bytes, references: list[bytes]) -> None:
    rng, refusals = random.Random(0), 0  # noqa: S311 - it is meant to be repeatable
    for _ in range(24):
        damaged = bytes(rng.choice((flip, overwrite, cut))(bytearray(references[0][:8000]), rng, references))
        try:
            codec.decode(data, reference=damaged)
        except codec.CodecError:
            refusals += 1
    assert refusals


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_reference_taken_with_the_camera_turned(
    data: bytes, photo: Pixels, references: list[bytes], orientation: int
) -> None:
    """The picture is stored upright; the reference's pixels are turned as its tag says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read_picture(references[0]).pixels
    turned = transfers._as_stored(Picture(upright), orientation)
    tagged, untagged = io.BytesIO(), io.BytesIO()
    Image.fromarray(turned).save(tagged, "PNG", exif=exif)
    Image.fromarray(turned).save(untagged, "PNG")
    wanted, alone, blind = (
        codec.decode(data, to="numpy", reference=one) for one in (upright, None, untagged.getvalue())
    )
    assert np.array_equal(codec.decode(data, to="numpy", reference=tagged.getvalue()), wanted)
    assert psnr(photo, wanted) > psnr(photo, alone) + 0.5
    assert not np.array_equal(blind, wanted)


def test_a_picture_taken_with_the_camera_turned(photo: Pixels, references: list[bytes]) -> None:
    """A reference that lies as the viewer sees the picture; the file's pixels do not."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = codec.encode(jpeg_bytes(photo, quality=98, exif=exif), 50, scale=4)
    upright = np.rot90(read_picture(references[0]).pixels, -1)
    alone, better = codec.decode(data, to="numpy"), codec.decode(data, to="numpy", reference=upright)
    assert psnr(photo, better) > psnr(photo, alone) + 0.5


def test_several_on_the_command_line(tmp_path: Path, data: bytes, references: list[bytes], better: Pixels) -> None:
    (tmp_path / "small.jpg").write_bytes(data)
    arguments = ["decode", str(tmp_path / "small.jpg"), str(tmp_path / "full.png")]
    for number, reference in enumerate(references):
        (tmp_path / f"{number}.jpg").write_bytes(reference)
        arguments += ["--reference", str(tmp_path / f"{number}.jpg")]
    assert main(arguments) == 0
    assert np.array_equal(pixels_of(tmp_path / "full.png"), better)


def test_one_is_let_go_of_before_the_next_is_read(data: bytes, photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[Pixels]] = []
    counts = []

    def counted(*args: Any, **options: Any) -> Picture:
        counts.append(sum(pixels() is not None for pixels in alive))
        picture = read_picture(*args, **options)
        alive.append(weakref.ref(picture.pixels))
        return picture

    monkeypatch.setattr(transfers, "read_picture", counted)
    large = Image.fromarray(photo).resize((400, 300), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 3
    files = [jpeg_bytes(np.array(large)), jpeg_bytes(np.array(large.rotate(180)), exif=turned)] * 2
    codec.decode(data, reference=files)
    assert counts == [0, 0, 0, 0]
