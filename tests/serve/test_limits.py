"""Uploads and requests that mean harm, or are too much: refused, with nothing stored and the service none the worse."""

import http.client
import io
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.serve.running import Running
from tests.serve.test_api import post

NAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/cron.d/x",
    "a\0b.jpg",
    "x" * 3000,
    "C:\\x.jpg",
    '";rm -rf /',
    "%2e%2e%2f",
]


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def nothing_stored(strict: Running) -> Iterator[None]:
    """However the test ends, the disk is as before, and photos are still taken."""
    before = files_below(strict.folder)
    yield
    assert files_below(strict.folder) == before
    small = io.BytesIO()
    Image.new("L", (9, 9)).save(small, "PNG")
    assert post(strict, small.getvalue()).status_code in (200, 201)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that claims a size, whatever is in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def form(parts: bytes) -> dict[str, object]:
    return {"content": parts, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


@pytest.mark.usefixtures("nothing_stored")
class TestRefused:
    def test_too_many_bytes_announced(self, strict: Running) -> None:
        assert code_of(post(strict, bytes(300_000))) == (413, "upload_too_large")

    def test_too_many_bytes_without_content_length(self, strict: Running) -> None:
        pieces = 0

        def endless() -> Iterator[bytes]:
            nonlocal pieces
            yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            for pieces in range(200):  # noqa: B007 - counted
                time.sleep(0.05)
                yield bytes(100_000)

        answer = strict.client.post("/images", **form(endless()))  # type: ignore[arg-type]
        assert code_of(answer) == (413, "upload_too_large")
        assert pieces < 100, "the service went on reading"

    def test_too_many_pixels(self, strict: Running) -> None:
        out = io.BytesIO()
        Image.new("L", (400, 300)).save(out, "PNG")
        assert code_of(post(strict, out.getvalue())) == (413, "picture_too_large")

    @pytest.mark.parametrize("size", [(30_000, 30_000), (100_000, 100_000)])
    def test_a_decompression_bomb(self, strict: Running, size: tuple[int, int]) -> None:
        started = time.monotonic()
        assert code_of(post(strict, png(*size, bytes(20_000_000)))) == (413, "picture_too_large")
        assert time.monotonic() - started < 5

    def test_compressed_text_that_explodes(self, strict: Running) -> None:
        text = zlib.compress(bytes(100_000_000))
        data = b"x\0\0" + text
        chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
        whole = png(8, 8, bytes(200))
        assert post(strict, whole[:33] + chunk + whole[33:]).status_code in (413, 415, 422)

    @pytest.mark.parametrize(
        "data",
        [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4 x", b"MZ" + bytes(99), bytes(999),
         b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch harm) (w) file\n",
         b"<html><script>alert(1)</script>", b"GIF87", b"P6 1 1 255 abc"],
    )  # fmt: skip
    def test_no_picture(self, strict: Running, data: bytes) -> None:
        assert code_of(post(strict, data)) == (415, "unsupported_type")

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
    def test_a_picture_cut_short(self, strict: Running, photo: bytes, kind: str) -> None:
        out = io.BytesIO()
        Image.open(io.BytesIO(photo)).save(out, kind)
        answer = post(strict, out.getvalue()[: out.tell() // 2])
        assert code_of(answer) in ((422, "broken_picture"), (415, "unsupported_type"))
        assert "Traceback" not in answer.text

    def test_ten_thousand_parts(self, strict: Running) -> None:
        part = b'--B\r\nContent-Disposition: form-data; name="quality"\r\n\r\n5\r\n'
        assert code_of(strict.client.post("/images", **form(3000 * part + b"--B--\r\n"))) == (400, "bad_request")
        parts = 10_000 * b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"
        answer = strict.client.post("/images", **form(parts))
        assert code_of(answer) in ((400, "bad_request"), (413, "upload_too_large"))

    def test_two_files(self, strict: Running, photo: bytes) -> None:
        two = [("file", ("a", photo)), ("file", ("b", photo))]
        assert code_of(strict.client.post("/images", files=two)) == (400, "bad_request")

    @pytest.mark.parametrize(
        "content",
        [b"", b"--B", b"--B\r\n\r\n\r\n--B--", b"--X\r\nx", b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--",
         b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--B--\r\n',
         b"--B\r\n" + 50_000 * b"x", b"--B\r\n" + 999 * b"a: b\r\n"],
    )  # fmt: skip
    def test_malformed_forms(self, strict: Running, content: bytes) -> None:
        assert code_of(strict.client.post("/images", **form(content))) == (400, "bad_request")

    @pytest.mark.parametrize("kind", ["image/png", "application/json", "application/x-www-form-urlencoded", ""])
    def test_no_form(self, strict: Running, photo: bytes, kind: str) -> None:
        answer = strict.client.post("/images", content=photo, headers={"Content-Type": kind})
        assert code_of(answer) == (415, "unsupported_type")

    @pytest.mark.parametrize(
        "name",
        ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/secret", "a" * 40, "A" * 40 + ".jpg",
         "0" * 40 + ".jpg%00", "0" * 40 + ".jpg%0a", ".partial", "0" * 40 + "..jpg", "%", "\N{SNOWMAN}", "x" * 5000],
    )  # fmt: skip
    def test_bad_ids(self, strict: Running, name: str) -> None:
        for path in (f"/images/{name}", f"/images/{name}/full"):
            with socket.create_connection(("127.0.0.1", strict.client.base_url.port)) as raw:
                target = path.encode("utf-8") if path.isascii() else path.encode("utf-8").hex().encode()
                raw.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: raw.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 404")
            assert b"not_found" in answer

    def test_huge_headers(self, strict: Running) -> None:
        answer = strict.client.get("/healthz", headers={"X-Large": "x" * 40_000})
        assert code_of(answer) == (431, "headers_too_large")
        with socket.create_connection(("127.0.0.1", strict.client.base_url.port), timeout=10) as raw:
            try:
                raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: " + bytes([120]) * 10_000_000)
                assert raw.recv(4096).startswith(b"HTTP/1.1 400")
            except ConnectionError:
                pass  # it hung up before all was sent

    def test_an_upload_that_trickles(self, strict: Running) -> None:
        head = b"POST /images HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        with socket.create_connection(("127.0.0.1", strict.client.base_url.port), timeout=10) as raw:
            raw.sendall(head + b"Content-Length: 9999\r\n\r\n--B")
            started = time.monotonic()
            answer = raw.recv(4096)
        assert 0.5 < time.monotonic() - started < 5
        assert answer.startswith(b"HTTP/1.1 408")

    @pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "])
    def test_headers_that_trickle(self, strict: Running, sent: bytes) -> None:
        with socket.create_connection(("127.0.0.1", strict.client.base_url.port), timeout=10) as raw:
            started = time.monotonic()
            try:
                raw.sendall(sent)
                while time.monotonic() - started < 8:
                    raw.settimeout(0.2)
                    try:
                        if raw.recv(1) == b"":
                            break
                    except TimeoutError:
                        raw.sendall(b"a" if sent else b"")
            except ConnectionError:
                pass
            assert time.monotonic() - started < 5, "the connection was kept"


def test_a_quick_client_keeps_its_connection(strict: Running) -> None:
    """The deadline for headers is that of one request, not of a connection."""
    connection = http.client.HTTPConnection("127.0.0.1", strict.client.base_url.port or 0, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(8):
        connection.request("GET", "/healthz/live")
        assert connection.getresponse().read()
        time.sleep(0.2)
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_file_names_mean_nothing(strict: Running, photo: bytes, name: str) -> None:
    before = files_below(strict.folder)
    answers = [strict.client.post("/images", files={"file": (n, photo)}) for n in ("x.png", name)]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    stored = answers[0].json()["id"]
    new = set(files_below(strict.folder)) - set(before)
    assert new <= {strict.folder / "store" / stored[:2] / stored}


def test_polyglots_are_served_as_what_they_are(strict: Running, photo: bytes) -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(out, "JPEG")
    script = b"<html><script>alert(1)</script></html>"
    for data in (out.getvalue() + script, out.getvalue() + b"PK\x03\x04 an archive", out.getvalue() + b"%PDF-1.4"):
        about = post(strict, data).json()
        for path in about["urls"].values():
            answer = strict.client.get(path)
            assert answer.headers["content-type"].startswith("image/")
            assert b"<script" not in answer.content
            assert b"PK\x03\x04" not in answer.content
            assert b"%PDF" not in answer.content


def test_nothing_was_written_beside_the_store(strict: Running) -> None:
    tops = {path.relative_to(strict.folder).parts[0] for path in files_below(strict.folder)}
    assert tops <= {"store", "cache"}
