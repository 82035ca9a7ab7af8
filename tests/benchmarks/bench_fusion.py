"""How many detections a second fusion takes on one core, from ten sensors to ten thousand.

A stream of noise picks with ten shots of up to three rounds in it, offered one by one as the hub does. The baseline is
PyOcto, a seismic associator, on the same picks where it is installed (it asks for numpy 1 by its metadata and runs on
numpy 2: `pip install --no-deps pyocto`, with pandas and pyproj); else each pick votes over a grid of the whole city.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import numpy as np

from hub.commands._city import AIR, ORIGIN, START_US, Bang, City, Picks, sites_of
from hub.commands._figures import Benched
from hub.fusion.engine import FusionEngine
from hub.fusion.hood import neighbourhood
from hub.fusion.sites import SiteTable
from hub.fusion.vote import Table
from hub.incident import Site
from sensors.protocol import Detection

SENSORS = (10, 100, 1_000, 10_000)
DETECTIONS = 20_000
SHOTS = 10
"""In the stream: one in two thousand detections, far more than any city has."""
NOISE_PER_S = 0.02
BASELINE_DETECTIONS = 2_000
BASELINE_SENSORS = 100
GRID_M = 40.0
BEAT_S = 0.002
"""How often the other task asks for its turn."""
LOOP_SENSORS, LOOP_DETECTIONS = 100, 6_000


def stream(sensors: int, detections: int, seed: int) -> tuple[list[Site], list[Detection]]:
    """Picks in the order in which the hub receives them."""
    draw = np.random.default_rng(seed)
    city = City(sensors=sensors, noise_per_s=NOISE_PER_S)
    sites = sites_of(city, draw)
    picks = Picks(city, sites, draw)
    duration_us = round(detections / (sensors * NOISE_PER_S) * 1e6)
    found = picks.noise(START_US, START_US + duration_us)
    half = 0.5 * city.spacing_m * sensors**0.5
    for _ in range(max(1, SHOTS * detections // DETECTIONS)):
        at = START_US + int(draw.integers(duration_us))
        rounds = tuple(at + i * 450_000 for i in range(int(draw.integers(1, 4))))
        found += picks.of(Bang(draw.uniform(-half, half), draw.uniform(-half, half), rounds, True))
    found.sort(key=lambda d: (d.sent, d.id.int))
    return sites, found


def fused_per_s(sites: list[Site], detections: list[Detection]) -> float:
    """Detections a second of CPU time of one thread."""
    engine = FusionEngine(sites, air=AIR)
    gc.collect()
    started = time.thread_time()
    for d in detections:
        engine.offer(d, d.sent)
    engine.advance(detections[-1].sent + 60_000_000)
    return len(detections) / (time.thread_time() - started)


def pyocto_per_s(sites: list[Site], detections: list[Detection]) -> float | None:
    """The same picks by PyOcto with a homogeneous velocity; None where it isn't installed."""
    try:
        import pandas as pd
        import pyocto
    except ImportError:
        return None
    east, north = ORIGIN.metres(np.array([s.latitude for s in sites]), np.array([s.longitude for s in sites]))
    half = float(max(np.abs(east).max(), np.abs(north).max())) / 1e3 + 0.3
    speed = AIR.speed_mps / 1e3
    associator = pyocto.OctoAssociator(
        xlim=(-half, half),
        ylim=(-half, half),
        zlim=(0.0, 0.02),
        time_before=5.0,
        velocity_model=pyocto.VelocityModel0D(p_velocity=speed, s_velocity=speed / 1.8, tolerance=0.03),
        n_picks=4,
        n_p_picks=4,
        n_s_picks=0,
        n_p_and_s_picks=0,
        min_node_size=0.02,
        min_node_size_location=0.005,
        pick_match_tolerance=0.03,
        min_interevent_time=0.2,
        max_pick_overlap=2,
        n_threads=1,
    )
    stations = pd.DataFrame({"id": [s.id for s in sites], "x": east / 1e3, "y": north / 1e3, "z": 0.004})
    picks = pd.DataFrame(
        {
            "station": [d.sensor for d in detections],
            "phase": "P",
            "time": [datetime.fromtimestamp(d.onset * 1e-6, UTC).timestamp() for d in detections],
        }
    )
    started = time.perf_counter()
    associator.associate(picks, stations)
    return len(detections) / (time.perf_counter() - started)


