"""The hub's configuration: one TOML file, small value objects, errors that name the line and the mend.

```toml
data_dir = "/var/lib/tocsin"
language = "fr"

[site]
name = "Saint-Étienne"
latitude = 45.4397
longitude = 4.3872

[policy]
profile = "statistics-only"
```
"""

from __future__ import annotations

import difflib
import re
import tomllib
import zoneinfo
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from hub.access.oidc_config import OidcConfig
from hub.broker_config import MqttConfig
from hub.cluster.config import ClusterConfig
from hub.foreign_config import Foreign
from hub.fusion.calendar import Declaration
from hub.log import Retention as LogRetention
from hub.log.stream_config import StreamConfig
from hub.policy.basis import PolicyConfig
from hub.sinks.endpoints import Endpoint
from hub.store.keeping import Keeping


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much one visitor may take. What a sensor has proved to be its own counts against the sensor alone."""

    per_address_s: Annotated[float, Meta(gt=0.0, le=1e6)] = 50.0
    per_address_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    per_sensor_s: Annotated[float, Meta(gt=0.0, le=1e6)] = 100.0
    per_sensor_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    connections: Annotated[int, Meta(ge=8, le=1_000_000)] = 4_000
    connections_per_address: Annotated[int, Meta(ge=4, le=1_000_000)] = 500
    """A street behind one router shares an address: each of its agents holds three connections."""
    idle_s: Annotated[float, Meta(ge=1.0, le=3_600.0)] = 30.0
    """How long a connection may stand without a complete request head."""


class Http(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the hub listens; loopback unless said otherwise. TLS here, or at a proxy in front."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8400
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    public_url: str | None = None
    """The address under which people and sensors reach the hub, where a proxy stands in front."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of the proxies in front: only their X-Forwarded-For is believed."""
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1")
    """From where `/metrics` may be read without signing in."""
    limits: Limits = Limits()


class SiteConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The place that the hub watches: the centre of the map."""

    name: str = "Tocsin"
    latitude: Annotated[float, Meta(ge=-90.0, le=90.0)] = 45.4397
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0)] = 4.3872


class FusionConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What fusion can't know by itself."""

    temperature_c: Annotated[float, Meta(ge=-50.0, le=60.0)] = 15.0
    """Air temperature; 10 degrees off shift a place by about 2 % of its distance differences."""
    wind_mps: Annotated[float, Meta(ge=0.0, le=80.0)] = 0.0
    """Wind speed, where it is steady enough to say."""
    wind_from_deg: Annotated[float, Meta(ge=0.0, le=360.0)] = 0.0
    """Where the wind comes from, degrees clockwise from north."""
    weather_file: Path | None = None
    """A JSON file that something keeps writing: `temperature_c`, `at_us`, and `wind_mps` with `wind_from_deg`. While it
    is fresh it counts instead of the values above."""


class InfluxConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """InfluxDB 1.8, 2.x or 3 Core; nothing is written while `url` is empty."""

    url: str = ""
    token: str = ""
    token_file: Path | None = None
    org: str = "tocsin"
    bucket: str = "tocsin"


class GrafanaConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Grafana beside the hub; nothing is sent to it while `url` is empty."""

    url: str = ""
    token: str = ""
    token_file: Path | None = None
    live: bool = True
    """Push each incident through Grafana Live, so that it is on the page within a second."""
    annotations: bool = True
    """Mark each confirmed incident on the time lines of every dashboard."""
    origins: tuple[Annotated[str, Meta(pattern=r"^https?://[^/\s]+$")], ...] = ()
    """Origins whose pages may fetch the map layers, such as "https://grafana.example"; that of `url` always may."""
    alerts_token_file: Path | None = None
    """The bearer token with which Grafana's alerts come to the hub; without one they are refused."""


class MapConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Background of the map; without tiles the overlays stand on a plain ground."""

    tiles_url: str | None = None
    """Tiles as "https://tiles.example/{z}/{x}/{y}.png", or a PMTiles archive as "https://tiles.example/city.pmtiles"."""
    attribution: str = ""
    districts: Path | None = None
    """GeoJSON file with the city's districts, for the layer of that name; only polygons and names are read."""


class DeskConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the control room works."""

    shifts: Annotated[tuple[time, ...], Meta(min_length=1, max_length=12)] = (time(6), time(14), time(22))
    """The local times at which a shift begins; a handover note belongs to one."""


class VideoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Links into the city's own authorised video system: the hub itself shows and keeps no picture."""

    url: str = ""
    """Address of a camera there, such as "https://video.example/live?camera={camera}&at={time}": `{camera}` is its name
    in that system, `{time}` the onset as an ISO 8601 time in UTC. Without one no link is shown."""
    cameras: dict[str, Annotated[str, Meta(min_length=1, max_length=200)]] = {}
    """By sensor, what the video system calls it; a camera sensor that is not listed has the same name there."""

    def problem(self) -> str:
        """What is wrong with it, empty where nothing is."""
        if self.url and not re.match(r"https?://[^/\s{}]+/", self.url):
            return "`video.url` is no http or https address with a host and a path"
        unknown = set(re.findall(r"{(\w*)}", self.url)) - {"camera", "time"}
        return f"`video.url` has {{{min(unknown)}}}; it may have {{camera}} and {{time}}" if unknown else ""


class HubConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a hub is told; every field has a sane default."""

    data_dir: Path = Path("tocsin-data")
    state_url: str = ""
    """SQLAlchemy URL of the state; empty means SQLite in `data_dir`."""
    log: StreamConfig = StreamConfig()
    """The event log on NATS JetStream; a file in `data_dir` while it has no `url`."""
    cluster: ClusterConfig = ClusterConfig()
    language: Literal["fr", "en"] = "fr"
    time_zone: str = "Europe/Paris"
    http: Http = Http()
    site: SiteConfig = SiteConfig()
    policy: PolicyConfig = PolicyConfig()
    fusion: FusionConfig = FusionConfig()
    influxdb: InfluxConfig = InfluxConfig()
    grafana: GrafanaConfig = GrafanaConfig()
    map: MapConfig = MapConfig()
    desk: DeskConfig = DeskConfig()
    video: VideoConfig = VideoConfig()
    webhooks: tuple[Endpoint, ...] = ()
    confirmations: Literal[1, 2] = 1
    """How many different people confirm before dispatch: 2 for two-person confirmation."""
    lease_s: Annotated[float, Meta(ge=5.0, le=3_600.0)] = 30.0
    """How long a sensor goes on analysing without hearing from the hub. A stop reaches it within a second while the
    hub lives; where the hub hangs or is cut off it stops by itself after this time. Longer leases hear more through an
    outage, shorter ones stop sooner."""
    context: tuple[Declaration, ...] = ()
    """The declared calendar and known sources: fireworks, matches, works, a bell. They lower what is believed of a bang
    there and then, in words; they delete nothing."""
    keeping: Keeping = Keeping()
    """When incidents are called out again and expire, and how long each kind is kept."""
    mqtt: MqttConfig = MqttConfig()
    foreign: tuple[Foreign, ...] = ()
    """Sensors that speak another language, each with its mapping."""
    oidc: OidcConfig = OidcConfig()
    """The city's identity provider, beside or instead of passwords."""
    open_console: bool = False
    """A visitor on loopback is the demo operator without signing in; only the `lab` profile on loopback may."""

    def __post_init__(self) -> None:
        """Nothing is kept longer than the policy says: `policy.retention.incidents_days` is a ceiling.

        Held here, so that the purge and every document that tells how long things are kept say the same.
        """
        most = float(self.policy.retention.incidents_days)
        keep = self.keeping.retention
        lowered = msgspec.structs.replace(
            keep,
            confirmed_days=min(keep.confirmed_days, most),
            unconfirmed_days=min(keep.unconfirmed_days, most),
            delivery_days=min(keep.delivery_days, most),
        )
        msgspec.structs.force_setattr(self, "keeping", msgspec.structs.replace(self.keeping, retention=lowered))

    @property
    def log_retention(self) -> LogRetention:
        """How long the event log keeps messages: its own times, under the policy's ceilings."""
        own, most = LogRetention(), self.policy.retention
        return LogRetention(
            detections_s=min(own.detections_s, most.detections_days * 86_400.0),
            telemetry_s=min(own.telemetry_s, most.levels_days * 86_400.0),
        )

    @property
    def database_url(self) -> str:
        """The state's SQLAlchemy URL."""
        return self.state_url or f"sqlite+aiosqlite:///{self.data_dir / 'state.sqlite'}"

    @property
    def exercise(self) -> bool:
        """True where everything is an exercise: the `lab` profile."""
        return self.policy.profile == "lab"


