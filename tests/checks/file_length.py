"""Fail when a source file passes 400 lines without a reason.

A reason is a comment `# long: why` in the file's first ten lines.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIMIT = 400
ENDINGS = {".py", ".js", ".css", ".html"}


def too_long(path: Path) -> int:
    """Lines of `path` where it is over the limit without a reason, else 0."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) <= LIMIT or any("long: " in line for line in lines[:10]):
        return 0
    return len(lines)


def main() -> int:
    """Print each file that is too long; 1 where there is one."""
    names = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    paths = [Path(name) for name in names if name and "vendor" not in name and Path(name).suffix in ENDINGS]
    found = [(path, count) for path in paths if path.exists() and (count := too_long(path))]
    for path, count in found:
        sys.stderr.write(f"{path}: {count} lines; split it, or say why in a comment '# long: reason' at its top\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
