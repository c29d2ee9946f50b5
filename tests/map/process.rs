//! Read-only attachments, forked children, and signal handlers.

use super::alone;
use super::child::{Child, PATIENCE};
use super::common::unique;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use shm_runtime::{Full, LargeMap, Map, Segment, Set, ShmLayout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Instant;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 6)]
struct Tables {
    ages: Map<u64, [u64; 2], 8>,
    seen: Set<u32, 8>,
}

#[test]
fn a_reader_looks_and_is_told_what_it_cannot_change() {
    let _alone = alone();
    let name = unique("map-read");
    let writer = Tables::create(&name).unwrap();
    let reader = Tables::options().read_only().open(&name).unwrap();
    assert_eq!(writer.ages.insert(1, [1, 1]), Ok(None));
    assert_eq!(writer.seen.insert(7), Ok(true));
    let Tables { ages, seen } = &*reader;
    assert_eq!((ages.get(1), ages.get(2)), (Some([1, 1]), None));
    assert_eq!(
        (ages.len(), ages.is_empty(), ages.iter().count()),
        (1, false, 1)
    );
    assert_eq!(ages.get_many(&[2, 1], &mut [None; 2]), 1);
    assert!(seen.contains(7) && !seen.contains(8) && seen.iter().eq([7]));
    let refused: [(&str, &dyn Fn()); 8] = [
        ("insert", &|| _ = ages.insert(1, [2; 2])),
        ("insert of another", &|| _ = ages.insert(2, [2; 2])),
        ("get_or_insert", &|| _ = ages.get_or_insert(2, [2; 2])),
        ("update", &|| _ = ages.update(1, |_| [2; 2])),
        ("compare_exchange", &|| {
            _ = ages.compare_exchange(1, [1; 2], [2; 2])
        }),
        ("remove", &|| _ = ages.remove(1)),
        ("set.insert", &|| _ = seen.insert(9)),
        ("set.remove", &|| _ = seen.remove(7)),
    ];
    for (what, change) in refused {
        let why = catch_unwind(AssertUnwindSafe(change)).expect_err(what);
        let why = why.downcast_ref::<String>().expect("a text");
        let field = if what.starts_with("set") {
            "seen"
        } else {
            "ages"
        };
        assert!(
            why.starts_with(&format!("`{field}` was opened read-only")),
            "{what}: {why}"
        );
    }
    assert_eq!((writer.ages.get(1), writer.seen.len()), (Some([1, 1]), 1));
}

#[test]
fn a_child_attaches_at_its_first_insertion() {
    let _alone = alone();
    let tables = Tables::create(&unique("map-child")).unwrap();
    assert_eq!(tables.ages.insert(1, [1, 1]), Ok(None));
    let child = Child::fork(|| {
        assert_eq!(Segment::attachment(&tables).identity(), None);
        assert_eq!(
            tables.ages.get(1),
            Some([1, 1]),
            "reading needs no identity"
        );
        assert_eq!(tables.ages.remove(1), Some([1, 1]), "nor does removing");
        assert_eq!(Segment::attachment(&tables).identity(), None);
        assert_eq!(tables.ages.insert(2, [2, 2]), Ok(None));
        assert!(Segment::attachment(&tables).identity().is_some());
    });
    child.join();
    assert_eq!(tables.ages.iter().collect::<Vec<_>>(), [(2, [2, 2])]);
}

#[test]
fn a_function_that_updates_may_use_the_map() {
    let _alone = alone();
    let tables = Tables::create(&unique("map-nested")).unwrap();
    assert_eq!(tables.ages.insert(1, [1, 1]), Ok(None));
    let nested = |value: [u64; 2]| {
        assert_eq!(tables.ages.insert(2, [9, 9]).unwrap(), None);
        assert_eq!(tables.ages.remove(2), Some([9, 9]));
        value.map(|part| part + 1)
    };
    assert_eq!(tables.ages.update(1, nested), Some([1, 1]));
    assert_eq!(tables.ages.get(1), Some([2, 2]));
    let panics = || tables.ages.update(1, |_| panic!("the function gives up"));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(
        tables.ages.insert(3, [3, 3]),
        Ok(None),
        "the lane is free again"
    );
    assert_eq!(tables.ages.len(), 2);
}

