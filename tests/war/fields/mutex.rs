//! `Mutex`: a register of two words that is changed under the lock.
//!
//! Who is told nothing of a death finds what the last owner left, whole; who is told may find anything of
//! what the dead one did, says what the value is from now on, and may leave the doubt to the next.

use super::super::battle::Field;
use super::super::history::Actor;
use super::super::spec::{Call, DIED, SETTLED, Spec};
use super::weighted;
use shm_runtime::sync::{LockWaitError, Mutex, MutexGuard, TryLockError};
use shm_runtime::{Segment, ShmLayout};
use std::time::Duration;

/// Locks; answers with the value found, and how.
pub const LOCK: u32 = 0;
/// The same without waiting: [`BUSY`] is an answer.
pub const TRY: u32 = 1;
/// Unlocks, and leaves the value `with[0]`; `with[1]`: in doubt.
const UNLOCK: u32 = 2;

/// Looks at the value under a reader's lock: see [`super::rwlock`].
pub const READ: u32 = 3;
/// As [`TRY`], where readers, or another who tries, may be in the way.
pub const TRY_SHARED: u32 = 4;

/// Locked, and nobody died.
pub const SOUND: u64 = 1;
/// Locked, and an owner died.
pub const TOLD: u64 = 2;
/// Not locked.
const BUSY: u64 = 3;

/// Longer than anything that does not hang.
pub const LONG: Duration = Duration::from_secs(60);

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 64)]
pub struct Register {
    mutex: Mutex<[u64; 2]>,
}

/// Who has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Nobody,
    Living(u32),
    /// And when it was known to be dead.
    Dead(u64),
}

/// The value, whether it is in doubt, and who has the lock.
pub type State = (u64, bool, Owner);

/// A register under a lock.
#[derive(Debug)]
pub struct Guarded;

impl Spec for Guarded {
    type State = State;

    fn start(&self) -> State {
        (0, false, Owner::Nobody)
    }

    fn step(&self, &(value, doubt, owner): &State, call: &Call, next: &mut Vec<State>) {
        match call.what {
            LOCK | TRY | TRY_SHARED => {
                let free = owner == Owner::Nobody;
                let mine = Owner::Living(call.who);
                let answer = call.got.map(|[how, found]| (how, found));
                let sound = answer.is_none_or(|answer| answer == (SOUND, value));
                if free && !doubt && sound {
                    next.push((value, false, mine));
                }
                let told = answer.is_none_or(|(how, _)| how == TOLD);
                // who dies is dead some time before it is known to be; and one who lives unlocks, later
                if told && if free { doubt } else { owner != mine } {
                    next.push((value, true, mine));
                }
                let busy = answer.is_some_and(|(how, _)| how == BUSY);
                let lived = match owner {
                    Owner::Nobody => false,
                    Owner::Living(who) => who != call.who,
                    Owner::Dead(since) => since > call.began,
                };
                if busy && (lived || call.what == TRY_SHARED) {
                    next.push((value, doubt, owner));
                }
            }
            READ => {
                let free = owner == Owner::Nobody;
                let answer = call.got.map(|[how, found]| (how, found));
                if free && !doubt && answer.is_none_or(|answer| answer == (SOUND, value)) {
                    next.push((value, doubt, owner));
                }
                let told = answer.is_none_or(|(how, _)| how == TOLD);
                if told && (doubt || !free) {
                    next.push((value, true, Owner::Nobody)); // of a dead writer, who does not unlock
                }
            }
            UNLOCK if owner == Owner::Living(call.who) => {
                next.push((call.with[0], call.with[1] != 0, Owner::Nobody));
            }
            DIED => {
                let dead = Owner::Living(call.with[0] as u32);
                let owner = if owner == dead {
                    Owner::Dead(call.began)
                } else {
                    owner
                };
                next.push((value, doubt, owner));
            }
            SETTLED => next.push((value, doubt, owner)),
            _ => {}
        }
    }

    fn name(&self, what: u32) -> &'static str {
        let names = ["lock", "try_lock", "unlock", "read", "try_write"];
        names.get(what as usize).unwrap_or(&"(referee)")
    }
}

pub type Guard<'a> = MutexGuard<'a, [u64; 2]>;

/// A guard, and whether a death was told.
pub type Locked<'a> = Option<(Guard<'a>, bool)>;

pub fn answer(locked: &Locked<'_>) -> [u64; 2] {
    match locked {
        None => [BUSY, 0],
        Some((_, true)) => [TOLD, 0],
        Some((guard, false)) => {
            let [value, twice] = guard.get();
            assert_eq!(value, twice, "half changed, and nobody was told");
            [SOUND, value]
        }
    }
}

fn lock<'a>(mutex: &'a Mutex<[u64; 2]>, what: u32, actor: &mut Actor) -> Locked<'a> {
    let lock = || match what {
        LOCK => match mutex.lock_wait(LONG) {
            Ok(guard) => Some((guard, false)),
            Err(LockWaitError::OwnerDied(died)) => Some((died.into_inner(), true)),
            Err(LockWaitError::Timeout) => panic!("slept through"),
        },
        _ => match mutex.try_lock() {
            Ok(guard) => Some((guard, false)),
            Err(TryLockError::OwnerDied(died)) => Some((died.into_inner(), true)),
            Err(TryLockError::WouldBlock) => None,
        },
    };
    actor.call((0, what), [0; 2], lock, answer)
}

pub fn change(locked: Locked<'_>, leaves_doubt: bool, actor: &mut Actor) {
    let Some((mut guard, told)) = locked else {
        return;
    };
    let value = actor.value();
    guard.set([value; 2]);
    actor.dither();
    assert_eq!(guard.get(), [value; 2], "somebody else changed it");
    let doubt = told && leaves_doubt;
    if !doubt {
        guard.mark_consistent();
    }
    let with = [value, u64::from(doubt)];
    actor.call((0, UNLOCK), with, || drop(guard), |()| [0; 2]);
}

impl Field for Guarded {
    type Schema = Register;
    const NAME: &'static str = "mutex";
    const BLOCKS: bool = true;

    fn act(&self, register: &Register, actor: &mut Actor) {
        actor.dither();
        let what = weighted(&mut actor.random, &[(2, LOCK), (1, TRY)]);
        let leaves_doubt = actor.random.below(4) == 0;
        let locked = lock(&register.mutex, what, actor);
        change(locked, leaves_doubt, actor);
    }

    fn drain(&self, register: &Segment<Register>, referee: &mut Actor) {
        for _ in 0..2 {
            let locked = lock(&register.mutex, TRY, referee);
            change(locked, false, referee);
        }
    }

    fn restore(&self, register: &Segment<Register>) {
        let mut guard = register.mutex.lock().expect("it was settled");
        guard.set([0; 2]);
    }

    fn examine(&self, register: &Segment<Register>) {
        crate::assert_lanes_are_back(register);
    }
}
