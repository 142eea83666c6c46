"""The table of what is kept is true."""

from tests import kept


def test_the_page_is_what_a_run_finds() -> None:
    assert kept.PAGE.read_text() == kept.page()


def test_nothing_is_lost() -> None:
    table = [line for line in kept.PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(table) > 12
    assert not [row for row in table if "(" in row]
