"""What each extra of the package brings to import, and what to say where a verb needs one that is not installed."""

from __future__ import annotations

from typing import Final

EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "hub": (
        *("aiosqlite", "alembic", "argon2", "influxdb_client", "joserfc", "prometheus_client", "rfc3161_client"),
        *("scipy", "segno", "sqlalchemy", "standardwebhooks", "uvloop"),
    ),
    "mic": ("ai_edge_litert", "scipy", "sounddevice", "soundfile", "soxr"),
    "camera": ("cv2", "scipy"),
    "grafana": ("grafana_api",),
    "cluster": ("asyncpg", "nats"),
    "mqtt": ("aiomqtt",),
    "train": ("librosa", "matplotlib", "tensorflow"),
}


def bringing(module: str) -> str | None:
    """The first extra that brings `module` (dotted names count by their first part); None where none does."""
    top = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)
