"""What runs beside the sensor: capture, analysis, spool, uplink, and the simulated city.

An agent imports nothing of the hub. `sensors.protocol` is the one place where the types of the wire are written.
"""
