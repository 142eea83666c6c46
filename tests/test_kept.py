"""The table of what is kept is true."""

from typing import Any

import pytest

from tests import kept


@pytest.mark.parametrize("scale", [1, 2])
def test_the_page_is_what_a_run_finds(scale: Any) -> None:
    assert kept.PAGE.read_text() == kept.page(scale)


def test_nothing_is_lost() -> None:
    table = [line for line in kept.PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(table) > 12
    assert not [row for row in table if "(" in row]
