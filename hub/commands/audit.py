"""`tocsin audit`: check the audit log without the hub, export it, prove one record."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.commands._state import ConfigOption, DataOption, JsonOption, configured, on_state, refused

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.policy.audit import Head, Leaf
    from hub.policy.stamp import Stamp

app = typer.Typer(no_args_is_help=True, help="Check, export and prove the audit log.")

OutOption = Annotated[Path, typer.Option(help="The file to write; keep it where the hub can't reach it.")]


async def _read(engine: AsyncEngine) -> tuple[list[Leaf], list[Head]]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from hub.policy.audit import AuditLog

    audit = AuditLog(engine, Ed25519PrivateKey.generate())  # reading needs no key, and verifying must not have one
    leaves: list[Leaf] = []
    while page := await audit.leaves(leaves[-1].sequence if leaves else -1, 50_000):
        leaves += page
    return leaves, await audit.heads()


def _load(source: Path) -> tuple[list[Leaf], list[Head]]:
    """From a hub's data folder, or from an exported file."""
    import msgspec

    from hub.policy.audit import Head, Leaf

    if source.is_dir():
        return _of_hub(None, source)
    try:
        leaves, heads = [], []
        with source.open("rb") as file:
            for line in file:
                row = msgspec.json.decode(line)
                if "leaf" in row:
                    leaves.append(msgspec.convert(row, Leaf, strict=False))
                else:
                    heads.append(msgspec.convert(row, Head, strict=False))
        return leaves, heads
    except (OSError, msgspec.MsgspecError) as error:
        raise refused(f"{source} is neither a hub's data nor an exported audit log: {error}") from None


def _of_hub(config: Path | None, data_dir: Path | None) -> tuple[list[Leaf], list[Head]]:
    return on_state(configured(config, data_dir), _read, reading=True)


def _newest(config: Path | None, data_dir: Path | None) -> Head:
    _, heads = _of_hub(config, data_dir)
    if not heads:
        raise refused("There is no signed head yet; the hub signs one at its start and every day.", 1)
    return heads[-1]


def _write(out: Path, lines: Iterable[bytes]) -> None:
    try:
        with out.open("wb") as file:
            file.writelines(lines)
    except OSError as error:
        raise refused(f"{out} can't be written: {error.strerror}.") from None


