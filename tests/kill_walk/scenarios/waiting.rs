//! Operations that sleep, and those that wake them.

use super::once;
use crate::asleep::Waiting;
use crate::scenario::{Scenario, World};
use crate::tracee::Turn;
use shm_runtime::memory::owner::{Tag, WATCH};
use shm_runtime::memory::signals::{ROUND, SLICE};
use shm_runtime::{Segment, Start};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Longer than anything that does not hang.
const LONG: Duration = Duration::from_secs(600);

/// A process of a waiting: only its operation and the state count.
pub const fn process(
    name: &'static str,
    set_up: fn(&Segment<World>),
    operation: fn(&Segment<World>, &Turn),
) -> Scenario {
    Scenario {
        name,
        set_up,
        operation,
        observe: |_| String::new(),
        before: "",
        after: "",
        partly: &[],
        withheld: &[],
    }
}

pub fn nothing(_: &Segment<World>) {}

fn full(world: &Segment<World>) {
    while world.queue.push([1, 1]).is_ok() {}
}

fn pop_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.queue.pop_wait(LONG).map_or(0, |[value, _]| value)));
}

fn push_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.queue.push_wait([7, 7], LONG).is_ok())));
}

fn push(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.push([7, 7]));
}

fn push_slice(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.push_slice(&[[7, 7], [8, 8]]));
}

fn commit(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut loan = world.queue.loan().unwrap();
        loan.write([7, 7]);
        _ = loan.commit();
    });
}

fn pop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.queue.pop());
}

fn take(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        world
            .queue
            .take()
            .unwrap()
            .into_iter()
            .for_each(|taken| taken.done())
    });
}

const POP_WAIT: Waiting = Waiting {
    sleeper: process("queue.pop_wait", nothing, pop_wait),
    waker: process("push", nothing, push),
    flag: ("queue", 0x10C),
    round: ROUND,
    is_ready: |world| !world.queue.is_empty(),
    help: Some(|world| _ = world.queue.push([9, 9])),
    is_woken: true,
    blocks: false,
};

const PUSH_WAIT: Waiting = Waiting {
    sleeper: process("queue.push_wait", full, push_wait),
    waker: process("pop", full, pop),
    flag: ("queue", 0x114),
    round: ROUND,
    is_ready: |world| world.queue.len() < 2,
    help: Some(|world| _ = world.queue.pop()),
    is_woken: true,
    blocks: false,
};

fn consume(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut role = world.spsc.consumer().unwrap();
        turn.note(role.pop_wait(LONG).map_or(0, |[value, _]| value));
    });
}

fn produce(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.spsc.producer().unwrap().push([7, 7]));
}

fn lease_one(world: &Segment<World>) {
    _ = world.pool.acquire().unwrap().keep();
}

fn acquire_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let lease = world.pool.acquire_wait(LONG);
        turn.note(u64::from(lease.is_ok()));
    });
}

/// It has the other object on lease before its turn.
fn release(world: &Segment<World>, turn: &Turn) {
    let handle = world.pool.acquire().unwrap().keep();
    turn.run(|| _ = world.pool.release(handle));
}

