"""The service as clients see it: stored once, served with every header right, gone when deleted."""

import hashlib
import io
import json
import re

import httpx
import numpy as np
import pytest
from PIL import Image

import codec
from tests.conftest import psnr
from tests.serve.running import Running


def post(service: Running, data: bytes, fields: dict[str, str] | None = None, **query: object) -> httpx.Response:
    return service.client.post("/images", params=query, data=fields or {}, files={"file": ("x", data)})


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.fixture
def stored(service: Running, photo: bytes) -> str:
    """The id of the photo."""
    answer = post(service, photo, quality=60)
    assert answer.status_code in (200, 201)
    return str(answer.json()["id"])


def test_an_upload_is_stored_once_and_described(service: Running, photo: bytes) -> None:
    first, second, other = (post(service, photo, quality=q) for q in (41, 41, 42))
    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 201)
    about = first.json()
    assert second.json() == about
    assert other.json()["id"] != about["id"]
    kept = service.client.get(about["urls"]["image"]).content
    assert kept == codec.encode(photo, 41)
    assert about["bytes"] == len(kept)
    assert about["bytes_saved"] == len(photo) - len(kept)
    sizes = [about[key] for key in ("width", "height", "stored_width", "stored_height")]
    assert sizes == [192, 144, 96, 72]
    assert first.headers["location"] == about["urls"]["image"]


def test_fields_of_the_form_are_the_query_by_another_way(service: Running, photo: bytes) -> None:
    by_query = post(service, photo, quality=43, format="webp")
    by_form = post(service, photo, {"quality": "43", "format": "webp"})
    assert by_query.json()["id"] == by_form.json()["id"]
    assert by_form.json()["media_type"] == "image/webp"
    assert opened(service.client.get(by_form.json()["urls"]["image"]).content).format == "WEBP"


def test_max_bytes_and_scale(service: Running, photo: bytes) -> None:
    about = post(service, photo, max_bytes=2500).json()
    assert about["bytes"] <= 2500
    full = post(service, photo, scale=1, quality=50).json()
    assert full["stored_width"] == 192
    tuned = [post(service, photo, tune=tune, quality=50).json() for tune in ("eye", "psnr")]
    assert tuned[0]["id"] != tuned[1]["id"]
    assert tuned[0]["bytes"] != tuned[1]["bytes"]
    assert service.client.get(full["urls"]["full"]).status_code == 200
    assert post(service, photo, max_bytes=100).json()["error"]["code"] == "impossible"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"quality": 0}, {}), ({"quality": "high"}, {}), ({"format": "exe"}, {}), ({"format": "jxl"}, {}),
        ({"scale": 3}, {}), ({"max_bytes": -1}, {}), ({"quality": 50, "max_bytes": 5000}, {}), ({"color": "red"}, {}),
        ({"quality": 50}, {"quality": "50"}), ({}, {"scale": "../2"}), ({}, {"nonsense": "1"}),
        ({"tune": "ear"}, {}),
    ],
)  # fmt: skip
def test_bad_parameters(service: Running, photo: bytes, query: dict[str, object], fields: dict[str, str]) -> None:
    answer = post(service, photo, fields, **query)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_parameter"
    assert set(error) == {"code", "message"}


def test_the_operator_limits_parameters(strict: Running, photo: bytes) -> None:
    assert post(strict, photo).json()["media_type"] == "image/webp"
    for query in ({"format": "avif"}, {"scale": 4}, {"quality": 81}):
        assert post(strict, photo, **query).status_code == 422
    assert strict.client.delete("/images/" + "0" * 40 + ".jpg").status_code == 405
    assert strict.client.get("/").status_code == 404


