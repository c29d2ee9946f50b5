"""Structures that come and go at run time."""

import numpy as np
import pytest
from schemas import Event, World

import shm


@pytest.fixture
def seg(name):
    with shm.create(name, World, spare=(3, 1 << 16)) as seg:
        yield seg


def test_what_is_registered_is_found_by_name(seg):
    assert dict(seg.registered) == {}
    jobs = seg.register("jobs", shm.Queue[Event, 4])
    with shm.open(seg.name) as other:
        assert list(other.registered) == ["jobs"] and other.registered["jobs"].capacity == 4
        other.jobs.push((1.0, 2, 3))
        assert other["jobs"].peek().cell == 2 and "jobs" not in other.fields
    assert jobs.pop().t == 1.0
    with pytest.raises(shm.AlreadyExists, match="`jobs`"):
        seg.register("jobs", shm.Queue[Event, 4])
    seg.erase("jobs")
    with pytest.raises(shm.NoSuchField, match="has no field `jobs`"):
        seg.jobs
    with pytest.raises(shm.NoSuchField):
        seg.erase("jobs")


def test_arrays_of_all_kinds(seg):
    raw = seg.register("raw", shm.Array[np.float32, (2, 3)])
    assert raw.shape == (2, 3) and raw.dtype == np.float32
    seg.view("raw", writable=True)[:] = 1.5
    assert seg.raw.sum() == 9.0 and seg.numbers("raw").fetch_add(0, 1) == 1.5
    assert seg.register("total", shm.Atomic[np.int64]).fetch_add(2) == 0 and seg.total.load() == 2


def test_what_does_not_fit_is_told(seg):
    with pytest.raises(shm.NoRoom):
        seg.register("huge", shm.Array[np.float64, 1 << 20])
    with pytest.raises(shm.BadName):
        seg.register("a.b", shm.Atomic[np.int64])
    with pytest.raises(shm.WrongKind):
        seg.erase("events")
    for i in range(100):
        try:
            seg.register(f"n{i}", shm.Atomic[np.int64])
        except shm.NoRoom:
            break
    else:
        pytest.fail("the table has no end")
    assert len(seg.registered) == i
    with shm.open(seg.name, read_only=True) as reader, pytest.raises(shm.ReadOnly):
        reader.register("more", shm.Atomic[np.int64])
