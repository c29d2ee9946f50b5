//! `Stack` among processes: read-only ones, forked ones, sleepers, handlers of signals.

use super::child::{Child, PATIENCE, until_true};
use super::common::unique;
use super::{LONG, alone};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use shm_runtime::{Array, Segment, ShmLayout, Stack, Timeout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const CAPACITY: usize = 3;

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Pile {
    stack: Stack<u64, CAPACITY>,
    step: Array<u64, 1>,
}

fn assert_capacity_is_back(pile: &Segment<Pile>) {
    assert_eq!(Segment::recover(pile).later, 0);
    while pile.stack.pop().is_some() {}
    assert_eq!(pile.stack.push_slice(&[1, 2, 3, 4]), CAPACITY);
    assert_eq!(pile.stack.push(9).unwrap_err().0, 9, "it comes back");
    let mut out = [0; 4];
    assert_eq!(pile.stack.pop_slice(&mut out), CAPACITY);
    assert_eq!(out, [3, 2, 1, 0]);
}

#[test]
fn a_reader_looks_and_is_told_what_it_cannot_change() {
    let _alone = alone();
    let name = unique("stack-reader");
    let writer = Pile::create(&name).unwrap();
    let reader = Pile::options().read_only().open(&name).unwrap();
    let stack = &reader.stack;
    assert_eq!((stack.peek(), stack.len()), (None, 0));
    for value in 1..20 {
        writer.stack.push(value).unwrap();
        writer.stack.push(value + 100).unwrap();
        assert_eq!((stack.peek(), stack.len()), (Some(value + 100), 2));
        writer.stack.pop().unwrap();
        assert_eq!((stack.peek(), stack.is_empty()), (Some(value), false));
        writer.stack.pop().unwrap();
        assert!(stack.is_empty() && !stack.is_full());
    }
    writer.stack.push(7).unwrap();
    let soon = Duration::from_millis(1);
    let refused: [(&str, &dyn Fn()); 6] = [
        ("push", &|| _ = stack.push(1)),
        ("pop", &|| _ = stack.pop()),
        ("push_slice", &|| _ = stack.push_slice(&[1])),
        ("pop_slice", &|| _ = stack.pop_slice(&mut [1])),
        ("push_wait", &|| _ = stack.push_wait(1, soon)),
        ("pop_wait", &|| _ = stack.pop_wait(soon)),
    ];
    for (operation, run) in refused {
        let why = catch_unwind(AssertUnwindSafe(run)).expect_err(operation);
        let text = why.downcast::<String>().expect("a message");
        assert!(
            text.contains("`stack`") && text.contains("read-only"),
            "{operation}: {text}"
        );
    }
    assert_eq!(writer.stack.pop(), Some(7));
}

#[test]
fn a_forked_child_pushes_and_pops_as_somebody_else() {
    let _alone = alone();
    let pile = Pile::create(&unique("stack-fork")).unwrap();
    pile.stack.push(1).unwrap();
    Child::fork(|| {
        pile.stack.push(2).unwrap();
        assert_eq!(pile.stack.pop(), Some(2));
        assert_eq!(Segment::participants(&pile).unwrap().len(), 2);
        pile.stack.push(3).unwrap();
    })
    .join();
    assert_eq!(pile.stack.pop(), Some(3));
    assert_eq!(pile.stack.pop(), Some(1));
    assert_capacity_is_back(&pile);
}

#[test]
fn p3_processes_killed_at_work_leave_nothing_behind() {
    let _alone = alone();
    let name = unique("stack-killed");
    let pile = Pile::create(&name).unwrap();
    for round in 1..=60 {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                Child::fork(|| {
                    let pile = Pile::open(&name).unwrap();
                    pile.step.set(0, round);
                    loop {
                        let _ = (pile.stack.push(round), pile.stack.pop());
                    }
                })
            })
            .collect();
        until_true("they work", || pile.step.get(0) == round);
        std::thread::sleep(Duration::from_micros(37 * round));
        for worker in workers {
            assert!(worker.kill());
        }
        assert_capacity_is_back(&pile);
    }
}

#[test]
fn who_sleeps_is_woken_whoever_else_is_killed() {
    let _alone = alone();
    let name = unique("stack-wait");
    let pile = Pile::create(&name).unwrap();
    assert_eq!(pile.stack.pop_wait(Duration::ZERO), Err(Timeout));
    let sleeper = || {
        Child::fork(|| {
            let pile = Pile::open(&name).unwrap();
            assert_eq!(pile.stack.pop_wait(LONG), Ok(5));
            pile.stack.push_slice(&[1; CAPACITY]);
            pile.step.set(0, 1);
            pile.stack.push_wait(6, LONG).unwrap();
        })
    };
    for round in 0..20 {
        pile.step.set(0, 0);
        let (doomed, other) = (sleeper(), sleeper());
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(3));
        }
        assert!(doomed.kill());
        pile.stack.push(5).unwrap();
        until_true("the sleeper woke", || pile.step.get(0) == 1);
        if round % 3 == 0 {
            std::thread::sleep(Duration::from_millis(3));
        }
        assert_eq!(pile.stack.push_wait(9, Duration::ZERO).unwrap_err().0, 9);
        assert_eq!(pile.stack.pop(), Some(1));
        other.join();
        assert_eq!(pile.stack.pop(), Some(6));
        assert_capacity_is_back(&pile);
    }
}

static STACK: OnceLock<Stack<u64, CAPACITY>> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// Sums over what was pushed and popped, by whomever.
static PUSHED: AtomicU64 = AtomicU64::new(0);
static POPPED: AtomicU64 = AtomicU64::new(0);

fn push_and_pop(stack: &Stack<u64, CAPACITY>, value: u64) {
    if stack.push(value).is_ok() {
        PUSHED.fetch_add(value, Relaxed);
    }
    POPPED.fetch_add(stack.pop().unwrap_or(0), Relaxed);
}

extern "C" fn on_alarm(_: libc::c_int) {
    let handled = HANDLED.fetch_add(1, Relaxed);
    if let Some(stack) = STACK.get() {
        push_and_pop(stack, 1_000_000_000 + handled);
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

#[test]
fn p1_a_handler_uses_the_stack_that_it_interrupts() {
    let _alone = alone();
    let name = unique("stack-signal");
    let pile = Pile::create(&name).unwrap();
    Child::fork(|| {
        let pile = Pile::open(&name).unwrap();
        let stack = STACK.get_or_init(|| pile.stack.clone());
        let handler: extern "C" fn(libc::c_int) = on_alarm;
        // SAFETY: all-zero is a valid value of this plain C struct: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler only touches atomics and the stack, which may be used in handlers.
        let set =
            unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) };
        assert_eq!(set, 0);
        every(150);
        let start = Instant::now();
        for value in 1.. {
            push_and_pop(stack, value);
            if HANDLED.load(Relaxed) > 2000 {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "the handlers hang");
        }
        every(0);
        core::iter::from_fn(|| stack.pop()).for_each(|value| {
            POPPED.fetch_add(value, Relaxed);
        });
        assert_eq!(
            PUSHED.load(Relaxed),
            POPPED.load(Relaxed),
            "lost or doubled"
        );
    })
    .join();
    assert_capacity_is_back(&pile);
}
