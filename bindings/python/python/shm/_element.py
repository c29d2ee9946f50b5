"""Elements: what a segment says of them, as NumPy types, and values to and from bytes."""

from __future__ import annotations

import dataclasses
import operator
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ._errors import WrongValue

#: Rust's name of a number, with NumPy's and that of `struct`.
NUMBERS: dict[str, tuple[str, str]] = {
    "u8": ("<u1", "<B"),
    "i8": ("<i1", "<b"),
    "u16": ("<u2", "<H"),
    "i16": ("<i2", "<h"),
    "u32": ("<u4", "<I"),
    "i32": ("<i4", "<i"),
    "u64": ("<u8", "<Q"),
    "i64": ("<i8", "<q"),
    "f32": ("<f4", "<f"),
    "f64": ("<f8", "<d"),
    "u128": ("V16", ""),
    "i128": ("V16", ""),
}


def is_text(name: str) -> bool:
    """Whether this is the type of a text: `str24`."""
    return name.startswith("str")


def _one(field: dict[str, Any]) -> np.dtype[Any]:
    if "element" in field:
        return dtype_of(field["element"])
    name: str = field["type"]
    return np.dtype(f"S{name[3:]}") if is_text(name) else np.dtype(NUMBERS[name][0])


def _row(field: dict[str, Any]) -> np.dtype[Any]:
    one = _one(field)
    return one if field["count"] == 1 else np.dtype((one, (field["count"],)))


def only(element: dict[str, Any]) -> dict[str, Any] | None:
    """The only field of an element that is but a number, a text, or an array of one type."""
    fields = element["fields"]
    if len(fields) == 1 and fields[0]["name"] == "":
        found: dict[str, Any] = fields[0]
        return found
    return None


def dtype_of(element: dict[str, Any]) -> np.dtype[Any]:
    """The NumPy type of an element, with the offsets that the segment says."""
    single = only(element)
    if single is not None:
        return _row(single)
    fields = element["fields"]
    if not fields:
        return np.dtype(f"V{element['size']}")
    return np.dtype(
        {
            "names": [field["name"] for field in fields],
            "formats": [_row(field) for field in fields],
            "offsets": [field["offset"] for field in fields],
            "itemsize": element["size"],
        }
    )


def part_of(field: dict[str, Any]) -> dict[str, Any]:
    """The content of an element's field as an element of its own."""
    if "element" in field and field["count"] == 1:
        inner: dict[str, Any] = field["element"]
        return inner
    alone = {**field, "name": "", "offset": 0}
    return {"size": _row(alone).itemsize, "fields": [alone]}


def _flat(element: dict[str, Any]) -> tuple[struct.Struct, Callable[[Any], tuple[Any, ...]]] | None:
    """How a struct of two numbers or more is packed from the attributes of an object; none for another one."""
    fields = sorted(element["fields"], key=lambda field: field["offset"])
    code, end = "<", 0
    for field in fields:
        number = NUMBERS.get(field.get("type", ""), ("", ""))[1]
        if not number or field["count"] != 1 or field["name"][:1] in ("", "_"):
            return None
        code += "x" * (field["offset"] - end) + number[1:]
        end = field["offset"] + struct.calcsize(number)
    if len(fields) < 2:
        return None
    packs = struct.Struct(code + "x" * (element["size"] - end))
    return packs, operator.attrgetter(*(field["name"] for field in fields))


