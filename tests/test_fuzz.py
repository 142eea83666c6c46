"""Five hundred mutated files, and some of a collection of damaged ones: see `tests.fuzz` for the law."""

import random
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.picture import Pixels
from tests import fuzz, mutations
from tests.conftest import jpeg_bytes


def broken(outcomes: dict[str, int]) -> dict[str, int]:
    return {answer: count for answer, count in outcomes.items() if answer.startswith("!")}


def test_mutated_files(tmp_path: Path) -> None:
    files = fuzz.seeds()
    inputs = (fuzz.mutated(files, number, seed=1) for number in range(500))
    outcomes = fuzz.run(inputs, 500, workers=2, failures=tmp_path)
    assert sum(outcomes.values()) == 500
    assert not broken(outcomes)
    assert outcomes["----"] < 450  # most mutations of the right kind leave something to decode


def test_collected_files(tmp_path: Path) -> None:
    files = fuzz.corpus()[::40]
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


def test_the_fuzzer_notices_crashes_and_greed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = fuzz._start()
    worker.busy = b"x"
    worker.process.kill()
    crew = [worker]
    assert [*answers(crew)] == [(0, "! crashed")]
    assert crew[0] is not worker  # another takes its place
    crew[0].process.kill()
    monkeypatch.setattr(fuzz, "BYTES", 0)
    assert list(broken(fuzz.run(iter([b"x"]), 1, workers=1, failures=tmp_path))) == ["! took more than 0 MB"]


def answers(crew: list[fuzz.Worker]) -> list[tuple[int, str]]:
    while not (found := list(fuzz._answers(crew))):
        pass
    return found


def test_the_same_seed_gives_the_same_files() -> None:
    files = [jpeg_bytes(np.zeros((8, 8, 3), np.uint8)), b"RIFF" + bytes(20)]
    first = [mutations.mutated(files, number, seed=5) for number in range(50)]
    assert first == [mutations.mutated(files, number, seed=5) for number in range(50)]
    assert len(set(first)) > 25


def test_edits_of_our_header_get_past_a_pngs_checksums(one_photo: Pixels) -> None:
    data, refused = codec.encode(one_photo[:40, :40], format="png"), set()
    for number in range(60):
        changed = mutations.mended(mutations.edit_header(bytearray(data), random.Random(number), [data]))  # noqa: S311
        try:
            codec.inspect(bytes(changed))
        except codec.CodecError as error:
            refused.add(type(error))
    assert {codec.UnknownModelError, codec.CodecError} <= refused  # other versions, and sizes that do not fit
