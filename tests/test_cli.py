"""The command line: files appear whole or not at all, errors are one line, exit codes mean something."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import codec
from codec.cli import main
from codec.files import write_whole
from tests.conftest import PICTURES, pixels_of, psnr

PHOTO = str(PICTURES / "kodim23-crop.png")
Capture = pytest.CaptureFixture[str]


def test_there_and_back(tmp_path: Path, capsys: Capture) -> None:
    small, full = str(tmp_path / "small.jpg"), str(tmp_path / "full.png")
    assert main(["encode", PHOTO, small, "-q", "60"]) == 0
    assert main(["inspect", small]) == 0
    assert main(["decode", small, full]) == 0
    assert "192x144" in capsys.readouterr().out
    with Image.open(full) as img:
        assert img.tobytes() == codec.decode(small).tobytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full.png", "small.jpg"]


def test_json(tmp_path: Path, capsys: Capture) -> None:
    small, full = str(tmp_path / "small.jpg"), str(tmp_path / "full.png")
    main(["encode", PHOTO, small, "--json"])
    main(["inspect", small, "--json"])
    main(["decode", small, full, "--json"])
    encoded, inspected, decoded = map(json.loads, capsys.readouterr().out.splitlines())
    assert encoded["bytes"] == inspected["bytes"] == Path(small).stat().st_size
    assert inspected["header"]["full_size"] == [192, 144]
    assert decoded["full"] == "192x144"


def test_pipes() -> None:
    command = [sys.executable, "-m", "codec"]
    run = {"capture_output": True, "check": True}
    data = subprocess.run([*command, "encode", "-", "-"], input=Path(PHOTO).read_bytes(), **run)  # type: ignore[call-overload]
    png = subprocess.run([*command, "decode", "-", "-"], input=data.stdout, **run)  # type: ignore[call-overload]
    with Image.open(io.BytesIO(png.stdout)) as img:
        assert (img.format, img.size) == ("PNG", (192, 144))
    assert b"bytes:" in data.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "missing.png", "OUT.jpg"], "missing.png"),
        (["encode", "EMPTY", "OUT.jpg"], "empty"),
        (["encode", PHOTO, "EMPTY"], "exists: give --force"),
        (["encode", PHOTO, ".", "--force"], "it is a folder"),
        (["encode", PHOTO, "nowhere/x.jpg"], "there is no folder"),
        (["encode", PHOTO, "OUT.jpg", "-q", "0"], "quality must be"),
        (["encode", PHOTO, "OUT.jpg", "--max-bytes", "100"], "100 bytes cannot be: at quality 1"),
        (["encode", PHOTO, "OUT.jpg", "--bpp", "nan"], "bpp must be a number above 0"),
        (["encode", PHOTO, "OUT.jpg", "--psnr", "-3"], "psnr must be a number above 0"),
        (["encode", PHOTO, "OUT.jpg", "--model", "huge"], "no model 'huge'"),
        (["decode", PHOTO, "OUT.png"], "ordinary picture"),
        (["decode", PHOTO, "OUT.xyz"], "cannot write a .xyz"),
        (["inspect", PHOTO], "ordinary picture"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "EMPTY").touch()
    places = {"EMPTY", ".", "OUT.jpg", "OUT.png", "OUT.xyz", "nowhere/x.jpg"}
    assert main([str(tmp_path / a) if a in places else a for a in arguments]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("codec: ")
    assert captured.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["EMPTY"]


@pytest.mark.parametrize(("flag", "value"), [("--max-bytes", "2000"), ("--bpp", "0.6"), ("--psnr", "28")])
def test_targets(flag: str, value: str, tmp_path: Path, capsys: Capture) -> None:
    small = tmp_path / "small.jpg"
    assert main(["encode", PHOTO, str(small), flag, value, "--json"]) == 0
    size = json.loads(capsys.readouterr().out)["bytes"]
    restored = psnr(codec.decode(small), pixels_of(Path(PHOTO)))
    # so small a picture has few steps to choose from
    assert {"--max-bytes": 1800 <= size <= 2000, "--bpp": 1866 <= size <= 2073, "--psnr": 28 <= restored < 28.3}[flag]


def test_effort(tmp_path: Path) -> None:
    small = tmp_path / "small.jpg"
    assert main(["encode", PHOTO, str(small), "-q", "40", "--effort", "1"]) == 0
    assert small.read_bytes() == codec.encode(PHOTO, 40, effort=1) != codec.encode(PHOTO, 40)


@pytest.mark.parametrize(
    "arguments",
    [[], ["transmogrify"], ["encode", PHOTO], ["encode", PHOTO, "x", "-q", "high"],
     ["encode", PHOTO, "x", "-q", "50", "--bpp", "1"], ["encode", PHOTO, "x", "--psnr", "30", "--max-bytes", "900"]],
)  # fmt: skip
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


def test_a_folder_without_permission_is_noticed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert main(["encode", PHOTO, str(tmp_path / "x.jpg")]) == 1
    assert "no permission" in capsys.readouterr().err


def test_force_replaces(tmp_path: Path) -> None:
    out = tmp_path / "small.jpg"
    out.write_bytes(b"old")
    assert main(["encode", PHOTO, str(out), "--force"]) == 0
    assert codec.inspect(out).header.full_size == (192, 144)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "x", b"data")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(codec.CodecError, match="cannot write"):
        write_whole(tmp_path / "folder", b"data", force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_demo(tmp_path: Path, capsys: Capture) -> None:
    assert main(["demo", PHOTO, "-o", str(tmp_path / "demo"), "-q", "60"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:5]] == ["ours", "full-size JPEG", "bicubic half-size JPEG"]
    with Image.open(tmp_path / "demo" / "side-by-side.png") as img:
        assert min(img.size) > 600
    assert codec.inspect(tmp_path / "demo" / "encoded.jpg").header.full_size == (192, 144)


def test_a_warning_is_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "codec", "encode", PHOTO, str(tmp_path / "small.jpg"), "--model", "irn-x2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert re.fullmatch(r"codec: irn-x2-\w+ knows of no compression [^\n]*\n", done.stderr)
