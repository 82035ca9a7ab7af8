"""A LiteRT interpreter on one thread, made without the line that it writes to standard error each time.

The library says `INFO: Created TensorFlow Lite XNNPACK delegate for CPU.` past Python's logging and offers no way to
turn that off. What else it may write meanwhile (errors) is passed on.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

NOISE: Final = b"INFO: Created TensorFlow Lite XNNPACK delegate"
STDERR: Final = 2


def interpreter(model: bytes | Path) -> Any:
    """A ready interpreter (tensors allocated) of a TFLite file or its content.

    Raises:
        ValueError, RuntimeError: LiteRT cannot run it.
    """
    from ai_edge_litert.interpreter import Interpreter

    given: dict[str, Any] = {"model_path": str(model)} if isinstance(model, Path) else {"model_content": model}
    with _without_noise():
        made: Any = Interpreter(num_threads=1, **given)
        made.allocate_tensors()
    return made


@contextmanager
def _without_noise() -> Iterator[None]:
    """Standard error held back while the body runs, then written without the lines that begin with NOISE."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # a service without standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)
            held.seek(0)
            rest = b"".join(line for line in held if not line.startswith(NOISE))
            if rest:
                os.write(STDERR, rest)
