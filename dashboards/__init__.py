"""Grafana dashboards, alert rules and their provisioning, as code.

Each dashboard is a module that builds a plain dict (`control_room.py`, `incident.py`, `noise.py`, `fleet.py`,
`quality.py`, `streets.py`) from the parts in `panels.py`, `geomap.py` and `sheet.py`. `build.py` writes them to
`json/`, which a person can import by hand; `push.py` brings them to a Grafana through the one adapter in `grafana.py`,
and `influx.py` makes databases, retention and roll-ups. Queries are InfluxQL alone, the one language that InfluxDB 1.8,
2.x and 3 Core all answer. Nothing here is imported by the hub; only the command line uses it.
"""
