"""Typed keys of the aiohttp application: where each part of the hub finds the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.access.accounts import Accounts
    from hub.api.events import Listeners
    from hub.cluster.ownership import Alone
    from hub.config import HubConfig
    from hub.log import EventLog
    from hub.policy.audit import AuditLog
    from hub.policy.gate import Gate
    from hub.policy.suspension import Suspensions
    from hub.registry import Registry
    from hub.runner import FusionRunner
    from hub.sinks.outbox import OutboxWorker
    from hub.store import Store
    from hub.twin import Mendings

CONFIG: Final[web.AppKey[HubConfig]] = web.AppKey("config")
ENGINE: Final[web.AppKey[AsyncEngine]] = web.AppKey("engine")
LOG: Final[web.AppKey[EventLog]] = web.AppKey("log")
REGISTRY: Final[web.AppKey[Registry]] = web.AppKey("registry")
STORE: Final[web.AppKey[Store]] = web.AppKey("store")
GATE: Final[web.AppKey[Gate]] = web.AppKey("gate")
RUNNER: Final[web.AppKey[FusionRunner]] = web.AppKey("runner")
OUTBOX: Final[web.AppKey[OutboxWorker]] = web.AppKey("outbox")
LISTENERS: Final[web.AppKey[Listeners]] = web.AppKey("listeners")
ACCOUNTS: Final[web.AppKey[Accounts]] = web.AppKey("accounts")
AUDIT: Final[web.AppKey[AuditLog]] = web.AppKey("audit")
DAMAGED: Final[web.AppKey[asyncio.Event]] = web.AppKey("damaged")
"""Set once the state's file is found damaged: the hub starts anew, which mends it."""
MENDINGS: Final[web.AppKey[Mendings]] = web.AppKey("mendings")
"""What was damaged on the disk since the start, and mended."""
SUSPENSIONS: Final[web.AppKey[Suspensions]] = web.AppKey("suspensions")
OWNERSHIP: Final[web.AppKey[Alone]] = web.AppKey("ownership")
"""Which of several hubs works on the city; a hub without company always does."""
