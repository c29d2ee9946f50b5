"""Reader-writer locks, barriers, and what is done once."""

import threading

import pytest
from schemas import World

import shm


@pytest.fixture
def seg(name):
    with shm.create(name, World) as seg:
        yield seg


def test_many_read_or_one_writes(seg):
    with seg.limits.write() as lock:
        lock.value = (1.0, 2, 3)
        assert lock.value.cell == 2 and not lock.is_doubtful
        assert seg.limits.try_read() is None and seg.limits.try_write() is None
        assert seg.limits.read_wait(0.01) is None and seg.limits.write_wait(0.01) is None
    with pytest.raises(shm.Closed):
        lock.value
    with seg.limits.read() as one, seg.limits.try_read() as two:
        assert one.value == two.value and two.value.t == 1.0 and seg.limits.readers == 2
        assert seg.limits.try_write() is None
        with pytest.raises(AttributeError):
            one.value = (2.0, 3, 4)
        two.release()
        assert seg.limits.readers == 1
    assert seg.limits.readers == 0 and seg.limits.write_wait(60) is not None


def test_a_writer_waits_for_readers(seg):
    reader = seg.limits.read()
    written = []
    thread = threading.Thread(target=lambda: written.append(seg.limits.write_wait(60) is not None))
    thread.start()
    assert not written
    reader.release()
    thread.join()
    assert written == [True]


def test_a_barrier_opens_when_all_are_there(seg):
    assert seg.gate.parties == 2 and seg.gate.wait(0.01) is None and seg.gate.wait(0) is None
    leads = []

    def party():
        leads.extend(seg.gate.wait() for _ in range(20))

    threads = [threading.Thread(target=party) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(leads) == [False] * 20 + [True] * 20, "one leads in each round"


def test_what_is_done_once(seg):
    heard = []
    with pytest.raises(ZeroDivisionError):
        seg.filled.call_once(lambda interrupted: 1 / 0)
    assert not seg.filled.is_completed
    run = seg.filled.begin()
    assert run.is_interrupted and seg.filled.begin(0.01) is None and not seg.filled.call_once(heard.append, 0)
    run.give_up()
    run.give_up()
    with pytest.raises(shm.Closed):
        run.is_interrupted
    assert seg.filled.call_once(heard.append) and heard == [True]
    assert seg.filled.call_once(heard.append) and heard == [True], "once"
    assert seg.filled.is_completed and seg.filled.begin() is None


def test_guards_belong_to_one_process(seg):
    import pickle

    for guard in (seg.limits.read(), seg.filled.begin()):
        with pytest.raises(TypeError, match="belongs to one process"):
            pickle.dumps(guard)


def test_a_read_only_segment_says_so(seg):
    with shm.open(seg.name, read_only=True) as reader:
        for call in (reader.limits.read, reader.limits.write, reader.gate.wait, reader.filled.begin):
            with pytest.raises(shm.ReadOnly):
                call()
        with seg.filled.begin():
            pass
        assert reader.filled.is_completed and reader.filled.begin() is None
