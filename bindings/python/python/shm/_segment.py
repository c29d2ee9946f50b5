"""Segments: opening and creating them, and their fields by name."""

from __future__ import annotations

import functools
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from . import _native
from ._element import Element, part_of
from ._errors import Closed, NoSuchField, NotFound, SchemaMismatch, ShmError, WrongKind
from ._handle import Handle, Origin
from ._latest import Broadcast, Versioned, VersionedArray
from ._lists import Queue, Spsc, Stack
from ._maps import LargeMap, Map, Set
from ._numbers import Atomic, Numbers
from ._pool import Pool
from ._schema import FieldSpec, Schema, entries_of
from ._sync import Mutex, RwLock, Semaphore, Signal
from ._together import Barrier, Once

#: Each kind with the class of its handle, and the native method that gives it.
_KINDS: dict[str, tuple[type[Handle[Any]], str]] = {
    "Atomic": (Atomic, "numbers"),
    "Queue": (Queue, "queue"),
    "Stack": (Stack, "stack"),
    "Spsc": (Spsc, "spsc"),
    "Map": (Map, "map"),
    "LargeMap": (LargeMap, "map"),
    "Set": (Set, "set"),
    "Pool": (Pool, "pool"),
    "Broadcast": (Broadcast, "broadcast"),
    "Versioned": (Versioned, "versioned"),
    "VersionedArray": (VersionedArray, "versioned_array"),
    "Mutex": (Mutex, "mutex"),
    "RwLock": (RwLock, "rwlock"),
    "Barrier": (Barrier, "barrier"),
    "Once": (Once, "once"),
    "Semaphore": (Semaphore, "semaphore"),
    "Signal": (Signal, "signal"),
}


