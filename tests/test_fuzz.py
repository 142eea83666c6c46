"""A thousand mutated files, and some of a collection of damaged ones: see `tests.fuzz` for the law."""

from pathlib import Path

import pytest

from tests import fuzz


def broken(outcomes: dict[str, int]) -> dict[str, int]:
    return {answer: count for answer, count in outcomes.items() if answer.startswith("!")}


def test_mutated_files(tmp_path: Path) -> None:
    files = fuzz.seeds()
    inputs = (fuzz.mutated(files, number, seed=1) for number in range(1000))
    outcomes = fuzz.run(inputs, 1000, workers=2, failures=tmp_path)
    assert sum(outcomes.values()) == 1000
    assert not broken(outcomes)
    assert outcomes["----"] < 900  # most mutations of the right kind leave something to decode


def test_collected_files(tmp_path: Path) -> None:
    files = fuzz.corpus()[::24]
    if not files:
        pytest.skip("the corpus of damaged files is not at hand")
    assert not broken(fuzz.run(iter(files), len(files), workers=2, failures=tmp_path))


def test_the_fuzzer_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz.codec, "inspect", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fuzz.outcome(b"")
    monkeypatch.setattr(fuzz, "SECONDS", 0.01)
    outcomes = fuzz.run(iter([b"x"]), 1, workers=1, failures=tmp_path)  # starting a worker alone takes longer
    assert broken(outcomes)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"x"]
