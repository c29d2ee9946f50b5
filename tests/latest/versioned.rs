//! The latest value: writers that are killed, stopped, forked and interrupted; readers that only look.

use super::child::{Child, until_true};
use super::common::unique;
use super::{Item, LONG, alone, assert_lanes_are_back, assert_refused};
use shm_runtime::{Array, NoLane, Segment, ShmLayout, Timeout, Versioned};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 16)]
struct Board {
    latest: Versioned<Item>,
    step: Array<u64, 1>,
}

#[test]
fn a_reader_needs_no_more_than_a_read_only_attachment() {
    let _alone = alone();
    let name = unique("latest-reader");
    let board = Board::create(&name).unwrap();
    let reader = Board::options().read_only().open(&name).unwrap();
    let latest = &reader.latest;
    assert_eq!((latest.version(), latest.changed_since(0)), (0, None));
    for number in 1..50 {
        board.latest.store(Item::new(number)).unwrap();
        assert_eq!(latest.load(), Item::new(number));
        assert_eq!(latest.try_load(), Ok(Item::new(number)));
        let changed = latest.changed_since(number - 1);
        assert_eq!(changed, Some((number, Item::new(number))));
    }
    let soon = Duration::from_millis(3);
    assert_eq!(latest.wait_change(49, soon), Err(Timeout));
    let writer = std::thread::spawn(move || board.latest.store(Item::new(50)).unwrap());
    assert_eq!(latest.wait_change(49, LONG), Ok((50, Item::new(50))));
    writer.join().unwrap();
    let store = || latest.store(Item::new(1)).unwrap();
    let update = || latest.update(|item| item.number += 1).unwrap();
    let refused: [(&str, &dyn Fn()); 2] = [("store", &store), ("update", &update)];
    for (operation, run) in refused {
        assert_refused("latest", operation, run);
    }
}

/// Killed in the middle of stores, by chance: what is there afterwards is whole and one of the last two.
#[test]
fn p1_a_killed_writer_leaves_a_whole_value_and_holds_nobody_up() {
    let _alone = alone();
    let name = unique("latest-killed");
    let board = Board::create(&name).unwrap();
    for round in 0..40 {
        let child = Child::fork(|| {
            let board = Board::open(&name).unwrap();
            for number in 1.. {
                board.latest.store(Item::new(number)).unwrap();
                board.step.set(0, number);
            }
        });
        until_true("it stores", || board.step.get(0) > 10 + 37 * round);
        assert!(child.kill());
        let (last, item) = (board.step.get(0), board.latest.load());
        assert!(item.is_whole());
        assert!((last..=last + 1).contains(&item.number), "{last}, {item:?}");
        board.latest.update(|item| *item = Item::new(0)).unwrap();
        board.step.set(0, 0);
    }
    assert_lanes_are_back(&board);
}

#[test]
fn p2_a_stopped_writer_holds_nobody_up() {
    let _alone = alone();
    let name = unique("latest-stopped");
    let board = Board::create(&name).unwrap();
    for _ in 0..20 {
        let mut child = Child::fork(|| {
            let board = Board::open(&name).unwrap();
            for number in 1.. {
                board.latest.store(Item::new(number)).unwrap();
                board.step.set(0, number);
            }
        });
        until_true("it stores", || board.step.get(0) > 10);
        child.stop();
        for number in 1000..1100 {
            board.latest.store(Item::new(number)).unwrap();
            assert_eq!(board.latest.try_load(), Ok(Item::new(number)));
            board.latest.update(|item| item.number = 0).unwrap();
        }
        child.go_on();
        until_true("it goes on", || board.latest.load().number > 0);
        assert!(child.kill());
        board.step.set(0, 0);
    }
}

#[test]
fn p1_who_waits_is_woken_whoever_is_killed_meanwhile() {
    let _alone = alone();
    let name = unique("latest-wait");
    let board = Board::create(&name).unwrap();
    for round in 0..20 {
        let before = board.latest.version();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                Child::fork(|| {
                    let board = Board::open(&name).unwrap();
                    let (version, item) = board.latest.wait_change(before, LONG).unwrap();
                    assert!(version > before && item.is_whole());
                })
            })
            .collect();
        let [victim, _] = [0, 1].map(|_| {
            Child::fork(|| {
                let board = Board::open(&name).unwrap();
                _ = board.latest.wait_change(before, LONG);
            })
        });
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(3));
        }
        victim.kill();
        board.latest.store(Item::new(round)).unwrap();
        waiters.into_iter().for_each(Child::join);
    }
}

