"""Every structure, from Python."""

import dataclasses
import signal
import threading

import numpy as np
import pytest
from schemas import Event, World

import shm


@pytest.fixture
def seg(name):
    with shm.create(name, World) as seg:
        yield seg


def test_elements_go_in_in_many_forms(seg):
    dtype = seg.fields["events"].dtype
    record = np.array([(4.0, 5, 6)], dtype)[0]
    for event in (
        (1.0, 2, 3),
        {"kind": 3, "t": 1.0, "cell": 2},
        Event(1.0, 2, 3),
        [1.0, np.int64(2), 3],
        record,
    ):
        seg.events.push(event)
    popped = [seg.events.pop() for _ in range(5)]
    assert [event.cell for event in popped] == [2, 2, 2, 2, 5] and popped[0]["t"] == 1.0
    assert popped[0] == popped[3] and seg.events.pop() is None


def test_wrong_values_say_what_and_why(seg):
    for value, why in (
        ((1.0, -1, 3), "`events`, `cell`: expected a number of type u32, found -1"),
        ((1.0, 2.5, 3), "`cell`: expected a number of type u32, found 2.5"),
        ((1.0, 2**32, 3), "`cell`"),
        (("x", 2, 3), "`t`: expected a number of type f64, found x"),
        ((1.0, 2), "expected 3 values: t, cell, kind"),
        ({"t": 1.0, "cell": 2}, "expected a field `kind`, found none"),
        ({"t": 1.0, "cell": 2, "kind": 3, "sort": 4}, "found a field `sort`"),
        (7, "expected a tuple, mapping or record of t, cell, kind"),
    ):
        with pytest.raises(shm.WrongValue, match=why):
            seg.events.push(value)
    with pytest.raises(shm.WrongValue, match="one of int64"):
        seg.undo.push_many(np.arange(3))
    with pytest.raises(shm.WrongValue, match="a text of at most 16 bytes"):
        seg.names["x" * 17] = 1
    assert len(seg.events) == len(seg.undo) == len(seg.names) == 0


@dataclasses.dataclass
class Sorted(Event):
    sort: int = 0


def test_every_way_in_says_the_same_of_a_wrong_value(seg):
    for value in ((0.5, -1, 3), Event(0.5, -1, 3), {"t": 0.5, "cell": -1, "kind": 3}):
        with pytest.raises(shm.WrongValue, match="`events`, `cell`: expected a number of type u32, found -1"):
            seg.events.push(value)
    with pytest.raises(shm.WrongValue, match="found a field `sort`"):
        seg.events.push(Sorted(0.5, 1, 2))
    for value in (1.5, "7", None, 2**31):
        with pytest.raises(shm.WrongValue, match="`undo`: expected a number of type i32, found"):
            seg.undo.push(value)
    with pytest.raises(shm.WrongValue, match="`steps`: expected a number of type u64, found 'x'"):
        seg.steps.store("x")
    with seg.audio.producer() as out, seg.audio.consumer() as into:
        with pytest.raises(shm.WrongValue, match="f32, found 1e"):
            out.push(1e300)
        for value in (0.25, 3, np.float32(1.5), float("inf")):
            out.push(value)
        assert [into.pop() for _ in range(5)] == [0.25, 3.0, 1.5, float("inf"), None]
    assert len(seg.events) == len(seg.undo) == 0 and seg.steps.load() == 0


def test_numbers_go_in_and_come_out_the_same(seg):
    for queue, values in ((seg.undo, (0, -1, 2**31 - 1, -(2**31))), (seg.nested.line, (0, 1, 2**16 - 1, True))):
        for value in values:
            queue.push(value)
            assert queue.peek() == value and queue.pop() == value and queue.pop() is None
            queue.push_wait(value)
            assert queue.pop_wait() == value and type(value) in (int, bool)
    seg.big.push(2**127)  # longer than a word
    assert seg.big.peek() == 2**127 and seg.big.pop() == 2**127


