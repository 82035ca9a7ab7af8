"""How many sound tracks a network camera offers, read from its own description: none of them is ever asked for.

One DESCRIBE (RFC 2326, section 10.2) before the stream is opened, with Basic or Digest credentials where the camera
wants them (RFC 7616; cameras still speak MD5). Answers are bounded in size and time; whatever goes wrong means that
nothing is known, and the pictures are opened all the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit, urlunsplit

_PORT: Final = 554
_LONGEST_LINE: Final = 4_096
_MOST_LINES: Final = 100
_LARGEST_BODY: Final = 65_536
_OK: Final = 200
_UNAUTHORISED: Final = 401
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


def offered_sound(address: str, timeout_s: float) -> int:
    """Sound tracks that the camera at `address` (rtsp://) describes; 0 where it is not known."""
    parts = urlsplit(address)
    if parts.scheme != "rtsp" or not parts.hostname:
        return 0
    try:
        port = parts.port or _PORT
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        bare = urlunsplit(("rtsp", f"{host}:{port}", parts.path, parts.query, ""))
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        with socket.create_connection((parts.hostname, port), timeout=timeout_s) as link, link.makefile("rb") as lines:
            status, headers, body = _asked(link, lines, bare, 1, "")
            if status == _UNAUTHORISED and user:
                credentials = _credentials(headers.get("www-authenticate", ""), bare, user, password)
                status, _, body = _asked(link, lines, bare, 2, f"Authorization: {credentials}\r\n")
    except (OSError, ValueError):
        return 0
    return len(re.findall(r"^m=audio ", body, re.MULTILINE)) if status == _OK else 0


def _asked(
    link: socket.socket, lines: BinaryIO, address: str, number: int, more: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower case) and body of one DESCRIBE; ValueError where the answer is none."""
    request = (
        f"DESCRIBE {address} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\nUser-Agent: tocsin\r\n{more}\r\n"
    )
    link.sendall(request.encode())
    first = lines.readline(_LONGEST_LINE).split()
    if len(first) < 2 or not first[0].startswith(b"RTSP/"):
        raise ValueError("no RTSP")
    headers: dict[str, str] = {}
    for _ in range(_MOST_LINES):
        line = lines.readline(_LONGEST_LINE).strip().decode("latin-1")
        if not line:
            break
        name, _, value = line.partition(":")
        # Where both ways are offered the last one stands: cameras name Basic first.
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LARGEST_BODY:
        raise ValueError("too long")
    return int(first[1]), headers, lines.read(length).decode("latin-1").replace("\r\n", "\n")


def _credentials(challenge: str, address: str, user: str, password: str) -> str:
    if not challenge.lower().startswith("digest"):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    given = dict(_PARAMETER.findall(challenge))
    realm, nonce = given.get("realm", ""), given.get("nonce", "")

    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    answer = digest(f"{digest(f'{user}:{realm}:{password}')}:{nonce}:{digest(f'DESCRIBE:{address}')}")
    return f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{address}", response="{answer}"'