pub const WAITING: &[Waiting] = &[
    POP_WAIT,
    Waiting {
        waker: process("push_slice", nothing, push_slice),
        ..POP_WAIT
    },
    Waiting {
        waker: process("loan and commit", nothing, commit),
        ..POP_WAIT
    },
    PUSH_WAIT,
    Waiting {
        waker: process("take and done", full, take),
        ..PUSH_WAIT
    },
    Waiting {
        sleeper: process("spsc.pop_wait", nothing, consume),
        waker: process("push", nothing, produce),
        flag: ("spsc", 0x20C),
        round: SLICE,
        is_ready: |world| !world.spsc.is_empty(),
        help: Some(|world| _ = world.spsc.producer().unwrap().push([9, 9])),
        is_woken: false, // by a producer that it has not known before
        blocks: true,
    },
    Waiting {
        sleeper: process("spsc.push_wait", filled, produce_wait),
        waker: process("pop", filled, consume_one),
        flag: ("spsc", 0x214),
        round: SLICE,
        is_ready: |world| world.spsc.len() < 2,
        help: Some(|world| _ = world.spsc.consumer().unwrap().pop()),
        is_woken: false, // as above
        blocks: true,
    },
    Waiting {
        sleeper: process("pool.acquire_wait", lease_one, acquire_wait),
        waker: process("release", lease_one, release),
        flag: ("pool", 4),
        round: WATCH,
        is_ready: |world| world.pool.leased() < 2,
        help: None,
        is_woken: true,
        blocks: true,
    },
    Waiting {
        sleeper: process("stack.pop_wait", nothing, stack_pop_wait),
        waker: process("push", nothing, stack_push),
        flag: ("stack", 0xC),
        is_ready: |world| !world.stack.is_empty(),
        help: Some(|world| _ = world.stack.push([9, 9])),
        ..POP_WAIT
    },
    Waiting {
        sleeper: process("stack.push_wait", stack_full, stack_push_wait),
        waker: process("pop", stack_full, stack_pop),
        flag: ("stack", 0x14),
        is_ready: |world| !world.stack.is_full(),
        help: Some(|world| _ = world.stack.pop()),
        ..POP_WAIT
    },
    Waiting {
        sleeper: process("broadcast.recv_wait", nothing, recv_wait),
        waker: process("send", nothing, send),
        flag: ("news", 0x8C),
        is_ready: |world| world.news.sent() > 0,
        help: Some(|world| world.news.send([9, 9]).unwrap()),
        ..POP_WAIT
    },
    Waiting {
        sleeper: process("versioned.wait_change", nothing, wait_change),
        waker: process("store", nothing, store),
        flag: ("latest", 0xC),
        is_ready: |world| world.latest.version() > 0,
        help: Some(|world| world.latest.store([9, 9]).unwrap()),
        ..POP_WAIT
    },
    Waiting {
        sleeper: process("versioned_array.wait_change", nothing, wait_frame),
        waker: process("publish", nothing, publish),
        flag: ("frames", 0x10C),
        is_ready: |world| world.frames.version() > 0,
        help: Some(|world| _ = world.frames.writer().unwrap().publish(&[9; 3])),
        blocks: true,
        ..POP_WAIT
    },
    LOCK,
    Waiting {
        sleeper: process("rwlock.read", nothing, read),
        waker: process("unlock, writer", nothing, unlock_writer),
        flag: ("table", 4),
        is_ready: |world| is_free(world, "table"),
        ..LOCK
    },
    Waiting {
        sleeper: process("rwlock.write", nothing, write),
        waker: process("unlock, reader", nothing, unlock_reader),
        flag: ("table", 0x44),
        is_ready: |world| world.table.readers() == 0,
        ..LOCK
    },
    Waiting {
        sleeper: process("semaphore.acquire", one_permit, acquire_permit),
        waker: process("release", one_permit, release_permit),
        flag: ("permits", 4),
        is_ready: |world| world.permits.available() > 0,
        ..LOCK
    },
    Waiting {
        sleeper: process("once.call_once", nothing, once::call),
        waker: process("the runner", nothing, once::run_on),
        flag: ("once", 4),
        is_ready: |world| is_free(world, "once"),
        ..LOCK
    },
    Waiting {
        sleeper: process("barrier.wait", nothing, wait_at_gate),
        waker: process("wait", nothing, arrive),
        flag: ("gate", 4),
        is_ready: |world| word(world, "gate") & 0b11 == 0,
        help: Some(|world| _ = world.gate.wait(Duration::ZERO)),
        ..LOCK
    },
    Waiting {
        sleeper: process("signal.wait", nothing, wait_for_signal),
        waker: process("raise", nothing, raise),
        flag: ("signal", 4),
        is_ready: |world| world.signal.count() > 0,
        help: Some(|world| world.signal.raise()),
        ..POP_WAIT
    },
];

fn filled(world: &Segment<World>) {
    let mut role = world.spsc.producer().unwrap();
    while role.push([1, 1]).is_ok() {}
}

