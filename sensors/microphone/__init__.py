"""The microphone agent: sources of sound, sound level, onset picker, streaming classifier, health.

Sound lives in a bounded buffer in memory and never leaves it; what goes out are the fields of `sensors.protocol`.
"""
