"""How metrics spell the statuses of gRPC."""

import re

import grpc
import pytest

from service.metrics import code_name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (grpc.StatusCode.OK, "OK"),
        (grpc.StatusCode.CANCELLED, "Canceled"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DeadlineExceeded"),
        (grpc.StatusCode.INTERNAL, "Internal"),
    ],
)
def test_spells_statuses_as_go_does(code: grpc.StatusCode, name: str) -> None:
    assert code_name(code) == name


def test_every_status_has_a_spelling_of_its_own() -> None:
    names = {code_name(code) for code in grpc.StatusCode}

    assert len(names) == len(grpc.StatusCode)
    assert all(re.fullmatch("[A-Za-z]+", name) for name in names)
