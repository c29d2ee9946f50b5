"""What the handles of all structures have.

One rule for all: what gives something gives `None` where there is nothing, at once or when the time is up; what
stores something raises `Full` where there is no room. `timeout` is in seconds, `None` waits for ever. Waiting
releases the interpreter's lock, holds no lane, and hears Ctrl-C.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

from ._element import Element
from ._errors import Closed

if TYPE_CHECKING:
    from ._segment import Field

N = TypeVar("N")


class Origin:
    """What handles know of their segment: no reference to it, so that nothing keeps it but who uses it."""

    def __init__(self, name: str, read_only: bool, identity: bytes) -> None:
        self.name = name
        self.read_only = read_only
        self.id = identity
        self._handles: weakref.WeakSet[Handle[Any]] = weakref.WeakSet()

    def keep(self, handle: Handle[Any]) -> None:
        """Counts a handle among those that are void when the segment is closed."""
        self._handles.add(handle)

    def close(self) -> None:
        """Makes all handles void."""
        for handle in list(self._handles):
            handle._close()


class Handle(Generic[N]):
    """What all handles have: they are void once their segment was closed, and are pickled by name."""

    __slots__ = ("_field", "_origin", "_raw", "__weakref__")

    def __init__(self, origin: Origin, field: Field, native: N) -> None:
        self._origin = origin
        self._field = field
        self._raw: N | None = native
        origin.keep(self)

    @property
    def _native(self) -> N:
        if self._raw is None:
            raise Closed(
                f"`{self._field.name}`: the segment `{self._origin.name}` was closed, or this was given back"
            )
        return self._raw

    def _close(self) -> None:
        self._raw = None

    @property
    def _element(self) -> Element:
        return self._field.element

    def __repr__(self) -> str:
        name = f"{self._origin.name}.{self._field.name}"
        if self._raw is None:
            return f"<shm.{type(self).__name__} {name!r}, closed>"
        return f"<shm.{type(self).__name__} {name!r}: {self._field.type}>"

    def __reduce__(self) -> tuple[Any, ...]:
        from ._segment import reopened_field

        origin = self._origin
        return reopened_field, (origin.name, origin.read_only, origin.id, self._field.name)


class Guard(Handle[N]):
    """A handle that this process alone has."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} belongs to one process: let the other one get its own")


class Role(Guard[Any]):
    __slots__ = ()

    def release(self) -> None:
        """Gives the role back; of no effect where that was done."""
        if self._raw is not None:
            self._raw.release()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
