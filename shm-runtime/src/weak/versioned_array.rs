//! `VersionedArray`: edges (W), (D) and (R), and (H) of the writer's role.

use super::kill::{at_every_access, killed};
use super::{Awake, Futex, assert_caught, explore};
use crate::memory::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};
use crate::memory::cell::{CellArray, Cells};
use crate::memory::participant::Identity;
use crate::memory::shared::Shared;
use crate::memory::signals::{Kernel, ROUND};
use crate::memory::stamp::Stamp;
use crate::seeded::Bug;
use crate::structures::role::{claim, give_back};
use crate::structures::versioned_array::frames::{BUFFERS, Frames, Head, Parts, Stop};
use loom::thread::spawn;
use std::sync::Arc;
use zerocopy::FromZeros;

/// The elements of a frame are alike, so that a torn one shows.
const LEN: usize = 2;
/// Rounds of a sleeper, most of which are over at once.
const ROUNDS: usize = 3;

#[derive(FromZeros)]
#[repr(C)]
struct Memory {
    head: Head,
    stamps: [Stamp; BUFFERS],
    cells: [CellArray<u64, LEN>; BUFFERS],
    /// The attachment that died, if one did: what the kernel says.
    died: AtomicU64,
}

struct World<K> {
    memory: Box<Memory>,
    kernel: K,
}

fn identity(slot: u32) -> Identity {
    let generation = 1;
    Identity { slot, generation }
}

impl<K> World<K>
where
    Self: Parts<Element = u64>,
{
    fn new(kernel: K) -> Arc<Self> {
        let memory = Memory::new_box_zeroed().expect("memory");
        memory.head.frame.enrol();
        memory.head.writer.enrol();
        memory.stamps.enrol();
        memory.cells.enrol();
        memory.died.enrol();
        Arc::new(Self { memory, kernel })
    }

    fn frames(&self) -> Frames<'_, Self> {
        Frames(self)
    }

    /// One attempt to copy a frame: its number and its value; none where the writer was faster.
    fn try_copy(&self) -> Option<(u64, u64)> {
        let mut values = [0; LEN];
        match self.frames().try_copy(&mut values) {
            Ok(frame) => {
                assert_eq!(values[0], values[1], "torn");
                Some((frame, values[0]))
            }
            Err(Stop::Outrun) => None,
            Err(Stop::Corrupt) => panic!("copy: corrupt"),
        }
    }

    /// Claims the writer's role; false where somebody has it who lives.
    fn claim(&self, slot: u32) -> bool {
        let died = self.memory.died.load(Acquire);
        let lives = |holder: Identity| holder.word() != died;
        claim(&self.memory.head.writer.role, identity(slot).word(), lives).is_ok()
    }

    /// Adds one to the latest frame, as the writer, if it can be that.
    fn add_one(&self, slot: u32) -> bool {
        if !self.claim(slot) {
            return false;
        }
        let latest = self.frames().take_over();
        let (next, cells) = self.frames().begin_copy(latest);
        for i in 0..LEN {
            let value = cells.load(i).expect("an element");
            cells.store(i, value + 1);
        }
        self.frames().publish(next);
        give_back(&self.memory.head.writer.role, identity(slot).word());
        true
    }
}

impl Parts for World<Awake> {
    type Element = u64;

    fn head(&self) -> &Head {
        &self.memory.head
    }
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<u64>) {
        (&self.memory.stamps[index], self.memory.cells[index].cells())
    }
    fn kernel(&self) -> impl Kernel {
        self.kernel
    }
}

impl Parts for World<Futex> {
    type Element = u64;

    fn head(&self) -> &Head {
        &self.memory.head
    }
    fn buffer(&self, index: usize) -> (&Stamp, &Cells<u64>) {
        (&self.memory.stamps[index], self.memory.cells[index].cells())
    }
    fn kernel(&self) -> impl Kernel {
        &self.kernel
    }
}

/// One writes so many frames that a buffer is used again under the other's copy.
fn one_writer() {
    let world = World::new(Awake);
    let other = Arc::clone(&world);
    let writer = spawn(move || {
        for latest in 0..4 {
            other.frames().write(latest, &[latest + 1; LEN]);
        }
    });
    let mut last = 0;
    for _ in 0..2 {
        let Some((frame, value)) = world.try_copy() else {
            continue;
        };
        assert_eq!(frame, value, "another frame's values");
        assert!(frame >= last, "the frame went back");
        last = frame;
    }
    writer.join().expect("it ended");
    assert_eq!(world.try_copy(), Some((4, 4)));
}

