"""The same bytes decode to the same picture: across runs, threads, tile sizes and processes."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import codec
from codec import rescaler
from codec.models import registry
from codec.networks import Engine
from codec.picture import Pixels
from tests.conftest import PICTURES, levels_apart


@pytest.fixture(scope="module")
def encoded() -> bytes:
    return codec.encode(PICTURES / "kodim08-crop.png", 60)


def test_runs(encoded: bytes) -> None:
    assert np.array_equal(codec.decode(encoded, to="numpy"), codec.decode(encoded, to="numpy"))


def test_processes_and_thread_counts(encoded: bytes) -> None:
    here = codec.decode(encoded, to="numpy")
    script = (
        "import sys, torch, codec; torch.set_num_threads(int(sys.argv[1]));"
        "sys.stdout.buffer.write(codec.decode(sys.stdin.buffer.read(), to='numpy').tobytes())"
    )
    for threads in (1, 2):
        out = subprocess.run(
            [sys.executable, "-c", script, str(threads)], input=encoded, capture_output=True, check=True
        ).stdout
        assert levels_apart(np.frombuffer(out, np.uint8).reshape(here.shape), here) <= 1


def test_concurrent_calls(encoded: bytes) -> None:
    expected, results = codec.decode(encoded, to="numpy"), []

    def work() -> None:
        results.extend(codec.decode(encoded, to="numpy") for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    assert all(levels_apart(result, expected) <= 1 for result in results)


@pytest.mark.parametrize("tile", [34, 50])
@pytest.mark.parametrize("size", [(192, 144), (191, 143), (66, 101)])
@pytest.mark.parametrize("model", ["sain-x1-lite", registry.DEFAULT])
def test_tiles_leave_no_seam(one_photo: Pixels, model: str, tile: int, size: tuple[int, int]) -> None:
    resc = rescaler.load(model, Engine("cpu"))
    photo = np.tile(one_photo, (2, 2, 1))[: 2 * size[1] - 1, : 2 * size[0] - 1]  # larger than overlap + tile
    whole = resc.downscale(photo, 3.0, tile=10_000)
    assert levels_apart(resc.downscale(photo, 3.0, tile=tile), whole) <= 1
    full = (photo.shape[1], photo.shape[0])
    restored = resc.upscale(whole, 3.0, full, tile=10_000)
    assert levels_apart(resc.upscale(whole, 3.0, full, tile=tile), restored) <= 1


def test_the_border_does_not_feel_zero_padding(one_photo: Pixels) -> None:
    # a flat picture must stay flat up to its last pixel, in the LR picture as in the restored one
    resc = rescaler.load(registry.DEFAULT, Engine("cpu"))
    for colour in ((128, 128, 128), (200, 30, 60), (0, 0, 0), (255, 255, 255)):
        lr = resc.downscale(np.full((64, 64, 3), colour, np.uint8), 3.0)
        middle, border = lr[8:-8, 8:-8], lr
        assert levels_apart(border, np.broadcast_to(middle[0, 0], border.shape)) <= 6


def test_no_randomness_is_used(encoded: bytes) -> None:
    before = torch.get_rng_state()
    codec.decode(encoded)
    assert torch.equal(torch.get_rng_state(), before)
