"""Intake from the city's own MQTT broker (3.1.1 or 5): topics `tocsin/v1/{sensor}/{type}`, QoS 1.

A payload is one message, or a list of them, of the topic's sensor and type (`detection`, `sound_level`, `occupancy`,
`heartbeat`), as JSON or MessagePack. MQTT carries no signature: the **broker** vouches that whoever publishes below
`tocsin/v1/mic-7/` is `mic-7` (one user a sensor, and an access list), so only sensors that the configuration names are
taken from it, the line to it has TLS outside this machine, and everything else is judged as any other intake.

A message is acknowledged to the broker once it is on disk; what the hub can't keep now stays at the broker, in its
persistent session, and comes again. What is refused for good is acknowledged and counted by its code.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from hub.cluster.ownership import ownership_of
from hub.ingest.adapters.intake import take_topic
from hub.ingest.decode import Format
from hub.ingest.take import REFUSED, take
from hub.keys import CONFIG, REGISTRY
from hub.problem import Problem
from hub.tasks import running

if TYPE_CHECKING:
    from aiomqtt import Client, Message

PREFIX: Final = "tocsin/v1"
TYPES: Final = frozenset({"detection", "sound_level", "occupancy", "heartbeat"})
MAX_PAYLOAD: Final = 256 * 1024
RETRY_S: Final = 5.0
PASSING: Final = frozenset({429, 503})
"""Refusals that pass by themselves: the broker keeps the message until then."""

log = structlog.get_logger()


class MqttState(Struct):
    """How the way to the broker is, for metrics and pages."""

    connected: bool = False
    taken: int = 0
    failures: int = 0


MQTT: Final[web.AppKey[MqttState]] = web.AppKey("mqtt")


def envelope(payload: bytes, kind: str) -> tuple[bytes, Format]:
    """The payload as a batch. Raises Problem where it is no message of type `kind`."""
    if len(payload) > MAX_PAYLOAD:
        raise Problem(413, "body_too_large", f"The payload has {len(payload)} bytes, {MAX_PAYLOAD} are taken.")
    form: Format = "json" if payload[:1] in b"{[ \t\r\n" else "msgpack"
    codec: Any = msgspec.json if form == "json" else msgspec.msgpack
    try:
        found: Any = codec.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, "body_malformed", f"The payload is not {form}: {error}.") from None
    messages = found if isinstance(found, list) else [found]
    if any(not isinstance(one, dict) or one.get("type") != kind for one in messages):
        raise Problem(422, "topic_mismatch", f"The topic says {kind}, the payload another type.")
    return codec.encode({"messages": messages}), form


class Intake:
    """Takes what the broker passes on into the log."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._config = app[CONFIG].mqtt
        self._state = app[MQTT]

    async def run(self) -> None:
        """Until cancelled; a broker that went away is asked again."""
        import aiomqtt

        while True:
            try:
                async with await self._client() as client:
                    for topic in self._topics():
                        await client.subscribe(topic, qos=1)
                    self._connected(True)
                    async for message in client.messages:
                        if await self._take(message):
                            client._client.ack(message.mid, message.qos)
                        else:
                            break  # the broker sends it again in the next connection
            except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                log.warning("mqtt_away", host=self._config.host, reason=str(error))
            self._state.failures += 1
            self._connected(False)
            await asyncio.sleep(RETRY_S)

    def _topics(self) -> list[str]:
        """Our own, and those of foreign sensors."""
        foreign = {source.filter for source in self._app[CONFIG].foreign if source.filter}
        return [f"{PREFIX}/+/+", *sorted(foreign)]

    def _connected(self, yes: bool) -> None:
        if yes != self._state.connected:
            log.info("mqtt", host=self._config.host, connected=yes)
        self._state.connected = yes

    async def _client(self) -> Client:
        import aiomqtt

        config = self._config

        def prepare() -> tuple[str | None, ssl.SSLContext | None]:
            password = config.password_file.read_text().strip() if config.password_file else None
            tls = None if config.on_this_machine else ssl.create_default_context(cafile=config.ca_file)
            return password, tls

        password, tls = await asyncio.to_thread(prepare)
        session: dict[str, Any] = {"clean_session": False}
        if config.version == "5":
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties

            kept: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            kept.SessionExpiryInterval = 7 * 86_400  # as long as messages are taken at all
            session = {"clean_start": False, "properties": kept}
        client = aiomqtt.Client(
            config.host,
            config.port,
            identifier=config.client_id,
            username=config.username or None,
            password=password,
            tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5 if config.version == "5" else aiomqtt.ProtocolVersion.V311,
            **session,
        )
        # aiomqtt acknowledges before anything is on disk; set here, because the broker sends what it kept at once.
        client._client.manual_ack_set(True)
        return client

    async def _take(self, message: Message) -> bool:
        """Keep one payload; False where the hub can't now. What is refused for good is counted."""
        try:
            topic = message.topic.value
            if not topic.startswith(f"{PREFIX}/"):
                payload = message.payload if isinstance(message.payload, bytes) else b""
                self._state.taken += await take_topic(self._app, topic, payload)
                return True
            _, _, sensor, kind = topic.split("/")
            payload = message.payload if isinstance(message.payload, bytes) else b""
            record = await self._app[REGISTRY].sensor(sensor) if sensor in self._config.sensors else None
            if record is None:
                raise Problem(403, "sensor_unknown", f"The broker does not vouch for {sensor}.")
            if record.revoked_us is not None:
                raise Problem(403, "sensor_revoked", f"{sensor} was revoked.")
            if kind not in TYPES:
                raise Problem(422, "type_unknown", f"There is no message of type {kind}.")
            taken = await take(self._app, record, *envelope(payload, kind))
            self._state.taken += taken.accepted
        except Problem as problem:
            if problem.status in PASSING:
                return False
            refused: Counter[str] = self._app[REFUSED]
            refused[problem.code] += 1
            if refused[problem.code] & (refused[problem.code] - 1) == 0:
                log.warning("mqtt_refused", topic=message.topic.value, code=problem.code, detail=problem.detail)
        return True


async def mqtt_context(app: web.Application) -> AsyncIterator[None]:
    """Intake from the broker, where one is configured."""
    if not app[CONFIG].mqtt.host:
        yield
        return
    # Of several hubs the owner alone: to the broker they are one session.
    async with running("mqtt", ownership_of(app).during(Intake(app).run)):
        yield
