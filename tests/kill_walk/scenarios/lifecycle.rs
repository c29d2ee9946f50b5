//! A segment's life: created, opened, left, removed; over no name, what the dead left, others, and one that persists.

use crate::lifecycle::{Life, Promise, Small, Start};
use crate::scenario::in_a_child;
use shm_runtime::{Segment, ShmLayout, prune};

fn nothing(_: &str) -> Option<Segment<Small>> {
    None
}

/// Its only participant was killed.
fn leftover(name: &str) -> Option<Segment<Small>> {
    in_a_child(|| {
        let small = Small::create(name).unwrap();
        small.counts.set(0, 9);
        core::mem::forget(small);
    });
    None
}

fn attached(name: &str) -> Option<Segment<Small>> {
    Some(Small::create(name).unwrap())
}

fn make_persistent(name: &str) -> Segment<Small> {
    let options = Small::options().persist();
    options
        .init(|small| small.counts.set(0, 1))
        .create(name)
        .unwrap()
}

/// It persists, and nobody is attached.
fn persistent(name: &str) -> Option<Segment<Small>> {
    drop(make_persistent(name));
    None
}

fn persistent_attached(name: &str) -> Option<Segment<Small>> {
    Some(make_persistent(name))
}

const CREATE: Life<'_> = Life {
    name: "create with init, no name",
    start: Start::Done(nothing),
    operation: |name, _, turn| {
        turn.run(|| {
            let options = Small::options().init(|small| small.counts.fill(1));
            core::mem::forget(options.create(name).unwrap());
        });
    },
    promise: Promise::Nothing,
    inherits: false,
};

pub const LIVES: &[Life<'_>] = &[
    CREATE,
    Life {
        name: "create, leftover",
        start: Start::Done(leftover),
        operation: |name, _, turn| {
            turn.run(|| core::mem::forget(Small::create(name).unwrap()));
        },
        ..CREATE
    },
    Life {
        name: "open_or_create and drop, no name",
        operation: |name, _, turn| turn.run(|| drop(Small::open_or_create(name).unwrap())),
        ..CREATE
    },
    Life {
        name: "open, leftover",
        start: Start::Done(leftover),
        operation: |name, _, turn| turn.run(|| assert!(Small::open(name).is_err())),
        ..CREATE
    },
    Life {
        name: "create, persistent",
        operation: |name, _, turn| turn.run(|| core::mem::forget(make_persistent(name))),
        promise: Promise::WholeOrNone,
        ..CREATE
    },
    Life {
        name: "open and drop, persistent",
        start: Start::Done(persistent),
        operation: |name, _, turn| turn.run(|| drop(Small::open(name).unwrap())),
        promise: Promise::WholeOrNone,
        ..CREATE
    },
    Life {
        name: "prune, persistent",
        start: Start::Done(persistent),
        operation: |_, _, turn| turn.run(|| _ = prune().unwrap()),
        promise: Promise::WholeOrNone,
        ..CREATE
    },
    Life {
        name: "unlink, persistent and attached",
        start: Start::Done(persistent_attached),
        operation: |name, _, turn| {
            turn.run(|| shm_runtime::segment::unlink(name).unwrap());
        },
        promise: Promise::WholeOrNone,
        ..CREATE
    },
    Life {
        name: "open and drop, attached",
        start: Start::Done(attached),
        operation: |name, _, turn| turn.run(|| drop(Small::open(name).unwrap())),
        promise: Promise::Stays,
        ..CREATE
    },
    Life {
        name: "open read-only and drop, attached",
        start: Start::Done(attached),
        operation: |name, _, turn| {
            turn.run(|| drop(Small::options().read_only().open(name).unwrap()));
        },
        promise: Promise::Stays,
        ..CREATE
    },
    Life {
        name: "create, attached",
        start: Start::Done(attached),
        operation: |name, _, turn| turn.run(|| assert!(Small::create(name).is_err())),
        promise: Promise::Stays,
        ..CREATE
    },
    Life {
        name: "attach in a forked child, attached",
        start: Start::Done(attached),
        operation: |_, parent, turn| turn.run(|| Segment::reattach(parent.unwrap()).unwrap()),
        promise: Promise::Stays,
        inherits: true,
    },
];
