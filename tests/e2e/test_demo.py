"""`tocsin demo` as a newcomer meets it: an incident, a decision, a verified webhook; and nothing left behind."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
import urllib.request
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def demo(*arguments: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in a process of its own, with its temporary files in `folder`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.commands.main", "demo", "--lang", "en", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def descendants(pid: int) -> list[int]:
    """Every process below `pid` now."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def running() -> set[int]:
    """Every process there is."""
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*")}


def left(folder: Path) -> list[Path]:
    """What the demo forgot in its folder of temporary files."""
    return list(folder.glob("tocsin-demo-*"))


def tone(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        samples = 800 * np.sin(2 * np.pi * 440 * np.arange(16_000 * 3) / 16_000)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


async def test_a_headless_evening_ends_with_a_verified_webhook_whatever_files_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFFthis is no sound" * 50)
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "endless.wav")
    own = ["--audio", str(tone(tmp_path / "mine.wav")), "--audio", str(tmp_path / "broken.wav")]
    own += ["--audio", str(tmp_path / "endless.wav"), "--video", str(tmp_path / "empty.mp4")]
    async with demo("--headless", "--json", "--port", "0", *own, folder=tmp_path) as process:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    told = json.loads(out)["demo"]
    text = err.decode()
    assert process.returncode == 0, text
    assert told["ok"]
    assert told["incident"]
    assert told["webhook"].startswith("msg_")
    codes = {Path(path).name: code for path, code in told["left_out"].items()}
    assert codes == {
        "broken.wav": "file_unreadable",
        "endless.wav": "file_not_regular",
        "empty.mp4": "file_empty",
    }
    assert "your recording mine.wav plays as my-audio-1" in text
    assert "the recording of my-audio-1 is over" in text
    assert "your recording broken.wav is left out" in text
    assert "Traceback" not in text
    assert not left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_stops_everything_and_a_busy_port_is_no_obstacle(tmp_path: Path, number: int) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        async with demo("--port", str(port), folder=tmp_path) as process:
            assert process.stdout is not None
            url, seen = "", ""
            async with asyncio.timeout(60):
                while "The evening begins" not in seen:
                    line = (await process.stdout.readline()).decode()
                    assert line, seen
                    seen += line
                    url = line.rpartition("Console: ")[2].strip() if "Console: " in line else url
            assert f"Port {port} is taken" in seen
            status = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/api/v1/status").read()))
            assert status["exercise"] is True
            started = await asyncio.to_thread(descendants, process.pid)
            assert len(started) >= 3
            process.send_signal(number)
            begun = time.monotonic()
            out, err = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0
    assert time.monotonic() - begun < 12
    assert "Everything has stopped." in out.decode()
    assert "Traceback" not in out.decode() + err.decode()
    assert not set(started) & running()
    assert not left(tmp_path)


async def test_a_scenario_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    async with demo("--scenario", "moonlight", folder=tmp_path) as process:
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "evening" in err.decode()
    assert "Traceback" not in err.decode()
