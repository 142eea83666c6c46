"""Quantisation tables name their model at every percentage that libjpeg's scale knows, and no others do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.jpeg.recognise import recognise
from codec.jpeg.tables import COARSEST, STANDARD, Table, condition, quality_of, scale_percent, scale_tables
from codec.models import registry
from codec.models.description import describe


def scaled(base: Table, percent: int) -> Table:
    return np.clip((base * percent + 50) // 100, 1, 255)


@pytest.mark.parametrize("planes", [1, 2])
def test_exactly_the_tables_that_a_model_can_write(planes: int) -> None:
    # the dictionary that the closed form replaces
    known: dict[bytes, str | None] = {}
    for model in reversed(registry.available()):
        base = describe(model).tables[:planes]
        known |= {scaled(base, percent).tobytes(): model for percent in range(COARSEST + 1)}
    known |= {scaled(STANDARD[:planes], percent).tobytes(): None for percent in range(COARSEST + 1)}
    rng = np.random.default_rng(0)
    for mark, model in list(known.items())[::7]:
        tables = np.frombuffer(mark, np.int64).reshape(planes, 8, 8)
        assert recognise(tables) == model
        other = tables.copy()
        other[tuple(rng.integers((planes, 8, 8)))] += rng.choice([-1, 1])
        assert recognise(other) == known.get(other.tobytes())


def test_whole_qualities_are_told_apart_from_all_older_models() -> None:
    # files of the first two releases were recognised by whole qualities alone: those must not change hands
    models = registry.available()[:2]
    for i, model in enumerate(models):
        for quality in range(1, 101):
            tables = scale_tables(describe(model).tables, quality)
            by_quality = [m for m in models[: i + 1] for q in range(1, 101)
                          if np.array_equal(tables, scale_tables(describe(m).tables, q))]  # fmt: skip
            assert recognise(tables) in (by_quality[0], None)


@given(st.integers(0, COARSEST))
def test_every_percentage_has_a_quality(percent: int) -> None:
    assert 1 <= quality_of(percent) <= 100
    assert scale_percent(quality_of(percent)) == percent


def test_whole_qualities_stay_whole() -> None:
    assert [quality_of(scale_percent(quality)) for quality in range(1, 101)] == list(range(1, 101))


def test_finer_percentages_are_finer() -> None:
    for model in registry.available():
        base = describe(model).tables
        conditions = [condition(scaled(base, percent)[0]) for percent in range(0, COARSEST + 1, 3)]
        assert conditions == sorted(conditions)


@pytest.mark.parametrize("shape", [(0, 8, 8), (3, 8, 8), (4, 8, 8)])
def test_other_numbers_of_tables_are_strangers(shape: tuple[int, ...]) -> None:
    assert recognise(np.full(shape, 1)) is None
