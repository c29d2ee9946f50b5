"""The analytics of the flood (examples/flood), in Python: deals with the events, measures the water, draws a figure.

    cargo run --release --example flood -- --analytics "python3 bindings/python/examples/flood_analytics.py"

or, beside the three roles that run already, as a look at what they do that changes nothing:

    python3 bindings/python/examples/flood_analytics.py --watch

Needs this package, and Matplotlib for the figure. What it does for each event is what `examples/flood/roles/analytics.rs`
says: an event is taken, entered in the journal and its hydrograph, and only then acknowledged, so that none is lost or
counted twice whoever is killed. What is drawn over time begins with this process: a successor of a killed one draws the rest.
"""

from __future__ import annotations

import argparse
import math
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import shm

GAUGES = 6
READINGS = 96
JOURNAL = 16_384
RUN_ENDED, GAUGE_READ = 7, 8
FLOODED = 0.3
TOLERANCE = 1e-7
#: Square metres of a cell, and cells: see examples/flood/terrain.rs.
DEGREE = 111_200.0
CELL = (344 / 1200 * DEGREE / 1000) * (403 / 1200 * DEGREE * math.cos(math.radians(36.589585)) / 1000)
CELLS = 1_000_000


class Lifeline:
    """Whether the program that started this role is there: it holds the other end of standard input."""

    def __init__(self) -> None:
        self.cut = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while os.read(0, 1):  # not through `sys.stdin`, whose lock this thread would hold at the end
            pass
        self.cut.set()

    def rest(self, seconds: float) -> bool:
        return not self.cut.wait(seconds)


class Telemetry:
    """Hears every step, from where a killed analytics was; what was overwritten meanwhile is counted."""

    def __init__(self, flood: shm.Segment) -> None:
        self.audience, self.computed = flood.analytics, flood.computed
        self.subscriber = flood.telemetry.subscribe("oldest")
        before = self.audience.position.load()
        self.audience.missed.fetch_add(max(0, self.subscriber.position - before))
        while self.subscriber.position < before and self.subscriber.recv() is not None:
            pass

    def hear(self) -> list[Any]:
        steps = []
        missed = self.subscriber.missed
        while (step := self.subscriber.recv()) is not None:
            steps.append(step)
        self.audience.missed.fetch_add(self.subscriber.missed - missed)
        self.audience.position.store(self.subscriber.position)
        self.computed.store(self.computed.load() + sum(float(step.took) for step in steps))
        return steps


class Hydrographs:
    """A lease for each gauge, written here and read by everybody; the journal says what belongs into them."""

    def __init__(self, flood: shm.Segment) -> None:
        self.flood = flood
        self.leases = [flood.hydrographs.acquire_wait(10) for _ in range(GAUGES)]
        self.rows = [np.zeros(1, flood.fields["hydrographs"].dtype)[0] for _ in range(GAUGES)]
        for gauge, row in enumerate(self.rows):
            row["gauge"] = gauge
            self.leases[gauge].value = row
        for number in range(1, flood.done.load() + 1):
            self.note(flood.journal[place(number)])
        for gauge, lease in enumerate(self.leases):
            flood.numbers("hydrograph").store(gauge, lease.handle)

    def note(self, event: Any) -> None:
        """Enters a reading. To enter it twice changes nothing."""
        if event["kind"] == GAUGE_READ and event["gauge"] < GAUGES:
            row = self.rows[event["gauge"]]
            due = min(max(int(event["t"] / self.flood.run_end.load() * READINGS), 0), READINGS)
            if row["readings"] < due:
                row["levels"][row["readings"] : due] = event["value"]
                row["readings"] = due
                self.leases[event["gauge"]].value = row


def place(number: int) -> int:
    """Where the journal keeps an event."""
    return (number - 1) % JOURNAL


class Reader:
    """Reads the events in the order of their numbers, each once."""

    def __init__(self, flood: shm.Segment) -> None:
        self.flood = flood
        self.journal = flood.view("journal", writable=True)
        self.hydrographs = Hydrographs(flood)
        self.early: dict[int, Any] = {}  # not acknowledged: they come back if this process is killed
        self.since = time.monotonic()

    def drain(self) -> None:
        flood = self.flood
        while len(self.early) < 16:
            if self.early and flood.recover() > 0:
                break  # somebody else is settling a death at this moment: what comes back is taken first
            if (taken := flood.events.take()) is None:
                break
            number = int(taken.value["sequence"])
            if number <= flood.done.load() or number in self.early:
                flood.redelivered.fetch_add(1)
                taken.done()
                continue
            if not self.early:
                self.since = time.monotonic()
            self.early[number] = taken
            self.deal_with_next()
        if self.early and time.monotonic() - self.since > 10:
            raise SystemExit(f"event {flood.done.load() + 1} is missing")

    def deal_with_next(self) -> None:
        while (taken := self.early.pop(number := self.flood.done.load() + 1, None)) is not None:
            event = taken.value
            self.journal[place(number)] = event
            self.hydrographs.note(event)
            self.flood.done.store(number)
            taken.done()
            self.since = time.monotonic()

    def run_ended(self) -> bool:
        done = self.flood.done.load()
        return done > 0 and self.journal[place(done)]["kind"] == RUN_ENDED