def test_a_queue_in_batches(seg):
    dtype = seg.fields["events"].dtype
    events = np.zeros(10, dtype)
    events["cell"] = np.arange(10)
    assert seg.events.push_many(events) == 8 and len(seg.events) == seg.events.capacity == 8
    with pytest.raises(shm.Full, match="room for 8"):
        seg.events.push((0.0, 0, 0))
    popped = seg.events.pop_many(5)
    assert popped.dtype == dtype and popped["cell"].tolist() == [0, 1, 2, 3, 4]
    popped["t"] = 1.0  # its own memory
    assert seg.events.pop_many(100)["cell"].tolist() == [5, 6, 7] and len(seg.events.pop_many(1)) == 0
    assert seg.undo.push_many([1, 2, 3]) == 3 and seg.undo.push_many(np.array([4], np.int16)) == 1
    assert seg.undo.pop() == 4 and seg.undo.pop_many(2).tolist() == [3, 2] and seg.undo.peek() == 1
    seg.big.push(2**100)
    assert seg.big.pop() == 2**100


def test_what_is_taken_comes_back_unless_it_is_done(seg):
    seg.events.push((1.0, 2, 3))
    with pytest.raises(RuntimeError, match="mine"):
        with seg.events.take() as event:
            assert event.cell == 2
            raise RuntimeError("mine")
    taken = seg.events.take()
    taken.done()
    with pytest.raises(shm.Closed, match="given back"):
        taken.done()
    assert seg.events.take() is None and seg.events.pop() is None


def test_waiting_ends_with_the_time_or_an_element(seg):
    assert seg.events.pop_wait(timeout=0.02) is None and seg.undo.pop_wait(0) is None
    for i in range(4):
        seg.undo.push(i)
    with pytest.raises(shm.Full):
        seg.undo.push_wait(9, timeout=0.01)
    with pytest.raises(ValueError, match="not a number"):
        seg.undo.pop_wait(float("nan"))
    got = []
    thread = threading.Thread(target=lambda: got.append(seg.events.pop_wait()))
    thread.start()  # without the interpreter's lock, or this would not go on
    seg.events.push((1.0, 2, 3))
    thread.join()
    assert got[0].cell == 2