class Element:
    """The elements of a field: their type, and their values to and from bytes."""

    def __init__(self, field: str, description: dict[str, Any]) -> None:
        self.field = field
        self.description = description
        self.size: int = description["size"]
        self.dtype = dtype_of(description)
        self._only = only(description)
        self._number = ""
        if self._only is not None and self._only["count"] == 1:
            self._number = self._only.get("type", "")
        self._code = NUMBERS.get(self._number, ("", ""))[1]
        self._record: Any = self.dtype
        if self.dtype.names is not None:
            self._record = np.dtype((np.record, self.dtype))
        self._flat = _flat(description)
        self._alike: dict[type, bool] = {}

    def _wrong(self, path: str, expected: str, found: object) -> WrongValue:
        found = found if isinstance(found, str) else repr(found)[:80]
        place = f"`{self.field}`" + (f", `{path}`" if path else "")
        return WrongValue(f"{place}: expected {expected}, found {found}")

    def encode(self, value: Any) -> bytes:
        """The bytes of a value: a number, a text, a tuple, a mapping, a record, an object with the fields."""
        if self._code:
            return self._pack(self._number, value, "")
        if isinstance(value, (np.void, np.ndarray)):
            # mostly it is one that came from here, or from an array of this type
            if value.dtype is self.dtype or value.dtype is self._record or value.dtype == self.dtype:
                if value.nbytes == self.size:
                    return value.tobytes()
        elif self._flat is not None and self._is_alike(type(value)):
            try:
                return self._flat[0].pack(*self._flat[1](value))
            except (struct.error, OverflowError, AttributeError, TypeError):
                pass  # the long way says what is wrong
        into = bytearray(self.size)
        self._put_element(self.description, value, into, 0, "")
        return bytes(into)

    def _is_alike(self, kind: type) -> bool:
        """Whether this is a dataclass with the fields of the element, and no others."""
        if kind not in self._alike:
            names = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
            self._alike[kind] = set(names) == set(self.dtype.names or ())
        return self._alike[kind]

    def _put_element(self, element: dict[str, Any], value: Any, into: bytearray, at: int, path: str) -> None:
        single = only(element)
        if single is not None:
            self._put_row(single, value, into, at, path)
        elif not element["fields"]:
            data = value.tobytes() if isinstance(value, np.void) else value
            if not isinstance(data, (bytes, bytearray, memoryview)) or len(data) != element["size"]:
                raise self._wrong(path, f"{element['size']} bytes", value)
            into[at : at + element["size"]] = data
        else:
            self._put_struct(element["fields"], value, into, at, path)

    def _put_struct(
        self, fields: list[dict[str, Any]], value: Any, into: bytearray, at: int, path: str
    ) -> None:
        names = [field["name"] for field in fields]
        parts = self._parts(names, value, path)
        for field in fields:
            name = field["name"]
            inner = f"{path}.{name}" if path else name
            if name in parts:
                self._put_row(field, parts[name], into, at + field["offset"], inner)
            elif not name.startswith("_"):  # such a one is padding, and zero
                raise self._wrong(path, f"a field `{name}`", "none")

    def _parts(self, names: list[str], value: Any, path: str) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            parts: dict[str, Any] = dict(value)
        elif isinstance(value, (np.void, np.ndarray)) and value.dtype.names is not None:
            parts = {name: value[name] for name in value.dtype.names}
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        elif isinstance(value, (tuple, list)):
            named = names if len(value) == len(names) else [n for n in names if n[:1] != "_"]
            if len(value) != len(named):
                raise self._wrong(path, f"{len(named)} values: {', '.join(named)}", value)
            parts = dict(zip(named, value))
        else:
            raise self._wrong(path, f"a tuple, mapping or record of {', '.join(names)}", value)
        for name in parts:
            if name not in names:
                raise self._wrong(path, f"the fields {', '.join(names)}", f"a field `{name}`")
        return parts

    def _put_row(self, field: dict[str, Any], value: Any, into: bytearray, at: int, path: str) -> None:
        count: int = field["count"]
        if count == 1:
            self._put_one(field, value, into, at, path)
            return
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise self._wrong(path, f"{count} values", value)
        values = list(value)
        if len(values) != count:
            raise self._wrong(path, f"{count} values", f"{len(values)}")
        size = field["element"]["size"] if "element" in field else _one(field).itemsize
        for i, item in enumerate(values):
            self._put_one(field, item, into, at + i * size, f"{path}[{i}]")

    def _put_one(self, field: dict[str, Any], value: Any, into: bytearray, at: int, path: str) -> None:
        if "element" in field:
            self._put_element(field["element"], value, into, at, path)
            return
        name: str = field["type"]
        if is_text(name):
            data = value.encode() if isinstance(value, str) else value
            most = int(name[3:])
            if not isinstance(data, bytes) or len(data) > most:
                raise self._wrong(path, f"a text of at most {most} bytes", value)
            into[at : at + len(data)] = data
            return
        data = self._pack(name, value, path)
        into[at : at + len(data)] = data

    def _pack(self, name: str, value: Any, path: str) -> bytes:
        code = NUMBERS[name][1]
        try:
            if code:
                return struct.pack(code, value)
            return int(value.__index__()).to_bytes(16, "little", signed=name[0] == "i")
        except (struct.error, OverflowError, TypeError, ValueError, AttributeError):
            raise self._wrong(path, f"a number of type {name}", value) from None

    def decode(self, data: bytes) -> Any:
        """The value: an `int`, `float` or `str`, an array, a record, or bytes where nothing is described."""
        if self._code:
            return struct.unpack(self._code, data)[0]
        single = self._only
        if single is None:
            return np.frombuffer(data, self._record)[0] if self.description["fields"] else data
        if single["count"] != 1:
            return np.frombuffer(data, self.dtype)[0].copy()
        if "element" in single:
            return np.frombuffer(data, self.dtype)[0]
        name: str = single["type"]
        if is_text(name):
            text = data.rstrip(b"\0")
            try:
                return text.decode()
            except UnicodeDecodeError:
                return text
        return int.from_bytes(data, "little", signed=name[0] == "i")

    def encode_many(self, values: Any) -> bytes:
        """The bytes of several values: at once for an array of a type that fits, else one after the other."""
        if not isinstance(values, np.ndarray):
            return b"".join(map(self.encode, values))
        base, inner = self.dtype.base, self.dtype.shape
        if inner and values.shape[-len(inner) :] != inner:
            raise self._wrong("", f"an array of {inner} {base} each", f"shape {values.shape}")
        if values.dtype == base:
            return values.tobytes()
        if values.dtype.names == base.names and np.can_cast(values.dtype, base, "safe"):
            clean = np.zeros(values.shape, base)  # zeros in the padding
            clean[...] = values
            return clean.tobytes()
        why = f"an array of {base}, or of one that converts without loss"
        raise self._wrong("", why, f"one of {values.dtype}")

    def decode_many(self, data: bytes | bytearray) -> np.ndarray[Any, Any]:
        """An array that owns its elements."""
        return np.frombuffer(data, self.dtype)

    def decode_list(self, count: int, data: bytes | bytearray) -> list[Any]:
        """The values, each as `decode` gives it."""
        size, whole = self.size, bytes(data)
        return [self.decode(whole[i * size : (i + 1) * size]) for i in range(count)]
