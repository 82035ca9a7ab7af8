"""Sites for commands: from a JSON file, or from a hub's state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hub.commands._state import configured, on_state
from hub.incident import Site

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnusableSites(ValueError):
    """No sites can be read from what was given."""


def load_sites(path: Path) -> Sequence[Site]:
    """Sites of `path`: a JSON list of sites (`id`, `kind`, `latitude`, `longitude` ...), or a hub's data folder.

    Raises UnusableSites with what to do.
    """
    if path.is_dir():
        sites = _registered(path)
    else:
        try:
            sites = msgspec.json.decode(path.read_bytes(), type=list[Site])
        except (OSError, msgspec.MsgspecError) as problem:
            raise UnusableSites(
                f"{path}: {problem}; give a JSON list of sites such as "
                '[{"id": "mic-1", "kind": "microphone", "latitude": 45.44, "longitude": 4.39}], or a data folder'
            ) from problem
    if not sites:
        raise UnusableSites(f"{path} holds no sensors; register some first")
    return sites


def _registered(folder: Path) -> Sequence[Site]:
    from hub.registry import Registry

    return on_state(configured(None, folder), lambda engine: Registry(engine).sites(), reading=True)
