"""The interpreter is made quietly, and what matters is still told."""

from __future__ import annotations

import os

import pytest

from models.litert import interpreter
from models.registry import find


def test_the_delegate_is_not_announced(capfd: pytest.CaptureFixture[str]) -> None:
    ready = interpreter(find(None).read())
    assert ready.get_input_details()
    assert capfd.readouterr().err == ""


def test_what_else_is_written_meanwhile_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    from models.litert import _without_noise

    with _without_noise():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: a tensor is missing\n")
    assert capfd.readouterr().err == "ERROR: a tensor is missing\n"


def test_a_file_that_is_no_model_is_an_error() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        interpreter(b"no model")
