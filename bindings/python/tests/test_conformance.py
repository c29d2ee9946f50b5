"""The conformance kit (tests/conformance of the repository): steps and what must be seen, the same in every language.

A step is done by what a Python program would write for it; what it gives is compared byte for byte.
"""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import shm
from shm import _native

KIT = Path(__file__).parents[3] / "tests" / "conformance"
#: What steps may need, and is there.
HAS = {"values"}

ERRORS = (
    (shm.NoSuchField, "error no_field"),
    (shm.WrongKind, "error kind"),
    (shm.WrongValue, "error value"),
    (shm.ReadOnly, "error read_only"),
    (shm.AlreadyExists, "error exists"),
    (shm.NotFound, "error not_found"),
    (shm.BadName, "error name"),
    (shm.Closed, "error over"),
    (shm.Full, "full"),
    (shm.RoleTaken, "taken"),
    (shm.NoLane, "no_lane"),
    (IndexError, "error range"),
)


def word(yes, no):
    return "ok" if yes else no


def found(value, no):
    return {"value": value} if value is not None else no


class Runner:
    """The segments and guards of one case."""

    def __init__(self, name, description, file=None):
        self.name = name
        if file is None:
            first = shm.Segment(_native.create(name, json.dumps(description), False, False, None, (0, 0)))
        else:
            first = shm.open(name)
        self.segments = {"": first}
        self.held = {}
        self.handles = {}
        self.missed = {}

    def leave(self):
        self.held.clear()
        for segment in reversed(self.segments.values()):  # one that may only read cannot remove the name
            segment.close()

    def answer(self, step):
        try:
            return self._answer(step)
        except Exception as why:
            for kind, answer in ERRORS:
                if isinstance(why, kind):
                    return answer
            raise

    def _answer(self, step):
        op = step["op"]
        if op in ("open", "close", "recover"):
            return getattr(self, op)(step)
        if "on" in step:
            return self.on_held(step)
        segment = self.segments[step.get("via", "")]
        if step["field"] not in segment.fields:
            segment[step["field"]]  # raises
        kind = segment.fields[step["field"]].kind
        method = getattr(self, f"{kind.lower()}_{op}", None)
        if method is None:
            return "error kind"
        return method(segment[step["field"]], step)

    def open(self, step):
        self.segments[step["as"]] = shm.open(self.name, read_only=step.get("read_only", False))
        return "ok"

    def close(self, step):
        self.segments.pop(step["via"]).close()
        return "ok"

    def recover(self, step):
        self.segments[""].recover()
        return {"later": 0}  # Python does not say

    def keep(self, step, got, no, field):
        if got is None:
            return no
        self.held[step["as"]] = (got, field)
        return "ok"

    # -- queues, stacks and their like: handles and roles have the same methods

    def push(self, on, step):
        on.push(step["value"])
        return "ok"

    def push_wait(self, on, step):
        on.push_wait(step["value"], step["timeout_ms"] / 1000)
        return "ok"

    def push_many(self, on, step):
        return {"count": on.push_many(step["values"])}

    def pop(self, on, step):
        return found(on.pop(), "empty")

    def pop_wait(self, on, step):
        return found(on.pop_wait(step["timeout_ms"] / 1000), "timeout")

    def pop_many(self, on, step):
        return {"values": list(on.pop_many(step["most"]))}

    def peek(self, on, step):
        return found(on.peek(), "empty")

    def size(self, on, step):
        return {"count": len(on)}

    queue_push = stack_push = push
    queue_push_wait = stack_push_wait = push_wait
    queue_push_many = stack_push_many = push_many
    queue_pop = stack_pop = pop
    queue_pop_wait = stack_pop_wait = pop_wait
    queue_pop_many = stack_pop_many = pop_many
    queue_peek = stack_peek = peek
    queue_len = stack_len = spsc_len = map_len = largemap_len = set_len = size

    def queue_take(self, on, step):
        return self.keep(step, on.take(), "empty", step["field"])

    def spsc_producer(self, on, step):
        return self.keep(step, on.producer(), None, step["field"])

    def spsc_consumer(self, on, step):
        return self.keep(step, on.consumer(), None, step["field"])

    # -- memory and numbers

    def view(self, step):
        return self.segments[step.get("via", "")].view(step["field"], writable=True)

    def array_get(self, on, step):
        return {"value": on[step["index"]]}

    def array_set(self, on, step):
        view = self.view(step)
        view[step["index"]] = self.element(step).decode(self.element(step).encode(step["value"]))
        return "ok"

    def array_read(self, on, step):
        return {"values": [on[i] for i in range(step["first"], step["first"] + step["most"])]}

    def array_write(self, on, step):
        view, values = self.view(step), step["values"]
        end = step["first"] + len(values)
        view[end - 1]  # raises before anything is written
        view[step["first"] : end] = np.frombuffer(self.element(step).encode_many(values), view.dtype)
        return "ok"

    def element(self, step):
        return self.segments[""].fields[step["field"]].element

    def numbers(self, step):
        return self.segments[step.get("via", "")].numbers(step["field"])

    def array_load(self, on, step):
        return {"value": self.numbers(step).load(step["index"])}

    def array_store(self, on, step):
        self.numbers(step).store(step["index"], step["value"])
        return "ok"

    def array_fetch_add(self, on, step):
        return {"value": self.numbers(step).fetch_add(step["index"], step["value"])}

    def array_compare_exchange(self, on, step):
        numbers = self.numbers(step)
        return self.exchanged(numbers.compare_exchange(step["index"], step["current"], step["new"]))

    def exchanged(self, done):
        return "ok" if done[0] else {"is": "different", "value": done[1]}

    def atomic_load(self, on, step):
        return {"value": on.load()}

    def atomic_store(self, on, step):
        on.store(step["value"])
        return "ok"

    def atomic_compare_exchange(self, on, step):
        return self.exchanged(on.compare_exchange(step["current"], step["new"]))

    def fetch(self, on, step):
        return {"value": getattr(on, step["op"])(step["value"])}

    atomic_swap = atomic_fetch_add = atomic_fetch_sub = atomic_fetch_max = atomic_fetch_min = fetch
    atomic_fetch_and = atomic_fetch_or = atomic_fetch_xor = fetch

    # -- maps and sets

    def map_get(self, on, step):
        return found(on.get(step["key"]), "absent")

    def map_contains(self, on, step):
        return "present" if step["key"] in on else "absent"

    def map_insert(self, on, step):
        before = on.get(step["key"])
        on[step["key"]] = step["value"]
        return "ok" if before is None else {"is": "present", "value": before}

    def map_get_or_insert(self, on, step):
        before = on.get(step["key"])
        now = on.setdefault(step["key"], step["value"])
        return "ok" if before is None else {"is": "present", "value": now}

    def map_remove(self, on, step):
        return found(on.pop(step["key"], None), "absent")

    def map_compare_exchange(self, on, step):
        if on.compare_exchange(step["key"], step["current"], step["new"]):
            return "ok"
        there = on.get(step["key"])
        return "absent" if there is None else {"is": "different", "value": there}

    def map_entries(self, on, step):
        return {"entries": on.items()}

    largemap_get, largemap_contains, largemap_insert = map_get, map_contains, map_insert
    largemap_get_or_insert, largemap_remove = map_get_or_insert, map_remove
    largemap_compare_exchange, largemap_entries = map_compare_exchange, map_entries

    def set_contains(self, on, step):
        return "present" if step["key"] in on else "absent"

    def set_insert(self, on, step):
        return word(on.insert(step["key"]), "present")

    def set_remove(self, on, step):
        try:
            on.remove(step["key"])
        except KeyError:
            return "absent"
        return "ok"

    def set_entries(self, on, step):
        return {"values": list(on)}

    # -- the others

    def pool_acquire(self, on, step):
        lease = on.acquire()
        if lease is not None:
            self.handles[step["as"]] = lease.handle
        return self.keep(step, lease, "empty", step["field"])

    def pool_get(self, on, step):
        return found(on.get(self.handles[step["of"]]), "absent")

    def pool_len(self, on, step):
        return {"count": on.leased}

    def versioned_load(self, on, step):
        value, version = on.load_with_version()
        return {"value": value, "version": version}

    def versioned_store(self, on, step):
        on.store(step["value"])
        return "ok"

    def versioned_version(self, on, step):
        return {"version": on.version}

    versionedarray_version = versioned_version

    def versioned_wait_change(self, on, step):
        seen = on.wait_change(step["since"], step["timeout_ms"] / 1000)
        return "timeout" if seen is None else {"value": seen[0], "version": seen[1]}

    def versionedarray_read(self, on, step):
        frame, version = on.snapshot_with_version()
        return {"values": list(frame), "version": version}

    def versionedarray_wait_change(self, on, step):
        seen = on.wait_change(step["since"], step["timeout_ms"] / 1000)
        return "timeout" if seen is None else {"version": seen}

    def versionedarray_writer(self, on, step):
        return self.keep(step, on.writer(), None, step["field"])

    def broadcast_send(self, on, step):
        on.send(step["value"])
        return "ok"

    def broadcast_sent(self, on, step):
        return {"count": on.sent}

    def broadcast_subscribe(self, on, step):
        return self.keep(step, on.subscribe(step["start"]), None, step["field"])

    # -- what a step got before

    def on_held(self, step):
        held, field = self.held[step["on"]]
        op = step["op"]
        if op == "drop":
            held.give_back() if hasattr(held, "give_back") else held.release()
        elif op == "done":
            held.done()
        elif op == "read":
            return {"value": held.value}
        elif op == "write":
            held.value = step["value"]
        elif op == "publish":
            dtype = self.segments[""].fields[field].dtype
            return {"version": held.publish(np.array(step["values"], dtype))}
        elif op in ("receive", "receive_wait"):
            return self.received(held, step)
        else:
            return getattr(self, op)(held, step)
        return "ok"

    def received(self, subscriber, step):
        """Python goes on by itself where messages were missed, and counts them: the message waits for the next step."""
        if subscriber in self.missed:
            return {"value": self.missed.pop(subscriber)}
        before = subscriber.missed
        wait = step["op"] == "receive_wait"
        got = subscriber.recv_wait(step["timeout_ms"] / 1000) if wait else subscriber.recv()
        if subscriber.missed > before:
            self.missed[subscriber] = got
            return {"is": "missed", "count": subscriber.missed - before}
        return found(got, "timeout" if wait else "empty")


