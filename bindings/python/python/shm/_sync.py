"""Blocking: locks, semaphores and signals, which hold up those who wait while an owner lives, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ._handle import Guard, Handle
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native  # noqa: F401


class Mutex(Handle["_native.Mutex"]):
    """A value that one at a time may change: `Mutex[Event]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Mutex", of, 0)

    def lock(self) -> Lock:
        """Locks, and waits for it: `with seg.mutex.lock() as lock`."""
        while True:
            lock = self.lock_wait()
            if lock is not None:
                return lock

    def try_lock(self) -> Lock | None:
        """Locks, if nobody who lives has the lock; else `None`."""
        return self.lock_wait(0.0)

    def lock_wait(self, timeout: float | None = None) -> Lock | None:
        """Locks, and waits for it; `None` where the time is up."""
        lock = self._native.lock(timeout)
        return None if lock is None else Lock(self._origin, self._field, lock)


class Lock(Guard["_native.Lock"]):
    """A mutex that this process has locked. Leaving a `with` block unlocks."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The value."""
        return self._element.decode(self._native.load())

    @value.setter
    def value(self, value: Any) -> None:
        self._native.store(self._element.encode(value))

    @property
    def is_doubtful(self) -> bool:
        """Whether an owner died with the lock, so that the value may be half changed."""
        return self._native.is_doubtful()

    def mark_consistent(self) -> None:
        """Says that the value is in order."""
        self._native.mark_consistent()

    def release(self) -> None:
        """Unlocks; of no effect where that was done."""
        if self._raw is not None:
            self._raw.release()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class RwLock(Handle["_native.RwLock"]):
    """A value that many read at a time, or one changes: `RwLock[Limits]`.

    Writers come first: who reads already must not ask to read again, because a writer may wait in between.
    """

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("RwLock", of, 0)

    @property
    def readers(self) -> int:
        """How many there are, those of the dead that no writer has met yet included."""
        return self._native.readers()

    def read(self) -> ReadLock:
        """Reads, and waits for it: `with seg.limits.read() as lock`."""
        while True:
            lock = self.read_wait()
            if lock is not None:
                return lock

    def try_read(self) -> ReadLock | None:
        """Reads, if no writer who lives has the lock or waits for readers; else `None`."""
        return self.read_wait(0.0)

    def read_wait(self, timeout: float | None = None) -> ReadLock | None:
        """Reads, and waits for it; `None` where the time is up."""
        lock = self._native.read(timeout)
        return None if lock is None else ReadLock(self._origin, self._field, lock)

    def write(self) -> WriteLock:
        """Locks for writing, and waits for it: `with seg.limits.write() as lock`."""
        while True:
            lock = self.write_wait()
            if lock is not None:
                return lock

    def try_write(self) -> WriteLock | None:
        """Locks for writing, if nobody who lives has the lock; else `None`."""
        return self.write_wait(0.0)

    def write_wait(self, timeout: float | None = None) -> WriteLock | None:
        """Locks for writing, and waits for it; `None` where the time is up."""
        lock = self._native.write(timeout)
        return None if lock is None else WriteLock(self._origin, self._field, lock)


class ReadLock(Guard["_native.RwGuard"]):
    """A lock that this process reads under. Leaving a `with` block unlocks."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The value."""
        return self._element.decode(self._native.load())

    @property
    def is_doubtful(self) -> bool:
        """Whether a writer died with the lock, so that the value may be half changed."""
        return self._native.is_doubtful()

    def release(self) -> None:
        """Unlocks; of no effect where that was done."""
        if self._raw is not None:
            self._raw.release()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class WriteLock(ReadLock):
    """A lock that this process has for writing. Leaving a `with` block unlocks."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The value."""
        return self._element.decode(self._native.load())

    @value.setter
    def value(self, value: Any) -> None:
        self._native.store(self._element.encode(value))

    def mark_consistent(self) -> None:
        """Says that the value is in order."""
        self._native.mark_consistent()


class Semaphore(Handle["_native.Semaphore"]):
    """Permits that processes take, and that return when they die: `Semaphore[4]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Semaphore", of, 1)

    @property
    def permits(self) -> int:
        """Permits, free or not."""
        return self._native.permits()

    @property
    def available(self) -> int:
        """How many are free, as far as that can be told while others work."""
        return self._native.available()

    def acquire(self) -> Permit | None:
        """Takes a permit, or `None`."""
        return self.acquire_wait(0.0)

    def acquire_wait(self, timeout: float | None = None) -> Permit | None:
        """Takes a permit, and waits for one; `None` where the time is up."""
        permit = self._native.acquire(timeout)
        return None if permit is None else Permit(self._origin, self._field, permit)


class Permit(Guard["_native.Permit"]):
    """A permit. Leaving a `with` block gives it back."""

    __slots__ = ()

    def release(self) -> None:
        """Gives the permit back; of no effect where that was done."""
        if self._raw is not None:
            self._raw.release()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Signal(Handle["_native.Signal"]):
    """A count that is raised, and waited for: `Signal[()]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: tuple[()]) -> FieldSpec:
        return spec("Signal", of, 0)

    @property
    def count(self) -> int:
        """How often it was raised."""
        return self._native.count()

    def raise_(self) -> None:
        """Counts one more, and wakes all who wait."""
        self._native.raise_()

    def wait(self, since: int, timeout: float | None = None) -> int | None:
        """Waits until the count is another one than `since`: which, or `None` where the time is up."""
        return self._native.wait(since, timeout)