def grid_vote_per_s(sites: list[Site], detections: list[Detection]) -> float:
    """The same picks by brute force: each pick, as a direct arrival, votes over a grid of the whole city."""
    table = SiteTable(sites)
    x = np.arange(table.east.min(), table.east.max() + GRID_M, GRID_M)
    y = np.arange(table.north.min(), table.north.max() + GRID_M, GRID_M)
    gx, gy = (axis.ravel()[:, None] for axis in np.meshgrid(x, y))
    travel = np.hypot(table.east - gx, table.north - gy) / AIR.speed_mps
    held = sorted((d.onset, d.id.int, table.index[d.sensor], d) for d in detections)
    onsets = np.array([h[0] for h in held])
    started = time.thread_time()
    for at, (onset, _, row, _) in enumerate(held):
        first, last = np.searchsorted(onsets, [onset - 4_000_000, onset + 4_000_000])
        hood = neighbourhood(table, held[first:last])
        votes = Table(hood.picks, 0.05)
        emitted = (onsets[at] - hood.zero_us) * 1e-6 - travel[:, row]
        votes.count(travel[:, hood.rows] + emitted[:, None]).max()
    return len(detections) / (time.thread_time() - started)


async def _longest_wait_s(work: Callable[[], object]) -> float:
    """The longest that the event loop kept another task waiting while `work` ran in the hub's fusion thread."""
    loop, longest = asyncio.get_running_loop(), 0.0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fusion") as thread:
        done = loop.run_in_executor(thread, work)
        while not done.done():
            started = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            longest = max(longest, time.perf_counter() - started - BEAT_S)
        await done
    return longest


def blocked_s(fused: bool) -> float:
    """How long a loop is blocked while shots are fused in a thread, as the hub does; or while it only sleeps."""
    sites, detections = stream(LOOP_SENSORS, LOOP_DETECTIONS, seed=3)
    return asyncio.run(_longest_wait_s(partial(fused_per_s, sites, detections) if fused else partial(time.sleep, 1.0)))


def longest_solution_s() -> float:
    """The longest that one detection takes: what the loop would be blocked for without the thread."""
    sites, detections = stream(LOOP_SENSORS, LOOP_DETECTIONS, seed=3)
    engine, longest = FusionEngine(sites, air=AIR), 0.0
    for d in detections:
        started = time.thread_time()
        engine.offer(d, d.sent)
        longest = max(longest, time.thread_time() - started)
    return longest


def run(rounds: int) -> dict[str, Benched]:
    """Medians over `rounds` of the rate at each size; `detections_per_s` is the slowest of them."""
    rates: dict[int, float] = {}
    for sensors in SENSORS:
        sites, detections = stream(sensors, DETECTIONS, seed=sensors)
        rates[sensors] = statistics.median(fused_per_s(sites, detections) for _ in range(rounds))
    sites, detections = stream(BASELINE_SENSORS, BASELINE_DETECTIONS, seed=1)
    own = statistics.median(fused_per_s(sites, detections) for _ in range(rounds))
    baseline, name = pyocto_per_s(sites, detections), "PyOcto"
    if baseline is None:
        baseline, name = grid_vote_per_s(sites, detections), "grid vote"
    name = f"{name}, {BASELINE_SENSORS} sensors, {BASELINE_DETECTIONS} picks"
    figures = {"detections_per_s": Benched(min(rates.values()), "1/s", baseline, own / baseline, name)}
    for sensors, rate in rates.items():
        figures[f"detections_per_s_{sensors}"] = Benched(rate, "1/s")
    blocked = statistics.median(blocked_s(True) for _ in range(rounds)) * 1e3
    idle = statistics.median(blocked_s(False) for _ in range(rounds)) * 1e3
    figures["loop_blocked_ms"] = Benched(blocked, "ms", idle, blocked / idle, "the same loop while nothing is fused")
    figures["longest_solution_ms"] = Benched(longest_solution_s() * 1e3, "ms")
    return figures
