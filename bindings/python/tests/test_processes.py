"""Several processes: multiprocessing in its three ways, pickles, forks."""

import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest
from schemas import World

import shm


def work(seg, queue, array_name):
    """Runs in another process."""
    for _ in range(10):
        seg.steps.fetch_add(1)
    queue.push((float(os.getpid()), 7, len(seg.participants)))
    seg.view(array_name, writable=True)[0, 0] = 3.5


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_segments_and_handles_are_arguments(name, method):
    context = multiprocessing.get_context(method)
    with shm.create(name, World) as seg:
        child = context.Process(target=work, args=(seg, seg.events, "grid"))
        child.start()
        child.join()
        assert child.exitcode == 0
        event = seg.events.pop()
        assert event.t == child.pid and event.kind == 2, "the child is a participant of its own"
        assert seg.steps.load() == 10 and seg.grid[0, 0] == 3.5
    assert not os.path.exists(f"/dev/shm/{name}")


def square(job):
    seg, i = job
    seg.large[i] = i * i
    return os.getpid()


def test_a_pool_of_processes(name):
    with shm.create(name, World) as seg:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            pool.map(square, [(seg, i) for i in range(20)])
        assert dict(seg.large) == {i: i * i for i in range(20)}


def test_a_pickle_is_the_name_and_checks_the_identity(name):
    seg = shm.create(name, World)
    events = pickle.loads(pickle.dumps(seg.events))
    assert events is seg.events, "open here already"
    data = pickle.dumps(seg)
    with pytest.raises(TypeError, match="belongs to one process"):
        pickle.dumps(seg.audio.producer())
    del events
    seg.close()
    with pytest.raises(shm.NotFound):
        pickle.loads(data)
    with shm.create(name, World):
        with pytest.raises(shm.NotFound, match="replaced"):
            pickle.loads(data)


def test_a_forked_child_keeps_the_segment_alive(name):
    seg = shm.create(name, World)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent has left
        with shm.open(name) as again:
            again.steps.fetch_add(1)
        os._exit(0 if seg.steps.load() == 1 else 1)
    os.close(reading)
    # the child attaches when it is forked; it is a participant before the parent leaves
    while len(seg.participants) < 2:
        os.sched_yield()
    seg.close()
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    shm.prune()


def test_a_parents_guards_are_void_in_the_child(name):
    with shm.create(name, World) as seg:
        seg.events.push((1.0, 2, 3))
        taken, writer = seg.events.take(), seg.frame.writer()
        child = os.fork()
        if child == 0:
            try:
                writer.publish(np.zeros((2, 3), np.float32))
            except shm.Closed:
                taken.done()
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert writer.publish(np.ones((2, 3), np.float32)) == 1 and taken.value.cell == 2
        taken.give_back()
        assert seg.events.pop().cell == 2


def test_p1_what_a_killed_process_had_comes_back(name):
    with shm.create(name, World) as seg:
        seg.events.push((1.0, 2, 3))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            taken, lease = seg.events.take(), seg.objects.acquire()
            writer, producer = seg.frame.writer(), seg.audio.producer()
            lock, permit = seg.guarded.lock(), seg.permits.acquire()
            reader, run = seg.limits.read(), seg.filled.begin()
            os.write(writing, b"x")
            signal.pause()
            os._exit(0 if (taken, lease, writer, producer, lock, permit, reader, run) else 1)
        assert os.read(reading, 1) == b"x"
        assert seg.events.pop() is None and seg.objects.leased == 1
        with pytest.raises(shm.RoleTaken, match=f"process {child} is the writer"):
            seg.frame.writer()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert seg.recover() == 0, "nobody is stopped"
        assert seg.events.pop().cell == 2
        leases = [seg.objects.acquire() for _ in range(2)]
        assert all(leases), "full capacity is back"
        assert all([seg.permits.acquire() for _ in range(2)])
        with seg.guarded.lock() as lock:
            assert lock.is_doubtful
            lock.mark_consistent()
        assert not seg.guarded.lock().is_doubtful
        with seg.limits.try_write() as lock:
            assert not lock.is_doubtful, "a reader that dies is forgotten"
        with seg.filled.begin() as run:
            assert run.is_interrupted
        assert seg.filled.is_completed
        seg.frame.writer().release()
        seg.audio.producer().release()
        os.close(reading)
        os.close(writing)


def test_p1_a_killed_party_is_not_waited_for_and_a_killed_writer_is_told(name):
    with shm.create(name, World) as seg:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            lock = seg.limits.write()
            os.write(writing, b"x")
            seg.gate.wait()
            os._exit(0 if lock else 1)
        assert os.read(reading, 1) == b"x" and seg.limits.try_read() is None
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert seg.gate.wait(0.01) is None, "its arrival is withdrawn"
        with seg.limits.read() as lock:
            assert lock.is_doubtful
        with seg.limits.write() as lock:
            lock.mark_consistent()
        assert not seg.limits.read().is_doubtful
        os.close(reading)
        os.close(writing)


def test_what_is_registered_goes_to_another_process(name):
    with shm.create(name, World, spare=(2, 1 << 16)) as seg:
        jobs = seg.register("jobs", shm.Queue[np.uint64, 8])
        jobs.push(7)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_pop, (jobs,)) == 7


def _pop(jobs):
    return jobs.pop()


def test_no_tracker_is_started(name):
    with shm.create(name, World):
        tracker = multiprocessing.resource_tracker._resource_tracker
        names = getattr(tracker, "_cache", {}) or {}
        assert not any(name in str(entry) for entry in names)
        import sys

        assert "multiprocessing.shared_memory" not in sys.modules
