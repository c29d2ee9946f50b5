//! Steps on fields, and on what they gave.

use super::script::hex;
use super::wire::{Answer, Step};
use self_cell::self_cell;
use shm_runtime::dynamic::{self, Field, Kind, Segment, Value};
use shm_runtime::error::FieldError;
use shm_runtime::{Handle, Missed, RecvError, Start};
use std::collections::BTreeMap;
use std::time::Duration;

type Loaned<'a> = Option<dynamic::Loan<'a>>;
type TakenOut<'a> = Option<dynamic::Taken<'a>>;
type Leased<'a> = dynamic::Lease<'a>;
type Locked<'a> = dynamic::MutexGuard<'a>;
type Permitted<'a> = dynamic::Permit<'a>;

self_cell! { pub struct Loan { owner: dynamic::Queue, #[not_covariant] dependent: Loaned, } }
self_cell! { pub struct Taken { owner: dynamic::Queue, #[not_covariant] dependent: TakenOut, } }
self_cell! { pub struct Lease { owner: dynamic::Pool, #[not_covariant] dependent: Leased, } }
self_cell! { pub struct Lock { owner: dynamic::Mutex, #[not_covariant] dependent: Locked, } }
self_cell! { pub struct Permit { owner: dynamic::Semaphore, #[not_covariant] dependent: Permitted, } }

/// What a step got and a later one uses.
pub enum Held {
    Loan(Loan),
    Taken(Taken),
    Producer(dynamic::Producer),
    Consumer(dynamic::Consumer, usize),
    Lease(Lease),
    Writer(dynamic::FrameWriter),
    Subscriber(dynamic::Subscriber, usize),
    Lock(Lock),
    Permit(#[expect(dead_code, reason = "it is there to be dropped")] Permit),
}

impl Held {
    /// The object's handle, of a lease.
    pub fn handle(&self) -> Option<Handle> {
        match self {
            Self::Lease(lease) => Some(lease.with_dependent(|_, lease| lease.handle())),
            _ => None,
        }
    }
}

pub fn ok() -> Answer {
    Answer::new("ok")
}

/// `ok` where it worked, else the word.
pub fn or(worked: bool, word: &str) -> Answer {
    Answer::new(if worked { "ok" } else { word })
}

fn value(bytes: &[u8]) -> Answer {
    ok().with("value", hex(bytes))
}

pub fn count(count: impl ToString) -> Answer {
    ok().with("count", count.to_string())
}

/// The value, where there is one, else the word.
fn found(is_there: bool, bytes: &[u8], word: &str) -> Answer {
    if is_there {
        value(bytes)
    } else {
        Answer::new(word)
    }
}

fn timeout(step: &Step) -> Duration {
    Duration::from_millis(step.number("timeout_ms"))
}

pub fn no_field(why: &FieldError) -> Answer {
    Answer::new(match why {
        FieldError::Missing { .. } => "error no_field",
        _ => "error kind",
    })
}

pub type Answered = Result<(Answer, Option<Held>), FieldError>;

pub fn on_field(
    segment: &Segment,
    field: &Field,
    step: &Step,
    handles: &BTreeMap<String, Handle>,
) -> Answered {
    let name = field.name();
    let answer = match field.kind() {
        Kind::Array => on_array(&segment.array(name)?, step),
        Kind::Atomic => on_atomic(&segment.atomic(name)?, step),
        Kind::Queue => return Ok(on_queue(&segment.queue(name)?, step)),
        Kind::Stack => on_stack(&segment.stack(name)?, step),
        Kind::Spsc => return Ok(on_spsc(&segment.spsc(name)?, step)),
        Kind::Map | Kind::LargeMap => on_map(&segment.map(name)?, step),
        Kind::Set => on_set(&segment.set(name)?, step),
        Kind::Pool => return Ok(on_pool(&segment.pool(name)?, step, handles)),
        Kind::Versioned => on_versioned(&segment.versioned(name)?, step),
        Kind::VersionedArray => return Ok(on_frames(&segment.versioned_array(name)?, step)),
        Kind::Broadcast => return Ok(on_broadcast(&segment.broadcast(name)?, step)),
        Kind::Mutex | Kind::Semaphore | Kind::Signal => return on_sync(segment, field, step),
        kind => panic!("no steps on a {kind}"),
    };
    Ok((answer, None))
}

/// What an operation is answered that the structure does not have.
fn wrong_kind() -> Answer {
    Answer::new("error kind")
}

fn on_array(array: &dynamic::Array, step: &Step) -> Answer {
    let size = array.element().size();
    match step.op.as_str() {
        "get" => {
            let mut out = vec![0; size];
            array.read_into(step.index("index"), &mut out);
            value(&out)
        }
        "set" => {
            array.write_from(step.index("index"), &step.bytes("value"));
            ok()
        }
        "read" => {
            let mut out = vec![0; size * step.index("most")];
            array.read_into(step.index("first"), &mut out);
            ok().with("values", hex(&out))
        }
        "write" => {
            array.write_from(step.index("first"), &step.bytes("values"));
            ok()
        }
        _ => match array.numbers() {
            Some(numbers) => on_numbers(numbers, step),
            None => wrong_kind(),
        },
    }
}

/// Operations on an array's element, or on an atomic.
macro_rules! number {
    ($of:expr, $step:expr, ($($first:expr)?)) => {{
        let (of, step) = ($of, $step);
        let number = |name: &str| -> Value { of.element().decode(&step.bytes(name)).unwrap() };
        let shown = |value: &Value| hex(&of.element().encode(value).unwrap());
        let before = match step.op.as_str() {
            "load" => return ok().with("value", shown(&of.load($($first)?))),
            "store" => return or(of.store($($first,)? &number("value")).is_ok(), "error value"),
            "compare_exchange" => {
                let exchanged = of.compare_exchange($($first,)? &number("current"), &number("new"));
                return match exchanged.unwrap() {
                    Ok(_) => ok(),
                    Err(before) => Answer::new("different").with("value", shown(&before)),
                };
            }
            "swap" => of.swap($($first,)? &number("value")),
            "fetch_add" => of.fetch_add($($first,)? &number("value")),
            "fetch_sub" => of.fetch_sub($($first,)? &number("value")),
            "fetch_max" => of.fetch_max($($first,)? &number("value")),
            "fetch_min" => of.fetch_min($($first,)? &number("value")),
            "fetch_and" => of.fetch_and($($first,)? &number("value")),
            "fetch_or" => of.fetch_or($($first,)? &number("value")),
            "fetch_xor" => of.fetch_xor($($first,)? &number("value")),
            _ => return wrong_kind(),
        };
        match before {
            Ok(before) => ok().with("value", shown(&before)),
            Err(_) => Answer::new("error value"),
        }
    }};
}

fn on_numbers(numbers: &dynamic::Numbers, step: &Step) -> Answer {
    number!(numbers, step, (step.index("index")))
}

fn on_atomic(atomic: &dynamic::Atomic, step: &Step) -> Answer {
    number!(atomic, step, ())
}

/// What queues and stacks have in common.
macro_rules! list {
    ($list:expr, $step:expr, $size:expr) => {{
        let (list, step) = ($list, $step);
        let mut out = vec![0; $size * step.index("most").max(1)];
        match step.op.as_str() {
            "push" => or(list.push(&step.bytes("value")).is_ok(), "full"),
            "push_wait" => {
                let pushed = list.push_wait(&step.bytes("value"), timeout(step));
                or(pushed.is_ok(), "full")
            }
            "push_many" => count(list.push_slice(&step.bytes("values"))),
            "pop" => found(list.pop(&mut out), &out, "empty"),
            "pop_wait" => found(
                list.pop_wait(&mut out, timeout(step)).is_ok(),
                &out,
                "timeout",
            ),
            "pop_many" => {
                let popped = list.pop_slice(&mut out);
                ok().with("values", hex(&out[..popped * $size]))
            }
            "peek" => found(list.peek(&mut out), &out, "empty"),
            "len" => count(list.len()),
            _ => wrong_kind(),
        }
    }};
}

fn on_stack(stack: &dynamic::Stack, step: &Step) -> Answer {
    list!(stack, step, stack.element().size())
}

fn on_queue(queue: &dynamic::Queue, step: &Step) -> (Answer, Option<Held>) {
    match step.op.as_str() {
        "loan" => match Loan::try_new(queue.clone(), |queue| queue.loan().map(Some)) {
            Ok(loan) => (ok(), Some(Held::Loan(loan))),
            Err(_) => (Answer::new("no_lane"), None),
        },
        "take" => {
            let taken = Taken::try_new(queue.clone(), |queue| match queue.take() {
                Ok(Some(taken)) => Ok(Some(taken)),
                Ok(None) => Err("empty"),
                Err(_) => Err("no_lane"),
            });
            match taken {
                Ok(taken) => (ok(), Some(Held::Taken(taken))),
                Err(why) => (Answer::new(why), None),
            }
        }
        _ => (list!(queue, step, queue.element().size()), None),
    }
}

fn on_spsc(spsc: &dynamic::Spsc, step: &Step) -> (Answer, Option<Held>) {
    let size = spsc.element().size();
    let role = match step.op.as_str() {
        "producer" => spsc.producer().map(Held::Producer),
        "consumer" => spsc.consumer().map(|role| Held::Consumer(role, size)),
        "len" => return (count(spsc.len()), None),
        _ => return (wrong_kind(), None),
    };
    match role {
        Ok(role) => (ok(), Some(role)),
        Err(_) => (Answer::new("taken"), None),
    }
}

/// What an insertion did.
fn inserted<E>(was_there: Result<bool, E>, there: &[u8]) -> Answer {
    match was_there {
        Ok(false) => ok(),
        Ok(true) => Answer::new("present").with("value", hex(there)),
        Err(_) => Answer::new("full"),
    }
}

fn on_map(map: &dynamic::Map, step: &Step) -> Answer {
    let mut out = vec![0; map.value().size()];
    let key = || step.bytes("key");
    match step.op.as_str() {
        "get" => found(map.get(&key(), &mut out), &out, "absent"),
        "contains" => Answer::new(if map.contains(&key()) {
            "present"
        } else {
            "absent"
        }),
        "insert" => inserted(map.insert(&key(), &step.bytes("value"), &mut out), &out),
        "get_or_insert" => inserted(
            map.get_or_insert(&key(), &step.bytes("value"), &mut out),
            &out,
        ),
        "remove" => found(map.remove(&key(), &mut out), &out, "absent"),
        "compare_exchange" => {
            let (current, new) = (step.bytes("current"), step.bytes("new"));
            match map.compare_exchange(&key(), &current, &new, &mut out) {
                None => Answer::new("absent"),
                Some(true) => ok(),
                Some(false) => Answer::new("different").with("value", hex(&out)),
            }
        }
        "entries" => {
            let (mut keys, mut values) = (String::new(), String::new());
            map.for_each(|key, value| {
                keys += &hex(key);
                values += &hex(value);
            });
            ok().with("keys", keys).with("values", values)
        }
        "len" => count(map.len()),
        _ => wrong_kind(),
    }
}

fn on_set(set: &dynamic::Set, step: &Step) -> Answer {
    let key = || step.bytes("key");
    match step.op.as_str() {
        "contains" => Answer::new(if set.contains(&key()) {
            "present"
        } else {
            "absent"
        }),
        "insert" => match set.insert(&key()) {
            Ok(true) => ok(),
            Ok(false) => Answer::new("present"),
            Err(_) => Answer::new("full"),
        },
        "remove" => or(set.remove(&key()), "absent"),
        "entries" => {
            let mut keys = String::new();
            set.for_each(|key| keys += &hex(key));
            ok().with("values", keys)
        }
        "len" => count(set.len()),
        _ => wrong_kind(),
    }
}

fn on_pool(
    pool: &dynamic::Pool,
    step: &Step,
    handles: &BTreeMap<String, Handle>,
) -> (Answer, Option<Held>) {
    let answer = match step.op.as_str() {
        "acquire" => match Lease::try_new(pool.clone(), |pool| pool.acquire().ok_or(())) {
            Ok(lease) => return (ok(), Some(Held::Lease(lease))),
            Err(()) => Answer::new("empty"),
        },
        "get" => {
            let mut out = vec![0; pool.element().size()];
            found(pool.get(handles[step.text("of")], &mut out), &out, "absent")
        }
        "len" => count(pool.leased()),
        _ => wrong_kind(),
    };
    (answer, None)
}

fn on_versioned(versioned: &dynamic::Versioned, step: &Step) -> Answer {
    let mut out = vec![0; versioned.element().size()];
    let seen = |version: u64, out: &[u8]| value(out).with("version", version.to_string());
    match step.op.as_str() {
        "load" => seen(versioned.load(&mut out), &out),
        "store" => or(versioned.store(&step.bytes("value")).is_ok(), "no_lane"),
        "version" => ok().with("version", versioned.version().to_string()),
        "wait_change" => match versioned.wait_change(step.number("since"), &mut out, timeout(step))
        {
            Ok(version) => seen(version, &out),
            Err(_) => Answer::new("timeout"),
        },
        _ => wrong_kind(),
    }
}

fn on_frames(frames: &dynamic::VersionedArray, step: &Step) -> (Answer, Option<Held>) {
    let version = |version: u64| ok().with("version", version.to_string());
    let answer = match step.op.as_str() {
        "writer" => match frames.writer() {
            Ok(writer) => return (ok(), Some(Held::Writer(writer))),
            Err(_) => Answer::new("taken"),
        },
        "read" => {
            let mut out = vec![0; frames.len() * frames.element().size()];
            let seen = frames.read_into(&mut out);
            version(seen).with("values", hex(&out))
        }
        "version" => version(frames.version()),
        "wait_change" => match frames.wait_change(step.number("since"), timeout(step)) {
            Ok(frame) => version(frame.version()),
            Err(_) => Answer::new("timeout"),
        },
        _ => wrong_kind(),
    };
    (answer, None)
}

fn on_broadcast(broadcast: &dynamic::Broadcast, step: &Step) -> (Answer, Option<Held>) {
    let answer = match step.op.as_str() {
        "send" => or(broadcast.send(&step.bytes("value")).is_ok(), "no_lane"),
        "sent" => count(broadcast.sent()),
        "subscribe" => {
            let start = if step.text("start") == "oldest" {
                Start::Oldest
            } else {
                Start::Newest
            };
            let held = Held::Subscriber(broadcast.subscribe(start), broadcast.element().size());
            return (ok(), Some(held));
        }
        _ => wrong_kind(),
    };
    (answer, None)
}

fn on_sync(segment: &Segment, field: &Field, step: &Step) -> Answered {
    let name = field.name();
    let answer = match (field.kind(), step.op.as_str()) {
        (Kind::Mutex, "lock") => {
            match Lock::try_new(segment.mutex(name)?, |mutex| mutex.lock_wait(timeout(step))) {
                Ok(lock) => return Ok((ok(), Some(Held::Lock(lock)))),
                Err(_) => Answer::new("timeout"),
            }
        }
        (Kind::Semaphore, "acquire") => {
            let semaphore = segment.semaphore(name)?;
            match Permit::try_new(semaphore, |semaphore| semaphore.try_acquire().ok_or(())) {
                Ok(permit) => return Ok((ok(), Some(Held::Permit(permit)))),
                Err(()) => Answer::new("timeout"),
            }
        }
        (Kind::Signal, "raise") => {
            segment.signal(name)?.raise();
            ok()
        }
        (Kind::Signal, "count") => count(segment.signal(name)?.count()),
        (Kind::Signal, "wait_change") => {
            match segment
                .signal(name)?
                .wait(step.number("since"), timeout(step))
            {
                Ok(raised) => count(raised),
                Err(_) => Answer::new("timeout"),
            }
        }
        _ => wrong_kind(),
    };
    Ok((answer, None))
}

/// A step on what was got before, and whether that is over now.
pub fn on_held(held: &mut Held, step: &Step) -> (Answer, bool) {
    let given = || step.bytes("value");
    let op = step.op.as_str();
    let answer = match held {
        Held::Loan(loan) => return on_loan(loan, step),
        Held::Taken(taken) => return on_taken(taken, step),
        Held::Producer(role) => match op {
            "push" => or(role.push(&given()).is_ok(), "full"),
            "push_wait" => or(role.push_wait(&given(), timeout(step)).is_ok(), "full"),
            "push_many" => count(role.push_slice(&step.bytes("values"))),
            _ => wrong_kind(),
        },
        Held::Consumer(role, size) => {
            let mut out = vec![0; *size * step.index("most").max(1)];
            match op {
                "pop" => found(role.pop(&mut out), &out, "empty"),
                "pop_wait" => found(
                    role.pop_wait(&mut out, timeout(step)).is_ok(),
                    &out,
                    "timeout",
                ),
                "pop_many" => {
                    let popped = role.pop_slice(&mut out);
                    ok().with("values", hex(&out[..popped * *size]))
                }
                _ => wrong_kind(),
            }
        }
        Held::Lease(lease) => lease.with_dependent_mut(|pool, lease| match op {
            "read" => {
                let mut out = vec![0; pool.element().size()];
                lease.read_into(&mut out);
                value(&out)
            }
            "write" => {
                lease.write(&given());
                ok()
            }
            _ => wrong_kind(),
        }),
        Held::Writer(writer) => match writer.publish(&step.bytes("values")) {
            Some(version) => ok().with("version", version.to_string()),
            None => Answer::new("error over"),
        },
        Held::Subscriber(subscriber, size) => on_subscriber(subscriber, *size, step),
        Held::Lock(lock) => lock.with_dependent_mut(|mutex, guard| match op {
            "read" => {
                let mut out = vec![0; mutex.element().size()];
                guard.read_into(&mut out);
                value(&out)
            }
            "write" => {
                guard.write(&given());
                ok()
            }
            "doubtful" => count(u8::from(guard.is_doubtful())),
            "settle" => {
                guard.mark_consistent();
                ok()
            }
            _ => wrong_kind(),
        }),
        Held::Permit(_) => wrong_kind(),
    };
    (answer, false)
}

fn on_subscriber(subscriber: &mut dynamic::Subscriber, size: usize, step: &Step) -> Answer {
    let mut out = vec![0; size];
    let missed = |count: u64| Answer::new("missed").with("count", count.to_string());
    match step.op.as_str() {
        "receive" => match subscriber.recv(&mut out) {
            Ok(is_there) => found(is_there, &out, "empty"),
            Err(Missed(count)) => missed(count),
        },
        "receive_wait" => match subscriber.recv_wait(&mut out, timeout(step)) {
            Ok(()) => value(&out),
            Err(RecvError::Missed(count)) => missed(count),
            Err(_) => Answer::new("timeout"),
        },
        _ => wrong_kind(),
    }
}

fn on_loan(loan: &mut Loan, step: &Step) -> (Answer, bool) {
    loan.with_dependent_mut(|_, loan| match (step.op.as_str(), loan.take()) {
        ("write", Some(mut open)) => {
            open.write(&step.bytes("value"));
            *loan = Some(open);
            (ok(), false)
        }
        ("commit", Some(open)) => match open.commit() {
            Ok(()) => (ok(), true),
            Err(full) => {
                *loan = Some(full.0);
                (Answer::new("full"), false)
            }
        },
        (_, open) => {
            *loan = open;
            (wrong_kind(), false)
        }
    })
}

fn on_taken(taken: &mut Taken, step: &Step) -> (Answer, bool) {
    taken.with_dependent_mut(|queue, taken| match (step.op.as_str(), taken.take()) {
        ("read", Some(held)) => {
            let mut out = vec![0; queue.element().size()];
            held.read_into(&mut out);
            *taken = Some(held);
            (value(&out), false)
        }
        ("done", Some(held)) => {
            held.done();
            (ok(), true)
        }
        (_, held) => {
            *taken = held;
            (wrong_kind(), false)
        }
    })
}
