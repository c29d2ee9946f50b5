"""Latest values, whole frames, and messages for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import Closed, WrongValue
from ._handle import Guard, Handle, Origin, Role
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native
    from ._segment import Field


class Versioned(Handle["_native.Versioned"]):
    """The latest value, always whole: `Versioned[State]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Versioned", of, 0)

    @property
    def version(self) -> int:
        """How often the value was replaced."""
        return self._native.version()

    def load(self) -> Any:
        """The latest value."""
        return self._element.decode(self._native.load()[0])

    def load_with_version(self) -> tuple[Any, int]:
        """The latest value and its version."""
        data, version = self._native.load()
        return self._element.decode(data), version

    def store(self, value: Any) -> None:
        """Replaces the value."""
        self._native.store(self._element.encode(value))

    def update(self, change: Callable[[Any], Any]) -> None:
        """Replaces the value by what a function makes of it, in one step. It may be called several times."""
        element = self._element
        self._native.update(lambda data: element.encode(change(element.decode(data))))

    def wait_change(self, version: int, timeout: float | None = None) -> tuple[Any, int] | None:
        """Waits until the version is another one: value and version, or `None` where the time is up."""
        changed = self._native.wait_change(version, timeout)
        return None if changed is None else (self._element.decode(changed[0]), changed[1])


class VersionedArray(Handle["_native.VersionedArray"]):
    """An array of which readers see whole frames: `VersionedArray[np.float32, (100, 10)]`. One writes."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("VersionedArray", of, 1)

    def __len__(self) -> int:
        return len(self._native)

    @property
    def version(self) -> int:
        """The number of the latest frame; 0 before the first."""
        return self._native.version()

    def snapshot(self) -> np.ndarray[Any, Any]:
        """A copy of the latest frame."""
        return self.snapshot_with_version()[0]

    def snapshot_with_version(self) -> tuple[np.ndarray[Any, Any], int]:
        """A copy of the latest frame, and its number."""
        data, version = self._native.read()
        return self._field.shaped(self._element.decode_many(data)), version

    def wait_change(self, version: int, timeout: float | None = None) -> int | None:
        """Waits until the latest frame is another one: its number, or `None` where the time is up."""
        return self._native.wait_change(version, timeout)

    def writer(self) -> FrameWriter:
        """Claims the role of the writer; raises `RoleTaken` where somebody alive has it."""
        return FrameWriter(self._origin, self._field, self._native.writer())


class FrameWriter(Role):
    """The one writer."""

    __slots__ = ()

    def publish(self, frame: Any) -> int:
        """Publishes a frame: its number."""
        element = self._element
        array = frame if isinstance(frame, np.ndarray) else np.asarray(frame, element.dtype.base)
        data = element.encode_many(array)
        if len(data) != element.size * self._field.capacity:
            expected = self._field.shape or (self._field.capacity,)
            raise WrongValue(
                f"`{self._field.name}`: expected a frame of shape {expected}, found {array.shape}"
            )
        version: int | None = self._native.publish(data)
        if version is None:
            raise Closed(f"`{self._field.name}`: the writer is the process that this one was forked from")
        return version


class Broadcast(Handle["_native.Broadcast"]):
    """Messages that every subscriber receives: `Broadcast[Tick, 1024]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Broadcast", of, 1)

    @property
    def capacity(self) -> int:
        """Messages that are kept."""
        return self._native.capacity()

    @property
    def sent(self) -> int:
        """How many were sent so far."""
        return self._native.sent()

    def send(self, message: Any) -> None:
        """Sends a message: it takes the place of the oldest one."""
        self._native.send(self._element.encode(message))

    def subscribe(self, start: str = "newest", timeout: float | None = None) -> Subscriber:
        """Subscribes, from the next message on or from the `"oldest"` that is there.

        Iterating waits up to `timeout` for each message, and ends when none came.
        """
        if start not in ("newest", "oldest"):
            raise WrongValue(
                f"`{self._field.name}`: subscribers start at 'newest' or 'oldest', not at {start!r}"
            )
        native = self._native.subscribe(start == "oldest")
        return Subscriber(self._origin, self._field, native, timeout)


class Subscriber(Guard["_native.Subscriber"]):
    """Receives messages, each once and in order."""

    __slots__ = ("_timeout",)

    def __init__(
        self, origin: Origin, field: Field, native: _native.Subscriber, timeout: float | None
    ) -> None:
        super().__init__(origin, field, native)
        self._timeout = timeout

    def recv(self) -> Any:
        """The next message, or `None`. Those that were overwritten are passed over and `missed`."""
        return self.recv_wait(0.0)

    def recv_wait(self, timeout: float | None = None) -> Any:
        """The next message, waiting for one; `None` where the time is up."""
        data = self._native.recv(timeout)
        return None if data is None else self._element.decode(data)

    def __iter__(self) -> Iterator[Any]:
        while True:
            data = self._native.recv(self._timeout)
            if data is None:
                return
            yield self._element.decode(data)

    @property
    def missed(self) -> int:
        """How many messages were overwritten before this subscriber came to them."""
        return self._native.missed()

    @property
    def position(self) -> int:
        """How many messages were sent before the next one that this subscriber receives."""
        return self._native.position()
