"""Killed workers, slow jobs, full disks, clients that vanish: see `tests.serve.faults`."""

from collections.abc import Iterator

import pytest

from tests.serve.faults import HASTY, HASTY_OPTIONS, STEADY, STEADY_OPTIONS, CannotRunError, Fault
from tests.serve.running import Running, running


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("steady"), **STEADY_OPTIONS) as service:
        yield service


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("hasty"), **HASTY_OPTIONS) as service:
        yield service


def tried(fault: Fault, service: Running) -> None:
    try:
        assert fault(service)
    except CannotRunError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("fault", STEADY, ids=lambda fault: fault.__name__)
def test_steady(steady: Running, fault: Fault) -> None:
    tried(fault, steady)


@pytest.mark.parametrize("fault", HASTY, ids=lambda fault: fault.__name__)
def test_hasty(hasty: Running, fault: Fault) -> None:
    tried(fault, hasty)
