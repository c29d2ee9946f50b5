"""Schemas as Python classes: annotations become the description that a segment is made from."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from typing import Any, ClassVar

import numpy as np

from ._element import NUMBERS, only
from ._errors import BadSchema

_RUST = {np.dtype(code): name for name, (code, pack) in NUMBERS.items() if pack}


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of at most so many bytes, as an element: `shm.Str[16]`."""

    size: int


class Str:
    """A text of at most `N` bytes of UTF-8, as an element or part of one: `Str[N]`, in Rust `ShmStr<N>`."""

    def __class_getitem__(cls, size: int) -> Text:
        return Text(size)


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """What an annotation such as `Queue[Event, 4096]` says; `* 4` makes an array of such structures."""

    kind: str
    element: dict[str, Any] | None
    capacity: tuple[int, ...]
    shape: tuple[int, ...] = ()
    repeat: int | None = None

    def __mul__(self, count: int) -> FieldSpec:
        return dataclasses.replace(self, repeat=count)


def _number(name: str, size: int) -> dict[str, Any]:
    return _single({"type": name, "count": 1}, name, size, size)


def _single(field: dict[str, Any], name: str, size: int, align: int) -> dict[str, Any]:
    field = {"name": "", "offset": 0, **field}
    return {"name": name, "doc": "", "size": size, "align": align, "fields": [field]}


def describe_element(of: Any) -> dict[str, Any]:
    """The description of a NumPy type, a dataclass of such, `Str[N]`, or Rust's name of a number."""
    if isinstance(of, Text):
        return _single({"type": f"str{of.size}", "count": 1}, f"ShmStr<{of.size}>", of.size, 1)
    if isinstance(of, str) and of in NUMBERS:
        return _number(of, np.dtype(NUMBERS[of][0]).itemsize)
    if isinstance(of, type) and dataclasses.is_dataclass(of):
        hints = inspect.get_annotations(of, eval_str=True)
        fields = [(f.name, describe_element(hints[f.name])) for f in dataclasses.fields(of)]
        return _struct(of.__name__, inspect.getdoc(of) or "", _in_a_row(fields), None)
    return _describe_dtype(_dtype(of))


def _dtype(of: Any) -> np.dtype[Any]:
    is_type = isinstance(of, type) and issubclass(of, np.generic)
    try:
        if is_type or isinstance(of, (np.dtype, str)):
            dtype: np.dtype[Any] = np.dtype(of)
            return dtype
    except TypeError:
        pass
    what = "give a NumPy type such as np.float64, or a dataclass of them"
    raise BadSchema(f"{of!r} is no element: {what}")


def _describe_dtype(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        inner = _describe_dtype(base)
        field = _as_field(inner)
        if len(shape) != 1 or field["count"] != 1:
            raise BadSchema(f"{dtype}: arrays inside of elements have one dimension")
        field["count"] = shape[0]
        return _single(field, "", inner["size"] * shape[0], inner["align"])
    if dtype.names is not None and dtype.fields is not None:
        places = [
            (name, describe_element(dtype.fields[name][0]), dtype.fields[name][1]) for name in dtype.names
        ]
        return _struct("", "", places, dtype.itemsize)
    if dtype in _RUST:
        return _number(_RUST[dtype], dtype.itemsize)
    if dtype.kind == "S" and dtype.itemsize:
        return describe_element(Text(dtype.itemsize))
    if dtype.kind == "V" and dtype.itemsize:
        return {"name": "", "doc": "", "size": dtype.itemsize, "align": 1, "fields": []}
    raise BadSchema(
        f"{dtype!r} is no element: there are little-endian integers of 8 to 64 bits, float32, float64, "
        "texts `S…` and structs of them; keep a bool in a uint8"
    )


def _as_field(element: dict[str, Any]) -> dict[str, Any]:
    """What a field of this type says, but for its name and offset."""
    single = only(element)
    if single is not None:
        return {key: value for key, value in single.items() if key not in ("name", "offset")}
    if not element["fields"]:
        raise BadSchema(
            f"{element['size']} bytes that are not described cannot be part of an element: "
            "use an array of uint8"
        )
    return {"element": element, "count": 1}


def _in_a_row(fields: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any], int]]:
    """The places that C gives to fields."""
    at, placed = 0, []
    for name, element in fields:
        at = math.ceil(at / element["align"]) * element["align"]
        placed.append((name, element, at))
        at += element["size"]
    return placed


