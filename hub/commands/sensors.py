"""`tocsin sensors`: register, place, list and revoke sensors; on the hub's own state, also while it runs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hub.commands._state import (
    COMMAND_LINE,
    ConfigOption,
    DataOption,
    JsonOption,
    audit_of,
    configured,
    now_us,
    on_state,
    refused,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from hub.config import HubConfig
    from hub.registry import Registry, SensorView
    from hub.registry.record import Polygon

app = typer.Typer(no_args_is_help=True, help="Register, place, list and revoke sensors.")
T = TypeVar("T")

SensorArgument = Annotated[str, typer.Argument(help="The sensor's id, such as mic-3.")]
AtOption = Annotated[str, typer.Option("--at", help="Where it stands, WGS 84: LATITUDE,LONGITUDE.")]
FieldOption = Annotated[
    Path | None, typer.Option("--field-of-view", help="GeoJSON polygon of the ground that a camera sees.")
]
ZonesOption = Annotated[
    Path | None, typer.Option("--zones", help='JSON of zones in the picture, 0 to 1: {"gate": [[0,0],[1,0],[1,1]]}.')
]


def _with_registry(config: HubConfig, work: Callable[[Registry], Awaitable[T]], act: str = "", sensor: str = "") -> T:
    """Run `work` on the registry, and keep in the audit log that the command line did `act` to `sensor`."""
    from hub.policy.audit import Record
    from hub.registry import Registry, SensorExists, SensorUnknown

    async def run(engine: AsyncEngine) -> T:
        done = await work(Registry(engine))
        if act:
            audit = await audit_of(engine, config)
            await audit.append(Record(now_us(), "sensor", COMMAND_LINE, sensor, act))
        return done

    try:
        return on_state(config, run)
    except (SensorExists, SensorUnknown) as error:
        raise refused(f"{error}.", 1) from None


def _place(at: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in at.split(","))
    except ValueError:
        raise refused(f"--at is LATITUDE,LONGITUDE such as 45.4397,4.3872, not {at!r}.") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise refused(f"--at {at}: latitude is -90 to 90, longitude -180 to 180; latitude comes first.")
    return latitude, longitude


def _zones(path: Path | None) -> dict[str, Polygon] | None:
    import msgspec

    from hub.registry.record import Polygon
    from sensors.protocol import ZoneName

    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[ZoneName, Polygon])
    except (OSError, msgspec.MsgspecError) as error:
        raise refused(f"--zones {path}: {error}") from None


def _field_of_view(path: Path | None) -> Polygon | None:
    if path is None:
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        geometry = document.get("geometry", document)
        # GeoJSON is longitude first (RFC 7946 section 3.1.1); here it is latitude first.
        return tuple((float(latitude), float(longitude)) for longitude, latitude, *_ in geometry["coordinates"][0])
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise refused(f"--field-of-view {path} is not a GeoJSON polygon: {error}") from None


def _say_code(config: HubConfig, sensor: str, code: str, minutes: float) -> None:
    scheme = "https" if config.http.tls_certificate else "http"
    address = config.http.public_url or f"{scheme}://{config.http.host}:{config.http.port}"
    typer.echo(f"One-time code for {sensor}: {code} (good for {minutes:g} minutes, once)")
    typer.echo(f"On the sensor: tocsin enrol --hub {address} --code {code} --key {sensor}.pem")


@app.command(epilog="Example: tocsin sensors add mic-3 --kind microphone --at 45.4397,4.3872 --config tocsin.toml")
def add(
    sensor: SensorArgument,
    at: AtOption,
    kind: Annotated[str, typer.Option(help="microphone or camera.")] = "microphone",
    height: Annotated[float, typer.Option(help="Metres above the ground.")] = 4.0,
    field_of_view: FieldOption = None,
    zones: ZonesOption = None,
    minutes: Annotated[float, typer.Option(help="How long the enrolment code is good.", min=1, max=1440)] = 15.0,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a sensor and print the one-time code with which it enrols."""
    import msgspec

    from hub.registry import SensorRecord

    latitude, longitude = _place(at)
    raw = {"id": sensor, "kind": kind, "latitude": latitude, "longitude": longitude, "height_m": height}
    try:
        record = msgspec.convert(raw, SensorRecord)
    except msgspec.ValidationError as error:
        raise refused(f"{sensor}: {error}.") from None
    outline, drawn = _field_of_view(field_of_view), _zones(zones)
    record = msgspec.structs.replace(record, field_of_view=outline or (), zones=drawn or {}, created_us=now_us())

    async def work(registry: Registry) -> str:
        await registry.add(record)
        return await registry.new_code(sensor, now_us(), minutes * 60)

    settings = configured(config, data_dir, make=True)
    code = _with_registry(settings, work, "added", sensor)
    if as_json:
        typer.echo(json.dumps({"sensor": sensor, "code": code, "expires_in_s": minutes * 60}))
        return
    typer.echo(f"Registered {kind} {sensor} at {latitude}, {longitude}, {height:g} m above the ground.")
    _say_code(settings, sensor, code, minutes)