def as_bytes(runner, field, answer):
    """An answer whose values are bytes, so that it can be compared."""
    if isinstance(answer, str):
        return {"is": answer}
    of = runner.segments[""].fields.get(field)
    is_map = of is not None and "Map" in of.kind
    shown = {"is": answer.get("is", "ok")}
    for name, value in answer.items():
        if name == "value":
            shown[name] = (of.value if is_map else of.element).encode(value)
        elif name == "values":
            values = [of.element.encode(one) for one in value]
            shown[name] = sorted(values) if of.kind == "Set" else values
        elif name == "entries":
            shown[name] = sorted((of.key.encode(k), of.value.encode(v)) for k, v in value)
        elif name != "is":
            shown[name] = value
    return shown


def differences(name, script, case, file=None):
    """Runs a case: each step that was answered in another way, and how many steps there were."""
    runner = Runner(name, script["description"], file)
    wrong, count = [], 0
    try:
        for step in case["steps"]:
            if not HAS.issuperset(step.get("needs", ())):
                continue
            field = step.get("field") or runner.held.get(step.get("on"), (None, None))[1]
            seen = as_bytes(runner, field, runner.answer(step))
            expected = as_bytes(runner, field, step["expect"])
            count += 1
            if any(seen.get(part) != value for part, value in expected.items()):
                wrong.append(f"{case['about']}: {step}: expected {expected}, answered {seen}")
    finally:
        runner.leave()
    return wrong, count