def _struct(
    name: str, doc: str, places: list[tuple[str, dict[str, Any], int]], size: int | None
) -> dict[str, Any]:
    """A struct without padding, as every process has to see the same bytes."""
    end, fields = 0, []
    for field, element, offset in places:
        if offset % element["align"]:
            raise BadSchema(
                f"`{field}` lies at {offset}, which is no multiple of {element['align']}: "
                "reorder the fields, or use align=True"
            )
        if offset != end:
            raise BadSchema(
                f"there are {offset - end} bytes of padding before `{field}`: "
                "put a field `_pad` of as many uint8 there"
            )
        end += element["size"]
        fields.append({"name": field, "offset": offset, **_as_field(element)})
    align = max((element["align"] for _, element, _ in places), default=1)
    if end % align or size not in (None, end):
        found = (size if size is not None and size != end else math.ceil(end / align) * align) - end
        raise BadSchema(
            f"there are {found} bytes of padding at the end of `{name or 'the struct'}`: "
            "put a field `_pad` of as many uint8 there"
        )
    return {"name": name, "doc": doc, "size": end, "align": align, "fields": fields}


def describe_pair(key: Any, value: Any) -> dict[str, Any]:
    """The description of a map's entry."""
    placed = _in_a_row([("key", describe_element(key)), ("value", describe_element(value))])
    align = max(element["align"] for _, element, _ in placed)
    size = math.ceil((placed[1][2] + placed[1][1]["size"]) / align) * align
    fields = [{"name": name, "offset": at, **_as_field(element)} for name, element, at in placed]
    return {"name": "", "doc": "", "size": size, "align": align, "fields": fields}


class Schema:
    """The base of schemas: annotations are the fields, the docstring is kept in the segment.

    A field is a structure such as `shm.Queue[Event, 4096]`, such a structure `* 4`, or another schema. A subclass
    of a schema appends its fields. `class Sim(shm.Schema, lanes=16)` gives another number of lanes than 64: of
    processes and threads that work on the segment at a time.
    """

    __lanes__: ClassVar[int] = 64

    def __init_subclass__(cls, lanes: int | None = None) -> None:
        super().__init_subclass__()
        if lanes is not None:
            cls.__lanes__ = lanes

    @classmethod
    def description(cls) -> str:
        """The description in JSON that `FORMAT.md` speaks of."""
        schema = {"name": cls.__name__, "doc": inspect.cleandoc(cls.__doc__ or "")}
        return json.dumps({"schema": schema, "lanes": cls.__lanes__, "entries": cls._entries("")})

    @classmethod
    def _entries(cls, prefix: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for base in reversed(cls.__mro__):
            if base is Schema or not issubclass(base, Schema):
                continue
            for name, of in inspect.get_annotations(base, eval_str=True).items():
                entries += entries_of(f"{prefix}{name}", of)
        return entries


def entries_of(name: str, of: Any) -> list[dict[str, Any]]:
    """The description of a field, an entry for each structure that it has."""
    if isinstance(of, type) and issubclass(of, Schema):
        return of._entries(f"{name}.")
    if not isinstance(of, FieldSpec):
        raise BadSchema(
            f"field `{name}` is {of!r}: expected a structure such as shm.Array[np.float32, 1000], or a schema"
        )
    names = [name] if of.repeat is None else [f"{name}[{i}]" for i in range(of.repeat)]
    entry: dict[str, Any] = {"kind": of.kind, "capacity": list(of.capacity), "shape": list(of.shape)}
    if of.element is not None:
        entry["element"] = of.element
    return [{"name": name, **entry} for name in names]


#: How many element types a kind has, where that is not one.
_TYPES = {"Map": 2, "LargeMap": 2, "Semaphore": 0, "Signal": 0, "Barrier": 0, "Once": 0}


def spec(kind: str, arguments: Any, capacities: int) -> FieldSpec:
    """The field that `Kind[element…, capacity…]` says."""
    given = arguments if isinstance(arguments, tuple) else (arguments,)
    types = _TYPES.get(kind, 1)
    if len(given) != types + capacities:
        says = [[], ["T"], ["K", "V"]][types]
        says += ["buckets", "N"] if capacities == 2 else ["N"] * capacities
        raise BadSchema(f"{kind}[{', '.join(map(str, given))}]: expected {kind}[{', '.join(says)}]")
    element = None
    if types:
        element = describe_pair(*given[:2]) if types == 2 else describe_element(given[0])
    shape: tuple[int, ...] = ()
    numbers: list[int] = []
    for number in given[types:]:
        if isinstance(number, tuple):
            shape, number = number, math.prod(number)
        if not isinstance(number, int):
            raise BadSchema(f"{kind}: the capacity is {number!r}, and should be a number")
        numbers.append(number)
    return FieldSpec(kind, element, tuple(numbers), shape)
