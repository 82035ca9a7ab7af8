"""The city's MQTT broker: the `[mqtt]` table of the configuration."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct


class MqttConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker; nothing is asked of it while `host` is empty."""

    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8_883
    version: Literal["3.1.1", "5"] = "5"
    sensors: tuple[str, ...] = ()
    """For whom the broker vouches; the others are refused."""
    username: str = ""
    password_file: Path | None = None
    client_id: str = "tocsin-hub"
    ca_file: Path | None = None
    """Authority that signed the broker's certificate, where it is not a public one."""

    def problem(self, foreign: bool = False) -> str:
        """What is wrong with it, beside `foreign` sensors that speak there or without; empty where nothing is."""
        silent = self.host and not self.sensors and not foreign
        return "`mqtt.sensors` is empty: nothing would be taken" if silent else ""

    @property
    def on_this_machine(self) -> bool:
        """True where no line has to be trusted."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False
