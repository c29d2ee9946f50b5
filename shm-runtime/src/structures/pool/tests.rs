//! On memory of this process; with kills: `models::leases`, and among processes: `tests/pool.rs`.

use super::{Handle, Repr};
use crate::layout::{Represent, ShmType};
use crate::memory::atomic::Ordering::Relaxed;
use crate::memory::kernel::Linux;
use crate::memory::leases::{Leases, is_leased};
use crate::memory::owner::{Owners, Tag};
use crate::memory::participant::Identity;
use proptest::prelude::*;
use zerocopy::FromZeros;

const ME: Identity = Identity {
    slot: 0,
    generation: 1,
};

/// Slot 0 lives, nobody else ever did.
#[derive(Clone, Copy)]
struct Alone;

impl Owners for Alone {
    fn last_in(&self, slot: u32) -> Option<Identity> {
        (slot == ME.slot).then_some(ME)
    }
    fn lives(&self, identity: Identity) -> bool {
        identity == ME
    }
}

fn leases<const N: usize>(repr: &Repr<u32, N>) -> Leases<'_, Alone, Linux> {
    Leases {
        words: &repr.head.words,
        freed: &repr.head.freed,
        owners: Alone,
        kernel: Linux,
    }
}

#[test]
fn zeroed_is_empty() {
    let repr = Repr::<u32, 3>::new_box_zeroed().expect("room");
    let leases = leases(&repr);
    assert_eq!(leases.leased(), 0);
    assert!(
        !is_leased(&repr.head.words[0], 0),
        "a zeroed handle names nothing"
    );
    let taken: Vec<_> = (0..3)
        .map(|_| leases.acquire(Tag::of(ME), 1).expect("free"))
        .collect();
    assert!(leases.acquire(Tag::of(ME), 1).is_none());
    assert_eq!(taken.iter().map(|lease| lease.index).sum::<usize>(), 3);
    assert!(taken.iter().all(|lease| lease.generation() == 1));
}

#[test]
fn entry_covers_words_and_objects() {
    assert_eq!(<Repr<u32, 3> as Represent>::SIZE, 128 + 12);
    assert_eq!(<Repr<[u8; 100], 9> as Represent>::SIZE, 64 + 128 + 900);
}

#[test]
fn a_handle_is_a_number() {
    assert_eq!(<Handle as ShmType>::ELEMENT.size, 8);
    assert_eq!(Handle::default().generation(), 0);
    assert_eq!(Handle::MOST, 1 << 28);
}

/// Words may be anything: one lap, no lease out of nothing, and none for ever.
#[test]
fn p6_any_words_end_every_operation() {
    let repr = Repr::<u32, 4>::new_box_zeroed().expect("room");
    let leases = leases(&repr);
    for wrong in [1, 7, 1 << 27, u64::MAX, 1 << 63 | 2047, 3 << 11 | 1] {
        for word in &repr.head.words {
            word.store(wrong, Relaxed);
        }
        let lease = leases
            .acquire(Tag::of(ME), usize::MAX)
            .expect("nobody alive has it");
        assert!(leases.holds(lease));
        repr.head.words[lease.index].store(wrong, Relaxed);
        assert!(!leases.holds(lease));
        assert!(!leases.release(lease));
    }
}

proptest! {
    #[test]
    fn a_handle_has_its_parts(index in 0..Handle::MOST, generation in 0_u64..1 << 36) {
        let handle = Handle::from_bits(generation << 28 | index as u64);
        prop_assert_eq!((handle.index(), handle.generation()), (index, generation));
        prop_assert_eq!(Handle::from_bits(handle.to_bits()), handle);
    }
}
