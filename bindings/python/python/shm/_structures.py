"""The handles of structures.

One rule for all: what gives something gives `None` where there is nothing, at once or when the time is up; what stores
something raises `Full` where there is no room. `timeout` is in seconds, `None` waits for ever. Waiting releases the
interpreter's lock, holds no lane, and hears Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSet
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

import numpy as np

from ._element import Element
from ._errors import Closed, Full, OutOfRange, WrongValue
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native
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


class _Guard(Handle[N]):
    """A handle that this process alone has."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} belongs to one process: let the other one get its own")


class Array:
    """Elements in a row: in a schema `Array[np.float32, 1000]` or `Array[np.float32, (100, 10)]`, when open an ndarray."""

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Array", of, 1)


class Numbers(Handle["_native.Numbers"]):
    """The numbers of an array, each changed in one step whoever else changes them."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._native)

    def _at(self, i: int) -> int:
        at = i + len(self._native) if i < 0 else i
        if at < 0:
            raise OutOfRange(f"index {i} is out of range: `{self._field.name}` has {len(self)} numbers")
        return at

    def load(self, i: int) -> Any:
        """Number `i`."""
        return self._element.decode(self._native.load(self._at(i)))

    def store(self, i: int, value: Any) -> None:
        """Overwrites number `i`."""
        self._native.store(self._at(i), self._element.encode(value))

    def change(self, op: str, i: int, value: Any) -> Any:
        """Runs `swap`, `fetch_add`, `fetch_sub`, `fetch_max`, `fetch_min`, `fetch_and`, `fetch_or` or `fetch_xor`."""
        return self._element.decode(self._native.change(op, self._at(i), self._element.encode(value)))

    def fetch_add(self, i: int, value: Any) -> Any:
        """Adds to number `i`, wrapping around; the number before."""
        return self.change("fetch_add", i, value)

    def compare_exchange(self, i: int, current: Any, new: Any) -> tuple[bool, Any]:
        """Overwrites number `i` if it is `current`: whether it was, and what was there."""
        encode = self._element.encode
        was, before = self._native.compare_exchange(self._at(i), encode(current), encode(new))
        return was, self._element.decode(before)


class Atomic(Handle["_native.Numbers"]):
    """One number that any process changes in one step: `Atomic[np.uint64]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Atomic", of, 0)

    def load(self) -> Any:
        """The number."""
        return self._element.decode(self._native.load(0))

    def store(self, value: Any) -> None:
        """Overwrites it."""
        self._native.store(0, self._element.encode(value))

    def _change(self, op: str, value: Any) -> Any:
        return self._element.decode(self._native.change(op, 0, self._element.encode(value)))

    def swap(self, value: Any) -> Any:
        """Overwrites it; the number before."""
        return self._change("swap", value)

    def fetch_add(self, value: Any) -> Any:
        """Adds to it, wrapping around; the number before."""
        return self._change("fetch_add", value)

    def fetch_sub(self, value: Any) -> Any:
        """Subtracts from it, wrapping around; the number before."""
        return self._change("fetch_sub", value)

    def fetch_max(self, value: Any) -> Any:
        """Raises it to `value` if it is less; the number before."""
        return self._change("fetch_max", value)

    def fetch_min(self, value: Any) -> Any:
        """Lowers it to `value` if it is more; the number before."""
        return self._change("fetch_min", value)

    def fetch_and(self, value: Any) -> Any:
        """Clears the bits that are not in `value`; the number before."""
        return self._change("fetch_and", value)

    def fetch_or(self, value: Any) -> Any:
        """Sets the bits that are in `value`; the number before."""
        return self._change("fetch_or", value)

    def fetch_xor(self, value: Any) -> Any:
        """Flips the bits that are in `value`; the number before."""
        return self._change("fetch_xor", value)

    def compare_exchange(self, current: Any, new: Any) -> tuple[bool, Any]:
        """Overwrites it if it is `current`, bit for bit: whether it was, and what was there."""
        encode = self._element.encode
        was, before = self._native.compare_exchange(0, encode(current), encode(new))
        return was, self._element.decode(before)


def _full(name: str, capacity: int) -> Full:
    return Full(f"`{name}` is full: it has room for {capacity} elements")


class _Pushes(Handle[Any]):
    """Push."""

    __slots__ = ()

    def push(self, value: Any) -> None:
        """Pushes an element; raises `Full` where there is no room."""
        if not self._native.push(self._element.encode(value)):
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

    def _given(self, data: bytes | None) -> Any:
        return None if data is None else self._element.decode(data)

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
        """Takes the oldest element, which comes back unless it is acknowledged, also if this process is killed."""
        taken = self._segment._open.take(self._native)
        return None if taken is None else Taken(self._segment, self._field, taken)


class Taken(_Guard["_native.Taken"]):
    """An element that was taken: `done()` acknowledges it. Leaving a `with` block does, an exception in it does not."""

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


class _Role(_Guard[Any]):
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


class Producer(_Role, _Pushes):
    """The one that pushes."""

    __slots__ = ()


class Consumer(_Role, _Pops):
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
        return Producer(self._segment, self._field, self._native.producer())

    def consumer(self) -> Consumer:
        """Claims the role of the consumer; raises `RoleTaken` where somebody alive has it."""
        return Consumer(self._segment, self._field, self._native.consumer())


class Map(Handle["_native.Map"], MutableMapping[Any, Any]):
    """Keys and values: `Map[np.uint32, Gauge, 64]`. Iterating sees what is there at some moment, in no order."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Map", of, 1)

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def capacity(self) -> int:
        """Entries that there is room for."""
        return self._native.capacity()

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return True

    def _key(self, key: Any) -> bytes:
        return self._field.key.encode(key)

    def __getitem__(self, key: Any) -> Any:
        found = self._native.get(self._key(key))
        if found is None:
            raise KeyError(key)
        return self._field.value.decode(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._native.insert(self._key(key), self._field.value.encode(value))

    def __delitem__(self, key: Any) -> None:
        if self._native.remove(self._key(key)) is None:
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return self._native.get(self._key(key)) is not None

    def __iter__(self) -> Iterator[Any]:
        count, keys, _ = self._native.entries()
        return iter(self._field.key.decode_list(count, keys))

    def items(self) -> list[tuple[Any, Any]]:  # type: ignore[override]
        """All entries, each as it was at one moment."""
        count, keys, values = self._native.entries()
        return list(
            zip(self._field.key.decode_list(count, keys), self._field.value.decode_list(count, values))
        )

    def values(self) -> list[Any]:  # type: ignore[override]
        """All values."""
        return [value for _, value in self.items()]

    def pop(self, key: Any, *default: Any) -> Any:
        """Removes a key in one step: its value, or the default."""
        found = self._native.remove(self._key(key))
        if found is not None:
            return self._field.value.decode(found)
        if default:
            return default[0]
        raise KeyError(key)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of a key; inserts it in one step where it is absent."""
        data = self._field.value.encode(default)
        found = self._native.get_or_insert(self._key(key), data)
        return self._field.value.decode(data if found is None else found)

    def compare_exchange(self, key: Any, current: Any, new: Any) -> bool:
        """Replaces a value if it is `current`, byte for byte, in one step: whether it did."""
        encode = self._field.value.encode
        return self._native.compare_exchange(self._key(key), encode(current), encode(new)) is True

    def update_value(self, key: Any, change: Callable[[Any], Any]) -> Any:
        """Replaces a value by what a function makes of it, in one step; the new one. It may be called several times."""
        data, value = self._key(key), self._field.value
        while True:
            current = self._native.get(data)
            if current is None:
                raise KeyError(key)
            new = value.encode(change(value.decode(current)))
            if self._native.compare_exchange(data, current, new):
                return value.decode(new)  # else somebody else replaced it: progress


class LargeMap(Map):
    """A map with more buckets than entries: `LargeMap[K, V, buckets, entries]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("LargeMap", of, 2)