class ConfigError(Exception):
    """A configuration that can't be used: file, line where known, what is wrong, and the mend."""

    def __init__(self, path: Path, line: int | None, what: str, mend: str = "") -> None:
        self.path = path
        self.line = line
        self.what = what
        self.mend = mend
        where = f"{path}:{line}" if line else str(path)
        super().__init__(f"{where}: {what}" + (f" {mend}" if mend else ""))


_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"]+)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*\"?([A-Za-z0-9_-]+)\"?\s*=")


def lines_of_keys(text: str) -> dict[str, int]:
    """Line (from 1) of each key and table of a TOML text, by msgspec's path (`$.http.port`, `$.webhooks[0].url`)."""
    lines: dict[str, int] = {"$": 1}
    table = "$"
    arrays: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table, parts = "$", header[2].replace('"', "").split(".")
            for left, part in enumerate(parts, 1 - len(parts)):
                table += f".{part}"
                if not left and header[1] == "[[":
                    arrays[table] = arrays.get(table, -1) + 1
                table += f"[{arrays[table]}]" if table in arrays else ""
            lines[table] = number
        elif key := _KEY.match(line):
            lines[f"{table}.{key[1]}"] = number
    return lines


def _closest_line(lines: dict[str, int], path: str) -> int | None:
    while path:
        if path in lines:
            return lines[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None


def _fields_at(path: str) -> list[str]:
    """Names that may stand at msgspec path `path` of the configuration."""
    kind: Any = HubConfig
    for name in re.findall(r"[A-Za-z_]\w*", path):
        hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
        kind = hints.get(name)
        for inner in getattr(kind, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, Struct):
                kind = inner
        if not (isinstance(kind, type) and issubclass(kind, Struct)):
            return []
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _explain(error: msgspec.ValidationError, path: Path, text: str) -> ConfigError:
    message = str(error)
    what, _, where = message.partition(" - at `")
    where = where.rstrip("`") or "$"
    mend = ""
    if unknown := re.search(r"unknown field `([^`]+)`", what):
        fields = _fields_at(where)
        close = difflib.get_close_matches(unknown[1], fields, n=1)
        mend = f"Did you mean `{close[0]}`?" if close else f"Known here: {', '.join(fields)}."
        where = f"{where}.{unknown[1]}"
        what = f"`{where.removeprefix('$.')}` is not known."
    else:
        what = f"`{where.removeprefix('$.')}`: {what[:1].lower()}{what[1:]}."
    return ConfigError(path, _closest_line(lines_of_keys(text), where), what, mend)


def parse_config(text: str, path: Path, *, beside: frozenset[str] = frozenset()) -> HubConfig:
    """The configuration in `text`; `path` only names it in errors, tables `beside` it are passed over.

    Raises ConfigError.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise ConfigError(path, int(found[1]) if found else None, f"not valid TOML: {error}.") from error
    for table in beside:
        raw.pop(table, None)
    try:
        config = msgspec.convert(raw, HubConfig, dec_hook=_path_hook)
    except msgspec.ValidationError as error:
        raise _explain(error, path, text) from error
    _check(config, path, text)
    return config


def _path_hook(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected {kind.__name__}")


def _check(config: HubConfig, path: Path, text: str) -> None:
    """What types can't say."""
    lines = lines_of_keys(text)
    if config.time_zone not in zoneinfo.available_timezones():
        close = difflib.get_close_matches(config.time_zone, sorted(zoneinfo.available_timezones()), n=1)
        mend = f"Did you mean {close[0]}?" if close else 'Give one such as "Europe/Paris".'
        raise ConfigError(path, lines.get("$.time_zone"), f"`time_zone`: {config.time_zone!r} is not known.", mend)
    if (config.http.tls_certificate is None) != (config.http.tls_key is None):
        raise ConfigError(path, _closest_line(lines, "$.http"), "TLS needs both `tls_certificate` and `tls_key`.")
    for field in ("trusted_proxies", "metrics_from"):
        for network in getattr(config.http, field):
            try:
                ip_network(network, strict=False)
            except ValueError:
                line = _closest_line(lines, f"$.http.{field}")
                what = f"`http.{field}`: {network!r} is no address or network."
                raise ConfigError(path, line, what, 'Give one such as "10.0.0.0/8".') from None
    for table, problem in (
        ("oidc", config.oidc.problem()),
        ("mqtt", config.mqtt.problem(any(source.topic for source in config.foreign))),
        ("log", config.log.problem()),
        ("cluster", config.cluster.problem(config.state_url, config.log.url)),
    ):
        if problem:
            raise ConfigError(path, _closest_line(lines, f"$.{table}"), f"{problem}.")
    if config.open_console and (config.policy.profile != "lab" or config.http.host not in {"127.0.0.1", "::1"}):
        raise ConfigError(
            path,
            lines.get("$.open_console"),
            "`open_console` lets a visitor decide without signing in.",
            'It needs `policy.profile = "lab"` and `http.host = "127.0.0.1"`.',
        )
    if problem := config.video.problem():
        raise ConfigError(path, _closest_line(lines, "$.video.url"), f"{problem}.")
    for index, declaration in enumerate(config.context):
        if problem := declaration.problem():
            raise ConfigError(path, _closest_line(lines, f"$.context[{index}]"), f"`context`: {problem}.")
    for index, source in enumerate(config.foreign):
        if found := source.problem():
            rule, problem = found
            where = f"$.foreign[{index}]" if rule < 0 else f"$.foreign[{index}].map[{rule}]"
            raise ConfigError(path, _closest_line(lines, where), f"`foreign` {source.sensor}: {problem}.")
        if source.topic and not config.mqtt.host:
            line = _closest_line(lines, f"$.foreign[{index}].topic")
            raise ConfigError(
                path, line, f"`foreign` {source.sensor} speaks over MQTT.", "Give the broker in `[mqtt]`."
            )
    names = [endpoint.name for endpoint in config.webhooks]
    for index, name in enumerate(names):
        if name in names[:index]:
            line = _closest_line(lines, f"$.webhooks[{index}].name")
            raise ConfigError(path, line, f"two webhooks are named {name!r}.", "Give each its own name.")
        if problem := config.webhooks[index].problem():
            line = _closest_line(lines, f"$.webhooks[{index}].url")
            raise ConfigError(path, line, f"`webhooks` {name}: {problem}.")


def load_config(path: Path | None) -> HubConfig:
    """Read the configuration file; without one, the defaults. Raises ConfigError."""
    if path is None:
        return HubConfig()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(path, None, "no such file.", "`tocsin hub --help` shows an example.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, None, f"can't be read: {error}.") from error
    return parse_config(text, path)
