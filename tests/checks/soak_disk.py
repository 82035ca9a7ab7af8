"""A disk of its own for the fault campaign: small, that can be filled and made read-only, where the system lets us.

Without the right to mount, the folder is an ordinary one: `real` is False, and the campaign limits the size of the
hub's files instead.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Final

SIZE_MIB: Final = 192
BALLAST: Final = "ballast"


class Disk:
    """A tmpfs on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.real = self._mount("-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs")

    def fill(self) -> None:
        """Until nothing more fits."""
        with (self.folder / BALLAST).open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (2**20, 4_096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def empty(self) -> None:
        """Room again."""
        (self.folder / BALLAST).unlink(missing_ok=True)

    def read_only(self, yes: bool) -> bool:
        """Mount it anew so, or writable again; nobody may have a file open for writing. False where it failed."""
        return self._mount("-o", f"remount,{'ro' if yes else 'rw'}")

    def remove(self) -> None:
        """Take it away."""
        if self.real:
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    def _mount(self, *options: str) -> bool:
        if os.geteuid() != 0:
            return False
        with contextlib.suppress(OSError):
            done = subprocess.run(["mount", *options, str(self.folder)], check=False, capture_output=True)
            return done.returncode == 0
        return False
