"""Work side by side, in threads that nobody waits for for ever."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Job(Generic[T]):
    """One piece of work. `result` is None until it has ended, and if it failed; `error` is what it raised."""

    def __init__(self, what: str, work: Callable[[], T], tell: Callable[[str], None]) -> None:
        self.result: T | None = None
        self.error: Exception | None = None
        self.done = threading.Event()
        self._what, self._work, self._tell = what, work, tell
        threading.Thread(target=self._run, name=what, daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self.error = error
        finally:
            self.done.set()
            self._tell(self._what)


class Together:
    """Jobs that run at once; `tell` hears the name of each that ended while they were waited for."""

    def __init__(self, tell: Callable[[str], None] = lambda _what: None) -> None:
        self._tell, self._over = tell, False
        self._jobs: list[Job[object]] = []

    def start(self, what: str, work: Callable[[], T]) -> Job[T]:
        """Begin a job."""
        job = Job(what, work, self._told)
        self._jobs.append(job)  # type: ignore[arg-type]
        return job

    def _told(self, what: str) -> None:
        if not self._over:
            self._tell(what)

    def wait(self, end_s: float, now: Callable[[], float]) -> None:
        """Until all have ended, or until `end_s` on the clock `now`. Raises what a job raised."""
        try:
            for job in self._jobs:
                job.done.wait(max(0.0, end_s - now()))
                if job.error:
                    raise job.error
        finally:
            self._over = True
