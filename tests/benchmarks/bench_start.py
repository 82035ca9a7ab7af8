"""A hub from nothing to ready, and its memory when idle, beside a bare aiohttp with one route.

Each round starts a new process: once on an empty folder (the state is made then) and once on the state of a hub that
ran before. Memory is the resident set three seconds after the ready line.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hub.commands._figures import Benched

IDLE_S = 3.0
READY_S = 60.0
BARE = """
import asyncio
from aiohttp import web

async def healthz(request):
    return web.json_response({"status": "ok"})

async def main():
    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print('{"ready": "here"}', flush=True)
    await asyncio.Event().wait()

import uvloop
uvloop.run(main())
"""


def start(command: list[str], idle_s: float = IDLE_S) -> tuple[float, float]:
    """Seconds until the ready line, and resident MB when idle."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                with contextlib.suppress(ValueError):
                    if "ready" in json.loads(line):
                        break
            else:
                raise RuntimeError(f"{command} ended before it was ready")
            ready_s = time.perf_counter() - begun
            time.sleep(idle_s)
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            return ready_s, int(status.split("VmRSS:")[1].split()[0]) / 1_024
        finally:
            process.kill()


def run(rounds: int) -> dict[str, Benched]:
    """The figures of `tocsin bench start`: `ready_s` and `rss_mb` on a state that is there, `first_ready_s` on none."""
    first, again, memory, bare_s, bare_mb = [], [], [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
            hub = [sys.executable, "-m", "hub.commands.main", "hub", "--data-dir", folder, "--port", "0"]
            first.append(start(hub, 0.0)[0])
            ready_s, rss_mb = start(hub)
            again.append(ready_s)
            memory.append(rss_mb)
            ready_s, rss_mb = start([sys.executable, "-c", BARE])
            bare_s.append(ready_s)
            bare_mb.append(rss_mb)
    middle = statistics.median
    name = "bare aiohttp, one route, uvloop"
    return {
        "ready_s": Benched(middle(again), "s", middle(bare_s), middle(again) / middle(bare_s), name),
        "first_ready_s": Benched(middle(first), "s", middle(bare_s), middle(first) / middle(bare_s), name),
        "rss_mb": Benched(middle(memory), "MB", middle(bare_mb), middle(memory) / middle(bare_mb), name),
    }