#[test]
fn a_forked_child_attaches_when_it_first_stores() {
    let _alone = alone();
    let name = unique("latest-fork");
    let board = Board::create(&name).unwrap();
    board.latest.store(Item::new(1)).unwrap();
    let child = Child::fork(|| {
        assert_eq!(
            board.latest.load(),
            Item::new(1),
            "reading needs no identity"
        );
        assert_eq!(Segment::attachment(&board).identity(), None);
        board.latest.store(Item::new(2)).unwrap();
        assert!(Segment::attachment(&board).identity().is_some());
        board
            .latest
            .update(|item| *item = Item::new(item.number + 1))
            .unwrap();
    });
    child.join();
    assert_eq!(board.latest.load(), Item::new(3));
    assert_lanes_are_back(&board);
}

#[test]
fn what_change_does_may_use_the_segment_and_may_panic() {
    let _alone = alone();
    let name = unique("latest-nested");
    let board = Board::create(&name).unwrap();
    let mut runs = 0;
    let given = board.latest.update(|item| {
        runs += 1;
        if runs < 4 {
            board.latest.store(Item::new(runs)).unwrap(); // so that this run is in vain
        }
        *item = Item::new(item.number + 10);
        runs
    });
    assert_eq!((given, board.latest.load()), (Ok(4), Item::new(13)));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        board.latest.update(|_| panic!("on purpose"))
    }));
    assert!(caught.is_err());
    assert_eq!(
        (board.latest.version(), board.latest.load()),
        (4, Item::new(13))
    );
    board.latest.store(Item::new(1)).unwrap();
}

static INTERRUPTED: OnceLock<Versioned<Item>> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
static TORN: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_alarm(_: libc::c_int) {
    let Some(latest) = INTERRUPTED.get() else {
        return;
    };
    let handled = HANDLED.fetch_add(1, Relaxed);
    match latest.store(Item::new(1 << 40 | handled)) {
        Ok(()) => {}
        Err(NoLane) => _ = REFUSED.fetch_add(1, Relaxed),
    }
    TORN.fetch_add(u64::from(!latest.load().is_whole()), Relaxed);
}

/// The clock interrupts this process every so many microseconds; zero: not any more.
fn interrupt_every(microseconds: i64) {
    let time = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: a live structure, and nowhere to put the old one.
    let set =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, core::ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn interrupted<S: ShmLayout>(segment: &Segment<S>, latest: fn(&S) -> &Versioned<Item>) {
    let latest = latest(segment);
    INTERRUPTED.set(latest.clone()).expect("one per process");
    let handler: extern "C" fn(libc::c_int) = on_alarm;
    // SAFETY: all-zero is a valid value of this plain C struct: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only touches atomics and the value, which may be used in handlers.
    let set = unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) };
    assert_eq!(set, 0);
    interrupt_every(100);
    let mut number = 0;
    while HANDLED.load(Relaxed) < 1500 {
        number += 1;
        latest
            .store(Item::new(number))
            .expect("nobody else runs on this thread");
        assert!(latest.load().is_whole());
        let before = latest.update(|item| core::mem::replace(item, Item::new(number)));
        assert!(before.expect("as above").is_whole());
    }
    interrupt_every(0);
    assert_eq!(TORN.load(Relaxed), 0);
}

#[derive(ShmLayout)]
#[shm(lanes = 1)]
struct Single {
    latest: Versioned<Item>,
}

#[test]
fn p1_a_signal_handler_may_store_what_it_interrupts() {
    let _alone = alone();
    let name = unique("latest-signal");
    let board = Board::create(&name).unwrap();
    let child = Child::fork(|| {
        interrupted(&Board::open(&name).unwrap(), |board| &board.latest);
        assert_eq!(REFUSED.load(Relaxed), 0, "there are lanes enough");
    });
    child.join();
    assert_lanes_are_back(&board);
    let name = unique("latest-single");
    let child = Child::fork(|| {
        let single = Single::create(&name).unwrap();
        interrupted(&single, |single| &single.latest);
        assert!(REFUSED.load(Relaxed) < HANDLED.load(Relaxed));
    });
    child.join();
}