def test_waiting_holds_no_lane(name):
    class Narrow(shm.Schema, lanes=1):
        events: shm.Queue[np.uint32, 4]

    with shm.create(name, Narrow) as seg:
        got = []
        threads = [threading.Thread(target=lambda: got.append(seg.events.pop_wait())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(3):
            seg.events.push_wait(i, timeout=60)
        for thread in threads:
            thread.join()
        assert sorted(got) == [0, 1, 2]


class Heard(Exception):
    pass


@pytest.mark.parametrize(
    "wait",
    [
        lambda seg: seg.events.pop_wait(60),
        lambda seg: seg.undo.pop_wait(),
        lambda seg: seg.ticks.subscribe().recv_wait(),
        lambda seg: seg.state.wait_change(0),
        lambda seg: seg.frame.wait_change(0),
        lambda seg: seg.audio.consumer().pop_wait(),
        lambda seg: seg.news.wait(0),
        lambda seg: [seg.guarded.lock() for _ in range(2)],
        lambda seg: [seg.permits.acquire_wait() for _ in range(3)],
        lambda seg: [seg.limits.write(), seg.limits.read()],
        lambda seg: [seg.limits.read(), seg.limits.write()],
        lambda seg: seg.gate.wait(),
        lambda seg: [seg.filled.begin(), seg.filled.call_once(print)],
        lambda seg: [seg.objects.acquire_wait() for _ in range(3)],
        lambda seg: [seg.undo.push_wait(i) for i in range(5)],
    ],
)
def test_signals_are_heard_while_waiting(seg, wait):
    def handler(*_):
        raise Heard

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Heard):
            wait(seg)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_spsc_roles(seg):
    with seg.audio.producer() as producer:
        with pytest.raises(shm.RoleTaken, match="producer of `audio`"):
            seg.audio.producer()
        assert producer.push_many(np.arange(9, dtype=np.float32)) == 4
        with pytest.raises(shm.Full):
            producer.push(1.0)
    with pytest.raises(shm.Closed):
        producer.push(1.0)
    with seg.audio.producer(), seg.audio.consumer() as consumer:
        assert (
            consumer.pop() == 0.0
            and consumer.pop_many(9).tolist() == [1.0, 2.0, 3.0]
            and consumer.pop() is None
        )


def test_a_role_belongs_to_one_thread_at_a_time(seg):
    consumer = seg.audio.consumer()
    started = threading.Event()

    def wait():
        started.set()
        assert consumer.pop_wait() == 2.0

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    refused = 0
    with seg.audio.producer() as producer:
        while refused == 0:
            try:
                assert consumer.pop() is None
            except shm.Busy:
                refused += 1
        producer.push(2.0)
    thread.join()
    consumer.release()


def test_maps_are_mappings(seg):
    gauges, names = seg.gauges, seg.names
    gauges[5] = (1.0, 2, 3)
    assert (
        gauges[5].cell == 2 and gauges.get(6) is None and 5 in gauges and 6 not in gauges and len(gauges) == 1
    )
    gauges[5] = {"t": 2.0, "cell": 3, "kind": 4}
    assert list(gauges) == [5] and gauges.pop(5).t == 2.0 and gauges.pop(5, None) is None
    for key in (lambda: gauges[5], lambda: gauges.__delitem__(5), lambda: gauges.pop(5)):
        with pytest.raises(KeyError):
            key()
    names["main"] = -1
    assert names.setdefault("main", 4) == -1 and names.setdefault("side", 4) == 4
    assert sorted(names.items()) == [("main", -1), ("side", 4)] and sorted(names.values()) == [-1, 4]
    assert names.update_value("main", lambda n: n - 1) == -2
    assert names.compare_exchange("main", -2, 7) and not names.compare_exchange("main", -2, 8)
    del names["main"]
    assert dict(names) == {"side": 4}
    seg.large.update({i: i * i for i in range(32)})
    assert seg.large[31] == 961 and len(seg.large) == 32 == seg.large.capacity
    with pytest.raises(shm.Full, match="`large` is full"):
        for i in range(32, 200):
            seg.large[i] = 0


def test_sets_are_sets(seg):
    seg.wet |= {1, 2, 3}
    assert seg.wet.insert(4) and not seg.wet.insert(4) and 4 in seg.wet and 5 not in seg.wet
    seg.wet.discard(9)
    seg.wet.remove(1)
    with pytest.raises(KeyError):
        seg.wet.remove(1)
    assert set(seg.wet) == {2, 3, 4} and len(seg.wet) == 3 and (seg.wet & {2, 9}) == {2}


def test_a_pool_leases_objects(seg):
    first = seg.objects.acquire()
    first.value = (1.0, 2, 3)
    assert first.value.cell == 2 and seg.objects.get(first.handle).kind == 3 and seg.objects.leased == 1
    with seg.objects.acquire_wait() as second:
        assert seg.objects.acquire() is None and seg.objects.acquire_wait(0.01) is None
        handle = second.handle
    assert seg.objects.get(handle) is None
    kept = first.keep()
    with pytest.raises(shm.Closed):
        first.value
    assert seg.objects.release(kept) and not seg.objects.release(kept) and seg.objects.leased == 0


def test_latest_values(seg):
    assert seg.state.load().t == 0.0
    seg.state.store((1.0, 2, 3))
    value, version = seg.state.load_with_version()
    assert value.cell == 2 and version == 1 == seg.state.version
    seg.state.update(lambda e: (e.t, e.cell + 1, e.kind))
    assert seg.state.load().cell == 3
    with pytest.raises(ZeroDivisionError):
        seg.state.update(lambda e: 1 / 0)
    assert seg.state.version == 2, "nothing was stored"
    assert seg.state.wait_change(1)[0].cell == 3 and seg.state.wait_change(2, 0.01) is None


def test_frames_are_whole(seg):
    with seg.frame.writer() as writer:
        with pytest.raises(shm.RoleTaken):
            seg.frame.writer()
        assert (
            writer.publish(np.full((2, 3), 7, np.float32)) == 1
            and writer.publish([[1, 2, 3], [4, 5, 6]]) == 2
        )
        with pytest.raises(shm.WrongValue, match=r"shape \(2, 3\), found \(3,\)"):
            writer.publish(np.zeros(3, np.float32))
        with pytest.raises(shm.WrongValue, match="float64"):
            writer.publish(np.zeros((2, 3)))
    frame, version = seg.frame.snapshot_with_version()
    frame += 1  # a copy
    assert version == 2 and seg.frame.snapshot().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert seg.frame.wait_change(1) == 2 and seg.frame.wait_change(2, 0.01) is None


def test_subscribers_receive_all_or_know_what_they_missed(seg):
    early = seg.ticks.subscribe(timeout=0.01)
    for tick in range(3):
        seg.ticks.send(tick)
    assert list(early) == [0, 1, 2] and early.recv() is None and seg.ticks.sent == 3
    for tick in range(3, 9):
        seg.ticks.send(tick)
    assert early.recv() == 5 and early.missed == 2 and early.position == 6
    assert list(seg.ticks.subscribe("oldest", timeout=0)) == [5, 6, 7, 8]
    with pytest.raises(shm.WrongValue, match="'middle'"):
        seg.ticks.subscribe("middle")


def test_a_mutex_guards_its_value(seg):
    with seg.guarded.lock() as lock:
        assert seg.guarded.try_lock() is None and seg.guarded.lock_wait(0.01) is None and not lock.is_doubtful
        lock.value = (1.0, 2, 3)
    with pytest.raises(shm.Closed):
        lock.value
    assert seg.guarded.try_lock().value.cell == 2


def test_a_semaphore_has_so_many_permits(seg):
    with seg.permits.acquire(), seg.permits.acquire_wait() as second:
        assert seg.permits.acquire() is None and seg.permits.acquire_wait(0.01) is None
        second.release()
        assert seg.permits.available == 1
    assert seg.permits.available == seg.permits.permits == 2


def test_a_signal_is_waited_for(seg):
    assert seg.news.count == 0 and seg.news.wait(0, 0.01) is None
    thread = threading.Thread(target=seg.news.raise_)
    thread.start()
    assert seg.news.wait(0, 60) == 1
    thread.join()


def test_numbers_change_in_one_step(seg):
    steps, level, bits = seg.steps, seg.level, seg.numbers("bits")
    assert steps.fetch_add(5) == 0 and steps.fetch_sub(6) == 5 and steps.load() == 2**64 - 1
    assert (
        steps.swap(6) == 2**64 - 1
        and steps.fetch_and(3) == 6
        and steps.fetch_or(8) == 2
        and steps.fetch_xor(1) == 10
    )
    assert (
        steps.fetch_max(20) == 11 and steps.fetch_min(1) == 20 and steps.compare_exchange(1, 2) == (True, 1)
    )
    assert steps.compare_exchange(1, 3) == (False, 2)
    level.store(1.5)
    assert level.fetch_add(1) == 1.5 and level.load() == 2.5
    with pytest.raises(shm.WrongValue, match="floats"):
        level.fetch_or(1.0)
    with pytest.raises(shm.WrongValue, match="u64, found -1"):
        steps.fetch_add(-1)
    assert bits.fetch_add(-1, 255) == 0 and seg.bits[15] == 255 and bits.load(15) == 255
    assert bits.compare_exchange(15, 255, 1) == (True, 255) and len(bits) == 16
    for i in (16, -17):
        with pytest.raises(IndexError, match="out of range: `bits` has 16 numbers"):
            bits.load(i)


def test_threads_count_exactly(seg):
    def count():
        for _ in range(500):
            seg.steps.fetch_add(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seg.steps.load() == 2000