class Field:
    """What a segment says of a field."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.kind: str = entry["kind"]
        #: Elements that there is room for.
        self.capacity: int = entry["capacity"][-1] if entry["capacity"] else 1
        #: The dimensions of an array, where the schema gives some.
        self.shape: tuple[int, ...] = tuple(entry["shape"])
        #: Its type as the program wrote it that created the segment.
        self.type: str = entry["type"]
        self.doc: str = entry["doc"]
        self.unit: str = entry["unit"]
        self.canonical: str = entry["canonical"]
        self._entry = entry

    def _of(self, description: dict[str, Any]) -> Element:
        try:
            return Element(self.name, description)
        except (ValueError, TypeError) as why:
            raise WrongKind(f"`{self.name}`: NumPy has no type for its elements: {why}") from None

    @functools.cached_property
    def element(self) -> Element:
        """What its elements are; of a map, its entries."""
        return self._of(self._entry["element"])

    @functools.cached_property
    def key(self) -> Element:
        """The keys of a map."""
        return self._of(part_of(self._entry["element"]["fields"][0]))

    @functools.cached_property
    def value(self) -> Element:
        """The values of a map."""
        return self._of(part_of(self._entry["element"]["fields"][1]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of its elements; of a map, its entries."""
        return self.element.dtype

    def shaped(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array with the dimensions that the schema says."""
        return array.reshape(self.shape + array.shape[1:]) if self.shape else array

    def __repr__(self) -> str:
        return f"<shm.Field {self.name!r}: {self.type}>"


class Group:
    """The fields of a nested schema."""

    def __init__(self, segment: Segment, prefix: str) -> None:
        self._segment = segment
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._segment[self._prefix + name]

    def __getitem__(self, name: str) -> Any:
        return self._segment[self._prefix + name]

    def __dir__(self) -> list[str]:
        return self._segment._names(self._prefix)

    def __repr__(self) -> str:
        return f"<shm.Group {self._segment.name}.{self._prefix[:-1]}: {', '.join(dir(self))}>"


#: Those that are open, for children that are forked.
_open_segments: weakref.WeakSet[Segment] = weakref.WeakSet()


class Segment:
    """A segment that is open in this process: its fields are attributes and items.

    Use it in a `with` block, or `close()` it; else it is closed when nobody refers to it any more. Arrays that
    were obtained stay valid after that. A field with the name of an attribute of this class is found as an item.
    """

    def __init__(self, native: _native.Segment) -> None:
        self._raw: _native.Segment | None = native
        self._handles: dict[str, Any] = {}
        #: The segment's name.
        self.name = native.name()
        #: Bytes of the segment.
        self.size = native.size()
        #: Whether it was opened without write access.
        self.read_only = native.is_read_only()
        #: The random number that tells it from others of the same name.
        self.id = native.id()
        self._origin = Origin(self.name, self.read_only, self.id)
        description, self._fingerprint = native.schema()
        self._description = json.loads(description)
        self._fields: Mapping[str, Field] = {
            entry["name"]: Field(entry) for entry in self._description["entries"]
        }
        _open_segments.add(self)

    @property
    def _open(self) -> _native.Segment:
        if self._raw is None:
            raise Closed(f"segment `{self.name}` was closed; open it again")
        return self._raw

    @property
    def fields(self) -> Mapping[str, Field]:
        """What there is, by name, in the order of the schema."""
        return self._fields

    @property
    def registered(self) -> Mapping[str, Field]:
        """What was registered at run time and is there at the moment, by name; others may come and go at any time."""
        descriptions = map(json.loads, self._open.registered())
        fields = [Field(entry) for description in descriptions for entry in description["entries"]]
        return {field.name: field for field in fields}

    def register(self, name: str, what: FieldSpec) -> Any:
        """Adds a structure that the schema does not have, in the spare room that `create` was told to leave.

        Every process finds it by name from then on, as `segment["jobs"]`.
        """
        description = {"lanes": self._description["lanes"], "entries": entries_of(name, what)}
        self._open.register(json.dumps(description))
        return self[name]

    def erase(self, name: str) -> None:
        """Removes a structure that was registered; its room can be used again.

        Handles to it, in every process, are void: they reach what is registered there next, and nothing else.
        """
        self._open.erase(name)

    @property
    def schema_name(self) -> str:
        """The name of the schema in the program that created the segment."""
        name: str = self._description["schema"]["name"]
        return name

    @property
    def fingerprint(self) -> str:
        """The hash of the schema, in hexadecimal digits: segments with equal ones are interchangeable."""
        return self._fingerprint

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._raw is None

    @property
    def participants(self) -> list[int]:
        """Process ids of those who are attached and may write."""
        return self._open.participants()

    def recover(self) -> int:
        """Settles what the dead left unfinished, as operations do by themselves where it matters.

        Zero, or how many of their operations are to be looked at again: because a stopped process has the answer, or
        because somebody else is settling them at this moment.
        """
        return self._open.recover()

    def unlink(self) -> None:
        """Removes the name, whoever is attached: they keep what they have."""
        self._open.unlink()

    def close(self) -> None:
        """Leaves the segment: handles are void, arrays stay valid. The last one out removes the name."""
        self._raw = None
        for name, handle in self._handles.items():
            if self.__dict__.get(name) is handle:
                del self.__dict__[name]
        self._handles.clear()
        self._origin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _names(self, prefix: str) -> list[str]:
        inside = [name[len(prefix) :] for name in self._fields if name.startswith(prefix)]
        return list(dict.fromkeys(name.replace("[", ".").split(".")[0] for name in inside))

    def __getitem__(self, name: str) -> Any:
        segment = self._open
        if name in self._handles:
            return self._handles[name]
        handle: Any
        if name in self._fields:
            handle = self._bind(segment, self._fields[name])
        elif f"{name}[0]" in self._fields:
            names = [field for field in self._fields if field.startswith(f"{name}[")]
            handle = tuple(self[field] for field in names)
        elif any(field.startswith(f"{name}.") for field in self._fields):
            return Group(self, f"{name}.")
        elif (registered := self.registered.get(name)) is not None:
            return self._bind(segment, registered)  # looked up anew each time: it may be erased
        else:
            has = ", ".join(f"`{field}`" for field in self._fields) or "none"
            raise NoSuchField(f"segment `{self.name}` has no field `{name}`; it has {has}")
        self._handles[name] = handle
        if not hasattr(type(self), name) and name not in self.__dict__:
            self.__dict__[name] = handle  # the next look at the attribute finds it there
        return handle

    def _bind(self, segment: _native.Segment, field: Field) -> Any:
        if field.kind == "Array":
            return self._view(field, False)
        if field.kind not in _KINDS:
            what = f"`{field.name}` in segment `{self.name}` is a `{field.kind}`"
            raise WrongKind(f"{what}, which Python has no handle for")
        kind, method = _KINDS[field.kind]
        native = getattr(segment, method)(field.name)
        if self._handles.get(field.name) is None:
            return kind(self._origin, field, native)
        return self._handles[field.name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_fields", ()):
            if value is self._handles.get(name):
                return  # `seg.wet |= keys` ends with this
            raise AttributeError(f"field `{name}` cannot be replaced; change what is in it")
        super().__setattr__(name, value)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._names("")]

    def view(self, name: str, *, writable: bool = False) -> np.ndarray[Any, Any]:
        """An array field as NumPy sees it, without a copy; it keeps the mapping, whatever is closed.

        Other processes may write to it at any time: an element of 1, 2, 4 or 8 bytes is whole, anything larger
        need not be. For whole frames there is `VersionedArray`.
        """
        field = self._field(name)
        if field is None or field.kind != "Array":
            found = "a group of fields" if field is None else f"a `{field.kind}`"
            raise WrongKind(
                f"`{name}` in segment `{self.name}` is {found}, not an `Array`; only arrays have views"
            )
        return self._view(field, writable)

    def _view(self, field: Field, writable: bool) -> np.ndarray[Any, Any]:
        buffer = memoryview(self._open.array(field.name, writable))
        return field.shaped(np.frombuffer(buffer, field.dtype))

    def _field(self, name: str) -> Field | None:
        """The field of that name, or what was registered; none for a group of fields."""
        if name not in self._fields:
            self[name]  # raises where there is nothing
            return self.registered.get(name)
        return self._fields[name]

    def numbers(self, name: str) -> Numbers:
        """The numbers of an array field, to be changed in one step each."""
        field = self._field(name)
        native = self._open.numbers(name)
        if field is None:
            raise WrongKind(f"`{name}` in segment `{self.name}` is a group of fields")
        return Numbers(self._origin, field, native)

    def __repr__(self) -> str:
        if self._raw is None:
            return f"<shm.Segment {self.name!r}, closed>"
        access = "read-only" if self.read_only else "read-write"
        schema = f"{self.schema_name or 'schema'} {self.fingerprint[:8]}"
        size, count = _bytes(self.size), len(self._fields)
        return f"<shm.Segment {self.name!r}: {schema}, {size}, {count} fields, {access}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.name, self.read_only, self.id)


def _bytes(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024  # type: ignore[assignment]
    return f"{size:.3g} GiB"


def _reopened(name: str, read_only: bool, identity: bytes) -> Segment:
    """A segment that was pickled: open in this process already, or opened by name."""
    for segment in list(_open_segments):
        if segment.id == identity and not segment.closed and segment.read_only == read_only:
            return segment
    segment = open(name, read_only=read_only)
    if segment.id != identity:
        segment.close()
        raise NotFound(f"segment `{name}` was replaced by another one of the same name")
    return segment


def reopened_field(name: str, read_only: bool, identity: bytes, field: str) -> Any:
    """A field of a segment that was pickled."""
    return _reopened(name, read_only, identity)[field]


def _attach_child() -> None:
    """A forked child attaches now, so that the segment does not lose its last one when the parent leaves."""
    for segment in list(_open_segments):
        if segment._raw is not None:
            try:
                segment._raw.reattach()
            except ShmError:
                pass  # its first operation will try again, and say why


os.register_at_fork(after_in_child=_attach_child)


def open(
    name: str,
    schema: type[Schema] | None = None,
    *,
    read_only: bool = False,
    wait: float | None = None,
    owner: int | None = None,
    mode: int | None = None,
    guard_sigbus: bool = False,
) -> Segment:
    """Opens a segment that another process created, in whatever language.

    With a schema, the segment must have that one. `wait` is how many seconds to wait for a creator. `owner` is the
    user id that it must have, -1 for anybody's; without it, this process's. `mode` says what others may be allowed
    to do with it.
    """
    segment = Segment(_native.open(name, read_only, wait, owner, mode, guard_sigbus))
    if schema is not None:
        try:
            _compare(segment, schema)
        except ShmError:
            segment.close()
            raise
    return segment


def _compare(segment: Segment, schema: type[Schema]) -> None:
    description, fingerprint = _native.describe(schema.description())
    if fingerprint == segment.fingerprint:
        return
    expected = json.loads(description)
    here = {entry["name"]: entry["canonical"] for entry in expected["entries"]}
    there = {name: field.canonical for name, field in segment.fields.items()}
    lines = [f"segment `{segment.name}` has another schema than {schema.__name__}:"]
    if expected["lanes"] != segment._description["lanes"]:
        lines.append(f"  lanes: {expected['lanes']} here, {segment._description['lanes']} there")
    for name in dict.fromkeys([*here, *there]):
        if name not in there:
            lines.append(f"  {name}: missing there, {here[name]} here")
        elif name not in here:
            lines.append(f"  {name}: {there[name]} there, missing here")
        elif here[name] != there[name]:
            lines.append(f"  {name}: {here[name]} here, {there[name]} there")
    if len(lines) == 1:
        lines.append("  the fields come in another order")
    raise SchemaMismatch("\n".join(lines))


def create(
    name: str,
    schema: type[Schema],
    *,
    persist: bool = False,
    reserve: bool = False,
    mode: int | None = None,
    spare: tuple[int, int] = (0, 0),
) -> Segment:
    """Creates a segment: it appears under its name complete or not at all.

    It lives as long as somebody is attached; with `persist` until it is unlinked. `reserve` allocates all memory
    now, and `mode` is who may open it, 0o600 where nothing is said. `spare` leaves room for so many structures that
    are registered later, and for so many bytes of them.
    """
    return Segment(_native.create(name, schema.description(), persist, reserve, mode, spare))


unlink = _native.unlink
prune = _native.prune
