"""What processes do together: barriers, and what is done once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self

from ._handle import Guard, Handle
from ._schema import FieldSpec, spec

if TYPE_CHECKING:
    from . import _native  # noqa: F401


class Barrier(Handle["_native.Barrier"]):
    """Nobody goes on before all are there: `Barrier[4]`. It can be used again and again."""

    __slots__ = ()

    def __class_getitem__(cls, of: Any) -> FieldSpec:
        return spec("Barrier", of, 1)

    @property
    def parties(self) -> int:
        """How many it waits for."""
        return self._native.parties()

    def wait(self, timeout: float | None = None) -> bool | None:
        """Arrives, and waits until all are there: whether this is the one that leads, one of each round.

        `None` where the time is up: then this party has not arrived.
        """
        return self._native.wait(timeout)


class Once(Handle["_native.Once"]):
    """Something that is done once in the life of a segment, by whoever comes first: `Once[()]`."""

    __slots__ = ()

    def __class_getitem__(cls, of: tuple[()]) -> FieldSpec:
        return spec("Once", of, 0)

    @property
    def is_completed(self) -> bool:
        """Whether somebody has run to the end."""
        return self._native.is_completed()

    def call_once(self, run: Callable[[bool], object], timeout: float | None = None) -> bool:
        """Calls `run`, if nobody has run to the end yet, and waits for another's run; whether it is completed.

        `run` is told whether another one began before, and died or gave up. An exception hands the run to the next.
        """
        with self.begin(timeout) or nullcontext() as begun:
            if begun is not None:
                run(begun.is_interrupted)
        return self.is_completed

    def begin(self, timeout: float | None = None) -> Run | None:
        """Begins to run, and waits for another's run.

        `None` where somebody has run to the end, or the time is up.
        """
        begun = self._native.begin(timeout)
        return None if begun is None else Run(self._origin, self._field, begun)


class Run(Guard["_native.Run"]):
    """A run that this process has begun: leaving a `with` block well completes it."""

    __slots__ = ()

    @property
    def is_interrupted(self) -> bool:
        """Whether another one began before, and died or gave up."""
        return self._native.is_interrupted()

    def complete(self) -> None:
        """Says that it has run to the end."""
        self._native.complete()
        self._close()

    def give_up(self) -> None:
        """Hands the run to the next one; of no effect where it is over."""
        if self._raw is not None:
            self._raw.give_up()
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.give_up()
        elif self._raw is not None:
            self.complete()