@app.command(epilog="Example: tocsin sensors code mic-3 --minutes 30")
def code(
    sensor: SensorArgument,
    minutes: Annotated[float, typer.Option(help="How long the code is good.", min=1, max=1440)] = 15.0,
    config: ConfigOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a new one-time code: for a new key, or to let a revoked sensor in again. An older unused code is void."""
    settings = configured(config, data_dir)
    made = _with_registry(
        settings, lambda registry: registry.new_code(sensor, now_us(), minutes * 60), "new code", sensor
    )
    if as_json:
        typer.echo(json.dumps({"sensor": sensor, "code": made, "expires_in_s": minutes * 60}))
    else:
        _say_code(settings, sensor, made, minutes)


@app.command(epilog="Example: tocsin sensors token weather-mast-2")
def token(
    sensor: SensorArgument, config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False
) -> None:
    """Print a bearer token for a foreign sensor that can't sign; it is shown once, and an older one is void."""
    made = _with_registry(
        configured(config, data_dir), lambda registry: registry.new_token(sensor), "new token", sensor
    )
    typer.echo(json.dumps({"sensor": sensor, "token": made}) if as_json else made)


@app.command("list", epilog="Example: tocsin sensors list --json")
def list_sensors(config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False) -> None:
    """List the sensors with their health."""
    from rich.console import Console
    from rich.table import Table

    views = _with_registry(configured(config, data_dir), lambda registry: registry.overview(now_us()))
    if as_json:
        typer.echo(json.dumps({"sensors": [_plain(view) for view in views]}))
        return
    if not views:
        typer.echo("No sensor is registered; add one with `tocsin sensors add`.")
        return
    table = Table("sensor", "kind", "place", "state", "reason", "seen", title="Sensors")
    for view in views:
        seen = "never" if view.last_seen_us is None else f"{(now_us() - view.last_seen_us) / 1e6:.0f} s ago"
        place = f"{view.latitude:.5f}, {view.longitude:.5f}"
        table.add_row(view.id, view.kind, place, view.state, view.state_reason, seen)
    Console().print(table)


@app.command(epilog="Example: tocsin sensors show cam-1 --json")
def show(
    sensor: SensorArgument, config: ConfigOption = None, data_dir: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one sensor; exits 1 where there is none of this id."""
    views = _with_registry(configured(config, data_dir), lambda registry: registry.overview(now_us()))
    view = next((view for view in views if view.id == sensor), None)
    if view is None:
        raise refused(f"No sensor {sensor} is registered.", 1)
    if as_json:
        typer.echo(json.dumps(_plain(view)))
        return
    for name, value in _plain(view).items():
        typer.echo(f"{name.replace('_', ' '):16} {'-' if value in (None, '', [], {}) else value}")


@app.command(epilog="Example: tocsin sensors revoke mic-3 --reason 'stolen on 3 May'")
def revoke(
    sensor: SensorArgument,
    reason: Annotated[str, typer.Option(help="Why, for the register and the log.")] = "",
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Shut a sensor out, at once and also in a running hub; `tocsin sensors code` lets it in again."""
    _with_registry(
        configured(config, data_dir),
        lambda registry: registry.revoke(sensor, now_us(), reason),
        f"revoked: {reason}",
        sensor,
    )
    typer.echo(f"{sensor} is revoked: what it sends from now on is refused.")


@app.command(epilog="Example: tocsin sensors move mic-3 --at 45.4401,4.3869 --height 5")
def move(
    sensor: SensorArgument,
    at: AtOption,
    height: Annotated[float | None, typer.Option(help="Metres above the ground; as before without it.")] = None,
    field_of_view: FieldOption = None,
    zones: ZonesOption = None,
    config: ConfigOption = None,
    data_dir: DataOption = None,
) -> None:
    """Set where a sensor stands, and what a camera sees from there."""
    latitude, longitude = _place(at)
    outline, drawn = _field_of_view(field_of_view), _zones(zones)
    _with_registry(
        configured(config, data_dir),
        lambda registry: registry.move(sensor, latitude, longitude, height, field_of_view=outline, zones=drawn),
        "moved",
        sensor,
    )
    typer.echo(f"{sensor} stands at {latitude}, {longitude}.")


def _plain(view: SensorView) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(view)
    return plain
