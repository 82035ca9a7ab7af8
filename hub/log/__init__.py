"""The durable event log: what was acknowledged is here and survives kill -9.

`interface` says what a log is. `embedded` is the one in a SQLite file of its own, `writer` is its thread, `reading`
opens its file for replay. `jetstream` is the one that several hubs share, `line` its connection, `cursor` reads it,
`positions` keeps consumers' places. What a consumer has done with a message is its own matter.
"""

from hub.log.embedded import EmbeddedLog, open_log
from hub.log.interface import AppendResult, Entry, EventLog, LogFull, LogHealth, LogUnavailable, Retention
from hub.log.keeping import keep_log
from hub.log.reading import read_file

__all__ = [
    "AppendResult",
    "EmbeddedLog",
    "Entry",
    "EventLog",
    "LogFull",
    "LogHealth",
    "LogUnavailable",
    "Retention",
    "keep_log",
    "open_log",
    "read_file",
]
