//! A process that overwrites the segment all the time, in words, in holes, in truncations.
//!
//! The victim's mapping lies between pages that must not be touched, and the victim is a process of its own:
//! whatever kills it shows.

use super::victims::{
    Audio, Depth, Events, Locks, Objects, Pile, Plain, Pose, Quotes, Tables, Victim,
};
use crate::common::{Cleanup, Random, path, unique};
use crate::line::Line;
use shm_runtime::{Segment, ShmLayout};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

const PAGE: usize = 4096;
/// Rounds of all operations under attack in the quick form.
const QUICK: u64 = 30_000;

/// One test at a time: a child forked while another thread attaches would keep that thread's lock.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rounds() -> u64 {
    let asked = std::env::var("SHM_HOSTILE_ROUNDS").ok();
    asked
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(QUICK)
}

/// A child that runs `body`, and is killed where it hangs or where its parent ends.
fn fork(body: impl FnOnce()) -> i32 {
    // SAFETY: the child runs `body` and exits without returning into the harness.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: takes a number: a watchdog for what hangs.
        unsafe { libc::alarm(600) };
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if held.is_ok() { 0 } else { 101 }) };
    }
    pid
}

/// Waits for a child to end: its status.
fn join(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: a child of this process that was not reaped, and a live integer.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    status
}

fn kill(pid: i32) {
    // SAFETY: a child of this process that was not reaped.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    join(pid);
}

fn map_nothing(len: usize) -> usize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: without MAP_FIXED the kernel picks addresses that nothing else uses.
    let start = unsafe { libc::mmap(core::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.addr()
}

/// Unmaps pages that [`map_nothing`] has mapped.
fn unmap(start: usize, len: usize) {
    // SAFETY: pages that were mapped here, which nobody knows.
    let unmapped = unsafe { libc::munmap(core::ptr::without_provenance_mut(start), len) };
    assert_eq!(unmapped, 0);
}

/// Opens a segment so that its mapping lies between two pages that nobody may touch.
///
/// Leaves a hole of the mapping's size between such pages; the kernel puts mappings into the highest hole that
/// they fit in, so the higher ones are filled first.
fn open_between_guards<S: ShmLayout>(open: impl Fn() -> Segment<S>) -> Segment<S> {
    let len = Segment::attachment(&open()).len().next_multiple_of(PAGE);
    let mut holes = Vec::with_capacity(200);
    for _ in 0..200 {
        // what an open maps besides has a page each: higher holes of that size, so that it leaves the large one
        let pages = map_nothing(16 * PAGE);
        (0..8).for_each(|i| unmap(pages + 2 * i * PAGE, PAGE));
        let guards = map_nothing(len + 2 * PAGE);
        unmap(guards + PAGE, len);
        holes.push(guards + PAGE);
        let segment = open();
        // the hole of an earlier attempt, which is higher, does as well
        if holes.contains(&Segment::attachment(&segment).base().addr().get()) {
            return segment;
        }
        drop(segment);
        map_nothing(len); // fills a higher hole, or this one
    }
    panic!("no way to have the mapping where it should be");
}

/// What the attacker does, over and over.
#[derive(Clone, Copy, Debug)]
enum Attack {
    Words,
    Holes,
}

/// Overwrites words at `places` (offset and length in bytes), or punches holes, until it is killed.
fn attack(attack: Attack, file: &File, places: &[(u64, u64)], seed: u64) {
    let mut random = Random::from_seed(seed);
    let mut stale = 0_u64;
    loop {
        let (offset, len) = places[random.below(places.len() as u64) as usize];
        let at = offset + 8 * random.below(len / 8 + 1).min((len / 8).saturating_sub(1));
        let mut now = [0; 8];
        match attack {
            Attack::Words => {
                file.read_exact_at(&mut now, at).unwrap();
                let now = u64::from_le_bytes(now);
                let word = match random.below(7) {
                    0 => 0,
                    1 => u64::MAX,
                    2 => now ^ 1 << random.below(64),
                    3 => random.below(16),
                    4 => stale,
                    5 => now.wrapping_add(1),
                    _ => random.below(u64::MAX),
                };
                stale = now;
                let width = 4 + 4 * random.below(2) as usize;
                file.write_all_at(&word.to_le_bytes()[..width], at).unwrap();
            }
            Attack::Holes => {
                let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
                let start = if random.below(2) == 0 {
                    at / 4096 * 4096
                } else {
                    at
                };
                let len = [8, 64, 4096][random.below(3) as usize];
                // SAFETY: a file that lives through the call, and numbers.
                unsafe { libc::fallocate(file.as_raw_fd(), mode, start as i64, len) };
            }
        }
    }
}

/// Has a victim operate while an attacker is at work: it must come to its end.
fn survive<V: Victim>(how: Attack) {
    let _alone = alone();
    let name = unique(&format!("live-{}", V::NAME));
    let _cleanup = Cleanup(name.clone());
    let seed = Random::new(V::NAME).below(u64::MAX);
    let segment = V::Schema::create(&name).unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path(&name))
        .unwrap();
    let table = Segment::table(&segment).unwrap();
    let place = |place: &&str| {
        let entry = table.iter().find(|entry| entry.name == *place).unwrap();
        (entry.offset as u64, entry.size as u64)
    };
    let places: Vec<_> = V::PLACES.iter().map(place).collect();
    let start = Instant::now();
    let attacker = fork(|| attack(how, &file, &places, seed));
    let victim = fork(|| {
        let segment = open_between_guards(|| {
            loop {
                // its slot or its lanes may be overwritten in the moment in which it attaches
                if let Ok(segment) = V::Schema::open(&name) {
                    return segment;
                }
            }
        });
        for _ in 0..rounds() {
            V::operate(&segment);
        }
    });
    let status = join(victim);
    kill(attacker);
    let line = Line {
        hostile: rounds(),
        survivors: 1,
        violations: u64::from(status != 0),
        ..Line::of(&format!("{}, {how:?} that change", V::NAME))
    };
    line.since(start).append("hostile_live");
    assert_eq!(status, 0, "{}: the victim died", V::NAME);
}

