"""What can go wrong: each error is also the built-in exception that it resembles."""


class ShmError(Exception):
    """Any error of this package. Its text says what was found, what was expected, and what to do."""

    __module__ = "shm"

    def __init_subclass__(cls) -> None:
        cls.__module__ = "shm"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NotFound(ShmError, FileNotFoundError):
    """There is no segment of this name, or nothing but a leftover that nobody is attached to."""


class AlreadyExists(ShmError, FileExistsError):
    """The name is taken."""


class BadName(ShmError, ValueError):
    """No segment can have this name."""


class Foreign(ShmError, PermissionError):
    """The segment is another user's, or others may write to it, or this process may not open it."""


class NotASegment(ShmError, ValueError):
    """What has the name is no segment that this library reads: another file, or bytes that do not agree."""


class SchemaMismatch(ShmError, ValueError):
    """The segment has another schema than expected; the text compares them field by field."""


class BadSchema(ShmError, TypeError):
    """No segment can have this schema."""


class TooManyParticipants(ShmError):
    """As many processes are attached as the schema has lanes."""


class Closing(ShmError):
    """The last process is leaving the segment at this moment."""


class NoRoom(ShmError, OSError):
    """Shared memory has no room for the segment."""


class SystemFailure(ShmError, OSError):
    """A system call failed."""


class NoSuchField(ShmError, AttributeError, KeyError):
    """The segment has no such field."""


class WrongKind(ShmError, TypeError):
    """The field is another kind of structure, or one that Python has no handle for."""


class WrongValue(ShmError, ValueError):
    """A value does not fit the elements of a field."""


class OutOfRange(ShmError, IndexError):
    """An index beyond the end."""


class ReadOnly(ShmError, PermissionError):
    """The segment is open read-only."""


class Closed(ShmError, ValueError):
    """The segment was closed, or this object was given back."""


class Busy(ShmError, RuntimeError):
    """Another thread uses this object, which belongs to one thread at a time."""


class Full(ShmError):
    """There was no room, at some moment during the call or until the time was up."""


class RoleTaken(ShmError):
    """Somebody alive is the producer, the consumer or the writer."""


class NoLane(ShmError):
    """Every lane of the segment is in use."""