class Set(Handle["_native.Set"], MutableSet[Any]):
    """Keys: `Set[np.uint32, 64]`. Iterating sees what is there at some moment, in no order."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Set", of, 1)

    def __eq__(self, other: object) -> bool:
        return self is other

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Any:
        return set(it)

    @property
    def capacity(self) -> int:
        """Keys that there is room for."""
        return self._native.capacity()

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, key: object) -> bool:
        return self._native.contains(self._element.encode(key))

    def __iter__(self) -> Iterator[Any]:
        count, keys = self._native.keys()
        return iter(self._element.decode_list(count, keys))

    def insert(self, key: Any) -> bool:
        """Inserts a key: whether it was not there before."""
        return self._native.insert(self._element.encode(key))

    def add(self, value: Any) -> None:
        """Inserts a key."""
        self.insert(value)

    def discard(self, value: Any) -> None:
        """Removes a key if it is there."""
        self._native.remove(self._element.encode(value))

    def remove(self, value: Any) -> None:
        """Removes a key; raises `KeyError` where it is not there."""
        if not self._native.remove(self._element.encode(value)):
            raise KeyError(value)


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
        return None if lease is None else Lease(self._segment, self._field, lease)

    def get(self, handle: int) -> Any:
        """The object that a handle names; `None` where its lease is over."""
        found = self._native.get(handle)
        return None if found is None else self._element.decode(found)

    def release(self, handle: int) -> bool:
        """Gives an object back that was kept with `Lease.keep`: whether this process had it."""
        return self._native.release(handle)


class Lease(_Guard["_native.Lease"]):
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
    """An array of which readers see whole frames: `VersionedArray[np.float32, (100, 10)]`. One process writes."""

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
        return FrameWriter(self._segment, self._field, self._native.writer())


class FrameWriter(_Role):
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
        return Subscriber(self._segment, self._field, native, timeout)


class Subscriber(_Guard["_native.Subscriber"]):
    """Receives messages, each once and in order."""

    __slots__ = ("_timeout",)

    def __init__(
        self, segment: Segment, field: Field, native: _native.Subscriber, timeout: float | None
    ) -> None:
        super().__init__(segment, field, native)
        self._timeout = timeout

    def recv(self) -> Any:
        """The next message, or `None`. Those that were overwritten are passed over, and counted by `missed`."""
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
