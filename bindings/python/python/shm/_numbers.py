"""Arrays and numbers that are changed in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import OutOfRange
from ._handle import Handle
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native  # noqa: F401


class Array:
    """Elements in a row: `Array[np.float32, 1000]` or `Array[np.float32, (100, 10)]`; an ndarray when open."""

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
        return self._native.load(self._at(i))

    def store(self, i: int, value: Any) -> None:
        """Overwrites number `i`."""
        self._native.store(self._at(i), value)

    def change(self, op: str, i: int, value: Any) -> Any:
        """Runs an operation of `Atomic` by its name, such as `"fetch_max"`: the number before."""
        return self._native.change(op, self._at(i), value)

    def fetch_add(self, i: int, value: Any) -> Any:
        """Adds to number `i`, wrapping around; the number before."""
        return self.change("fetch_add", i, value)

    def compare_exchange(self, i: int, current: Any, new: Any) -> tuple[bool, Any]:
        """Overwrites number `i` if it is `current`: whether it was, and what was there."""
        return self._native.compare_exchange(self._at(i), current, new)


class Atomic(Handle["_native.Numbers"]):
    """One number that any process changes in one step: `Atomic[np.uint64]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Atomic", of, 0)

    def load(self) -> Any:
        """The number."""
        return self._native.load(0)

    def store(self, value: Any) -> None:
        """Overwrites it."""
        self._native.store(0, value)

    def _change(self, op: str, value: Any) -> Any:
        return self._native.change(op, 0, value)

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
        return self._native.compare_exchange(0, current, new)
