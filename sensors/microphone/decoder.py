"""The child process that decodes a sound file: `python -m sensors.microphone.decoder FILE`.

A file may be hostile; what it can break is this process alone, which has no core dump, may write no file and has
bounded memory. It writes one line of JSON, `{"rate": Hz, "frames": n}` or `{"error": code, "detail": words}`, and then
mono float32 samples in native byte order.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import BinaryIO, Final

MEMORY_BYTES: Final = 2 << 30
BLOCK_FRAMES: Final = 65_536
MAX_CHANNELS: Final = 32


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _refuse(out: BinaryIO, code: str, detail: str) -> int:
    out.write(json.dumps({"error": code, "detail": detail}).encode() + b"\n")
    out.flush()
    return 1


def decode(path: str, out: BinaryIO) -> int:
    """Write the header and the samples of the file at `path` to `out`; returns the exit status."""
    import numpy as np
    import soundfile

    from sensors.microphone.sources import MAX_RATE_HZ, MIN_RATE_HZ, mono

    if not os.path.exists(path):
        return _refuse(out, "file_missing", f"There is no file {path}.")
    if not os.path.isfile(path):
        return _refuse(out, "file_unreadable", f"{path} is not a regular file.")
    if not os.path.getsize(path):
        return _refuse(out, "file_empty", f"{path} is empty.")
    try:
        with soundfile.SoundFile(path) as sound:
            if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
                words = f"{path} has {sound.samplerate} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be analysed."
                return _refuse(out, "rate_unusable", words)
            if sound.channels > MAX_CHANNELS:
                return _refuse(
                    out, "channels_unusable", f"{path} has {sound.channels} channels; at most {MAX_CHANNELS}."
                )
            if sound.frames == 0:
                return _refuse(out, "file_empty", f"{path} holds no sound.")
            out.write(json.dumps({"rate": sound.samplerate, "frames": sound.frames}).encode() + b"\n")
            block = max(1, BLOCK_FRAMES // sound.channels)
            while True:
                samples = sound.read(block, dtype="float32", always_2d=True)
                if not len(samples):
                    break
                out.write(np.ascontiguousarray(mono(samples)).tobytes())
                out.flush()
    except (soundfile.LibsndfileError, OSError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            return 0
        return _refuse(out, "file_unreadable", f"{path} can't be decoded: {error}")
    return 0


def main() -> int:
    """Confine the process, then decode the file named on the command line."""
    _confine()
    try:
        return decode(sys.argv[1], sys.stdout.buffer)
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    status = main()
    # What is left in the pipe is the reader's loss: it has closed its end.
    os._exit(status)