/// A key that nobody describes: bytes.
#[derive(Clone, Copy, Debug, PartialEq, shm_runtime::Pod, shm_runtime::Zeroable)]
#[repr(C)]
struct Opaque([u8; 5]);

#[test]
fn maps_can_be_registered_at_run_time() {
    let _alone = alone();
    let name = unique("map-register");
    let tables = Tables::options().spare(4, 1 << 16).create(&name).unwrap();
    let more: Map<Opaque, u32, 16> = Segment::register(&tables, "more").unwrap();
    let large: LargeMap<u32, Opaque, 16, 6> = Segment::register(&tables, "large").unwrap();
    let set: Set<Opaque, 8> = Segment::register(&tables, "set").unwrap();
    let other = Tables::open(&name).unwrap();
    let found: Map<Opaque, u32, 16> = Segment::find(&other, "more").unwrap();
    for key in 0..16 {
        assert_eq!(
            more.insert(Opaque([key; 5]), 1000 + u32::from(key)),
            Ok(None)
        );
        assert_eq!(found.get(Opaque([key; 5])), Some(1000 + u32::from(key)));
    }
    assert_eq!(
        found.insert(Opaque([99; 5]), 1),
        Err(Full((Opaque([99; 5]), 1)))
    );
    assert_eq!(large.insert(3, Opaque([7; 5])), Ok(None));
    assert_eq!(set.insert(Opaque([1; 5])), Ok(true));
    let wrong = Segment::find::<Map<Opaque, u64, 16>>(&other, "more");
    assert!(wrong.is_err(), "entries of another size");
    Segment::erase(&tables, "set").unwrap();
    assert_eq!((found.len(), large.get(3)), (16, Some(Opaque([7; 5]))));
}

/// Handlers to run.
const TICKS: u64 = 2_000;
static TABLES: OnceLock<Segment<Tables>> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
static ADDED: AtomicU64 = AtomicU64::new(0);
static TORN: AtomicU64 = AtomicU64::new(0);

/// Adds one to a key's value, and removes and inserts another.
fn work(tables: &Tables, rare: u64) {
    let before = tables
        .ages
        .update(1, |[count, twice]| [count + 1, twice + 1]);
    let Some([count, twice]) = before else { return };
    ADDED.fetch_add(1, Relaxed);
    TORN.fetch_add(u64::from(count != twice), Relaxed);
    let _ = tables.ages.insert(rare, [rare; 2]);
    if let Some([value, twice]) = tables.ages.remove(rare) {
        TORN.fetch_add(u64::from(value != twice || value != rare), Relaxed);
    }
    let _ = tables.seen.insert(rare as u32);
    let _ = tables.seen.remove(rare as u32);
}

extern "C" fn on_alarm(_: libc::c_int) {
    if let Some(tables) = TABLES.get() {
        work(tables, 2 + HANDLED.fetch_add(1, Relaxed) % 2);
    }
}

fn every(microseconds: i64) {
    let time = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: reads a live struct.
    let set =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, core::ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// P1: an operation that interrupts another one of its own thread, on the same keys.
#[test]
fn p1_a_signal_handler_may_use_the_map_that_it_interrupts() {
    let _alone = alone();
    let child = Child::fork(|| {
        let tables = TABLES.get_or_init(|| Tables::create(&unique("map-signal")).unwrap());
        assert_eq!(tables.ages.insert(1, [0, 0]), Ok(None));
        let handler: extern "C" fn(libc::c_int) = on_alarm;
        // SAFETY: all-zero is a valid value of this plain C struct: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler only touches atomics and the maps, which may be used in handlers.
        let set =
            unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) };
        assert_eq!(set, 0);
        every(150);
        let start = Instant::now();
        while HANDLED.load(Relaxed) < TICKS {
            assert!(start.elapsed() < PATIENCE, "the handlers hang");
            work(tables, 2);
        }
        every(0);
        let added = ADDED.load(Relaxed);
        assert_eq!(tables.ages.get(1), Some([added; 2]));
        assert_eq!(TORN.load(Relaxed), 0);
        tables.ages.remove(1);
        assert_eq!((tables.ages.len(), tables.seen.len()), (0, 0));
        for key in 0..8 {
            assert_eq!(
                tables.ages.insert(key, [1; 2]),
                Ok(None),
                "all the room is there"
            );
        }
        // a forked child ends without destructors: the name is its own to remove
        Segment::unlink(tables).unwrap();
    });
    child.join();
}
