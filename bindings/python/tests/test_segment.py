"""Opening, closing, and fields by name."""

import gc
import json
import os
import threading

import numpy as np
import pytest
from schemas import World

import shm


def test_fields_are_attributes_and_items(name):
    with shm.create(name, World) as seg:
        assert seg.name == name and not seg.read_only and seg.schema_name == "World"
        assert seg.steps is seg["steps"]
        seg.nested.count.store(-3)
        assert seg["nested.count"].load() == seg["nested"]["count"].load() == -3
        seg.shards[2].push(9)
        assert [len(shard) for shard in seg.shards] == [0, 0, 1] and seg["shards[2]"].pop() == 9
        assert {"grid", "nested", "shards"} <= set(dir(seg)) and dir(seg.nested) == ["count", "line"]
        assert "grid" in seg and "nothing" not in seg and len(list(seg)) == len(seg.fields)
        assert seg.fields["events"].capacity == 8 and seg.fields["events"].kind == "Queue"


def test_a_field_is_not_replaced_by_accident(name):
    with shm.create(name, World) as seg:
        for field in ("steps", "grid", "wet"):
            with pytest.raises(AttributeError, match=f"`{field}` cannot be replaced"):
                setattr(seg, field, 5)
        seg.wet |= {1}
        assert set(seg.wet) == {1} and vars(seg)["wet"] is seg["wet"]


def test_fields_named_like_attributes_are_items(name):
    class Named(shm.Schema):
        name: shm.Atomic[np.uint64]
        close: shm.Queue[np.uint8, 4]

    with shm.create(name, Named) as seg:
        seg["name"].store(3)
        assert seg.name == name and seg["name"].load() == 3 and seg["close"].pop() is None


def test_a_repr_says_what_it_is(name):
    seg = shm.create(name, World)
    assert repr(seg).startswith(f"<shm.Segment {name!r}: World ") and "read-write" in repr(seg)
    assert repr(seg.events) == f"<shm.Queue '{name}.events': Queue<Event, 8>>"
    assert "count, line" in repr(seg.nested)
    events = seg.events
    seg.close()
    assert repr(seg) == f"<shm.Segment {name!r}, closed>" and "closed" in repr(events)


def test_after_close_handles_are_void_and_arrays_are_valid(name):
    seg = shm.create(name, World)
    view = seg.view("grid", writable=True)
    events, lease, producer = seg.events, seg.objects.acquire(), seg.audio.producer()
    view[0, 0] = 2.5
    seg.close()
    seg.close()
    for use in (
        lambda: seg.events,
        lambda: seg["grid"],
        lambda: events.pop(),
        lambda: seg.participants,
        lambda: lease.value,
        lambda: producer.push(1.0),
        lambda: seg.view("grid"),
    ):
        with pytest.raises(shm.Closed, match="closed"):
            use()
    assert view[0, 0] == 2.5 and view.sum() == 2.5
    assert os.path.exists(f"/dev/shm/{name}"), "the view is attached"
    assert lease is not None
    del view


def test_a_segment_that_nobody_refers_to_is_left_at_once(name):
    gc.disable()
    try:
        seg = shm.create(name, World)
        seg.events.push((1.0, 2, 3))
        seg.shards[1].push(4)
        assert seg.grid.size == 12 and seg.nested.count.load() == 0
        events = seg.events
        del seg
        assert events.pop().cell == 2, "a handle is enough"
        assert os.path.exists(f"/dev/shm/{name}")
        del events
        assert not os.path.exists(f"/dev/shm/{name}")
    finally:
        gc.enable()


def test_a_view_is_read_only_unless_asked_for(name):
    with shm.create(name, World) as seg:
        assert seg.grid.shape == (4, 3) and seg.grid.dtype == np.float32 and not seg.grid.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            seg.grid[0] = 1
        with pytest.raises(ValueError):
            seg.grid.flags.writeable = True
        writable = seg.view("grid", writable=True)
        writable[1, 2] = 7
        assert seg.grid[1, 2] == 7 and seg.colours.shape == (5, 4)
        with shm.open(name, read_only=True) as reader:
            assert reader.grid[1, 2] == 7
            with pytest.raises(shm.ReadOnly, match="read_only=True"):
                reader.view("grid", writable=True)