class Books:
    """What the water weighs, frame by frame, and whether what was read is the water of one moment."""

    def __init__(self, flood: shm.Segment, keeps: bool) -> None:
        self.flood, self.keeps = flood, keeps
        self.rows: list[dict[str, float]] = []
        self.depth = np.zeros((1000, 1000), np.float32)

    def measure(self) -> dict[str, float] | None:
        """Measures the latest frame by what its checkpoint says; `None` where that is not there, or not any more."""
        flood = self.flood
        depth, frame = flood.frame.snapshot_with_version()
        checkpoint = flood.even if frame % 2 == 0 else flood.odd
        if frame == 0 or flood.committed.load() != frame:
            return None
        row = {name: float(checkpoint[name].load()) for name in ("step", "time", "rain", "outflow")}
        if flood.committed.load() != frame:
            return None  # the simulation has moved on, and what was read may be of two
        stored = float(depth.sum(dtype=np.float64)) * CELL
        flooded = float(np.count_nonzero(depth > FLOODED)) * CELL / 1e6
        error = (stored + row["outflow"] - row["rain"]) / row["rain"] if row["rain"] > 0 else 0.0
        row |= {"stored": stored, "flooded": flooded, "deepest": float(depth.max()), "error": error}
        self.depth = depth
        if not self.rows or self.rows[-1]["step"] < row["step"]:
            self.rows.append(row)
        if self.keeps:
            self._keep(frame, row)
        return row

    def _keep(self, frame: int, row: dict[str, float]) -> None:
        flood = self.flood
        if frame < flood.measured.load():
            raise SystemExit(f"frame {frame} came after frame {flood.measured.load()}")
        flood.measured.store(frame)
        if not note(flood.frame_looks, row["error"]):
            raise SystemExit(f"frame {frame} does not balance: {row}")
        flood.flooded_area.store(row["flooded"])
        flood.deepest.store(row["deepest"])
        flood.mass_error.store(row["error"])

    def look_at_grid(self, steps: list[Any]) -> None:
        """Looks at memory that the simulation writes meanwhile: now and then it is no one step's water."""
        stored = float(self.flood.grid.sum(dtype=np.float64)) * CELL
        if len(steps) > 1:
            errors = [(stored + step.outflow - step.rain) / step.rain for step in steps if step.rain > 0]
            note(self.flood.grid_looks, min(errors, key=abs, default=0.0))


def note(looks: shm.Segment, error: float) -> bool:
    whole = abs(error) <= TOLERANCE
    looks.count.fetch_add(1)
    if not whole:
        looks.torn.fetch_add(1)
        looks.worst.fetch_max(abs(error))
    return whole


