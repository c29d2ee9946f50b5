//! A barrier whose parties die, time out, and come back.

use super::child::{Child, until_true};
use super::common::unique;
use super::{LONG, alone, panics};
use shm_runtime::sync::Barrier;
use shm_runtime::{Array, Atomic, ShmLayout, Timeout};
use std::time::Duration;

#[derive(ShmLayout)]
#[shm(lanes = 16)]
struct Shared {
    barrier: Barrier<3>,
    step: Array<u64, 4>,
    leaders: Atomic<u64>,
    arriving: Atomic<u64>,
}

/// Each round everybody sees what all did before it.
#[test]
fn nobody_goes_on_before_all_are_there() {
    let _alone = alone();
    let name = unique("barrier-rounds");
    let shared = Shared::create(&name).unwrap();
    let party = |number: usize| {
        let name = &name;
        Child::fork(move || {
            let own = Shared::open(name).unwrap();
            for round in 1..=500 {
                own.step.set(number, round);
                if own.barrier.wait(LONG).unwrap().is_leader() {
                    own.leaders.fetch_add(1);
                }
                for other in 0..3 {
                    let step = own.step.get(other);
                    assert!(
                        step == round || step == round + 1,
                        "{other}: {step}, not {round}"
                    );
                }
            }
        })
    };
    let parties = [party(0), party(1), party(2)];
    parties.into_iter().for_each(Child::join);
    assert_eq!(shared.leaders.load(), 500, "one for each round");
}

#[test]
fn an_arrival_that_times_out_is_withdrawn() {
    let _alone = alone();
    let name = unique("barrier-timeout");
    let shared = Shared::create(&name).unwrap();
    for _ in 0..5 {
        assert_eq!(shared.barrier.wait(Duration::from_millis(1)), Err(Timeout));
    }
    assert_eq!(shared.barrier.wait(Duration::ZERO), Err(Timeout));
    let party = || {
        Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            own.arriving.fetch_add(1);
            own.barrier.wait(LONG).unwrap();
        })
    };
    let others = [party(), party()];
    until_true("both come", || shared.arriving.load() == 2);
    shared.barrier.wait(LONG).unwrap();
    others.into_iter().for_each(Child::join);
}

#[test]
fn p1_an_arrival_of_a_killed_party_is_withdrawn() {
    let _alone = alone();
    let name = unique("barrier-killed");
    let shared = Shared::create(&name).unwrap();
    for round in 0..10 {
        shared.arriving.store(0);
        let party = || {
            Child::fork(|| {
                let own = Shared::open(&name).unwrap();
                own.arriving.fetch_add(1);
                own.barrier.wait(LONG).unwrap();
            })
        };
        let doomed = [party(), party()];
        until_true("both come", || shared.arriving.load() == 2);
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        for party in doomed {
            assert!(party.kill());
        }
        // the third does not open it for the dead
        assert_eq!(shared.barrier.wait(Duration::from_millis(1)), Err(Timeout));
        let others = [party(), party()];
        shared.barrier.wait(LONG).unwrap();
        others.into_iter().for_each(Child::join);
    }
}

#[test]
fn more_than_it_has_places_for_go_through_in_rounds() {
    let _alone = alone();
    let name = unique("barrier-crowd");
    let shared = Shared::create(&name).unwrap();
    let party = || {
        Child::fork(|| {
            let own = Shared::open(&name).unwrap();
            for _ in 0..50 {
                own.barrier.wait(LONG).unwrap();
            }
        })
    };
    // six come 50 times each: 100 rounds of three
    let parties: Vec<_> = (0..6).map(|_| party()).collect();
    // who is left alone in the end has nobody to wait with: the others fill up for it
    let fill = Child::fork(|| {
        let own = Shared::open(&name).unwrap();
        while own.leaders.load() == 0 {
            let _ = own.barrier.wait(Duration::from_millis(1));
        }
    });
    let more = Child::fork(|| {
        let own = Shared::open(&name).unwrap();
        while own.leaders.load() == 0 {
            let _ = own.barrier.wait(Duration::from_millis(1));
        }
    });
    parties.into_iter().for_each(Child::join);
    shared.leaders.store(1);
    fill.join();
    more.join();
}

#[test]
fn a_read_only_attachment_cannot_arrive() {
    let _alone = alone();
    let name = unique("barrier-reader");
    let _shared = Shared::create(&name).unwrap();
    let reader = Shared::options().read_only().open(&name).unwrap();
    assert!(panics(|| _ = reader.barrier.wait(LONG)));
}
