"""Threads, forks, fresh processes, long lives and interrupts."""

import hashlib
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of

DETAILS = [(x, y) for x in (0, 40, 80, 120) for y in (0, 50)]


def detail(x: int, y: int) -> Pixels:
    return pixels_of(PICTURES / "kodim08-crop.png")[y : y + 70, x : x + 71]


def there_and_back(place: tuple[int, int]) -> tuple[str, str]:
    """Digests of the file and of the restored pixels."""
    data = codec.encode(detail(*place), 60)
    restored = codec.decode(data, to="numpy").tobytes()
    return hashlib.sha256(data).hexdigest(), hashlib.sha256(restored).hexdigest()


def test_eight_threads_at_once() -> None:
    expected = [there_and_back(place) for place in DETAILS]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(there_and_back, DETAILS)) == expected


@pytest.fixture
def two_threads() -> Iterator[None]:
    """One thread hides what forking does to several."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def answer(pipe: "multiprocessing.connection.Connection") -> None:
    pipe.send(there_and_back((0, 0)))


# Python warns of forking a process that has threads; that this works all the same is what is tested
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_other_processes(method: str, two_threads: None) -> None:
    expected = there_and_back((0, 0))
    context = multiprocessing.get_context(method)
    ours, its = context.Pipe()
    process = context.Process(target=answer, args=(its,))
    process.start()
    try:
        assert ours.poll(60), "the child hangs"
        assert ours.recv() == expected
    finally:
        process.kill()
        process.join()


LEAK = """
import resource, codec, numpy as np
photo = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
def round(times):
    for number in range(times):
        data = codec.encode(photo[: 30 + number % 10], 60, format=("jpeg", "webp", "png")[number % 3])
        codec.decode(data, to="numpy")
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
round(60)
before = resident()
round(500)
print((resident() - before) / 2**20)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_no_leak_over_500_pictures() -> None:
    out = subprocess.run([sys.executable, "-c", LEAK], capture_output=True, check=True, text=True).stdout
    assert float(out) < 20


TELLING = """
import sys
from codec import cli, rescaler
rgb = rescaler._rgb
def telling(pixels):
    print("tile", flush=True)
    return rgb(pixels)
rescaler._rgb = telling
sys.exit(cli.main(sys.argv[1:]))
"""


def test_an_interrupted_encode_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out"
    target.mkdir()
    pixels = np.tile(pixels_of(PICTURES / "kodim08-crop.png"), (22, 16, 1))  # 12 tiles
    Image.fromarray(pixels).save(source, compress_level=1)
    command = [sys.executable, "-c", TELLING, "encode", str(source), str(target / "out.jpg")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)] == ["tile\n"] * 2  # it is at work, on whatever machine
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "codec: interrupted"
    assert "Traceback" not in errors
    assert list(target.iterdir()) == []
