"""Hostile and malformed inputs over every public entrance of a real hub, and what became of them.

    python tests/checks/fuzz.py --inputs 100000      the long form (`make fuzz`)
    python tests/checks/fuzz.py --inputs 800         the short form, a test

Ends with 1 where the hub answered 5xx, showed or logged a traceback, died, or grew; the table counts refusals by code.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import importlib.util
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from fuzz_lines import Broker, broker, stream
from hostile import messages, mutate, raw_inputs
from hostile_hub import Hub

from hub.access.rules import rule_of
from hub.app import build_application
from hub.config import HubConfig
from hub.ingest.decode import decode_batch
from hub.ingest.signature import check_digest, parse_claim, signature_base
from hub.problem import Problem
from hub.sinks.schedule import retry_after_s
from sensors.identity import Identity

GROWTH_MB = 96.0
"""More than this is a leak: the hub's caches of nonces, decoded entries and pages fill up to some 50 MB."""


@dataclass
class Result:
    """What came back."""

    inputs: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def answered(self, kind: str, status: int, body: bytes, sent: object) -> None:
        """One HTTP answer."""
        self.inputs[kind] += 1
        self.statuses[f"{kind} {status}"] += 1
        if status >= 500 or b"Traceback" in body or b"site-packages" in body:
            self.faults.append(f"{kind}: {status} {body[:200]!r} for {sent!r:.400}")
        if 400 <= status < 500 and kind != "raw" and b'"code"' not in body:
            self.faults.append(f"{kind}: {status} without a code: {body[:200]!r} for {sent!r:.400}")


def decoders(count: int, dice: random.Random, result: Result) -> None:
    """Everything that reads bytes of strangers, called directly: only a Problem may come out."""
    identity = Identity.generate("mic-1")
    now_s = time.time()
    headers = identity.sign(
        method="POST", authority="h", path="/p", content_type="application/json", body=b"x", created_s=int(now_s)
    )
    for number in range(count):
        kind = ("json", "msgpack", "claim", "digest", "retry")[number % 5]
        sent: object = None
        try:
            if kind in ("json", "msgpack"):
                encode = msgspec.json.encode if kind == "json" else msgspec.msgpack.encode
                sent = body = mutate(encode(messages(dice)), dice)
                decode_batch(body, kind)  # type: ignore[arg-type]
            else:
                text = {"claim": "Signature-Input", "digest": "Content-Digest", "retry": "Signature"}[kind]
                sent = line = mutate(headers[text].encode(), dice).decode("latin-1")
                if kind == "claim":
                    claim = parse_claim(line, headers["Signature"], now_s)
                    signature_base(claim, "POST", "h", "/p", {"content-type": "x", "content-digest": line})
                elif kind == "digest":
                    check_digest(line, b"x")
                else:
                    retry_after_s(line, now_s)
        except Problem as problem:
            result.statuses[f"decoder {problem.status}"] += 1
            if problem.status >= 500:
                result.faults.append(f"decoder {kind}: {problem.status} for {sent!r:.400}")
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            result.faults.append(f"decoder {kind}: {type(error).__name__}: {error} for {sent!r:.400}")
        result.inputs["decoders"] += 1


