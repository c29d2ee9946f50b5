"""Maps and sets, as Python knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSet
from typing import TYPE_CHECKING, Any

from ._handle import Handle
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native  # noqa: F401


class Map(Handle["_native.Map"], MutableMapping[Any, Any]):
    """Keys and values: `Map[np.uint32, Gauge, 64]`. Iterating sees what is there at a moment, in no order."""

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
        """Replaces a value by what a function makes of it, in one step; the new one.

        The function is called again where somebody else was faster.
        """
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