def clock(seconds: float) -> str:
    minutes = int(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def summary(flood: shm.Segment, row: dict[str, float]) -> str:
    events, missed = flood.done.load(), flood.analytics.missed.load()
    looks = flood.frame_looks.count.load()
    lines = {
        "simulated": f"{clock(row['time'])} in {row['step']:.0f} steps",
        "rain": f"{row['rain'] / 1e6:.2f} million m³ ({row['rain'] / CELL / CELLS * 1e3:.1f} mm)",
        "on the map": f"{row['stored'] / 1e6:.2f} million m³",
        "left the map": f"{row['outflow'] / 1e6:.2f} million m³",
        "flooded": f"{row['flooded']:.1f} km² over {FLOODED} m, {row['deepest']:.1f} m at the deepest",
        "events": f"{events} in order without a gap, {flood.redelivered.load()} put aside that came twice",
        "telemetry": f"{flood.telemetry.sent} steps, of which analytics missed {missed}",
        "frames": f"looked at {looks} times, always whole",
        "restarts": f"{flood.restarts.load()}",
    }
    return "".join(f"{name:<12} {text}\n" for name, text in lines.items())


def hydrographs(flood: shm.Segment) -> list[np.ndarray[Any, Any]]:
    """The levels of each gauge so far, as anybody may read them; empty while nobody has them on lease."""
    handles = flood.numbers("hydrograph")
    graphs = [flood.hydrographs.get(handles.load(gauge)) for gauge in range(GAUGES)]
    return [np.zeros(0) if graph is None else graph.levels[: int(graph.readings)] for graph in graphs]


def draw(books: Books, graphs: list[np.ndarray[Any, Any]], end: float, path: Path) -> None:
    """The figure of a run that ends after so many minutes: flooded area, hydrographs, mass balance, and the water."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = books.rows
    minutes = [row["time"] / 60 for row in rows]
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    (area, gauges), (balance, water) = axes
    area.plot(minutes, [row["flooded"] for row in rows], color="tab:blue")
    area.set(title=f"Flooded area (over {FLOODED} m)", ylabel="km²")
    times = (np.arange(READINGS) + 1) / READINGS * end
    for gauge, levels in enumerate(graphs):
        gauges.plot(times[: len(levels)], levels, label=f"gauge {gauge + 1}")
    gauges.set(title="Hydrographs", ylabel="m")
    gauges.legend(fontsize="small")
    volumes = [[row[name] / 1e6 for row in rows] for name in ("stored", "outflow")]
    balance.stackplot(minutes, volumes, labels=["on the map", "left the map"], colors=["#99acd6", "#bcd7ea"])
    balance.plot(minutes, [row["rain"] / 1e6 for row in rows], "k--", label="rain")
    worst = max((abs(row["error"]) for row in rows), default=0.0)
    balance.set(title=f"Mass balance (off by {worst:.1e} of the rain at most)", ylabel="million m³")
    balance.legend(loc="upper left", fontsize="small")
    shown = water.imshow(np.ma.masked_less(books.depth, 0.05), cmap="Blues", norm="log", vmin=0.05, vmax=6)
    water.set(title=f"Water after {clock(rows[-1]['time']) if rows else '0:00'}", xticks=[], yticks=[])
    figure.colorbar(shown, ax=water, label="m")
    for axis in (area, gauges, balance):
        axis.set_xlabel("minutes")
        axis.set_xlim(0, end)
        axis.grid(alpha=0.3)
    draft = path.with_suffix(".part.png")
    figure.savefig(draft, dpi=110)
    draft.rename(path)


def play(flood: shm.Segment, lifeline: Lifeline, out: Path, figure: Path) -> None:
    """The role, until the run is over."""
    reader, books, telemetry = Reader(flood), Books(flood, keeps=True), Telemetry(flood)
    steps: list[Any] = []
    measured = time.monotonic()
    while True:
        reader.drain()
        steps = (steps + telemetry.hear())[-1024:]
        if reader.run_ended():
            break
        if time.monotonic() - measured >= 0.25:
            measured = time.monotonic()
            books.measure()
            books.look_at_grid(steps)
        if not lifeline.rest(0.02):
            return
    row = books.measure()
    if row is None:
        raise SystemExit("the run ended without a frame")
    telemetry.hear()
    draw(books, hydrographs(flood), flood.run_end.load() / 60, figure)
    asked = time.monotonic()
    while flood.pictures.load() == 0 and time.monotonic() - asked < 10:
        if not lifeline.rest(0.02):
            return
    picture = out if flood.pictures.load() else "none: no renderer was there"
    print(f"\n{summary(flood, row)}\nmass error {row['error']:.1e}\npicture {picture}\nfigure {figure}", flush=True)


def watch(segment: str, figure: Path) -> None:
    """A look at a flood that others run, until it is over or Ctrl-C; it leaves the segment before it draws."""
    with shm.open(segment, wait=60) as flood:
        books = Books(flood, keeps=False)
        try:
            while not is_over(flood):
                if (row := books.measure()) is not None:
                    what = f"flooded {row['flooded']:.1f} km²  off by {row['error']:.1e}"
                    print(f"{clock(row['time'])}  {what}", flush=True)
                time.sleep(0.1)
            books.measure()
        except KeyboardInterrupt:
            pass
        graphs, end = hydrographs(flood), flood.run_end.load() / 60
    draw(books, graphs, end, figure)
    print(f"figure {figure}")


def is_over(flood: shm.Segment) -> bool:
    """Whether the last checkpoint says so."""
    last = flood.even if flood.committed.load() % 2 == 0 else flood.odd
    return last.phase.load() == RUN_ENDED or flood.pictures.load() > 0


def main() -> None:
    arguments = argparse.ArgumentParser(description="analytics of the flood")
    arguments.add_argument("--segment", default="flood", help="name of the shared segment [flood]")
    arguments.add_argument("--out", type=Path, default=Path("flood.png"), help="the renderer's picture [flood.png]")
    arguments.add_argument("--figure", type=Path, help="where the figure goes [beside the picture]")
    arguments.add_argument("--watch", action="store_true", help="look at a flood that others run, and change nothing")
    told, _ = arguments.parse_known_args()
    figure = told.figure or told.out.with_name(f"{told.out.stem}-analytics.png")
    if told.watch:
        watch(told.segment, figure)
        return
    lifeline = Lifeline()
    with shm.open(told.segment) as flood, flood.roles.consumer():
        while flood.prepared.load() == 0:
            if not lifeline.rest(0.02):
                return
        play(flood, lifeline, told.out, figure)


if __name__ == "__main__":
    main()
