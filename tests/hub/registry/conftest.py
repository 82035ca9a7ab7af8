"""A registry on a state of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.registry import Registry
from hub.store.engine import migrate, open_engine


@pytest.fixture
async def state_url(tmp_path: Path) -> str:
    """A state of the newest schema."""
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    await migrate(url)
    return url


@pytest.fixture
async def registry(state_url: str) -> AsyncIterator[Registry]:
    """The registry of a hub."""
    engine = open_engine(state_url)
    opened = Registry(engine)
    yield opened
    await opened.aclose()
    await engine.dispose()


@pytest.fixture
async def elsewhere(state_url: str) -> AsyncIterator[Registry]:
    """The registry of the same state in another process: nothing is shared but the database."""
    engine = open_engine(state_url)
    opened = Registry(engine)
    yield opened
    await engine.dispose()
