"""Many pictures at once: the same files in the same order, whatever happens to one of them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import codec
from codec.picture import Pixels
from tests.conftest import PICTURES, levels_apart, pixels_of


def photos(count: int) -> list[Pixels]:
    paths = sorted(PICTURES.glob("*.png"))
    return [pixels_of(paths[i % len(paths)])[: 60 + i, : 70 + i] for i in range(count)]


@pytest.mark.parametrize("backend", ["torch", "onnx"])
@pytest.mark.parametrize("workers", [1, 3])
def test_files_and_pictures_are_those_of_single_calls(backend: str, workers: int) -> None:
    many = photos(7)
    files = list(codec.encode_batch(many, 60, workers=workers, backend=backend))
    for photo, data, full in zip(many, files, codec.decode_batch(files, to="numpy", backend=backend), strict=True):
        assert isinstance(data, bytes)
        alone = codec.encode(photo, 60, backend=backend)  # type: ignore[arg-type]
        assert abs(len(alone) - len(data)) < 40
        assert levels_apart(full, codec.decode(data, to="numpy", backend=backend)) <= 1  # type: ignore[call-overload]


def test_one_bad_picture_is_its_own_problem_or_everybodys(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    mixed = [*photos(2), bad, *photos(1)]
    results = list(codec.encode_batch(mixed, 60, errors="return"))
    assert [isinstance(result, bytes) for result in results] == [True, True, False, True]
    assert isinstance(results[2], codec.UnsupportedFormatError)
    one_by_one = codec.encode_batch(mixed, 60)
    assert len(list(islice(one_by_one, 2))) == 2
    with pytest.raises(codec.UnsupportedFormatError):
        next(one_by_one)
    with pytest.raises(codec.CodecError, match="errors must be"):
        codec.encode_batch(mixed, errors="ignore")  # type: ignore[arg-type]
    with pytest.raises(codec.CodecError, match="workers must be"):
        codec.encode_batch(mixed, workers=0)


def test_pictures_are_read_as_they_are_needed() -> None:
    read = []

    def source() -> Iterator[Pixels]:
        for number in range(1000):
            read.append(number)
            yield np.zeros((8, 8, 3), np.uint8)

    results = codec.encode_batch(source(), workers=2)
    assert read == []
    next(results)
    assert len(read) <= 6
    results.close()  # type: ignore[attr-defined]


def test_torch_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert len(list(codec.encode_batch(photos(3), workers=3, backend="torch"))) == 3
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
