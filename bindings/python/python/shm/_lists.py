"""Queues and stacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _native
from ._errors import Full, OutOfRange
from ._handle import Guard, Handle, Role
from ._schema import FieldSpec, spec


def _full(name: str, capacity: int) -> Full:
    return Full(f"`{name}` is full: it has room for {capacity} elements")


class _Pushes(Handle[Any]):
    """Push."""

    __slots__ = ()

    def push(self, value: Any) -> None:
        """Pushes an element; raises `Full` where there is no room."""
        native = self._raw
        if native is None:
            native = self._native  # which raises
        pushed = native.push_value(value)
        if pushed is None:  # neither a number nor a tuple of numbers, or a wrong one
            pushed = native.push(self._element.encode(value))
        if not pushed:
            raise _full(self._field.name, self._field.capacity)

    def push_many(self, values: Any) -> int:
        """Pushes the first ones of an array or of other values, as many as there is room for; how many."""
        count: int = self._native.push_many(self._element.encode_many(values))
        return count

    def push_wait(self, value: Any, timeout: float | None = None) -> None:
        """Pushes an element, and waits for room; raises `Full` where the time is up."""
        if not self._native.push_wait(self._element.encode(value), timeout):
            raise _full(self._field.name, self._field.capacity)


class _Pops(Handle[Any]):
    """Pop."""

    __slots__ = ()

    def _given(self, popped: Any) -> Any:
        """What was popped: a number as it is, or the value of bytes."""
        return self._element.decode(popped) if type(popped) is bytes else popped

    def pop(self) -> Any:
        """Pops an element, or `None`."""
        return self._given(self._native.pop())

    def pop_many(self, most: int) -> np.ndarray[Any, Any]:
        """Pops at most so many elements: an array of its own."""
        if most < 0:
            raise OutOfRange(f"`{self._field.name}`: {most} elements cannot be popped")
        return self._element.decode_many(self._native.pop_many(most))

    def pop_wait(self, timeout: float | None = None) -> Any:
        """Pops an element, and waits for one; `None` where the time is up."""
        return self._given(self._native.pop_wait(timeout))


class _List(_Pushes, _Pops):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return True

    @property
    def capacity(self) -> int:
        """Elements that there is room for."""
        return self._field.capacity

    def peek(self) -> Any:
        """The element that `pop` would give, which stays; or `None`."""
        return self._given(self._native.peek())


class Queue(_List):
    """First in, first out, for any number of processes: `Queue[Event, 4096]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Queue", of, 1)

    def take(self) -> Taken | None:
        """Takes the oldest element, which comes back unless it is acknowledged: also if this process dies."""
        taken = _native.Segment.take(self._native)
        return None if taken is None else Taken(self._origin, self._field, taken)


class Taken(Guard["_native.Taken"]):
    """An element that was taken: `done()` acknowledges it, and so does leaving a `with` block well."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The element."""
        return self._element.decode(self._native.value())

    def done(self) -> None:
        """Acknowledges the element: it does not come back."""
        self._native.done()

    def give_back(self) -> None:
        """Gives the element back; of no effect where it was acknowledged."""
        self._native.give_back()

    def __enter__(self) -> Any:
        return self.value

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.done()
        else:
            self.give_back()


class Stack(_List):
    """Last in, first out, for any number of processes: `Stack[Command, 64]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Stack", of, 1)


class Producer(Role, _Pushes):
    """The one that pushes."""

    __slots__ = ()


class Consumer(Role, _Pops):
    """The one that pops."""

    __slots__ = ()


class Spsc(Handle["_native.Spsc"]):
    """A queue for one producer and one consumer: `Spsc[np.float32, 1024]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Spsc", of, 1)

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return True

    @property
    def capacity(self) -> int:
        """Elements that there is room for."""
        return self._field.capacity

    def producer(self) -> Producer:
        """Claims the role of the producer; raises `RoleTaken` where somebody alive has it."""
        return Producer(self._origin, self._field, self._native.producer())

    def consumer(self) -> Consumer:
        """Claims the role of the consumer; raises `RoleTaken` where somebody alive has it."""
        return Consumer(self._origin, self._field, self._native.consumer())