/// Has victims operate with a guard while the file is truncated and extended.
fn survive_truncation<V: Victim>() {
    let _alone = alone();
    let mut random = Random::new(V::NAME);
    for _ in 0..30 {
        let name = unique(&format!("truncated-{}", V::NAME));
        let _cleanup = Cleanup(name.clone());
        let segment = V::Schema::options().persist().create(&name).unwrap();
        let file = OpenOptions::new().write(true).open(path(&name)).unwrap();
        let len = file.metadata().unwrap().len();
        let victim = fork(|| {
            let options = V::Schema::options().guard_sigbus(true);
            let Ok(segment) = options.open(&name) else {
                return;
            };
            for _ in 0..rounds() / 60 {
                V::operate(&segment);
            }
        });
        drop(segment);
        for _ in 0..1 + random.below(5) {
            file.set_len(random.below(len)).unwrap();
            if random.below(2) == 0 {
                file.set_len(len).unwrap();
            }
            std::thread::yield_now();
        }
        assert_eq!(join(victim), 0, "{}: the victim died", V::NAME);
    }
}

#[test]
fn p6_a_queue_survives_words_that_change_all_the_time() {
    survive::<Events>(Attack::Words);
}

#[test]
fn p6_a_pair_survives_words_that_change_all_the_time() {
    survive::<Audio>(Attack::Words);
    survive::<Objects>(Attack::Words);
}

#[test]
fn p6_maps_survive_words_that_change_all_the_time() {
    survive::<Tables>(Attack::Words);
}

#[test]
fn p6_what_everybody_reads_survives_words_that_change_all_the_time() {
    survive::<Pose>(Attack::Words);
    survive::<Quotes>(Attack::Words);
    survive::<Pile>(Attack::Words);
    survive::<Locks>(Attack::Words);
    survive::<Depth>(Attack::Words);
}

#[test]
fn p6_arrays_survive_words_that_change_all_the_time() {
    survive::<Plain>(Attack::Words);
}

#[test]
fn p6_holes_that_are_punched_while_it_is_mapped_harm_nobody() {
    survive::<Events>(Attack::Holes);
    survive::<Audio>(Attack::Holes);
    survive::<Objects>(Attack::Holes);
    survive::<Tables>(Attack::Holes);
    survive::<Pile>(Attack::Holes);
    survive::<Locks>(Attack::Holes);
    survive::<Plain>(Attack::Holes);
    survive::<Pose>(Attack::Holes);
    survive::<Quotes>(Attack::Holes);
    survive::<Depth>(Attack::Holes);
}

#[test]
fn p6_a_file_that_shrinks_and_grows_harms_nobody_who_is_guarded() {
    survive_truncation::<Events>();
    survive_truncation::<Audio>();
    survive_truncation::<Objects>();
    survive_truncation::<Tables>();
    survive_truncation::<Pile>();
    survive_truncation::<Locks>();
    survive_truncation::<Plain>();
    survive_truncation::<Pose>();
    survive_truncation::<Quotes>();
    survive_truncation::<Depth>();
}

/// The pages around the mapping kill who touches them: else they would prove nothing.
#[test]
fn the_guard_pages_are_there() {
    let _alone = alone();
    let name = unique("guards");
    let _cleanup = Cleanup(name.clone());
    let _segment = <Plain as Victim>::Schema::create(&name).unwrap();
    for behind in [false, true] {
        let child = fork(|| {
            let segment = open_between_guards(|| <Plain as Victim>::Schema::open(&name).unwrap());
            let attachment = Segment::attachment(&segment);
            let len = attachment.len().next_multiple_of(PAGE);
            let base = attachment.base().as_ptr();
            let at = if behind {
                base.wrapping_add(len)
            } else {
                base.wrapping_sub(1)
            };
            // SAFETY: none: it is meant to fault, in a process that is there for that.
            let byte = unsafe { at.read_volatile() };
            assert_eq!(byte, 0);
        });
        let status = join(child);
        assert!(
            libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV,
            "{status:#x}"
        );
    }
}
