//! Sleeping for elements and for room.

use super::alone;
use super::child::{Child, until_true};
use super::common::{Random, unique};
use shm_runtime::{Array, Queue, ShmLayout, Timeout};
use std::time::{Duration, Instant};

/// Rounds of a wait sleep half a second at most, so that many wake-ups lost would show as a hang.
const ROUNDS: u64 = 300;
const LONG: Duration = Duration::from_secs(600);

#[derive(ShmLayout)]
#[shm(lanes = 8)]
struct Wait {
    queue: Queue<u64, 1>,
    done: Array<u64, 1>,
    used: Array<u64, 2>,
}

/// Gives the other side time to fall asleep, or not.
fn pause(random: &mut Random) {
    std::thread::sleep(Duration::from_micros(random.below(1500)));
}

#[test]
fn who_sleeps_for_an_element_is_woken() {
    let _alone = alone();
    let mut random = Random::new("wake-pop");
    let name = unique("wake-pop");
    let wait = Wait::create(&name).unwrap();
    let child = Child::fork(|| {
        let wait = Wait::open(&name).unwrap();
        for round in 1..=ROUNDS {
            assert_eq!(wait.queue.pop_wait(LONG), Ok(round));
            wait.done.set(0, round);
        }
    });
    let start = Instant::now();
    for round in 1..=ROUNDS {
        pause(&mut random);
        if round.is_multiple_of(2) {
            wait.queue.push(round).unwrap();
        } else {
            let mut loan = wait.queue.loan().unwrap();
            loan.write(round);
            loan.commit().unwrap();
        }
        until_true("the sleeper got it", || wait.done.get(0) == round);
    }
    child.join();
    let lost = start.elapsed() > Duration::from_millis(500) * ROUNDS as u32 / 2;
    assert!(!lost, "wake-ups are lost");
}

#[test]
fn who_sleeps_for_room_is_woken() {
    let _alone = alone();
    let mut random = Random::new("wake-push");
    let name = unique("wake-push");
    let wait = Wait::create(&name).unwrap();
    wait.queue.push(0).unwrap();
    let child = Child::fork(|| {
        let wait = Wait::open(&name).unwrap();
        for round in 1..=ROUNDS {
            wait.queue.push_wait(round, LONG).unwrap();
            wait.done.set(0, round);
        }
    });
    let start = Instant::now();
    for round in 1..=ROUNDS {
        pause(&mut random);
        if round.is_multiple_of(2) {
            assert_eq!(wait.queue.pop(), Some(round - 1));
        } else {
            let taken = wait.queue.take().unwrap().unwrap();
            assert_eq!(taken.get(), round - 1);
            taken.done();
        }
        until_true("the sleeper pushed", || wait.done.get(0) == round);
    }
    child.join();
    let lost = start.elapsed() > Duration::from_millis(500) * ROUNDS as u32 / 2;
    assert!(!lost, "wake-ups are lost");
}

#[test]
fn a_returned_element_wakes_a_sleeper() {
    let _alone = alone();
    let name = unique("wake-back");
    let wait = Wait::create(&name).unwrap();
    for round in 1..6 {
        wait.queue.push(round).unwrap();
        let holder = Child::fork(|| {
            let wait = Wait::open(&name).unwrap();
            let _taken = wait.queue.take().unwrap();
            wait.done.set(0, round);
            std::thread::sleep(LONG);
        });
        until_true("it is taken", || wait.done.get(0) == round);
        let sleeper = Child::fork(|| {
            let wait = Wait::open(&name).unwrap();
            assert_eq!(wait.queue.pop_wait(LONG), Ok(round));
        });
        if round.is_multiple_of(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(holder.kill());
        sleeper.join(); // a sleeper recovers the dead by itself
    }
}

#[test]
fn time_runs_out_and_no_processor_was_burnt() {
    let _alone = alone();
    let name = unique("asleep");
    let wait = Wait::create(&name).unwrap();
    let child = Child::fork(|| {
        let wait = Wait::open(&name).unwrap();
        let long = Duration::from_secs(1);
        let (start, before) = (Instant::now(), processor_time());
        assert_eq!(wait.queue.pop_wait(long), Err(Timeout));
        wait.queue.push(1).unwrap();
        assert!(wait.queue.push_wait(2, long).is_err());
        assert!(start.elapsed() >= 2 * long, "it waited");
        let used = (processor_time() - before).as_micros() as u64;
        wait.used.set(0, used);
        wait.used.set(1, start.elapsed().as_micros() as u64);
    });
    child.join();
    let (used, all) = (wait.used.get(0), wait.used.get(1));
    assert!(used < all / 4, "{used} of {all} µs on a processor");
}

fn processor_time() -> Duration {
    // SAFETY: all-zero is a valid value of this plain C struct.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: fills a live struct.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let of = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}
