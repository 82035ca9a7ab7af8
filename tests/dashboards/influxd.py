"""A real InfluxDB of 1.x for tests."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any


class Influx:
    """An `influxd` of its own in `folder`: `/write` and `/query` as the dashboards' data source uses them."""

    def __init__(self, program: str, folder: Path) -> None:
        ports = []
        for _ in range(2):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports.append(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{ports[0]}"
        config = folder / "influxdb.conf"
        config.write_text(
            f"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{ports[1]}"
            [meta]
              dir = "{folder}/meta"
            [data]
              dir = "{folder}/data"
              wal-dir = "{folder}/wal"
              query-log-enabled = false
            [monitor]
              store-enabled = false
            [http]
              bind-address = "127.0.0.1:{ports[0]}"
              log-enabled = false
            [logging]
              level = "error"
            """,
            encoding="utf-8",
        )
        self._process = subprocess.Popen(
            [program, "-config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=2):
                    return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def write(self, lines: list[str], database: str = "tocsin") -> None:
        body = "\n".join(lines).encode()
        address = f"{self.url}/write?db={database}&precision=u"
        with urllib.request.urlopen(urllib.request.Request(address, body, method="POST"), timeout=30) as answer:
            assert answer.status == 204

    def query(self, text: str, database: str = "tocsin", method: str = "GET") -> list[dict[str, Any]]:
        """The series of the answer. An error of the server fails the test."""
        parameters = urllib.parse.urlencode({"db": database, "q": text, "epoch": "ms"})
        address = f"{self.url}/query?{parameters}"
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=30) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()}\n{text}") from None
        (result,) = said["results"]
        assert "error" not in result, f"{result.get('error')}\n{text}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series
