"""Live data that processes share: lock-free, crash-proof, zero-copy; the Python side.

    import shm
    with shm.open("sim") as sim:
        sim.grid            # a NumPy view of shared memory
        sim.events.pop()    # a record, or None

Schemas are classes: see `Schema`.
"""

from . import _errors as errors
from ._errors import (
    AlreadyExists,
    BadName,
    BadSchema,
    Busy,
    Closed,
    Closing,
    Foreign,
    Full,
    NoLane,
    NoRoom,
    NoSuchField,
    NotASegment,
    NotFound,
    OutOfRange,
    ReadOnly,
    RoleTaken,
    SchemaMismatch,
    ShmError,
    SystemFailure,
    TooManyParticipants,
    WrongKind,
    WrongValue,
)
from ._latest import Broadcast, FrameWriter, Subscriber, Versioned, VersionedArray
from ._lists import Consumer, Producer, Queue, Spsc, Stack, Taken
from ._maps import LargeMap, Map, Set
from ._numbers import Array, Atomic, Numbers
from ._pool import Lease, Pool
from ._schema import Schema, Str
from ._segment import Field, Group, Segment, create, open, prune, unlink
from ._sync import Lock, Mutex, Permit, ReadLock, RwLock, Semaphore, Signal, WriteLock
from ._together import Barrier, Once, Run

__all__ = [
    "AlreadyExists",
    "Array",
    "Atomic",
    "BadName",
    "BadSchema",
    "Barrier",
    "Broadcast",
    "Busy",
    "Closed",
    "Closing",
    "Consumer",
    "Field",
    "Foreign",
    "FrameWriter",
    "Full",
    "Group",
    "LargeMap",
    "Lease",
    "Lock",
    "Map",
    "Mutex",
    "NoLane",
    "NoRoom",
    "NoSuchField",
    "NotASegment",
    "NotFound",
    "Numbers",
    "Once",
    "OutOfRange",
    "Permit",
    "Pool",
    "Producer",
    "Queue",
    "ReadLock",
    "ReadOnly",
    "RoleTaken",
    "Run",
    "RwLock",
    "Schema",
    "SchemaMismatch",
    "Segment",
    "Semaphore",
    "Set",
    "ShmError",
    "Signal",
    "Spsc",
    "Stack",
    "Str",
    "Subscriber",
    "SystemFailure",
    "Taken",
    "TooManyParticipants",
    "Versioned",
    "VersionedArray",
    "WriteLock",
    "WrongKind",
    "WrongValue",
    "create",
    "errors",
    "open",
    "prune",
    "unlink",
]
