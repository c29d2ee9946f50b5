"""What Python pays: rows as those of `benches/`, on standard output.

    python bindings/python/benches/bench.py [quick|full] [PART OF A CASE] > python.ndjson

Build the package with `maturin develop --release`. What is compared runs in turns, in this process but for what
crosses processes; the ratio is the median of the rounds' ratios, above 1 where ours is better, and a goal that is a
bound is allowed : measured, or measured : wanted where more is better. With other work on the machine the figures are
worthless.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import shm

BATCH = 1024


@dataclasses.dataclass
class Event:
    t: np.float64
    cell: np.uint32
    kind: np.uint32


class Bench(shm.Schema, lanes=8):
    jobs: shm.Queue[np.uint64, 4096]
    events: shm.Queue[Event, 4096]
    grid: shm.Array[np.float32, (1000, 1000)]
    counter: shm.Atomic[np.uint64]
    state: shm.Versioned[Event]
    gauges: shm.Map[np.uint32, np.float64, 1024]


#: What runs for about so many seconds, and gives a figure.
Measure = Callable[[float], float]


@dataclasses.dataclass
class Case:
    group: str
    name: str
    ours: Measure
    peer: Measure | None
    peer_name: str | None
    unit: str  # ns: less is better; M/s: more is better
    goal: float | None  # of the ratio
    bound: float | None = None  # of the figure, where there is no peer


def each(call: Callable[[], object], count: int = 1, before: Callable[[], object] = lambda: None) -> Measure:
    """Nanoseconds of a call, which does `count` things; `before` runs between them and is not counted."""

    def measure(seconds: float) -> float:
        spent, calls, clock = 0, 0, time.perf_counter_ns
        while spent < seconds * 1e9:
            before()
            start = clock()
            for _ in range(100):
                call()
            spent += clock() - start
            calls += 100
        return spent / calls / count

    return measure


def emptied(queue: shm.Queue) -> Callable[[], object]:
    return lambda: queue.pop_many(queue.capacity)


def filled(queue: shm.Queue) -> Callable[[], object]:
    values = np.zeros(queue.capacity, queue._field.dtype)
    return lambda: queue.push_many(values)


def popped(queue: shm.Queue) -> Measure:
    """Millions of elements that are popped in batches in a second."""
    values = np.zeros(queue.capacity, queue._field.dtype)

    def measure(seconds: float) -> float:
        spent, elements, clock = 0, 0, time.perf_counter_ns
        while spent < seconds * 1e9:
            queue.push_many(values)
            start = clock()
            for _ in range(queue.capacity // BATCH):
                elements += len(queue.pop_many(BATCH))
            spent += clock() - start
        return elements / spent * 1e3

    return measure


def pump(name: str, count: int, batch: int) -> None:
    with shm.open(name, wait=10) as seg:
        queue, values = seg.jobs, np.arange(count, dtype=np.uint64)
        sent = 0
        while batch > 1 and sent < count:
            sent += (pushed := queue.push_many(values[sent : sent + batch]))
            if not pushed:
                queue.push_wait(int(values[sent]))
                sent += 1
        for value in range(sent, count):
            queue.push_wait(value)


def put(queue: multiprocessing.Queue[int], count: int) -> None:
    for value in range(count):
        queue.put(value)


def through_shm(seg: shm.Segment, batch: int, count: int) -> Measure:
    """Millions of numbers a second from another process to this one, in order."""

    def measure(_: float) -> float:
        child = multiprocessing.get_context("spawn").Process(target=pump, args=(seg.name, count, batch))
        emptied(seg.jobs)()
        child.start()
        assert seg.jobs.pop_wait() == 0  # the other one is there
        start, got = time.perf_counter(), 1
        while got < count:
            if batch > 1 and len(many := seg.jobs.pop_many(batch)):
                assert many[0] == got
                got += len(many)
            else:
                assert seg.jobs.pop_wait() == got
                got += 1
        rate = (count - 1) / (time.perf_counter() - start) / 1e6
        child.join()
        return rate

    return measure


def through_queue(count: int) -> Measure:
    def measure(_: float) -> float:
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        child = context.Process(target=put, args=(queue, count))
        child.start()
        assert queue.get() == 0
        start = time.perf_counter()
        for value in range(1, count):
            assert queue.get() == value
        rate = (count - 1) / (time.perf_counter() - start) / 1e6
        child.join()
        return rate

    return measure


def cases(seg: shm.Segment) -> list[Case]:
    grid, own = seg.grid, np.zeros((1000, 1000), np.float32)
    event, record = (0.5, 7, 1), np.zeros(1, seg.fields["events"].dtype)[0]
    jobs, events = seg.jobs, seg.events
    seg.gauges[7] = 0.5
    return [
        Case("python queue", "pop_many(1024), u64", popped(jobs), None, None, "M/s", 1, 20),
        Case("python queue", "pop_many(1024), 16 B", popped(events), None, None, "M/s", 1, 20),
        Case("python queue", "push, u64", each(lambda: jobs.push(7), 1, emptied(jobs)), None, None, "ns", 1, 150),
        Case("python queue", "push, tuple of three", each(lambda: events.push(event), 1, emptied(events)), None, None, "ns", None),
        Case("python queue", "push, record of NumPy", each(lambda: events.push(record), 1, emptied(events)), None, None, "ns", None),
        Case("python queue", "pop, u64", each(jobs.pop, 1, filled(jobs)), None, None, "ns", None),
        Case("python queue", "pop, 16 B", each(events.pop, 1, filled(events)), None, None, "ns", None),
        Case("python atomic", "fetch_add", each(lambda: seg.counter.fetch_add(1)), None, None, "ns", None),
        Case("python versioned", "load, 16 B", each(seg.state.load), None, None, "ns", None),
        Case("python map", "get", each(lambda: seg.gauges.get(7)), None, None, "ns", None),
        Case("python array", "sum of 4 MB", each(grid.sum), each(own.sum), "numpy, memory of its own", "ns", 0.9),
        Case("python processes", "one at a time", through_shm(seg, 1, 20_000), through_queue(20_000), "multiprocessing.Queue", "M/s", None),
        Case("python processes", "in batches of 1024", through_shm(seg, BATCH, 2_000_000), through_queue(20_000), "multiprocessing.Queue, one at a time", "M/s", 20),
    ]


def figure(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def row(case: Case, rounds: int, seconds: float) -> dict[str, object]:
    measures = [case.ours] + ([case.peer] if case.peer else [])
    for measure in measures:
        measure(seconds / 10)  # warm
    ours, peer, ratios = [], [], []
    for _ in range(rounds):
        ours.append(case.ours(seconds))
        against = case.bound
        if case.peer is not None:
            peer.append(against := case.peer(seconds))
        if against is not None:
            ratios.append(ours[-1] / against if case.unit == "M/s" else against / ours[-1])
    spread = ratios or ours
    return {
        "group": case.group,
        "case": case.name,
        "ours": figure(statistics.median(ours)),
        "peer": figure(statistics.median(peer)) if peer else None,
        "peer_name": case.peer_name,
        "unit": case.unit,
        "ratio": figure(statistics.median(ratios)) if ratios else None,
        "goal": case.goal,
        "rounds": rounds,
        "spread": [figure(min(spread)), figure(max(spread))],
    }


def main() -> None:
    form, only = (sys.argv[1:] + ["quick", ""])[:2] if len(sys.argv) > 2 else ((sys.argv[1:] + ["quick"])[0], "")
    rounds, seconds = (11, 0.5) if form == "full" else (5, 0.1)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "shm": "0.1.0"}
    head = {"machine": platform.machine(), "date": time.strftime("%Y-%m-%d"), "versions": versions}
    print(json.dumps(head), flush=True)
    with shm.create(f"shm-test-bench-python-{os.getpid()}-0", Bench) as seg:
        for case in cases(seg):
            if only in f"{case.group}: {case.name}":
                print(json.dumps(row(case, rounds, seconds)), flush=True)


if __name__ == "__main__":
    main()