def test_the_small_file_is_cached_for_ever(service: Running, stored: str) -> None:
    answer = service.client.get(f"/images/{stored}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == f'inline; filename="{stored}"'
    etag = answer.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{40}"', etag)
    for wanted in (etag, f'"x", W/{etag}', "*"):
        again = service.client.get(f"/images/{stored}", headers={"If-None-Match": wanted})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert service.client.get(f"/images/{stored}", headers={"If-None-Match": '"x"'}).status_code == 200
    head = service.client.head(f"/images/{stored}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("path", ["", "/full"])
def test_ranges(service: Running, stored: str, path: str) -> None:
    def ask(**headers: str) -> httpx.Response:
        return service.client.get(
            f"/images/{stored}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    whole = ask()
    size, etag = len(whole.content), whole.headers["etag"]
    for asked, start, stop in (
        ("0-99", 0, 100),
        ("100-", 100, size),
        ("-50", size - 50, size),
        ("5-999999999", 5, size),
    ):
        part = ask(Range=f"bytes={asked}")
        assert part.status_code == 206
        assert part.content == whole.content[start:stop]
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    beyond = ask(Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for asked in ("bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-"):
        assert ask(Range=asked).status_code == 200
    assert ask(Range="bytes=0-9", If_Range=etag).status_code == 206
    assert ask(Range="bytes=0-9", If_Range='"other"').content == whole.content


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/avif,image/webp,*/*;q=0.8", "AVIF"), ("image/webp,*/*", "WEBP"), ("*/*", "JPEG"),
        ("image/avif;q=0.5,image/webp;q=0.9", "WEBP"), ("image/avif;q=0,image/*;q=0.1", "JPEG"), (None, "JPEG"),
    ],
)  # fmt: skip
def test_the_full_picture_comes_as_is_accepted(service: Running, stored: str, accept: str | None, kind: str) -> None:
    client = httpx.Client(base_url=service.url, timeout=60)
    client.headers.pop("accept")
    answer = client.get(f"/images/{stored}/full", headers={"Accept": accept} if accept else {})
    client.close()
    img = opened(answer.content)
    assert (img.format, img.size) == (kind, (192, 144))
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert answer.headers["vary"] == "Accept"
    small = service.client.get(f"/images/{stored}").content
    assert psnr(img.convert("RGB"), codec.decode(small)) > 35


def test_nothing_acceptable(service: Running, stored: str) -> None:
    answer = service.client.get(f"/images/{stored}/full", headers={"Accept": "text/html, image/png"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "not_acceptable")
    assert answer.headers["vary"] == "Accept"


def test_full_pictures_are_made_once(service: Running, photo: bytes) -> None:
    name = post(service, photo, quality=44).json()["id"]
    before = service.metric("codec_cache_misses_total"), service.metric("codec_cache_hits_total")
    first, second = (service.client.get(f"/images/{name}/full") for _ in range(2))
    assert first.content == second.content
    assert service.metric("codec_cache_misses_total") == before[0] + 1
    assert service.metric("codec_cache_hits_total") == before[1] + 1
    etag = first.headers["etag"]
    assert service.client.get(f"/images/{name}/full", headers={"If-None-Match": etag}).status_code == 304
    webp = service.client.get(f"/images/{name}/full", headers={"If-None-Match": etag, "Accept": "image/webp"})
    assert (webp.status_code, webp.headers["etag"] != etag) == (200, True)


def test_deleted_is_gone_from_the_cache_too(service: Running, photo: bytes) -> None:
    name = post(service, photo, quality=45).json()["id"]
    assert service.client.get(f"/images/{name}/full").status_code == 200
    cache = service.folder / "cache"
    assert any(path.name.startswith(name) for path in cache.iterdir())
    assert service.client.delete(f"/images/{name}").status_code == 204
    assert not any(path.name.startswith(name) for path in cache.iterdir())
    for path in ("", "/full"):
        assert service.client.get(f"/images/{name}{path}").status_code == 404
    assert service.client.delete(f"/images/{name}").status_code == 404
    assert post(service, photo, quality=45).status_code == 201


def test_metadata_and_transparency_come_through(service: Running) -> None:
    pixels = np.full((40, 60, 4), (200, 30, 30, 255), np.uint8)
    pixels[:20, :, 3] = 0
    source = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a title"
    Image.fromarray(pixels).save(source, "PNG", exif=exif)
    name = post(service, source.getvalue()).json()["id"]
    webp = opened(service.client.get(f"/images/{name}/full", headers={"Accept": "image/webp"}).content)
    assert np.array_equal(np.asarray(webp.getchannel("A")), pixels[..., 3])
    assert webp.getexif()[0x010E] == "a title"
    jpeg = opened(service.client.get(f"/images/{name}/full", headers={"Accept": "image/jpeg"}).content)
    assert min(jpeg.getpixel((30, 5))) > 245  # type: ignore[type-var]
    assert jpeg.getexif()[0x010E] == "a title"


def test_what_is_not_kept_is_said(service: Running) -> None:
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert "frame" in post(service, out.getvalue()).json()["warnings"][0]


def test_everything_has_safe_headers_and_one_shape_of_error(service: Running, stored: str, photo: bytes) -> None:
    paths = [
        "/",
        "/static/page.js",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/nowhere",
        "/images/x",
        "/static/../app.py",
    ]
    for path in [*paths, f"/images/{stored}", f"/images/{stored}/full"]:
        answer = service.client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in answer.headers
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message"}
    assert service.client.put("/images").json()["error"]["code"] == "method_not_allowed"
    assert "sandbox" in service.client.get(f"/images/{stored}").headers["content-security-policy"]


def test_openapi_describes_every_answer(service: Running) -> None:
    document = service.client.get("/openapi.json").json()
    upload = document["paths"]["/images"]["post"]
    assert {"200", "201", "400", "408", "413", "415", "422", "503", "504", "507"} <= set(upload["responses"])
    assert "multipart/form-data" in upload["requestBody"]["content"]
    assert {p["name"] for p in upload["parameters"]} == {"quality", "format", "scale", "tune", "max_bytes"}
    example = upload["responses"]["413"]["content"]["application/json"]["examples"]["upload_too_large"]["value"]
    assert example["error"]["code"] == "upload_too_large"
    assert {"200", "404", "406"} <= set(document["paths"]["/images/{name}/full"]["get"]["responses"])
    assert "HTTPValidationError" not in json.dumps(document)


def test_health_and_metrics(service: Running, stored: str) -> None:
    ready = {"live": True, "ready": True, "workers": True, "storage": True}
    assert service.client.get("/healthz").json() == ready
    assert service.client.get("/healthz/live").json() == {"live": True, "version": codec.__version__}
    service.client.get(f"/images/{stored}")
    text = service.client.get("/metrics").text
    assert re.search(r'codec_requests_total\{method="GET",route="/images/\{name\}",status="200"\} [1-9]', text)
    assert re.search(r'codec_request_seconds_bucket\{le="0.05",route="/images/\{name\}"\} [1-9]', text)
    assert service.metric("codec_saved_bytes") > 10_000
    assert stored not in text
    before = service.metric("codec_requests_total")
    service.client.request("BREW", "/nowhere")
    assert service.metric("codec_requests_total") == before + 2
    assert "BREW" not in service.client.get("/metrics").text


def test_logs_hold_no_personal_data(service: Running, photo: bytes) -> None:
    files = {"file": ("anna-at-home.png", photo)}
    service.client.post("/images?quality=46", files=files, headers={"User-Agent": "secret-agent"})
    service.client.get("/who-is?name=anna")
    log = "".join(service.lines)
    assert not re.search(r"anna|secret-agent|quality=46", log)
    *_, last = (line for line in service.log() if line["message"] == "request")
    assert set(last) == {"time", "level", "message", "method", "route", "status", "bytes", "ms"}


def test_comparison_is_with_a_jpeg_of_equal_psnr(service: Running, stored: str, photo: bytes) -> None:
    found = service.client.post(f"/images/{stored}/comparison", files={"file": ("x", photo)}).json()
    original = opened(photo).convert("RGB")
    restored = codec.decode(service.client.get(f"/images/{stored}").content)
    assert found["psnr"] == pytest.approx(psnr(original, restored), abs=0.01)

    def jpeg(quality: int) -> bytes:
        out = io.BytesIO()
        original.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        return out.getvalue()

    equal, below = jpeg(found["jpeg_quality"]), jpeg(found["jpeg_quality"] - 1)
    assert found["jpeg_bytes"] == len(equal)
    assert psnr(original, opened(equal)) >= psnr(original, restored) > psnr(original, opened(below))
    other = io.BytesIO()
    Image.new("RGB", (30, 30)).save(other, "PNG")
    wrong = service.client.post(f"/images/{stored}/comparison", files={"file": ("x", other.getvalue())})
    assert wrong.json()["error"]["code"] == "impossible"


def test_names_in_the_store_come_from_the_id_alone(service: Running, photo: bytes) -> None:
    name = post(service, photo, quality=47).json()["id"]
    assert (service.folder / "store" / name[:2] / name).read_bytes() == codec.encode(photo, 47)
    assert re.fullmatch(r"[0-9a-f]{40}\.jpg", name)
    assert name[:40] != hashlib.sha256(photo).hexdigest()[:40]  # parameters and model count