def read(folder):
    return {path.stem: json.loads(path.read_text()) for path in sorted((KIT / folder).glob("*.json"))}


SCRIPTS = {name: script for name, script in read("scripts").items() if HAS.issuperset(script.get("needs", ()))}


@pytest.mark.parametrize("of", SCRIPTS)
def test_a_script_is_followed(name, of):
    total = 0
    for case in SCRIPTS[of]["cases"]:
        wrong, count = differences(name, SCRIPTS[of], case)
        assert not wrong, "\n".join(wrong)
        total += count
    assert total > 10


def test_a_wrong_expectation_is_noticed(name):
    planted = 0
    for script in SCRIPTS.values():
        for case in script["cases"]:
            able = [at for at, step in enumerate(case["steps"]) if HAS.issuperset(step.get("needs", ()))]
            wrong = copy.deepcopy(case)
            step = wrong["steps"][able[-1]]
            expect = step["expect"]
            if isinstance(expect, str):
                step["expect"] = "full" if expect == "ok" else "ok"
            elif "count" in expect:
                expect["count"] += 1
            elif "version" in expect:
                expect["version"] += 1
            else:
                step["expect"] = "absent"
            assert len(differences(name, script, wrong)[0]) == 1, step
            planted += 1
    assert planted > 30


def golden(of):
    """The bytes of a segment that was there before."""
    size, *lines = (KIT / "segments" / f"{of}.hex").read_text().splitlines()
    file = bytearray(int(size))
    for line in lines:
        at, digits = line.split()
        data = bytes.fromhex(digits)
        file[int(at) : int(at) + len(data)] = data
    return bytes(file)


@pytest.mark.parametrize("of", read("segments"))
def test_a_segment_of_old_is_read_and_written(name, of):
    path = Path("/dev/shm") / name
    path.write_bytes(golden(of))
    path.chmod(0o600)
    try:
        script = read("segments")[of]
        wrong, count = differences(name, script, {"about": of, **script}, path)
        assert not wrong, "\n".join(wrong)
        assert count > 10
    finally:
        path.unlink()


def key_hash(data):
    """FORMAT.md, `Hash`."""
    most = 2**64 - 1
    h = len(data) * 0x9E3779B97F4A7C15 & most
    for at in range(0, len(data), 8):
        h ^= int.from_bytes(data[at : at + 8].ljust(8, b"\0"), "little")
        h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 & most
        h = (h ^ h >> 27) * 0x94D049BB133111EB & most
        h ^= h >> 31
    return h


def test_the_vectors_are_those_of_the_format():
    for vector in read("vectors")["hash"]["vectors"]:
        assert f"{key_hash(bytes.fromhex(vector['bytes'])):016x}" == vector["hash"]
    for vector in read("vectors")["fingerprint"]["vectors"]:
        h = 0x6C62272E07BB014262B821756295C58D
        for byte in vector["text"].encode():
            h = (h ^ byte) * 0x0000000001000000000000000000013B % 2**128
        assert f"{h:032x}" == vector["fingerprint"]
        assert _native.describe(json.dumps(vector["description"]))[1] == vector["fingerprint"]