def signed(hub: Hub, count: int, dice: random.Random, result: Result) -> None:
    """Mutated bodies behind a right signature: what a stolen key or a broken agent can send."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    for number in range(count):
        kind = "json" if number % 2 else "msgpack"
        encode = msgspec.json.encode if kind == "json" else msgspec.msgpack.encode
        body = encode(messages(dice))
        body = body if number % 10 == 0 else mutate(body, dice)
        headers = hub.identity.sign(
            method="POST", authority=f"127.0.0.1:{hub.port}", path="/api/v1/ingest",
            content_type=f"application/{kind}", body=body, created_s=int(time.time()),
        )  # fmt: skip
        connection.request("POST", "/api/v1/ingest", body, headers)
        answer = connection.getresponse()
        result.answered("signed", answer.status, answer.read(), body)
    connection.close()


def unsigned(hub: Hub, count: int, dice: random.Random, result: Result) -> None:
    """Mutated credentials, paths, queries and JSON on every route, with the session of one who may."""
    routes = sorted(
        (route.method, resource.canonical)
        for resource in build_application(HubConfig()).router.resources()
        for route in resource
        if resource.canonical not in {"/api/v1/events"} and route.method != "HEAD"
    )
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    words = ["1", "mic-1", "nobody", "*", "x" * 300, "%00", "%ff%fe", "..%2f..%2fetc", str(uuid.UUID(int=1)),
             "9" * 40, "-1", "1e9", "é", "%F0%9F%94%94", "null", "gunshot", "'%20OR%201=1--"]  # fmt: skip
    bodies = [b"", b"{}", b"[]", b"null", b'{"name":"mic-1","reason":"because"}', b'{"action":"confirm","revision":0}',
              b'{"latitude":1e400,"longitude":"x"}', b'{"id":"mic-9","kind":"camera","latitude":1,"longitude":1}',
              b'{"name":"a","role":"administrator","password":"x"}']  # fmt: skip
    for _ in range(count):
        method, path = dice.choice(routes)
        if method == "DELETE" and path == "/api/v1/session":
            continue
        rule = rule_of(method, path)
        role = dice.choice(sorted(rule)) if isinstance(rule, frozenset) else "operator"
        while "{" in path:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + dice.choice(words).encode("ascii", "ignore").decode() + path[end + 1 :]
        if dice.random() < 0.5:
            keys = (
                "limit",
                "state",
                "event",
                "before",
                "since",
                "wait",
                "known",
                "days",
                "lang",
                "after",
                "message_id",
            )
            asked = (f"{dice.choice(keys)}={dice.choice(words)}" for _ in range(dice.randint(1, 4)))
            path += "?" + "&".join(asked).encode("ascii", "ignore").decode()
        body = dice.choice(bodies)
        body = mutate(body, dice) if dice.random() < 0.6 else body
        headers = {"X-Tocsin": "1", "Cookie": hub.cookies[role], "Content-Type": "application/json"}
        for name, value in (
            ("Authorization", "Bearer " + "x" * dice.randint(0, 200)), ("Accept-Language", "fr;q=" + "9" * 99),
            ("Last-Event-ID", "9" * 5_000), ("If-None-Match", "*"), ("Range", "bytes=9999999999-"),
            ("Signature", "sig=:" + "A" * 86 + "==:"), ("Signature-Input", 'sig=("@method");created=1'),
            ("webhook-id", "msg_1"), ("webhook-timestamp", "NaN"), ("webhook-signature", "v1a,AAAA v1,"),
            ("X-Forwarded-For", "::1, 6.6.6.6"), ("Host", "[::1"), ("Content-Encoding", "gzip"),
        ):  # fmt: skip
            if dice.random() < 0.08:
                headers[name] = value
        sent = (method, path, body, headers)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            got = answer.read()
        except (http.client.HTTPException, OSError):
            # A head that is no HTTP ends its connection; the next request gets a new one.
            connection.close()
            result.inputs["unsigned"] += 1
            result.statuses["unsigned closed"] += 1
            continue
        page = not path.startswith("/api/")
        if not (page and answer.status in (404, 405)):
            result.answered("unsigned", answer.status, got, sent)
        else:
            result.inputs["unsigned"] += 1
    connection.close()


def raw(hub: Hub, count: int, dice: random.Random, result: Result) -> None:
    """Bytes that no HTTP client would send."""
    for number, pieces in enumerate(raw_inputs(dice)):
        if number >= count:
            return
        with socket.create_connection(("127.0.0.1", hub.port), timeout=30) as connection:
            got = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                for piece in pieces:
                    connection.sendall(piece)
                    if len(pieces) > 2:
                        time.sleep(0.002)
                connection.settimeout(0.3)
                while not got.partition(b"\r\n\r\n")[1] and (part := connection.recv(65_536)):
                    got += part
        status = int(got[9:12]) if got.startswith(b"HTTP/1.") and got[9:12].isdigit() else 0
        result.answered("raw", status, got, pieces[0][:200])


def described(hub: Hub, examples: int, seed: int, result: Result) -> None:
    """What the OpenAPI document says may be sent, and what it says may not, on every operation."""
    import hypothesis
    import schemathesis
    from hypothesis import HealthCheck, Phase, settings

    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    connection.request("GET", "/api/v1/openapi.json")
    schema = schemathesis.openapi.from_dict(json.loads(connection.getresponse().read()))
    connection.close()
    quiet = settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), derandomize=False,
    )  # fmt: skip
    import requests

    session = requests.Session()

    def sender(role: str, key: tuple[str, str]) -> Any:
        headers = {"Cookie": hub.cookies[role], "X-Tocsin": "1"}

        def send(case: Any) -> None:
            base = f"http://127.0.0.1:{hub.port}"
            try:
                answer = case.call(base_url=base, session=session, headers=headers, timeout=30)
            except (requests.RequestException, UnicodeError, ValueError):
                result.inputs["described"] += 1
                result.statuses["described unsendable"] += 1
                return
            result.answered("described", answer.status_code, answer.content, (*key, case.body))

        return send

    for found in schema.get_all_operations():
        operation = found.ok()
        key = (operation.method.upper(), operation.path)
        if key in {("GET", "/api/v1/events"), ("DELETE", "/api/v1/session")}:
            continue
        rule = rule_of(*key)
        role = sorted(rule)[0] if isinstance(rule, frozenset) else "operator"

        send = sender(role, key)
        modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:
            try:
                given = hypothesis.given(case=operation.as_strategy(generation_mode=mode))
                hypothesis.seed(seed)(quiet(given(send)))()
            except hypothesis.errors.Unsatisfiable:
                pass  # an operation without parameters has nothing that could be wrong
    session.close()


def guided(runs: int, result: Result) -> None:
    """The same readers with inputs that follow the code's own branches, where atheris is installed."""
    if importlib.util.find_spec("atheris") is None:
        tell("atheris is not installed (pip install '.[fuzz]'): no coverage-guided inputs")
        return
    command = [sys.executable, str(Path(__file__).with_name("fuzz_decoders.py")), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    result.inputs["guided"] += runs
    if done.returncode:
        result.faults.append(f"guided: {done.stderr[-2_000:]}")


def slow(hub: Hub, result: Result) -> None:
    """Heads and bodies that never end: the hub lets each go, and answers others meanwhile."""
    held = []
    for number in range(40):
        connection = socket.create_connection(("127.0.0.1", hub.port), timeout=40)
        start = b"POST /api/v1/enrol HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        connection.sendall(start if number % 2 else start[:20])
        held.append(connection)
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as other:
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        if not other.recv(100).startswith(b"HTTP/1.1 200"):
            result.faults.append("slow: others were not answered meanwhile")
    for connection in held:
        result.inputs["slow"] += 1
        with contextlib.suppress(ConnectionError):
            while connection.recv(4_096):
                pass
        connection.close()
    if time.monotonic() - begun > 30:
        result.faults.append("slow: connections were held for more than 30 s")


def tell(line: str) -> None:
    """One line for people."""
    sys.stdout.write(line + "\n")


def main() -> int:
    """Run; 0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    result = Result()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as name:
        at = Broker(Path(name))
        hub = Hub(Path(name), at.config)
        asyncio.run(hub.prepare())
        hub.start()
        try:
            share = asked.inputs // 100
            signed(hub, min(share, 50) * 2, dice, result)
            before = hub.rss_mb()
            decoders(50 * share, dice, result)
            guided(50 * share, result)
            signed(hub, 25 * share, dice, result)
            unsigned(hub, 14 * share, dice, result)
            described(hub, max(2, 10 * share // 90), asked.seed, result)
            asyncio.run(stream(hub, 10 * share, dice, result.answered))
            if not at.config:
                tell("mosquitto is not installed: nothing came through a broker")
            elif wrong := asyncio.run(broker(at, hub, 10 * share, dice, result.answered)):
                result.faults.append(wrong)
            raw(hub, max(40, share), dice, result)
            slow(hub, result)
            assert hub.process is not None
            if hub.process.poll() is not None:
                result.faults.append(f"the hub died: {hub.process.returncode}")
            else:
                after = hub.rss_mb()
                connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
                connection.request("GET", "/metrics")
                metrics = connection.getresponse().read().decode()
                connection.request("GET", "/readyz")
                if (status := connection.getresponse().status) != 200:
                    result.faults.append(f"the hub is not ready afterwards: {status}")
                connection.close()
                if after - before > GROWTH_MB:
                    result.faults.append(f"the hub grew from {before:.0f} to {after:.0f} MB")
        finally:
            hub.stop()
            at.stop()
        log = (Path(name) / "hub.log").read_text()
        if "Traceback" in log or "request_failed" in log or "never retrieved" in log:
            at = max(log.find("Traceback"), log.find("request_failed"), log.find("never retrieved"))
            result.faults.append(f"in the log: {log[max(0, at - 300) : at + 1500]}")
    refusals = {
        line.split('"')[1]: int(float(line.split()[-1]))
        for line in metrics.splitlines()
        if line.startswith(("tocsin_http_refusals_total{", "tocsin_messages_refused_total{"))
    }
    tell(f"{sum(result.inputs.values())} inputs in {time.monotonic() - begun:.0f} s: {dict(result.inputs)}")
    tell(f"answers: {dict(sorted(result.statuses.items()))}")
    tell(f"refusals by code: {refusals}")
    tell(f"memory: {before:.0f} MB before, {after:.0f} MB after")
    for fault in result.faults[:20]:
        tell(f"FAULT {fault}")
    tell(f"faults: {len(result.faults)}")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
