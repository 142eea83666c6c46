"""As part of another app, and on machines without what it needs."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException

import codec.serve
from codec.cli import main
from codec.errors import CodecError


def let_in(key: Annotated[str, Header()] = "") -> None:
    if key != "sesame":
        raise HTTPException(401)


def test_a_router_in_an_app(tmp_path: Path, photo: bytes) -> None:
    settings = codec.serve.Settings(store=f"memory://{tmp_path.name}", cache_dir=str(tmp_path), workers=1)
    app = FastAPI()
    app.include_router(codec.serve.router(settings), prefix="/photos", dependencies=[Depends(let_in)])

    async def use() -> None:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers={"key": "sesame"})
        async with app.router.lifespan_context(app), client:
            files = {"file": ("x", photo)}
            assert (await client.post("/photos/images", files=files, headers={"key": "guess"})).status_code == 401
            stored = await client.post("/photos/images", files=files)
            assert stored.status_code == 201, stored.text
            address = stored.json()["urls"]["full"]
            assert address == f"/photos/images/{stored.json()['id']}/full"
            full = await client.get(address, headers={"Accept": "image/webp"})
            assert full.headers["content-type"] == "image/webp"
            assert full.headers["x-content-type-options"] == "nosniff"
            missing = await client.get("/photos/images/nothing")
            assert missing.json()["error"]["code"] == "not_found"
            wrong = await client.post("/photos/images?quality=x", files=files)
            assert wrong.json()["error"]["code"] == "invalid_parameter"
            assert 'status="201"} 1.0' in (await client.get("/photos/metrics")).text
            assert (await client.get("/photos/healthz")).json()["ready"]
            assert (await client.get("/healthz")).json() == {"detail": "Not Found"}  # the app's own answer

    asyncio.run(use())


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "fsspec", "prometheus_client"])
def test_a_missing_extra_is_named(missing: str, tmp_path: Path) -> None:
    script = f"import sys; sys.modules['{missing}'] = None; from codec.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "serve", "--store", str(tmp_path), "--cache-dir", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "pip install 'sain-codec[web]'" in run.stderr
    assert run.stderr.count("\n") == 1


def test_the_command_line_loads_no_framework() -> None:
    script = (
        "import sys, codec.serve, codec.cli; codec.cli.build_parser(); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'fastapi', 'starlette', 'pydantic', 'uvicorn', 'fsspec')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_wrong_options_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for option, value in (("--workers", "0"), ("--store", "nosuch://x"), ("--cache-dir", str(tmp_path / "file"))):
        assert main(["serve", "--store", str(tmp_path), "--cache-dir", str(tmp_path), option, value]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(CodecError):
        codec.serve.Settings(formats=("exe",))


def test_an_app_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODEC_STORE", f"memory://{tmp_path.name}")
    monkeypatch.setenv("CODEC_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CODEC_PAGE", "no")
    app = codec.serve.create_app()
    assert "/images" in app.openapi()["paths"]
    assert "/images/{name}/comparison" not in app.openapi()["paths"]
