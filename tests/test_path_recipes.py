"""The table of what other programs do is true, for those that are installed."""

import pytest

from tests.path_recipes import END, PAGE, RECIPES, START, Recipe, cells
from tests.tools import MissingToolError

TABLE = PAGE.read_text().partition(START)[2].partition(END)[0]
ROWS = {row.split(" | ")[0].removeprefix("| "): row for row in TABLE.splitlines() if row.startswith("| ")}
RESTORED = 5
"""The column whose numbers may differ a little between encoders."""


def test_all_rows_are_on_the_page() -> None:
    assert [name for name in ROWS if name not in ("program", "---")] == [recipe.command for recipe in RECIPES]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.command)
def test_rows_are_what_a_run_finds(recipe: Recipe) -> None:
    try:
        found = cells(recipe)
    except MissingToolError as error:
        pytest.skip(str(error))
    stated = ROWS[recipe.command].removeprefix("| ").removesuffix(" |").split(" | ")
    decibels = [row.pop(RESTORED) for row in (found, stated)]
    assert found == stated
    assert len({cell.endswith("dB") for cell in decibels}) == 1
    if decibels[0].endswith("dB"):
        assert abs(float(decibels[0][:-3]) - float(decibels[1][:-3])) < 1.5
