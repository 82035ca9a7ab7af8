"""Coverage-guided inputs (atheris, libFuzzer) for what reads bytes of strangers: only a Problem may come out.

    python tests/checks/fuzz_decoders.py 50000

The first byte of an input chooses the reader. Ends with another status than 0
where something else came out; `fuzz.py` runs this too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "hub.ingest.decode",
        "hub.ingest.signature",
        "hub.access.address",
        "hub.sinks.schedule",
        "hub.sinks.signing",
    ]
):
    from hub.access.address import believed, networks_of
    from hub.ingest.decode import decode_batch
    from hub.ingest.signature import check_digest, parse_claim, signature_base
    from hub.problem import Problem
    from hub.sinks.endpoints import Endpoint
    from hub.sinks.schedule import retry_after_s
    from hub.sinks.signing import SignatureRefused, Verifier

NOW_S = 1_790_000_000.0
TRUSTED = networks_of(["10.0.0.0/8", "::1"])
VERIFIER = Verifier.of(Endpoint(name="police", url="https://police.example", secret="whsec_" + "QUJD" * 8))
SEEDS = (
    b"\x00"
    + b'{"messages":[{"type":"heartbeat","id":"018f0000-0000-7000-8000-000000000000","sensor":"mic-1","sent":1}]}',
    b"\x01" + b"\x81\xa8messages\x91\x84\xa4type\xa9heartbeat\xa6sensor\xa5mic-1\xa4sent\x01\xa2id\xa0",
    b"\x02"
    + b'sig1=("@method" "@authority" "@path" "content-type" "content-digest");created=1790000000;keyid="m";nonce="n"',
    b"\x03" + b"sha-256=:" + b"A" * 43 + b"=:",
    b"\x04" + b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"\x05" + b"10.0.0.1, ::ffff:10.0.0.2, 192.0.2.7",
    b"\x06" + b"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,AAAA",
)


def read(data: bytes) -> None:
    """One input to the reader that it names."""
    if not data:
        return
    body = data[1:]
    text = body.decode("latin-1")
    try:
        match data[0] % 7:
            case 0:
                decode_batch(body, "json")
            case 1:
                decode_batch(body, "msgpack")
            case 2:
                claim = parse_claim(text, f"sig1=:{'A' * 86}==:", NOW_S)
                signature_base(claim, "POST", "h", "/p", {"content-type": "x", "content-digest": text})
            case 3:
                check_digest(text, b"x")
            case 4:
                retry_after_s(text, NOW_S)
            case 5:
                believed("10.0.0.9", [text], TRUSTED)
            case 6:
                VERIFIER.verify("msg_1", "1790000000", text, b"{}", NOW_S)
    except (Problem, SignatureRefused):
        return


def main() -> None:
    """Run as many inputs as the first argument says."""
    runs = sys.argv[1] if len(sys.argv) > 1 else "50000"
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-seeds-") as folder:
        for number, seed in enumerate(SEEDS):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        options = [
            f"-runs={runs}",
            "-seed=1",
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={folder}/",
        ]
        atheris.Setup([sys.argv[0], *options, folder], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
