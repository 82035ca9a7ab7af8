"""Hostile inputs: good messages, ways to spoil bytes, and what no HTTP client would send."""

from __future__ import annotations

import gzip
import random
import time
import zlib
from collections.abc import Iterator
from typing import Any

import uuid6

from sensors.protocol import Detection, Heartbeat, SoundLevel


def messages(dice: random.Random) -> dict[str, Any]:
    """A good batch."""
    now = time.time_ns() // 1_000
    made: list[Any] = []
    for _ in range(dice.randint(1, 4)):
        common = {"id": uuid6.uuid7(), "sensor": "mic-1", "sent": now}
        made.append(
            dice.choice(
                [
                    Detection(
                        **common, event="gunshot", onset=now - 1_000, duration_s=0.1, score=0.5, clock_sigma_us=1,
                        model="m@12345678", peak_db=100.0,
                    ),
                    SoundLevel(
                        **common, start=now - 2_000_000, period_s=1.0, laeq=50.0, lafmax=55.0, lcpeak=70.0, l10=53.0,
                        l50=49.0, l90=45.0,
                    ),
                    Heartbeat(
                        **common, uptime_s=1.0, clock_offset_us=0, clock_sigma_us=1, queue_depth=0, dropped=0,
                        capture="ok", software="x",
                    ),
                ]
            )
        )  # fmt: skip
    return {"messages": made}


INTERESTING = (
    b"\x00", b"\xff" * 9, b"-1", b"1e999", b"NaN", b"9" * 400, b"null", b"{}", b"[" * 2_000, b'{"a":' * 800, b"\\ud800",
    b"\xc1", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xd9\x20", b'"image":"x",',
    b"\xe2\x80\xae", b"'; DROP TABLE sensor;--", b"../../../etc/passwd", b"%00", b"\r\n\r\n",
)  # fmt: skip


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Flip, cut, repeat, splice: a few times."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(6):
            case 0 if out:
                out[min(at, len(out) - 1)] = dice.randrange(256)
            case 1:
                del out[at : at + dice.randint(1, 40)]
            case 2:
                out[at:at] = dice.choice(INTERESTING)
            case 3:
                out[at:at] = out[at : at + dice.randint(1, 60)]
            case 4:
                out[at : at + dice.randint(1, 12)] = dice.randbytes(dice.randint(1, 12))
            case _:
                del out[at:]
    return bytes(out)


def raw_inputs(dice: random.Random) -> Iterator[list[bytes]]:
    """Pieces to write one after the other on one connection."""
    bomb = gzip.compress(b"\x00" * 20_000_000)
    head = b"POST /api/v1/ingest HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    good = head + b"Content-Length: 2\r\n\r\n{}"
    yield [head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb]
    yield [head + b"Content-Encoding: deflate\r\nContent-Length: 99\r\n\r\n" + zlib.compress(b"\x00" * 90_000)[:99]]
    yield [head + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 100_000]
    yield [head + b"Content-Length: -1\r\n\r\n"]
    yield [head + b"Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}"]
    yield [head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"]
    yield [head + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{}"]
    yield [head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2_000]
    session = b"POST /api/v1/session HTTP/1.1\r\nHost: h\r\nX-Tocsin: 1\r\n"
    yield [session + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
    yield [b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"]
    yield [b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n"]
    yield [b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n"]
    yield [bytes([byte]) for byte in good[:60]]
    yield [good[: len(good) // 2], good[len(good) // 2 :]]
    yield [b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 500]
    yield [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    yield [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500)]
    yield [b"GET /api/v1/events HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"]
    yield [b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: h\r\n\r\n"]
    yield [b"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: h\r\n\r\n"]
    yield [b"GET /assets/x/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: h\r\n\r\n"]
    yield [b"GET /healthz HTTP/1.1\r\n\r\n"]
    yield [b"GET /healthz HTTP/0.9\r\n\r\n"]
    while True:
        yield [
            mutate(dice.choice([good, b"GET /api/v1/status?lang=fr HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n"]), dice)
        ]
