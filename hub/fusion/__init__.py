"""Association, localisation, evidence and incidents: pure and deterministic, in event time.

Nothing here does I/O, reads a clock or draws a random number; the same detections give the same incidents, bit for bit.
"""
