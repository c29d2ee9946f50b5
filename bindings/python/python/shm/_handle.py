"""What the handles of all structures have.

One rule for all: what gives something gives `None` where there is nothing, at once or when the time is up; what
stores something raises `Full` where there is no room. `timeout` is in seconds, `None` waits for ever. Waiting
releases the interpreter's lock, holds no lane, and hears Ctrl-C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

from ._element import Element
from ._errors import Closed

if TYPE_CHECKING:
    from ._segment import Field, Segment

N = TypeVar("N")


class Handle(Generic[N]):
    """What all handles have: they are void once their segment was closed, and are pickled by name."""

    __slots__ = ("_field", "_raw", "_segment", "__weakref__")

    def __init__(self, segment: Segment, field: Field, native: N) -> None:
        self._segment = segment
        self._field = field
        self._raw: N | None = native
        segment._keep(self)

    @property
    def _native(self) -> N:
        if self._raw is None:
            raise Closed(
                f"`{self._field.name}`: the segment `{self._segment.name}` was closed, or this was given back"
            )
        return self._raw

    def _close(self) -> None:
        self._raw = None

    @property
    def _element(self) -> Element:
        return self._field.element

    def __repr__(self) -> str:
        name = f"{self._segment.name}.{self._field.name}"
        if self._raw is None:
            return f"<shm.{type(self).__name__} {name!r}, closed>"
        return f"<shm.{type(self).__name__} {name!r}: {self._field.type}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._segment, self._field.name)


def _reopened(segment: Segment, name: str) -> Any:
    return segment[name]


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
