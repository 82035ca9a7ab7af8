"""Grafana's alerts come in with the token, are listed firing first, and nothing else comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.api.alerts import MOST, Alert, Board
from hub.app import serving
from hub.config import GrafanaConfig, Http, HubConfig


def notification(*alerts: dict[str, Any]) -> dict[str, Any]:
    """As Grafana 11 sends it, with much that is passed over."""
    return {"receiver": "Tocsin hub", "status": "firing", "orgId": 1, "alerts": list(alerts), "truncatedAlerts": 0}


def alert(number: int, status: str = "firing") -> dict[str, Any]:
    labels = {"alertname": "Sensor silent", "sensor": f"mic-{number}", "severity": "warning"}
    return {
        "fingerprint": f"f{number}", "status": status, "labels": labels, "startsAt": "2026-01-01T00:00:00Z",
        "annotations": {"description": "No heartbeat."}, "values": {"B": 0},
    }  # fmt: skip


async def test_alerts_come_in_with_the_token_alone(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token\n")
    config = HubConfig(
        data_dir=tmp_path, http=Http(port=0), grafana=GrafanaConfig(alerts_token_file=tmp_path / "token")
    )
    async with serving(config) as (_, port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def post(body: Any, token: str = "a-token") -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post("/api/v1/alerts/grafana", json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        assert await post(notification(alert(1), alert(2))) == (200, {"taken": 2})
        assert (await post(notification(alert(1)), "other"))[1]["code"] == "alerts_token_wrong"
        assert (await post({"alerts": "many"}))[1]["code"] == "alerts_invalid"
        assert (await post({"alerts": [{"fingerprint": "", "status": "firing"}]}))[0] == 400
        async with session.get("/api/v1/alerts") as answer:
            assert answer.status == 401


async def test_a_hub_without_a_token_takes_none(tmp_path: Path) -> None:
    config = HubConfig(data_dir=tmp_path, http=Http(port=0))
    async with serving(config) as (_, port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        answer = await session.post("/api/v1/alerts/grafana", json=notification(alert(1)))
        assert (answer.status, (await answer.json())["code"]) == (401, "alerts_off")


def make(number: int, status: Any = "firing") -> Alert:
    return Alert(fingerprint=f"f{number}", status=status, labels={"alertname": "Clock bad"})


def test_a_repeat_is_no_news_and_firing_ones_stand_first() -> None:
    board = Board()
    assert board.take(make(1), 1)
    assert not board.take(make(1), 2)
    assert board.take(make(2), 3)
    assert board.take(make(2, "resolved"), 4)
    assert [view["status"] for view in board.views()] == ["firing", "resolved"]


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_a_flood_pushes_out_the_resolved_first(status: Any) -> None:
    board = Board()
    board.take(make(-1), 0)
    for number in range(MOST * 2):
        board.take(make(number, status), number)
    assert len(board.views()) == MOST
    assert board.views()[0]["status"] == "firing"
