"""`codec batch`: what is done, what is passed over, what is done again, and what is refused."""

import json
import os
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import codec
from codec.batch.jobs import job_of
from codec.batch.manifest import Manifest
from codec.batch.names import candidates, hidden, safe
from codec.batch.records import Row
from codec.batch.stores import LARGEST, LocalStore
from codec.cli import build_parser, main
from codec.models import registry
from tests.conftest import PICTURES, pixels_of, psnr

Capture = pytest.CaptureFixture[str]
PHOTO = PICTURES / "kodim04-crop.png"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`src` with two photos, a broken one, and what an archive has beside them."""
    src = tmp_path / "src"
    (src / "a" / "b").mkdir(parents=True)
    (src / ".git").mkdir()
    with Image.open(PHOTO) as img:
        img.crop((0, 0, 61, 47)).save(src / "one.png")
        img.crop((50, 50, 130, 100)).save(src / "a" / "b" / "Zwei ü.JPG", quality=95)
    (src / "a" / "broken.jpg").write_bytes((src / "a" / "b" / "Zwei ü.JPG").read_bytes()[:700])
    for name in ("notes.txt", "a/list.txt", "a/film.mov", "README", ".DS_Store", "a/._one.png", ".git/x.png"):
        (src / name).write_text("no picture")
    return src


def batch(src: Path | str, dst: Path | str, *options: str, code: int = 0, workers: str = "0") -> None:
    assert main(["batch", str(src), str(dst), "--json", "--workers", workers, *options]) == code


def test_options_that_came_later_encode_no_archive_again() -> None:
    def digest(*options: str) -> str:
        return job_of(build_parser().parse_args(["batch", "a", "b", *options])).params

    model = ("--model", "sain-x2-lite-42dba329")
    assert digest(*model) == "9ecf675398d2c965", "what it was before there was --downscaler, or --tune"
    assert digest("--tune", "psnr") != digest("--tune", "eye") != digest("--scale", "1")
    assert digest(*model, "-q", "60") != digest(*model)


def told(capsys: Capture) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary


def counts(capsys: Capture) -> tuple[int, int, int]:
    summary = told(capsys)
    return summary["encoded"], summary["unchanged"], summary["failed"]


def rows(dst: Path) -> dict[str, Row]:
    with Manifest(LocalStore(str(dst))) as manifest:
        return {row.source: row for row in manifest.rows()}


def pictures(folder: Path) -> list[str]:
    """All files but those of the manifest."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != "_manifest")