def test_what_changes_something_is_refused_read_only(name):
    with shm.create(name, World) as seg, shm.open(name, read_only=True) as reader:
        seg.events.push((1.0, 2, 3))
        seg.gauges[5] = (1.0, 2, 3)
        assert reader.events.peek().cell == 2 and reader.gauges[5].kind == 3 and reader.state.version == 0
        for change in (
            lambda: reader.events.push((1.0, 2, 3)),
            lambda: reader.events.pop(),
            lambda: reader.events.take(),
            lambda: reader.events.pop_wait(0),
            lambda: reader.events.pop_many(1),
            lambda: reader.undo.push(1),
            lambda: reader.audio.producer(),
            lambda: reader.audio.consumer(),
            lambda: reader.objects.acquire(),
            lambda: reader.gauges.__setitem__(1, (1.0, 2, 3)),
            lambda: reader.gauges.pop(5),
            lambda: reader.wet.add(1),
            lambda: reader.wet.discard(1),
            lambda: reader.ticks.send(1),
            lambda: reader.state.store((1.0, 2, 3)),
            lambda: reader.state.update(lambda e: e),
            lambda: reader.frame.writer(),
            lambda: reader.steps.fetch_add(1),
            lambda: reader.steps.store(1),
            lambda: reader.numbers("grid").store(0, 1.0),
            lambda: reader.recover(),
            lambda: reader.guarded.lock(),
            lambda: reader.permits.acquire(),
            lambda: reader.news.raise_(),
            lambda: reader.guarded.lock(),
            lambda: reader.permits.acquire(),
            lambda: reader.news.raise_(),
        ):
            with pytest.raises(shm.ReadOnly, match="is open read-only"):
                change()


def test_errors_say_what_and_why(name):
    with pytest.raises(shm.NotFound, match=name) as error:
        shm.open(name)
    assert isinstance(error.value, FileNotFoundError) and isinstance(error.value, shm.ShmError)
    with pytest.raises(shm.BadName):
        shm.open("no/name")
    with shm.create(name, World) as seg:
        with pytest.raises(shm.AlreadyExists, match=name):
            shm.create(name, World)
        with pytest.raises(AttributeError, match="has no field `evnts`; it has `grid`, `events`"):
            seg.evnts
        with pytest.raises(KeyError):
            seg["evnts"]
        with pytest.raises(shm.WrongKind, match="not an `Array`"):
            seg.view("events")
        with pytest.raises(shm.WrongKind, match="numbers"):
            seg.numbers("colours")
        assert not hasattr(seg, "_nothing")


def test_another_file_is_no_segment(name):
    path = f"/dev/shm/{name}"
    with open(path, "wb") as file:
        file.write(b"x" * 8192)
    os.chmod(path, 0o600)
    try:
        with pytest.raises(shm.NotASegment, match="magic"):
            shm.open(name)
        os.chmod(path, 0o666)
        with pytest.raises(shm.Foreign, match=name):
            shm.open(name)
    finally:
        os.unlink(path)


def test_a_schema_is_compared_field_by_field(name):
    class Other(shm.Schema, lanes=8):
        grid: shm.Array[np.float64, 12]
        more: shm.Atomic[np.uint64]

    with shm.create(name, World):
        with shm.open(name, World) as same:
            assert same.schema_name == "World"
        with pytest.raises(shm.SchemaMismatch) as error:
            shm.open(name, Other)
        text = str(error.value)
        assert "grid: Array<12,0>:{8/8(:f64@0)} here, Array<12,0>:{4/4(:f32@0)} there" in text
        assert "more: missing there" in text and "steps: Atomic<0>:{8/8(:u64@0)} there, missing here" in text


def test_open_waits_for_a_creator(name):
    with pytest.raises(shm.NotFound):
        shm.open(name, wait=0.06)
    created = []
    thread = threading.Timer(0.1, lambda: created.append(shm.create(name, World)))
    thread.start()
    with shm.open(name, wait=60) as seg:
        assert seg.schema_name == "World"
    thread.join()
    created.pop().close()


def test_persist_and_unlink(name):
    shm.create(name, World, persist=True, mode=0o600).close()
    with shm.open(name) as seg:
        seg.unlink()
    with pytest.raises(shm.NotFound):
        shm.unlink(name)


def test_a_field_that_numpy_cannot_have_harms_nobody_else(name):
    twice = [{"name": "a", "offset": at, "type": "u8"} for at in (0, 1)]
    element = {"size": 2, "align": 1, "fields": twice}
    entries = [
        {"name": "odd", "kind": "Queue", "capacity": [4], "element": element},
        {"name": "even", "kind": "Queue", "capacity": [4], "element": "u8"},
    ]
    native = shm._native.create(name, json.dumps({"entries": entries}), False, False, None, (0, 0))
    with shm.open(name) as seg:
        seg.even.push(1)
        assert seg.even.pop() == 1
        with pytest.raises(shm.WrongKind, match="`odd`: NumPy has no type"):
            seg.odd.pop_many(1)
    del native
