"""The camera agent: decoding in a child process, scene model, short-lived tracks, one small rule an event class.

An image lives for one analysis step; what goes out are the fields of `sensors.protocol`.
"""
