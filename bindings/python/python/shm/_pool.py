"""Pools, and the objects on lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ._handle import Guard, Handle
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native  # noqa: F401


class Pool(Handle["_native.Pool"]):
    """Objects that processes lease, and that return when they die: `Pool[Job, 256]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Pool", of, 1)

    @property
    def capacity(self) -> int:
        """Objects that there are."""
        return self._native.capacity()

    @property
    def leased(self) -> int:
        """How many are on lease."""
        return self._native.leased()

    def acquire(self) -> Lease | None:
        """Leases an object, or `None`."""
        return self.acquire_wait(0.0)

    def acquire_wait(self, timeout: float | None = None) -> Lease | None:
        """Leases an object, and waits for a free one; `None` where the time is up."""
        lease = self._native.acquire(timeout)
        return None if lease is None else Lease(self._origin, self._field, lease)

    def get(self, handle: int) -> Any:
        """The object that a handle names; `None` where its lease is over."""
        found = self._native.get(handle)
        return None if found is None else self._element.decode(found)

    def release(self, handle: int) -> bool:
        """Gives an object back that was kept with `Lease.keep`: whether this process had it."""
        return self._native.release(handle)


class Lease(Guard["_native.Lease"]):
    """An object on lease. Leaving a `with` block gives it back."""

    __slots__ = ()

    @property
    def handle(self) -> int:
        """The object's handle: a number by which others find it."""
        return self._native.handle()

    @property
    def value(self) -> Any:
        """The object."""
        return self._element.decode(self._native.load())

    @value.setter
    def value(self, value: Any) -> None:
        self._native.store(self._element.encode(value))

    def keep(self) -> int:
        """Keeps the lease beyond this guard: the handle, for `Pool.release`."""
        return self._native.keep()

    def release(self) -> None:
        """Gives the object back; of no effect where that was done."""
        if self._raw is not None:
            self._raw.release()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