@app.command(
    epilog="Example: tocsin audit verify tocsin-data   |   tocsin audit verify audit.jsonl --head-file kept.json"
)
def verify(
    source: Annotated[Path, typer.Argument(help="The hub's data folder, or a file that `export` wrote.")],
    key: Annotated[str, typer.Option(help="The hub's public key, base64, as it was published.")] = "",
    head_file: Annotated[Path | None, typer.Option(help="A signed head that was kept elsewhere (JSON).")] = None,
    stamp: Annotated[Path | None, typer.Option(help="A time-stamp on one of its heads, as `stamp` wrote it.")] = None,
    tsa_certificate: Annotated[
        Path | None, typer.Option(help="The time-stamping authority's root certificate (PEM), which --stamp needs.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every record and every signed head; exit 1 where anything was changed, cut, put in or rolled back."""
    import msgspec

    from hub.policy.audit import Head
    from hub.policy.verify import verify as walk

    leaves, heads = _load(source)
    try:
        if head_file is not None:
            heads = [*heads, msgspec.json.decode(head_file.read_bytes(), type=Head)]
        trusted = base64.b64decode(key, validate=True) if key else None
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise refused(f"The key or the head can't be read: {error}") from None
    verdict = walk(leaves, heads, trusted)
    stamped, fault = _stamped(stamp, tsa_certificate, heads)
    if fault:
        verdict = msgspec.structs.replace(verdict, faults=(*verdict.faults, fault))
    if as_json:
        answer = {"sound": verdict.sound, "size": verdict.size, "erased": verdict.erased, "heads": verdict.heads}
        answer["stamp"] = msgspec.to_builtins(stamped)
        typer.echo(json.dumps({**answer, "root": verdict.root.hex(), "faults": list(verdict.faults)}))
    else:
        word = "Sound" if verdict.sound else "NOT SOUND"
        typer.echo(f"{word}: {verdict.size} records ({verdict.erased} erased), {verdict.heads} signed heads")
        typer.echo(f"root {verdict.root.hex()}")
        if stamped is not None:
            at = dt.datetime.fromtimestamp(stamped.at_us / 1e6, dt.UTC)
            typer.echo(f"the first {stamped.size} records were so at {at:%Y-%m-%d %H:%M:%S} UTC, by the time-stamp")
        for found in verdict.faults:
            typer.echo(f"  {found}")
    raise typer.Exit(0 if verdict.sound else 1)


def _stamped(stamp: Path | None, certificate: Path | None, heads: list[Head]) -> tuple[Stamp | None, str]:
    """What the time-stamp says and what is wrong with it; exit 2 where it or the certificate can't be read."""
    if stamp is None and certificate is None:
        return None, ""
    if stamp is None or certificate is None:
        raise refused("--stamp and --tsa-certificate go together.")
    from cryptography import x509

    from hub.policy.stamp import StampRefused, check

    try:
        body, roots = stamp.read_bytes(), x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise refused(f"The time-stamp or the certificate can't be read: {error}") from None
    try:
        return check(body, heads, roots), ""
    except StampRefused as problem:
        return None, f"{problem} ({problem.code})"


def _lines(leaves: list[Leaf], heads: list[Head]) -> Iterator[bytes]:
    import msgspec

    for row in (*leaves, *heads):
        yield msgspec.json.encode(row) + b"\n"


@app.command(epilog="Example: tocsin audit export --data-dir tocsin-data --out audit.jsonl")
def export(
    out: Annotated[Path, typer.Option(help="The file to write, one JSON object a line.")],
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Write the whole log to a file that `verify` checks on any machine."""
    leaves, heads = _of_hub(config, data_dir)
    _write(out, _lines(leaves, heads))
    typer.echo(f"{len(leaves)} records and {len(heads)} signed heads in {out}")


@app.command(epilog="Example: tocsin audit proof 17 --data-dir tocsin-data")
def proof(
    sequence: Annotated[int, typer.Argument(help="The record's number.", min=0)],
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Prove that one record is in the log: the record, its path, and the newest signed head over it (JSON)."""
    import msgspec

    from hub.policy.merkle import inclusion_proof

    leaves, heads = _of_hub(config, data_dir)
    covering = [head for head in heads if head.size > sequence]
    if sequence >= len(leaves) or not covering:
        raise refused(f"Record {sequence} is not under a signed head (records 0 to {len(leaves) - 1}).", 1)
    head = covering[-1]
    path = inclusion_proof(sequence, [leaf.leaf for leaf in leaves[: head.size]])
    answer: dict[str, Any] = {
        "leaf": msgspec.to_builtins(leaves[sequence]),
        "path": [step.hex() for step in path],
        "head": msgspec.to_builtins(head),
    }
    typer.echo(json.dumps(answer))


@app.command(epilog="Example: tocsin audit head --data-dir tocsin-data --out head-2026-11-22.json")
def head(
    out: OutOption,
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Write the newest signed head, to be kept elsewhere: with it `verify` finds a log that was cut or rolled back."""
    import msgspec

    newest = _newest(config, data_dir)
    _write(out, [msgspec.json.encode(newest), b"\n"])
    typer.echo(f"{newest.size} records, root {newest.root.hex()}, in {out}")


@app.command(epilog="Example: tocsin audit stamp --tsa https://tsa.example/tsr --out head-2026-11-22.tsr")
def stamp(
    tsa: Annotated[str, typer.Option(help="Address of an RFC 3161 time-stamping authority.")],
    out: OutOption,
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Have the newest signed head time-stamped by a third party; only its hash leaves the machine."""
    from hub.policy.stamp import StampRefused, fetch

    newest = _newest(config, data_dir)
    try:
        answer = asyncio.run(fetch(newest, tsa))
    except StampRefused as problem:
        raise refused(f"{problem.code}: {problem}", 1) from None
    _write(out, [answer])
    typer.echo(f"{newest.size} records time-stamped, in {out}")
