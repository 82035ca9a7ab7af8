"""A city of sensors with known truth: sound propagation, rendered street scenes, clocks that drift.

A scenario (`scenario.py`, files in `scenarios/`) says where sensors, walls and events are. Sound is made in pascals at
one metre (`waveforms.py`), carried to each microphone (`propagation.py`, `air.py`) over the noise of its street
(`noise.py`), and stamped by its own clock (`microphone.py`). Street scenes are drawn from figures without faces
(`street.py`, `camera.py`). Both feed the real agents (`worker.py`) or files with their truth (`offline.py`). Nothing
here analyses.
"""
