"""The files of the console, read once: in memory, compressed, addressed by one digest of them all.

A page names its files as `/assets/DIGEST/...`, so that a browser keeps them for a year and a new version is fetched at
once. Because ES modules import each other by relative paths, one digest stands for the whole tree.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

STATIC: Final = Path(__file__).parent / "static"

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
"""What is served, by ending; a file with another ending (a licence) stays on the disk."""

COMPRESSED_OVER_BYTES: Final = 512
"""Smaller files gain nothing from gzip."""


class Asset(Struct, frozen=True):
    """One file as it is sent: its bytes, the same in gzip where that is smaller, its type and its entity tag."""

    body: bytes
    gzipped: bytes | None
    content_type: str
    etag: str


class Assets(Struct, frozen=True):
    """Every file by its path below `static/` ('js/app.js'), and the digest that names this version of them."""

    digest: str
    files: dict[str, Asset]


def load(folder: Path = STATIC) -> Assets:
    """Read every file under `folder`. Blocks: use a thread.

    The files at its top (pages, manifest, service worker) get the address of all others in the place of `{{assets}}`,
    the digest for `{{digest}}`, and the list of those addresses for `{{files}}`.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in CONTENT_TYPES)
    bodies = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(body).digest())
    short = digest.hexdigest()[:16]
    files = {}
    kept = [f"/assets/{short}/{name}" for name in bodies if "/" in name or name.startswith("icon")]
    for name, body in bodies.items():
        if "/" not in name:
            body = body.replace(b"{{assets}}", f"/assets/{short}".encode())
            body = body.replace(b"{{digest}}", short.encode()).replace(b"{{files}}", msgspec.json.encode(kept))
        files[name] = _asset(name, body)
    return Assets(short, files)


def _asset(name: str, body: bytes) -> Asset:
    content_type = CONTENT_TYPES[Path(name).suffix]
    gzipped = None
    if len(body) > COMPRESSED_OVER_BYTES and not content_type.startswith("image/png"):
        gzipped = gzip.compress(body, mtime=0)
    return Asset(body, gzipped, content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