/// Two write one after the other, so that the second begins with a buffer that the first has replaced.
fn a_successor() {
    let world = World::new(Awake);
    let reads = Arc::clone(&world);
    let reader = spawn(move || {
        let seen = reads.try_copy();
        assert!(seen.is_none_or(|(frame, value)| frame == value), "{seen:?}");
    });
    for latest in 0..3 {
        world.frames().write(latest, &[latest + 1; LEN]);
    }
    let other = Arc::clone(&world);
    let second = spawn(move || other.frames().write(3, &[4; LEN]));
    reader.join().expect("it ended");
    second.join().expect("it ended");
}

/// Two are the writer one after the other, or one of them at least.
fn two_writers() {
    let world = World::new(Awake);
    let other = Arc::clone(&world);
    let second = spawn(move || u64::from(other.add_one(2)));
    let added = u64::from(world.add_one(1)) + u64::from(world.add_one(1));
    let added = added + second.join().expect("it ended");
    assert_eq!(world.try_copy(), Some((added, added)), "a frame is lost");
}

/// The writer is killed before its access number `accesses`, beside a reader, and another takes its role; whether it
/// came to its end.
fn a_killed_writer(accesses: usize) -> bool {
    let world = World::new(Awake);
    let (dead, reads) = (Arc::clone(&world), Arc::clone(&world));
    let dead = spawn(move || {
        let mut added = 0;
        let ended = killed(accesses, || {
            added += u64::from(dead.add_one(1));
            added += u64::from(dead.add_one(1));
        });
        dead.memory.died.store(identity(1).word(), Release);
        (ended, added)
    });
    let reader = spawn(move || {
        let seen = reads.try_copy();
        assert!(seen.is_none_or(|(frame, value)| frame == value), "{seen:?}");
    });
    let took = u64::from(world.add_one(2));
    let (ended, added) = dead.join().expect("it was killed");
    reader.join().expect("it ended");
    assert!(world.add_one(2), "it is dead, or has given it back");
    let seen = world.try_copy();
    let known = took + added + 1;
    let frames = known..=known + u64::from(!ended);
    assert!(
        seen.is_some_and(|(frame, value)| frame == value && frames.contains(&frame)),
        "{seen:?}"
    );
    ended
}

/// One sleeps until there is a frame.
fn one_sleeper() {
    let world = World::new(Futex::new());
    world.memory.head.signals.filled.enrol();
    let other = Arc::clone(&world);
    let sleeper = spawn(move || {
        let frames = other.frames();
        for _ in 0..ROUNDS {
            if frames.version() != 0 {
                return;
            }
            other.memory.head.signals.filled.wait_round(
                &frames.0.kernel(),
                ROUND,
                || {},
                || frames.is_announced(),
                || frames.version() == 0,
            );
        }
    });
    world.frames().write(0, &[1; LEN]);
    sleeper.join().expect("it was woken");
}

#[test]
fn p1_a_frame_is_whole_and_of_its_number() {
    explore(3, one_writer);
}

#[test]
fn p1_a_buffer_of_a_writer_before_is_replaced_for_all() {
    explore(2, a_successor);
}

#[test]
fn p1_a_role_hands_over_what_was_written() {
    explore(3, two_writers);
}

#[test]
fn p1_a_killed_writer_leaves_whole_frames() {
    at_every_access(1, a_killed_writer);
}

#[test]
fn p1_a_sleeper_is_woken_by_a_frame() {
    explore(4, one_sleeper);
}

#[test]
fn missing_edges_are_caught() {
    for bug in [
        Bug::RelaxedFrame,
        Bug::RelaxedDirty,
        Bug::PublishBeforeWrite,
    ] {
        assert_caught(
            bug,
            "weak::versioned_array::p1_a_frame_is_whole_and_of_its_number",
        );
    }
    assert_caught(
        Bug::RelaxedBuffer,
        "weak::versioned_array::p1_a_buffer_of_a_writer_before_is_replaced_for_all",
    );
    assert_caught(
        Bug::RelaxedRole,
        "weak::versioned_array::p1_a_role_hands_over_what_was_written",
    );
    for bug in [Bug::RelaxedWithdraw, Bug::NotAnnounced] {
        assert_caught(
            bug,
            "weak::versioned_array::p1_a_sleeper_is_woken_by_a_frame",
        );
    }
}
