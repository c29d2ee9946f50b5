"""Schemas as classes: what they describe, and what they refuse."""

import dataclasses
import json

import numpy as np
import pytest
from schemas import Event

import shm
from shm import _native


def fingerprint(schema):
    return _native.describe(schema.description())[1]


def test_the_fingerprint_is_that_of_the_format(name):
    # the test vector of FORMAT.md
    class Vector(shm.Schema, lanes=2):
        grid: shm.Array[np.uint16, 3]
        count: shm.Atomic[np.uint64]
        events: shm.Queue[Event, 4]
        audio: shm.Spsc[np.uint32, 2]

    assert fingerprint(Vector) == "d9c9bf0f1c27986f8f2a08fe2953ba45"
    with shm.create(name, Vector) as seg:
        assert seg.fingerprint == fingerprint(Vector)


def test_elements_may_be_dtypes_and_dataclasses():
    dtype = np.dtype([("t", "<f8"), ("cell", "<u4"), ("kind", "<u4")])

    class A(shm.Schema):
        events: shm.Queue[dtype, 4]

    class B(shm.Schema):
        events: shm.Queue[Event, 4]

    assert fingerprint(A) == fingerprint(B)


def test_nested_elements_and_texts(name):
    @dataclasses.dataclass
    class Station:
        name: shm.Str[8]
        cells: np.dtype(("u4", 2))
        last: Event

    class Net(shm.Schema):
        stations: shm.Queue[Station, 4]
        table: shm.Array[Station, 3]

    with shm.create(name, Net) as seg:
        seg.stations.push(("north", [7, 8], (0.5, 1, 2)))
        seg.stations.push(Station("søuth", (9, 10), Event(1.5, 2, 3)))
        station = seg.stations.pop()
        assert station.name == b"north" and station.cells.tolist() == [7, 8] and station["last"]["t"] == 0.5
        assert seg.stations.pop().name.decode() == "søuth"
        table = seg.view("table", writable=True)
        table["last"]["cell"][1] = 5
        assert seg.table[1]["last"]["cell"] == 5 and table.dtype.itemsize == 32
        with pytest.raises(shm.WrongValue, match=r"`cells\[1\]`: expected a number of type u32"):
            seg.stations.push(("north", [7, "x"], (0.5, 1, 2)))
        with pytest.raises(shm.WrongValue, match="`last.cell`"):
            seg.stations.push(("north", [7, 8], (0.5, -1, 2)))


def test_a_subclass_appends_fields():
    class Old(shm.Schema):
        a: shm.Atomic[np.uint64]

    class New(Old):
        b: shm.Atomic[np.uint64]

    assert [entry["name"] for entry in json.loads(New.description())["entries"]] == ["a", "b"]


def test_what_cannot_be_is_refused():
    @dataclasses.dataclass
    class Padded:
        a: np.uint8
        b: np.uint32

    @dataclasses.dataclass
    class Short:
        b: np.uint32
        a: np.uint8

    for of, why in (
        (lambda: shm.Queue[Padded, 4], "3 bytes of padding before `b`"),
        (lambda: shm.Queue[Short, 4], "3 bytes of padding at the end of `Short`"),
        (lambda: shm.Queue[np.dtype([("a", "u1"), ("b", "<u4")]), 4], "no multiple of 4"),
        (lambda: shm.Queue[np.bool_, 4], "keep a bool in a uint8"),
        (lambda: shm.Queue[np.float16, 4], "is no element"),
        (lambda: shm.Queue[np.dtype(">f8"), 4], "little-endian"),
        (lambda: shm.Queue[int, 4], "np.float64"),
        (lambda: shm.Queue[np.uint8], r"expected Queue\[T, N\]"),
        (lambda: shm.Map[np.uint8, 4], r"expected Map\[K, V, N\]"),
        (lambda: shm.Array[np.uint8, "x"], "capacity is 'x'"),
    ):
        with pytest.raises(shm.BadSchema, match=why):
            of()


def test_the_runtime_refuses_the_rest(name):
    class Odd(shm.Schema):
        events: shm.Queue[np.uint8, 5]

    class Floating(shm.Schema):
        wet: shm.Set[np.float64, 4]

    class Wrong(shm.Schema):
        x: int

    for schema, why in ((Odd, "power of two"), (Floating, "two zeros"), (Wrong, "field `x` is")):
        with pytest.raises(shm.BadSchema, match=why):
            shm.create(name, schema)
