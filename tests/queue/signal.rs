//! A signal handler pushes and pops on the queue that it interrupts.

use super::alone;
use super::child::{Child, PATIENCE};
use super::common::unique;
use super::{Item, assert_capacity_is_back};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use shm_runtime::{Queue, Segment, ShmLayout};
use std::sync::OnceLock;
use std::time::Instant;

/// Handlers to run; the clock ticks a little faster than that.
const TICKS: u64 = 3000;
const MICROSECONDS: i64 = 150;
const CAPACITY: usize = 8;

#[derive(ShmLayout)]
#[shm(lanes = 6)]
struct Many {
    queue: Queue<Item, CAPACITY>,
}

#[derive(ShmLayout)]
#[shm(lanes = 1)]
struct Single {
    queue: Queue<Item, CAPACITY>,
}

static QUEUE: OnceLock<Queue<Item, CAPACITY>> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);
/// Sums over what was pushed and popped, by whomever.
static PUSHED: AtomicU64 = AtomicU64::new(0);
static POPPED: AtomicU64 = AtomicU64::new(0);
static TORN: AtomicU64 = AtomicU64::new(0);

fn push(queue: &Queue<Item, CAPACITY>, item: Item) -> bool {
    let pushed = queue.push(item).is_ok();
    if pushed {
        PUSHED.fetch_add(item.sequence, Relaxed);
    }
    pushed
}

fn got(item: Option<Item>) {
    if let Some(item) = item {
        POPPED.fetch_add(item.sequence, Relaxed);
        TORN.fetch_add(u64::from(!item.is_whole()), Relaxed);
    }
}

extern "C" fn on_alarm(_: libc::c_int) {
    let handled = HANDLED.fetch_add(1, Relaxed);
    let Some(queue) = QUEUE.get() else {
        return;
    };
    if !push(queue, Item::new(2, 1_000_000_000 + handled)) {
        REFUSED.fetch_add(1, Relaxed);
    }
    got(queue.pop());
    if handled.is_multiple_of(3)
        && let Ok(Some(taken)) = queue.take()
    {
        got(Some(taken.get()));
        taken.done();
    }
}

fn start_alarms() {
    let handler: extern "C" fn(libc::c_int) = on_alarm;
    // SAFETY: all-zero is a valid value of this plain C struct: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only touches atomics and the queue, which may be used in handlers.
    let set = unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) };
    assert_eq!(set, 0);
    every(MICROSECONDS);
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

/// Pushes and pops while handlers do; with `guards`, a loan and a taken element live meanwhile.
fn operate(queue: Queue<Item, CAPACITY>, guards: bool) {
    let queue = QUEUE.get_or_init(|| queue);
    start_alarms();
    let start = Instant::now();
    let mut sequence = 0;
    while HANDLED.load(Relaxed) < TICKS {
        assert!(start.elapsed() < PATIENCE, "the handlers hang");
        sequence += 1;
        let item = Item::new(1, sequence);
        if guards && sequence.is_multiple_of(3) {
            let mut loan = queue.loan().expect("a lane");
            loan.write(item);
            push(queue, Item::new(3, sequence));
            if loan.commit().is_ok() {
                PUSHED.fetch_add(item.sequence, Relaxed);
            }
            let taken = queue.take().expect("a lane");
            got(queue.pop());
            if let Some(taken) = taken {
                got(Some(taken.get()));
                taken.done();
            }
        } else {
            push(queue, item);
        }
        got(queue.pop());
    }
    every(0);
    core::iter::from_fn(|| queue.pop()).for_each(|item| got(Some(item)));
    assert_eq!(TORN.load(Relaxed), 0);
    assert_eq!(
        PUSHED.load(Relaxed),
        POPPED.load(Relaxed),
        "lost or duplicated"
    );
}

#[test]
fn p1_a_handler_uses_the_queue_that_it_interrupts() {
    let _alone = alone();
    let many = Many::create(&unique("signal")).unwrap();
    for guards in [false, true] {
        let child = Child::fork(|| {
            let many = Many::open(Segment::name(&many)).unwrap();
            operate(many.queue.clone(), guards);
            assert!(
                REFUSED.load(Relaxed) < TICKS / 2,
                "a handler gets a lane of its own"
            );
            assert_capacity_is_back(&many.queue, 3);
        });
        child.join();
        assert_eq!(Segment::recover(&many).later, 0);
    }
    assert_capacity_is_back(&many.queue, 4);
}

#[test]
fn p1_a_handler_without_a_lane_is_refused_and_breaks_nothing() {
    let _alone = alone();
    let name = unique("signal-one");
    let child = Child::fork(|| {
        let single = Single::create(&name).unwrap();
        operate(single.queue.clone(), false);
        assert_capacity_is_back(&single.queue, 0);
        drop(single);
        Single::unlink(&name).unwrap(); // the static handle keeps it
    });
    child.join();
}
