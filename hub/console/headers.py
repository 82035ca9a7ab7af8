"""The security headers of every page: what a page of the console may load, embed and ask of the browser."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The pages can never hear or see: the browser itself refuses a microphone or a camera to them. One alone, the
    # technician's, may ask for the camera of the phone in his hand.
    "Permissions-Policy": "microphone=(), camera=(), display-capture=(), geolocation=(self)",
}


def tile_origin(tiles_url: str) -> str:
    """The origin that map tiles come from: 'https://{s}.tiles.example/{z}/{x}/{y}.png' -> 'https://*.tiles.example'.

    Raises ValueError for an address that is not http(s), or that could smuggle a second directive into the policy.
    """
    parts = urlsplit(tiles_url.replace("{s}", "*"))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"the address of map tiles {tiles_url!r} is no http or https address with a host")
    if any(character in parts.netloc for character in " ;,'\"") or "@" in parts.netloc:
        raise ValueError(f"the address of map tiles {tiles_url!r} has a host that cannot stand in a security policy")
    return f"{parts.scheme}://{parts.netloc}"


def is_archive(tiles_url: str) -> bool:
    """True for the address of a PMTiles archive: one file that the page reads in pieces."""
    return urlsplit(tiles_url).path.lower().endswith(".pmtiles")


def page_headers(tiles_url: str | None, *, reads_labels: bool = False) -> dict[str, str]:
    """The headers of a page; `img-src` is widened by the origin of `tiles_url`, nothing else ever is; for an
    archive of tiles it is `connect-src`.

    `reads_labels` lets the page ask for the phone's camera, to read the code on a box; it hears nothing all the same.
    """
    images, asked = "'self'", ""
    if tiles_url and is_archive(tiles_url):
        # The page cuts tiles out of the archive itself: it asks for pieces, and shows pictures that it made of them.
        images = "'self' data: blob:"
        asked = f"'self' {tile_origin(tiles_url)}" if not tiles_url.startswith("/") else ""
    elif tiles_url and not tiles_url.startswith("/"):
        # Leaflet empties a tile that it drops with a data: image.
        images = f"'self' data: {tile_origin(tiles_url)}"
    policy = {
        "default-src": "'self'",
        "img-src": images,
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        **({"connect-src": asked} if asked else {}),
    }
    camera = {"Permissions-Policy": ALWAYS["Permissions-Policy"].replace("camera=()", "camera=(self)")}
    return {
        **ALWAYS,
        **(camera if reads_labels else {}),
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        # Public tile servers want to know the site that asks; nobody else learns where one comes from.
        "Referrer-Policy": "strict-origin-when-cross-origin" if tiles_url else "same-origin",
    }
