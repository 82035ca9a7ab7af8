"""One-time codes and tokens: made here, shown once, kept as hashes.

Both are random enough (59 and 256 bits) that a plain SHA-256 hides them as well as a slow hash would: the codes live
for
minutes, and nobody searches 2^59 in that time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, 1, I or O: a code is read aloud and typed on a ladder."""
CODE_LENGTH: Final = 12
TOKEN_PREFIX: Final = "tcs_"


def new_code() -> str:
    """A one-time code such as `K7QF-3M9X-TR2P`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def new_token() -> str:
    """A bearer token for a sensor that can't sign."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def code_hash(code: str) -> bytes:
    """The hash of a code, however it was typed: case, spaces and hyphens don't matter."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(b"enrol:" + letters.encode()).digest()


def token_hash(token: str) -> bytes:
    """The hash of a token."""
    return hashlib.sha256(b"token:" + token.encode()).digest()


class Attempts:
    """How often a caller may try: `limit` times in `window_s` for each name, and ten times that for all together.

    `wait_s` takes one attempt at `now_s` (any monotonic clock) and gives the seconds to wait, 0 where it may go on.
    """

    def __init__(self, limit: int = 5, window_s: float = 60.0, names: int = 1_000) -> None:
        self._limit = limit
        self._window_s = window_s
        self._names = names
        self._all: deque[float] = deque(maxlen=limit * 10)
        self._recent: dict[str, deque[float]] = {}

    def wait_s(self, name: str, now_s: float) -> float:
        """Take one attempt of `name`; a refused one does not count."""
        mine = self._recent.pop(name, None) or deque(maxlen=self._limit)
        self._recent[name] = mine
        while len(self._recent) > self._names:
            self._recent.pop(next(iter(self._recent)))
        for times in (mine, self._all):
            if len(times) == times.maxlen and (left := self._window_s - (now_s - times[0])) > 0:
                return left
        mine.append(now_s)
        self._all.append(now_s)
        return 0.0

    def succeeded(self, name: str) -> None:
        """The last attempt of `name` was right: it does not count, so that a whole street can be enrolled at once."""
        for times in (self._recent.get(name), self._all):
            if times:
                times.pop()
