"""Quantised coefficients: what libjpeg makes of a picture, what it makes of ours, and what each change costs."""

import io

import numpy as np
import pytest
from PIL import Image

from codec.jpeg.coefficients import NATURAL, ZIGZAG, Coefficients
from codec.jpeg.huffman import Costs
from codec.jpeg.tables import STANDARD, Table, scale_tables
from codec.picture import Pixels
from tests.conftest import psnr


def saved(img: Image.Image, tables: Table, sampled: int) -> bytes:
    out = io.BytesIO()
    rows = tables[: 1 if img.mode == "L" else 2].reshape(-1, 64).tolist()
    img.save(out, "JPEG", qtables=rows, subsampling="4:2:0" if sampled == 2 else "4:4:4", optimize=True)
    return out.getvalue()


def shown(data: bytes) -> Pixels:
    return np.array(Image.open(io.BytesIO(data)))


def test_zigzag_is_the_standards() -> None:
    assert ZIGZAG[:12].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25]  # T.81, figure A.6
    assert ZIGZAG[-4:].tolist() == [47, 55, 62, 63]
    assert (ZIGZAG[NATURAL] == np.arange(64)).all()


@pytest.mark.parametrize("sampled", [1, 2])
@pytest.mark.parametrize("size", [(192, 144), (101, 67), (5, 3)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_are_those_that_libjpeg_finds(one_photo: Pixels, size: tuple[int, int], sampled: int, mode: str) -> None:
    img = Image.fromarray(one_photo).resize(size).convert(mode)
    tables = scale_tables(STANDARD, 60)
    direct = saved(img, tables, sampled)
    ours = saved(Coefficients.of(np.array(img), tables, sampled).to_image(), tables, sampled)
    # float and integer transforms round some coefficients differently that lie in the middle between two levels
    assert psnr(shown(direct), shown(ours)) > (45 if min(size) > 16 else 30)
    assert len(ours) == pytest.approx(len(direct), rel=0.01)


def test_a_changed_coefficient_is_in_the_file(one_photo: Pixels) -> None:
    tables = scale_tables(STANDARD, 50)
    start = Coefficients.of(one_photo, tables, 2)
    levels = tuple(array.copy() for array in start.levels)
    levels[0][3, 4, 5] += 2
    levels[1][2, 1, 0] -= 1
    files = [
        saved(c.with_levels(levels_of).to_image(), tables, 2)
        for c, levels_of in ((start, start.levels), (start, levels))
    ]
    again = [Coefficients.of(np.array(Image.open(io.BytesIO(data)).convert("RGB")), tables, 2) for data in files]
    changed = again[1].levels[0].astype(int) - again[0].levels[0]
    assert changed[3, 4, 5] == 2
    assert np.abs(changed).sum() <= 6  # 8-bit RGB in between rounds a few others


def test_costs_of_changes_are_differences_of_totals(one_photo: Pixels) -> None:
    coefficients = Coefficients.of(one_photo, scale_tables(STANDARD, 30), 2)
    levels = coefficients.levels[0]
    costs, random = Costs((levels,)), np.random.default_rng(3)
    for by in (-1, 1):
        changes = costs.changes(levels, by)
        for _ in range(400):
            place = tuple(int(random.integers(n)) for n in levels.shape)
            if place[1:] == (0, 0):
                continue  # a row's first block follows itself
            other = levels.copy()
            other[place] += by
            assert changes[place] == pytest.approx(costs.total(other) - costs.total(levels), abs=0.02)


@pytest.mark.parametrize("quality", [20, 40, 80])
def test_costs_are_near_the_files(one_photo: Pixels, quality: int) -> None:
    tables = scale_tables(STANDARD, quality)
    coefficients = Coefficients.of(one_photo, tables, 2)
    luma, chroma = Costs(coefficients.levels[:1]), Costs(coefficients.levels[1:])
    bits = luma.total(coefficients.levels[0]) + sum(chroma.total(plane) for plane in coefficients.levels[1:])
    data = saved(Image.fromarray(one_photo), tables, 2)
    coded = len(data) - data.index(b"\xff\xda")
    assert bits / 8 == pytest.approx(coded, rel=0.08)
