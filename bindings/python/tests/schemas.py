"""What the tests share."""

import dataclasses

import numpy as np

import shm


@dataclasses.dataclass
class Event:
    t: np.float64
    cell: np.uint32
    kind: np.uint32


class Inner(shm.Schema):
    count: shm.Atomic[np.int64]
    line: shm.Queue[np.uint16, 4]


class World(shm.Schema, lanes=8):
    """Every structure once."""

    grid: shm.Array[np.float32, (4, 3)]
    events: shm.Queue[Event, 8]
    undo: shm.Stack[np.int32, 4]
    audio: shm.Spsc[np.float32, 4]
    gauges: shm.Map[np.uint32, Event, 16]
    names: shm.Map[shm.Str[16], np.int64, 16]
    large: shm.LargeMap[np.uint64, np.uint64, 64, 32]
    wet: shm.Set[np.uint32, 16]
    ticks: shm.Broadcast[np.int64, 4]
    objects: shm.Pool[Event, 2]
    state: shm.Versioned[Event]
    frame: shm.VersionedArray[np.float32, (2, 3)]
    steps: shm.Atomic[np.uint64]
    level: shm.Atomic[np.float64]
    big: shm.Queue["u128", 4]
    guarded: shm.Mutex[Event]
    permits: shm.Semaphore[2]
    news: shm.Signal[()]
    limits: shm.RwLock[Event]
    gate: shm.Barrier[2]
    filled: shm.Once[()]
    nested: Inner
    shards: shm.Queue[np.uint8, 4] * 3
    bits: shm.Array[np.uint8, 16]
    colours: shm.Array[np.dtype(("u1", 4)), 5]
