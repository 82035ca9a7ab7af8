"""The card says what was measured, and leaves out what was not."""

from __future__ import annotations

from typing import Any

import pytest

from models.card import _over_hours, _told


def figure(value: float, n: float, unit: str = "share") -> dict[str, Any]:
    return {"value": value, "unit": unit, "n": n, "low": value, "high": value}


def test_what_an_agent_tells_of_live_fire_is_given_in_shots() -> None:
    measured = {
        "told_gunshot_livefire_400m": figure(1.0, 687.0),
        "told_direct_gunshot_livefire_400m": figure(682 / 687, 687.0),
        "told_sure_gunshot_livefire_400m": figure(675 / 687, 687.0),
    }
    text = " ".join(_told(measured))
    assert "of 687 shots" in text
    assert "tells 687, 682 of them" in text
    assert "675 at the threshold" in text


@pytest.mark.parametrize("measured", [{}, {"told_gunshot_livefire_400m": figure(1.0, 2.0)}])
def test_what_was_not_measured_is_not_in_the_card(measured: dict[str, Any]) -> None:
    assert _told(measured) == []
    assert _over_hours(measured) == []
