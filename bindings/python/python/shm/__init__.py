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
from ._schema import Schema, Str
from ._segment import Field, Group, Segment, create, open, prune, unlink
from ._structures import (
    Array,
    Atomic,
    Broadcast,
    Consumer,
    FrameWriter,
    LargeMap,
    Lease,
    Map,
    Numbers,
    Pool,
    Producer,
    Queue,
    Set,
    Spsc,
    Stack,
    Subscriber,
    Taken,
    Versioned,
    VersionedArray,
)

__all__ = [
    "AlreadyExists", "Array", "Atomic", "BadName", "BadSchema", "Broadcast", "Busy", "Closed", "Closing",
    "Consumer", "Field", "Foreign", "FrameWriter", "Full", "Group", "LargeMap", "Lease", "Map", "NoLane",
    "NoRoom", "NoSuchField", "NotASegment", "NotFound", "Numbers", "OutOfRange", "Pool", "Producer", "Queue",
    "ReadOnly", "RoleTaken", "Schema", "SchemaMismatch", "Segment", "Set", "ShmError", "Spsc", "Stack", "Str",
    "Subscriber", "SystemFailure", "Taken", "TooManyParticipants", "Versioned", "VersionedArray", "WrongKind",
    "WrongValue", "create", "errors", "open", "prune", "unlink",
]  # fmt: skip
