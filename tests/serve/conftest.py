"""Services that several tests share: starting one takes seconds."""

from collections.abc import Iterator

import pytest

from tests.conftest import PICTURES
from tests.serve.running import Running, running

pytest.importorskip("fastapi", reason="needs the extra `web`")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With the usual settings."""
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With low limits."""
    options = {
        "max_upload_bytes": 200_000,
        "max_pixels": 100_000,
        "upload_timeout": 1,
        "header_timeout": 1,
        "formats": "webp,jpeg",
        "scales": "2",
        "max_quality": 80,
        "delete": "no",
        "page": "no",
    }
    with running(tmp_path_factory.mktemp("strict"), **options) as service:
        yield service


@pytest.fixture
def photo() -> bytes:
    return (PICTURES / "kodim04-crop.png").read_bytes()