def test_a_tree_becomes_a_tree(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "new" / "dst"
    batch(tree, dst, "-q", "60", code=1)
    captured = capsys.readouterr()
    assert "codec: a/broken.jpg: the picture is damaged or cut short" in captured.err
    summary = json.loads(captured.out)
    assert summary.items() >= {"encoded": 2, "unchanged": 0, "failed": 1, "hidden": 3}.items()
    assert summary["not_pictures"] == {".txt": 2, ".mov": 1, "without suffix": 1}
    assert pictures(dst) == ["a/b/Zwei ü.jpg", "one.jpg"]
    assert (dst / "one.jpg").read_bytes() == codec.encode(tree / "one.png", 60)
    row = rows(dst)["one.png"]
    assert (row.output, row.status, row.width, row.height) == ("one.jpg", "ok", 61, 47)
    assert (row.stored_width, row.stored_height, row.model) == (31, 24, codec.inspect(dst / "one.jpg").header.model)
    assert row.bytes_in == (tree / "one.png").stat().st_size
    assert row.bytes_out == (dst / "one.jpg").stat().st_size
    broken = rows(dst)["a/broken.jpg"]
    assert broken.status == "failed"
    assert "cut short" in str(broken.error)


def test_what_is_done_is_not_done_again(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, code=1)
    before = {name: (dst / name).stat().st_mtime_ns for name in pictures(dst)}
    assert counts(capsys) == (2, 0, 1)
    batch(tree, dst, code=1)
    assert counts(capsys) == (0, 2, 1), "a failed file is tried again"
    (tree / "a" / "broken.jpg").unlink()
    os.utime(tree / "one.png")  # touched: read again, and found to be the same
    batch(tree, dst)
    assert counts(capsys) == (0, 2, 0)
    assert {name: (dst / name).stat().st_mtime_ns for name in pictures(dst)} == before
    assert rows(dst)["one.png"].stamp == str((tree / "one.png").stat().st_mtime_ns)


def test_what_makes_a_file_be_done_again(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst, one = tmp_path / "dst", tree / "one.png"
    (tree / "a" / "broken.jpg").unlink()
    batch(tree, dst)
    told(capsys)
    (dst / "one.jpg").unlink()
    batch(tree, dst)
    assert counts(capsys) == (1, 1, 0), "its output is gone"
    (dst / "one.jpg").write_bytes(b"")
    batch(tree, dst)
    assert counts(capsys) == (1, 1, 0), "its output is not what was written"
    batch(tree, dst, "--psnr", "26")
    assert counts(capsys) == (2, 0, 0), "other parameters"
    batch(tree, dst, "--psnr", "26", "--max-pixels", "1000000")
    assert counts(capsys) == (0, 2, 0), "a parameter that changes no file"
    stat = one.stat()
    one.write_bytes(one.read_bytes()[:-8] + b"IEND\xaeB`\x83")  # another checksum of the last chunk
    os.utime(one, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    batch(tree, dst, "--psnr", "26")
    assert counts(capsys) == (0, 2, 0), "size and time say that it is the same"
    batch(tree, dst, "--psnr", "26", "--checksum")
    assert counts(capsys) == (1, 1, 0), "its bytes say that it is not"


def test_names_that_meet_both_survive(tmp_path: Path, capsys: Capture) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    crops = {"x.png": 10, "x.bmp": 20, "X.webp": 30, "x.png.bmp": 40}
    with Image.open(PHOTO) as img:
        for name, left in crops.items():
            img.crop((left, 0, left + 60, 50)).save(src / name)
        batch(src, dst, "-q", "90")
        first = {name: row.output for name, row in rows(dst).items()}
        img.crop((50, 0, 110, 50)).save(src / "x.tif")
        batch(src, dst, "-q", "90")
    crops["x.tif"] = 50
    after = {name: row.output for name, row in rows(dst).items()}
    assert after.items() >= first.items(), "a name once given stays"
    assert len({name.casefold() for name in after.values()}) == 5, "other systems take X.jpg for x.jpg"
    assert sorted(after.values()) == pictures(dst)
    for name, output in after.items():
        restored = codec.decode(dst / output)
        assert psnr(restored, pixels_of(src / name)) > 25, name


def test_candidates() -> None:
    assert list(islice(candidates("a.b/x.tar.png", ".jpg"), 3)) == [
        "a.b/x.tar.jpg", "a.b/x.tar.png.jpg", "a.b/x.tar.png.2.jpg"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/x.jpg", "a//x.jpg", "./x.jpg", "x\0.jpg", ""])
def test_unsafe_names(name: str) -> None:
    assert not safe(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/.x.jpg", True),
        ("_manifest/x.jpg", True),
        ("a/_manifest/x.jpg", False),
        ("a.b/x.jpg", False),
        ("a/../x.jpg", False),
    ],
)
def test_hidden(name: str, expected: bool) -> None:
    assert hidden(name) is expected


def test_a_manifest_cannot_lead_elsewhere(tree: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, code=1)
    for status in ("ok", "failed", "named"):
        line = Row("one.png", "../stolen.jpg", status).to_json()  # type: ignore[arg-type]
        (dst / "_manifest" / "000002-0000.jsonl").write_text(line + "\n")
        batch(tree, dst, "-q", "50", code=1)
    assert not (tmp_path / "stolen.jpg").exists()


def test_a_torn_line_is_passed_over(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, code=1)
    (log,) = (dst / "_manifest").glob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    done = [n for n, line in enumerate(lines) if b'"ok"' in line]
    kept = [line for n, line in enumerate(lines) if n != done[-1]]
    log.write_bytes(b"".join(kept) + lines[done[-1]][:40])
    told(capsys)
    batch(tree, dst, code=1)
    captured = capsys.readouterr()
    assert "1 lines of the manifest are not whole" in captured.err
    assert json.loads(captured.out)["encoded"] == 1
    assert len(rows(dst)) == 3


def test_a_file_that_was_mended_is_done(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, code=1)
    (tree / "a" / "broken.jpg").write_bytes((tree / "a" / "b" / "Zwei ü.JPG").read_bytes())
    told(capsys)
    batch(tree, dst)
    assert counts(capsys) == (1, 2, 0)
    assert rows(dst)["a/broken.jpg"].error is None


def test_decode_restores_the_tree(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst, back = tmp_path / "dst", tmp_path / "back"
    batch(tree, dst, code=1)
    with Image.open(PHOTO) as img:
        img.save(dst / "ordinary.jpg")
    told(capsys)
    batch(dst, back, "--decode", "--format", "tiff", code=1)
    captured = capsys.readouterr()
    assert "ordinary.jpg: this is an ordinary picture" in captured.err
    assert json.loads(captured.out)["decoded"] == 2
    assert pictures(back) == ["a/b/Zwei ü.tif", "one.tif"]
    assert (pixels_of(back / "one.tif") == codec.decode(dst / "one.jpg", to="numpy")).all()
    batch(dst, back, "--decode", "--format", "tiff", code=1)
    assert told(capsys)["unchanged"] == 2


def test_verify(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, "-q", "80", code=1)
    capsys.readouterr()
    batch(tree, dst, "--verify")
    found = told(capsys)
    expected = {
        name: psnr(codec.decode(dst / row.output), pixels_of(tree / name))
        for name, row in rows(dst).items()
        if row.status == "ok"
    }
    assert found["verified"] == 2
    assert found["mean_psnr"] == pytest.approx(sum(expected.values()) / 2, abs=0.02)
    assert found["worst_psnr"] == pytest.approx(min(expected.values()), abs=0.02)
    assert expected[found["worst"]] == min(expected.values())
    batch(tree, dst, "--verify", "--min-psnr", "60", code=1)
    batch(tree, dst, "--verify", "--sample", "1")
    assert told(capsys)["verified"] == 1
    (dst / "one.jpg").write_bytes(b"lost")
    batch(tree, dst, "--verify", "--sample", "0", code=1)
    captured = capsys.readouterr()
    assert "one.png: not a picture" in captured.err
    assert json.loads(captured.out)["failed"] == 1


def test_full_size_files_are_verified(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    batch(tree, tmp_path / "dst", "-q", "80", "--scale", "1", "--tune", "eye", code=1)
    done = [row for row in rows(tmp_path / "dst").values() if row.status == "ok"]
    assert all((row.stored_width, row.stored_height) == (row.width, row.height) for row in done)
    assert {row.model for row in done} == {registry.resolve("sain-x1-lite")}
    capsys.readouterr()
    batch(tree, tmp_path / "dst", "--verify", "--min-psnr", "30")
    assert told(capsys)["verified"] == 2


def test_transparency_is_verified_as_it_was_kept(tmp_path: Path, capsys: Capture) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    with Image.open(PHOTO) as img:
        clear = img.convert("RGBA")
        clear.paste((255, 0, 0, 0), (0, 0, 96, 144))  # red that nobody sees
        clear.save(src / "clear.png")
        clear.convert("LA").save(src / "grey.png")
    for number, name in enumerate(("jpeg", "webp")):
        batch(src, dst / str(number), "-q", "90", "--format", name)
        capsys.readouterr()
        batch(src, dst / str(number), "--verify", "--min-psnr", "28" if name == "jpeg" else "5")
        assert told(capsys)["verified"] == 2


def test_parquet(tree: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tree / os.fsdecode(b"\xff.png")).write_bytes((tree / "one.png").read_bytes())
    batch(tree, tmp_path / "dst", "--manifest-parquet", str(tmp_path / "rows.parquet"), code=1)
    table = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["source"] for row in table] == ["a/b/Zwei ü.JPG", "a/broken.jpg", "one.png", "\\udcff.png"]
    assert [row["status"] for row in table] == ["ok", "failed", "ok", "ok"]
    assert table[0]["bpp"] == rows(tmp_path / "dst")["a/b/Zwei ü.JPG"].bpp
    assert not list(tmp_path.glob(".*"))


def test_a_target_within_the_source_is_passed_over(tree: Path, capsys: Capture) -> None:
    for _ in range(2):
        batch(tree, tree / "small", code=1)
    assert counts(capsys) == (0, 2, 1)


def test_links_to_folders_are_not_followed_and_dangling_ones_named(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    (tree / "a" / "circle").symlink_to(tree)
    (tree / "link.png").symlink_to(tree / "one.png")
    (tree / "dangling.png").symlink_to(tree / "nothing.png")
    batch(tree, tmp_path / "dst", code=1)
    captured = capsys.readouterr()
    assert "dangling.png: the file cannot be looked at" in captured.err
    assert pictures(tmp_path / "dst") == ["a/b/Zwei ü.jpg", "link.jpg", "one.jpg"]


def test_a_file_too_long_to_read(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    with (tree / "long.png").open("wb") as file:
        file.truncate(LARGEST + 1)  # sparse
    batch(tree, tmp_path / "dst", code=1)
    assert "long.png: a file of 2,147,483,649 bytes is no picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["NOWHERE", "DST"], "there is no folder"),
        (["SRC", "SRC"], "SRC must not lie in DST"),
        (["SRC/a", "SRC"], "SRC must not lie in DST"),
        (["SRC", "FULL"], "DST is not empty"),
        (["SRC", "nosuch://x"], "cannot open nosuch://x"),
        (["SRC", "DST", "-q", "0"], "quality must be"),
        (["SRC", "DST", "--effort", "10"], "effort must be"),
        (["SRC", "DST", "--effort", "1", "--format", "jxl"], "effort refines jpeg"),
        (["SRC", "DST", "--format", "gif"], "format must be one of"),
        (["SRC", "DST", "--model", "huge"], "no model 'huge'"),
        (["SRC", "DST", "--workers", "-1"], "workers must be"),
        (["SRC", "DST", "--timeout", "nan"], "timeout must be"),
        (["SRC", "DST", "--sample", "3"], "go with --verify"),
        (["SRC", "DST", "--on-stale", "restore"], "goes with --decode"),
        (["SRC", "DST", "--decode", "--max-bytes", "9"], "--max-bytes says how to encode"),
        (["SRC", "DST", "--decode", "--format", "gif"], "cannot write a .gif"),
        (["SRC", "DST", "--verify"], "there is nothing to verify"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(
    arguments: list[str], message: str, tree: Path, tmp_path: Path, capsys: Capture
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "users.jpg").touch()
    places = {"SRC": tree, "SRC/a": tree / "a", "DST": tmp_path / "dst", "FULL": full, "NOWHERE": tmp_path / "no"}
    before = pictures(tree)
    assert main(["batch", *(str(places.get(a, a)) for a in arguments)]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("codec: ")
    assert captured.err.count("\n") == 1
    assert pictures(tree) == before
    assert pictures(full) == ["users.jpg"]
    assert not (tmp_path / "dst").exists()


def test_another_source_needs_force(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    batch(tree, dst, code=1)
    moved = tree.rename(tmp_path / "moved")
    assert main(["batch", str(moved), str(dst)]) == 1
    assert "DST holds the outputs of another run" in capsys.readouterr().err
    batch(moved, dst, "--force", code=1)
    assert counts(capsys) == (0, 2, 1)


def test_two_runs_on_one_target(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    dst = tmp_path / "dst"
    with LocalStore(str(dst)).locked():
        batch(tree, dst, code=1)
    assert "another codec batch is at work" in capsys.readouterr().err
    assert pictures(dst) == []


def test_metadata_and_warnings(tmp_path: Path, capsys: Capture) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    with Image.open(PHOTO) as img:
        frames = [img.crop((0, 0, 40, 40)), img.crop((40, 0, 80, 40))]
        exif = Image.Exif()
        exif[0x010E] = "a description"
        img.save(src / "told.jpg", exif=exif)
    frames[0].save(src / "moving.gif", save_all=True, append_images=frames[1:])
    batch(src, dst, "--strip", "exif", "--header", "compact")
    assert "frame" in str(rows(dst)["moving.gif"].warnings)
    assert codec.decode(dst / "told.jpg").getexif().get(0x010E) is None
    assert (dst / "told.jpg").read_bytes() == codec.encode(src / "told.jpg", strip="exif", header="compact")


@pytest.mark.parametrize(
    ("module", "options", "extra"),
    [
        ("fsspec", ["memory://src", "DST"], "batch"),
        ("pyarrow", ["SRC", "DST", "--manifest-parquet", "x.parquet"], "batch"),
        ("ray", ["SRC", "DST", "--engine", "ray"], "ray"),
    ],
)
def test_what_is_not_installed_is_named(
    module: str, options: list[str], extra: str, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, module, None)
    places = {"SRC": str(tree), "DST": str(tmp_path / "dst")}
    assert main(["batch", *(places.get(option, option) for option in options)]) == 1
    assert f"pip install 'sain-codec[{extra}]'" in capsys.readouterr().err
    assert not pictures(tmp_path / "dst")
