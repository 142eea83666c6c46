"""A polite guest in Pillow: our files open as the full picture, all others as before, and everything can be undone."""

import copy
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import rescaler
from codec.picture import Pixels
from tests.conftest import jpeg_bytes

FORMATS = ("jpeg", "webp", "avif", "png")


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    codec.register_pillow()
    yield
    codec.unregister_pillow()


@pytest.fixture(params=FORMATS)
def data(request: pytest.FixtureRequest, one_photo: Pixels) -> bytes:
    return codec.encode(one_photo, 60, format=request.param)


def opened(data: bytes, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(data), **options)


def test_our_files_open_as_what_they_restore_to(data: bytes) -> None:
    img, expected = opened(data), codec.decode(data)
    assert (img.format, img.size, img.mode) == ("SAIN", expected.size, expected.mode)
    assert img.get_format_mimetype() == f"image/{codec.inspect(data).carrier}"
    assert np.array_equal(np.array(img), np.array(expected))


def test_no_network_runs_before_pixels_are_asked_for(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(one_photo)

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("a network ran")

    monkeypatch.setattr(rescaler.Rescaler, "upscale", refuse)
    img = opened(data)
    assert img.size == (192, 144)
    img.thumbnail((48, 48))  # twice that is there in the small picture
    assert img.size == (48, 36)
    large = opened(data)
    with pytest.raises(AssertionError, match="a network ran"):
        large.thumbnail((150, 150))


def test_thumbnails_look_like_the_photo(one_photo: Pixels) -> None:
    img, expected = opened(codec.encode(one_photo, 90)), Image.fromarray(one_photo)
    img.thumbnail((48, 48))
    expected.thumbnail((48, 48))
    assert np.abs(np.asarray(img, np.int16) - np.asarray(expected, np.int16)).mean() < 3


def test_other_files_stay_as_they_are(one_photo: Pixels) -> None:
    plain = jpeg_bytes(one_photo, quality=80)
    img = opened(plain)
    assert (type(img).__name__, img.format) == ("JpegImageFile", "JPEG")
    assert img.tobytes() == Image.open(io.BytesIO(plain), formats=["JPEG"]).tobytes()


def test_undone_pillow_is_as_before(data: bytes) -> None:
    codec.unregister_pillow()
    img = opened(data)
    assert img.format == codec.inspect(data).carrier.upper()
    assert img.size == codec.inspect(data).header.lr_size
    with pytest.raises(KeyError):
        img.save(io.BytesIO(), "SAIN")


def test_registering_twice_is_registering_once(data: bytes) -> None:
    codec.register_pillow()
    codec.unregister_pillow()
    assert opened(data).format != "SAIN"
    codec.unregister_pillow()


def test_the_codec_itself_sees_files_as_they_are_stored(data: bytes) -> None:
    assert codec.inspect(data).untouched
    assert codec.decode(data).size == (192, 144)
    small = codec.decode(codec.encode(data))  # what is encoded is the file's own picture, as without the plugin
    assert small.size == (96, 72)


@pytest.mark.parametrize(("name", "carrier"), [("a.jpg", "jpeg"), ("a.webp", "webp"), ("a.bin", "jpeg")])
def test_saving_takes_the_format_of_the_name(name: str, carrier: str, one_photo: Pixels, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.fromarray(one_photo).save(path, format="SAIN", quality=60)
    assert codec.inspect(path).carrier == carrier
    assert path.read_bytes() == codec.encode(one_photo, 60, format=carrier)
    with Image.open(path) as img:
        img.load()
    assert img.size == (192, 144)


def test_options_are_those_of_encode(one_photo: Pixels) -> None:
    out = io.BytesIO()
    Image.fromarray(one_photo).save(out, "SAIN", max_bytes=2000, carrier="avif", header="compact", tune="psnr")
    assert codec.inspect(out.getvalue()).carrier == "avif"
    assert codec.inspect(out.getvalue()).header.model == "sain-x2-lite-c31ad2bc"
    assert len(out.getvalue()) <= 2000
    with pytest.raises(TypeError, match="qality"):
        Image.fromarray(one_photo).save(io.BytesIO(), "SAIN", qality=60)
    with pytest.raises(codec.CodecError, match="quality"):
        Image.fromarray(one_photo).save(io.BytesIO(), "SAIN", quality=600)


def test_metadata_there_and_back(one_photo: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    out = io.BytesIO()
    Image.fromarray(one_photo).save(out, "SAIN", exif=exif, icc_profile=b"profile", xmp=b"<x/>")
    img = opened(out.getvalue())
    assert (img.info["icc_profile"], img.info["xmp"]) == (b"profile", b"<x/>")
    assert dict(img.getexif()) == dict(exif)
    img.load()
    assert (img.info["icc_profile"], img.info["xmp"]) == (b"profile", b"<x/>")
    again = io.BytesIO()
    img.save(again, "SAIN", exif=b"")
    assert "exif" not in opened(again.getvalue()).info
    assert opened(again.getvalue()).info["icc_profile"] == b"profile"


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("carrier", FORMATS)
def test_grey_and_transparency(mode: str, carrier: str, one_photo: Pixels) -> None:
    photo = Image.fromarray(one_photo).convert(mode)
    if "A" in mode:
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    data = codec.encode(photo, format=carrier)
    img = opened(data)
    assert img.mode == mode
    assert np.array_equal(np.array(img), codec.decode(data, to="numpy"))
    assert img.mode == mode


def test_files_that_were_encoded_again_are_small_pictures_unless_asked(one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as img:
        assert img.format == "SAIN"
    codec.unregister_pillow()
    out = io.BytesIO()
    img = opened(data)
    img.save(out, "JPEG", quality=80, xmp=img.info["xmp"])
    codec.register_pillow()
    assert (opened(out.getvalue()).format, opened(out.getvalue()).size) == ("JPEG", (96, 72))
    codec.register_pillow(on_stale="restore")
    assert (opened(out.getvalue()).format, opened(out.getvalue()).size) == ("SAIN", (192, 144))
    assert np.array(opened(out.getvalue())).shape == one_photo.shape
    with pytest.raises(codec.CodecError, match="on_stale"):
        codec.register_pillow(on_stale="raise")  # type: ignore[arg-type]


def test_bombs_are_refused_by_their_full_size(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(one_photo)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 72 * 3)  # between the small picture and the full one
    with pytest.warns(Image.DecompressionBombWarning):
        opened(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 72)
    with pytest.raises(Image.DecompressionBombError):
        opened(data)


def test_files_of_unknown_models_are_small_pictures_with_a_warning(one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    model = codec.inspect(data).header.model.encode()
    with pytest.warns(UserWarning, match="small picture that it holds"):
        img = opened(data.replace(model, model[:-8] + b"00000000"))
    assert img.format == "JPEG"


def test_damage_is_an_os_error(one_photo: Pixels) -> None:
    img = opened(codec.encode(one_photo)[:-400])
    with pytest.raises(OSError, match="damaged"):
        img.load()


def test_images_survive_copy_and_pickle_and_threads(one_photo: Pixels) -> None:
    data = codec.encode(one_photo)
    expected = np.array(codec.decode(data))
    img = opened(data)
    assert np.array_equal(np.array(pickle.loads(pickle.dumps(img))), expected)  # noqa: S301 - our own
    assert np.array_equal(np.array(copy.copy(opened(data))), expected)
    shared = opened(data)
    with ThreadPoolExecutor(4) as threads:
        for loaded in threads.map(lambda _: np.array(shared), range(8)):
            assert np.array_equal(loaded, expected)


def test_files_are_closed(one_photo: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(codec.encode(one_photo))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        img = Image.open(path)
        img.load()
        del img
        with Image.open(path) as img:
            assert img.size == (192, 144)
    path.unlink()


def test_heif_where_its_plugin_is_registered(one_photo: Pixels, tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    ours, plain = tmp_path / "ours.heic", tmp_path / "plain.heic"
    ours.write_bytes(codec.encode(one_photo, format="heif"))
    program = (
        "import codec, pillow_heif; from PIL import Image; pillow_heif.register_heif_opener();"
        f"Image.open({str(ours)!r}).save({str(plain)!r}); codec.register_pillow();"
        f"print(*(f'{{i.format}} {{i.size}}' for i in map(Image.open, ({str(ours)!r}, {str(plain)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "SAIN (192, 144) HEIF (96, 72)"


def test_importing_the_plugin_registers(one_photo: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(codec.encode(one_photo))
    program = (
        "import sys, codec.PillowPlugin; from PIL import Image; assert 'torch' not in sys.modules;"
        f"print(Image.open({str(path)!r}).size)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(192, 144)"