fn produce_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        let mut role = world.spsc.producer().unwrap();
        turn.note(u64::from(role.push_wait([7, 7], LONG).is_ok()));
    });
}

fn consume_one(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.spsc.consumer().unwrap().pop());
}

fn stack_full(world: &Segment<World>) {
    while world.stack.push([1, 1]).is_ok() {}
}

fn stack_pop_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.stack.pop_wait(LONG).map_or(0, |[value, _]| value)));
}

fn stack_push_wait(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.stack.push_wait([7, 7], LONG).is_ok())));
}

fn stack_push(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.stack.push([7, 7]));
}

fn stack_pop(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.stack.pop());
}

fn recv_wait(world: &Segment<World>, turn: &Turn) {
    let reader = world.news.subscribe(Start::Newest);
    turn.run(|| {
        let got = reader.clone().recv_wait(LONG);
        turn.note(got.map_or(0, |[value, _]| value));
    });
}

fn send(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.news.send([7, 7]).unwrap());
}

fn wait_change(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.latest.wait_change(0, LONG).is_ok())));
}

fn store(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.latest.store([7, 7]).unwrap());
}

fn wait_frame(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.frames.wait_change(0, LONG).is_ok())));
}

fn publish(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.frames.writer().unwrap().publish(&[7; 3]));
}

/// The word behind the event of something in `sync`.
fn word(world: &Segment<World>, name: &str) -> u64 {
    let table = Segment::table(world).unwrap();
    let entry = table.iter().find(|entry| entry.name == name).unwrap();
    let words = Segment::attachment(world).slice::<AtomicU64>(entry.offset + 8, 1);
    words.expect("it lies in the segment")[0].load(Relaxed)
}

/// Whether nobody has a lock, dead or alive.
fn is_free(world: &Segment<World>, name: &str) -> bool {
    Tag::from_low(word(world, name)).is_nobody()
}

const LOCK: Waiting = Waiting {
    sleeper: process("mutex.lock", nothing, lock),
    waker: process("unlock", nothing, unlock),
    flag: ("mutex", 4),
    round: WATCH,
    is_ready: |world| is_free(world, "mutex"),
    help: None,
    is_woken: true,
    blocks: true,
};

fn lock(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        turn.note(1 + u64::from(world.mutex.lock().is_err()));
    });
}

/// Uses a guard and drops it again in each turn, which begins with the memory as it was when that was made.
pub fn unlocking<G>(turn: &Turn, guard: G, before: impl Fn(&mut G)) {
    let guard = core::mem::ManuallyDrop::new(guard);
    turn.run(|| {
        // SAFETY: guards of `sync` own nothing: they borrow, and unlock when dropped.
        let mut guard = unsafe { core::ptr::read(&*guard) };
        before(&mut guard);
    });
}

/// It has the lock before its turn.
fn unlock(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.mutex.lock().unwrap(), |_| ());
}

fn read(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(1 + u64::from(world.table.read().is_err())));
}

fn write(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(1 + u64::from(world.table.write().is_err())));
}

fn unlock_writer(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.table.write().unwrap(), |_| ());
}

fn unlock_reader(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.table.read().unwrap(), |_| ());
}

pub fn one_permit(world: &Segment<World>) {
    core::mem::forget(world.permits.acquire());
}

fn acquire_permit(world: &Segment<World>, turn: &Turn) {
    turn.run(|| {
        drop(world.permits.acquire());
        turn.note(1);
    });
}

fn release_permit(world: &Segment<World>, turn: &Turn) {
    unlocking(turn, world.permits.acquire(), |_| ());
}

fn wait_at_gate(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(u64::from(world.gate.wait(LONG).is_ok())));
}

fn arrive(world: &Segment<World>, turn: &Turn) {
    turn.run(|| _ = world.gate.wait(Duration::ZERO));
}

fn wait_for_signal(world: &Segment<World>, turn: &Turn) {
    turn.run(|| turn.note(world.signal.wait(0, LONG).unwrap_or(0)));
}

fn raise(world: &Segment<World>, turn: &Turn) {
    turn.run(|| world.signal.raise());
}
