"""A camera on the network, small but real: RTSP 1.0 (RFC 2326) with H.264 (RFC 6184) interleaved in one TCP connection.

It offers a sound track too, and remembers what it was asked for; it can fall silent in the middle.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import struct
import threading
import time
from pathlib import Path

SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=street
t=0 0
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:video
m=audio 0 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=control:sound
"""
_MTU = 1_200


def units(stream: bytes) -> list[bytes]:
    """The NAL units of an H.264 byte stream (Annex B)."""
    parts = stream.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part for part in parts if part]


class RtspCamera:
    """Serves the pictures of an Annex B file, `fps` a second, over and over; one thread a connection."""

    def __init__(self, stream: Path, fps: float = 12.5, *, frames: int | None = None, password: str = "") -> None:
        self._units = units(stream.read_bytes())
        self._fps = fps
        self._frames = frames
        """So many pictures a connection, then it falls silent; None: all the time."""
        self._password = password
        """Of its user `viewer`, asked for by Digest; none where it is empty."""
        self.asked: list[str] = []
        """Method, what it was asked of, and the transport where one was named."""
        self.connections = 0
        self._closed = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        self._threads.append(accepting)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/substream"

    def close(self) -> None:
        """End every connection and thread."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(link)
            thread = threading.Thread(target=self._serve, args=(link,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError), link, link.makefile("rb") as lines:
            while request := self._request(lines):
                method, target, headers = request
                transport = headers.get("transport", "")
                if self._password and not self._knows(method, headers.get("authorization", "")):
                    challenge = 'WWW-Authenticate: Digest realm="street", nonce="n1"'
                    link.sendall(
                        f"RTSP/1.0 401 Unauthorized\r\nCSeq: {headers['cseq']}\r\n{challenge}\r\n\r\n".encode()
                    )
                    continue
                self.asked.append(f"{method} {target.rpartition('/')[2]} {transport}".strip())
                more, body = [], ""
                if method == "OPTIONS":
                    more = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
                elif method == "DESCRIBE":
                    body = SDP.replace("\n", "\r\n")
                    more = [f"Content-Base: {target}/", "Content-Type: application/sdp"]
                elif method == "SETUP":
                    if "TCP" not in transport:
                        link.sendall(f"RTSP/1.0 461 Unsupported Transport\r\nCSeq: {headers['cseq']}\r\n\r\n".encode())
                        continue
                    more = [f"Transport: {transport.split(',')[0]}", "Session: 1;timeout=60"]
                elif method != "OPTIONS":
                    more = ["Session: 1"]
                more += [f"Content-Length: {len(body)}"] if body else []
                head = "\r\n".join(["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", *more])
                link.sendall(f"{head}\r\n\r\n{body}".encode())
                if method == "PLAY":
                    self._play(link)
                if method == "TEARDOWN":
                    return

    def _knows(self, method: str, given: str) -> bool:
        named = dict(re.findall(r'(\w+)="([^"]*)"', given))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        own = digest(f"viewer:street:{self._password}")
        asked = digest(f"{method}:{named.get('uri', '')}")
        return named.get("response") == digest(f"{own}:n1:{asked}")

    @staticmethod
    def _request(lines) -> tuple[str, str, dict[str, str]] | None:
        first = lines.readline().decode("latin-1").split()
        if len(first) != 3:
            return None
        headers = {}
        while line := lines.readline().strip().decode("latin-1"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return first[0], first[1].rstrip("/"), headers

    def _play(self, link: socket.socket) -> None:
        number = pictures = at = 0
        while not self._closed.is_set() and (self._frames is None or pictures < self._frames):
            unit = self._units[at % len(self._units)]
            at += 1
            picture = unit[0] & 0x1F in (1, 5)
            for payload, last in packets(unit):
                stamp = round(pictures * 90_000 / self._fps)
                head = struct.pack(">BBHII", 0x80, 96 | (0x80 if last and picture else 0), number & 0xFFFF, stamp, 7)
                link.sendall(b"$\x00" + struct.pack(">H", len(head) + len(payload)) + head + payload)
                number += 1
            if picture:
                pictures += 1
                self._closed.wait(1.0 / self._fps)
        # It says nothing more, and keeps the line open.
        while self._frames is not None and not self._closed.is_set():
            time.sleep(0.05)


def packets(unit: bytes) -> list[tuple[bytes, bool]]:
    """The payloads of one NAL unit, fragmented (FU-A) where it is long, each with whether it is the last."""
    if len(unit) <= _MTU:
        return [(unit, True)]
    kind, rest = unit[0], unit[1:]
    parts = [rest[i : i + _MTU] for i in range(0, len(rest), _MTU)]
    found = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        marks = (0x80 if index == 0 else 0) | (0x40 if last else 0) | (kind & 0x1F)
        found.append((bytes([kind & 0xE0 | 28, marks]) + part, last))
    return found
