"""How often something may be started again before it has to wait: a small class with an injected clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class RestartBudget:
    """At most `limit` restarts in any `window_s`; `wait_s` says how long to hold back before the next.

    A crash loop costs CPU and floods a camera with connections; five in a minute ride over a rebooting camera.
    """

    def __init__(self, clock: Callable[[], float], *, limit: int = 5, window_s: float = 60.0) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._starts: deque[float] = deque()
        self.used = 0

    def wait_s(self) -> float:
        """Seconds until a restart is within the budget; 0 now."""
        now = self._clock()
        while self._starts and now - self._starts[0] >= self._window_s:
            self._starts.popleft()
        return 0.0 if len(self._starts) < self._limit else self._window_s - (now - self._starts[0])

    def spend(self) -> None:
        """Count one restart."""
        self._starts.append(self._clock())
        self.used += 1
