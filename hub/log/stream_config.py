"""Where the log of several hubs is: the `[log]` table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct


class StreamConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """NATS JetStream as the log; while `url` is empty the log is a file in `data_dir`."""

    url: str = ""
    """One or more addresses with commas between, such as "nats://nats:4222" or "tls://a:4222,tls://b:4222"."""
    stream: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")] = "tocsin"
    """Name of the stream and first part of its subjects."""
    replicas: Annotated[int, Meta(ge=1, le=5)] = 1
    """Servers that hold each message before it is acknowledged; 3 where losing one machine must lose nothing."""
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    """Authority that signed the server's certificate, where it is not a public one."""

    @property
    def servers(self) -> list[str]:
        """The addresses, one by one."""
        return [one.strip() for one in self.url.split(",") if one.strip()]

    def problem(self) -> str:
        """What is wrong with it; empty where nothing is."""
        for server in self.servers:
            scheme, _, rest = server.partition("://")
            if scheme not in {"nats", "tls"} or not rest:
                return f"`log.url`: {server!r} is no address such as nats://127.0.0.1:4222"
            if "@" in rest:
                return "`log.url` holds a secret: use `username` and `password_file`"
        if bool(self.username) != (self.password_file is not None):
            return "`log.username` and `log.password_file` belong together"
        return ""
