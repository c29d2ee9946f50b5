"""A producer or a consumer in Python: the same as `actor.rs` and `actor.cpp`.

    actor.py NAME SEAT FAULT
"""

import os
import sys
import time

import numpy as np
import shm

SIDES = 3
BATCH = 1024
MIX = np.uint64(0x9E3779B97F4A7C15)


def items(seg, first, end, seat):
    """The elements of a producer, from one number in its row to another."""
    made = np.zeros(end - first, seg.fields["queue"].dtype)
    made["number"] = np.arange(first, end, dtype=np.uint64) * SIDES + seat
    made["check"][:, 0] = made["number"] * MIX
    made["check"][:, 1] = ~made["check"][:, 0]
    return made


def produce(seg, seat):
    ahead, done = seg.numbers("next"), seg.numbers("done")
    sequence = ahead.load(seat)
    while seg.order.load() < 1:
        end = min(sequence + BATCH, seg.allowed.load())
        if sequence >= end:
            time.sleep(0.001)
            continue
        ahead.store(seat, end)  # what becomes of these is unknown if we die
        made = items(seg, sequence, end, seat)
        pushed = seg.queue.push_many(made)
        if pushed == 0:
            try:
                seg.queue.push_wait(made[0], timeout=0.02)
                pushed = 1
            except shm.Full:
                pass
        sequence += pushed
        done.store(seat, sequence)


def see(seg, seen, got, newest, fault):
    number = got["number"]
    mixed = number * MIX
    is_whole = (got["check"][:, 0] == mixed) & (got["check"][:, 1] == ~mixed) & (number < len(seen))
    if not is_whole.all():
        seg.torn.fetch_add(int((~is_whole).sum()))
        number = number[is_whole]
    for side in range(SIDES):
        row = number[number % SIDES == side]
        if len(row):
            before = np.concatenate(([newest[side]], row[:-1] + 1))  # the number that each has at least
            if (row < before).any():
                seg.late.fetch_add(int((row < before).sum()))
            newest[side] = row[-1] + 1
    times = 1
    if fault:
        times = np.where(number % 1000 == 999, 0 if fault == "lose" else 2, 1).astype(np.uint8)
    np.add.at(seen, number, times)


def consume(seg, seat, fault):
    seen = seg.view(f"seen[{seat}]", writable=True)
    newest = np.zeros(SIDES, np.uint64)
    while True:
        # the order is read first: what was pushed before it was given is still popped
        is_last = seg.order.load() >= 2
        got = seg.queue.pop_many(BATCH)
        if not len(got):
            one = seg.queue.pop_wait(timeout=0 if is_last else 0.02)
            if one is not None:
                got = np.array([one], got.dtype)
            elif is_last:
                return
            else:
                continue
        see(seg, seen, got, newest, fault)


def main(name, seat, fault):
    seg = shm.open(name)
    seg.numbers("ready").store(int(seat), os.getpid())
    np.seterr(over="ignore")
    if int(seat) < SIDES:
        produce(seg, int(seat))
    else:
        consume(seg, int(seat) - SIDES, fault)


main(*sys.argv[1:])
