"""Typed keys of the aiohttp application: where each part of the hub finds the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.api.broadcast import Broadcaster
    from hub.config import HubConfig
    from hub.log import EventLog
    from hub.policy.gate import Gate
    from hub.registry import Registry
    from hub.runner import FusionRunner
    from hub.sinks.outbox import OutboxWorker
    from hub.store import Store

CONFIG: Final = web.AppKey["HubConfig"]("config")
ENGINE: Final = web.AppKey["AsyncEngine"]("engine")
LOG: Final = web.AppKey["EventLog"]("log")
REGISTRY: Final = web.AppKey["Registry"]("registry")
STORE: Final = web.AppKey["Store"]("store")
GATE: Final = web.AppKey["Gate"]("gate")
RUNNER: Final = web.AppKey["FusionRunner"]("runner")
OUTBOX: Final = web.AppKey["OutboxWorker"]("outbox")
BROADCASTER: Final = web.AppKey["Broadcaster"]("broadcaster")
