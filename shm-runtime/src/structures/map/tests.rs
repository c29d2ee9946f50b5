//! Against `std`'s map, on memory of this process; with kills: `models::map`, and among processes: `tests/war/`.

use super::table::{Parts, Stop, Table};
use super::{Body, LargeMapRepr, MapRepr, SetRepr};
use crate::layout::Represent;
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::memory::entries::Entries;
use crate::memory::exchange::{Exchange, Fixed};
use crate::memory::lane::{LaneRecord, Place};
use core::mem::offset_of;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use zerocopy::FromZeros;

const LANES: usize = 3;

/// A map with `B` buckets and `N` nodes.
struct Memory<const B: usize, const N: usize> {
    body: Box<Body<u16, u64, B, N, LANES, 2>>,
    records: Box<[LaneRecord; LANES]>,
}

impl<const B: usize, const N: usize> Memory<B, N> {
    fn new() -> Self {
        Self {
            body: Body::new_box_zeroed().expect("room for a small map"),
            records: Box::new(FromZeros::new_zeroed()),
        }
    }

    fn table(&self) -> Table<'_, Self> {
        Table(self)
    }
}

impl<const B: usize, const N: usize> Parts for Memory<B, N> {
    type Key = u16;
    type Value = u64;
    type Entries = Entries<u16, u64>;
    type Capacity = Fixed<B>;

    fn exchange(&self) -> Exchange<'_, Fixed<B>> {
        Exchange {
            words: &self.body.exchange.words,
            signals: &self.body.exchange.signals,
            lines: &self.body.lines,
            records: &*self.records,
            place: Place::new(0, B),
        }
    }
    fn bounds(&self) -> &[AtomicU64; B] {
        &self.body.bounds
    }
    fn stock(&self) -> usize {
        N
    }
    fn entries(&self) -> &Entries<u16, u64> {
        self.body.entries.entries()
    }
}

#[test]
fn zeroed_is_empty() {
    let memory = Memory::<8, 8>::new();
    let table = memory.table();
    assert_eq!(table.len(), 0);
    assert_eq!(
        table.get(&table.seek(0)),
        Ok(None),
        "a zeroed entry is no entry"
    );
    assert_eq!(table.remove(0), Ok(None));
    assert!((0..8).all(|slot| table.member(slot).is_none()));
    assert_eq!(table.insert(0, 0, &7), Ok(None));
    assert_eq!(table.get(&table.seek(0)), Ok(Some(7)));
}

#[test]
fn layout_is_the_documented_one() {
    assert_eq!(offset_of!(Body<u16, u64, 8, 5, 3, 2>, exchange.words), 0x80);
    assert_eq!(offset_of!(Body<u16, u64, 8, 5, 3, 2>, lines), 0x100);
    assert_eq!(offset_of!(Body<u16, u64, 8, 5, 3, 2>, bounds), 0x280);
    assert_eq!(offset_of!(Body<u16, u64, 8, 5, 3, 2>, entries), 0x2c0);
    assert_eq!(
        <MapRepr<u16, u64, 8, 3> as Represent>::SIZE,
        0x2c0 + 16 * 11
    );
    assert_eq!(<SetRepr<u32, 8, 3> as Represent>::SIZE, 0x2c0 + 4 * 11);
    assert_eq!(
        <LargeMapRepr<u16, u64, 8, 5, 3> as Represent>::SIZE,
        0x2c0 + 16 * 11
    );
}

/// Round the home's line, then other lines: every bucket once, whatever the home.
#[test]
fn a_probe_sequence_is_a_permutation() {
    fn check<const N: usize>() {
        let memory = Memory::<N, N>::new();
        for home in 0..N {
            let slots: BTreeSet<_> = (0..N).map(|i| memory.table().slot(home, i)).collect();
            assert_eq!(slots.len(), N, "home {home} of {N}");
            assert_eq!(memory.table().slot(home, 0), home);
        }
    }
    check::<1>();
    check::<4>();
    check::<8>();
    check::<128>();
}

/// P3: a bound that grew under many entries shrinks again.
#[test]
fn bounds_go_down_with_the_entries() {
    let memory = Memory::<64, 64>::new();
    let table = memory.table();
    for round in 0..5 {
        let keys: Vec<u16> = (0..64).map(|key| key + 1000 * round).collect();
        for &key in &keys {
            assert_eq!(table.insert(0, key, &1), Ok(None));
        }
        assert_eq!(
            table.insert(1, 9999, &1),
            Err(Stop::Full { pending: false })
        );
        let far = memory
            .body
            .bounds
            .iter()
            .any(|bound| bound.load(Relaxed) as u8 > 0);
        assert!(far, "64 of 64: some are far from home");
        for &key in &keys {
            assert_eq!(table.remove(key), Ok(Some(1)));
        }
    }
    let steps = |bound: &AtomicU64| bound.load(Relaxed) & 0xF_FFFF;
    assert!(memory.body.bounds.iter().all(|bound| steps(bound) == 0));
}

#[derive(Clone, Debug)]
enum Op {
    Get(u16),
    Insert(u16, u64),
    Add(u16, u64),
    Update(u16, u64),
    Exchange(u16, u64, u64),
    Remove(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0_u16..24;
    let value = 0_u64..4;
    prop_oneof![
        key.clone().prop_map(Op::Get),
        (key.clone(), value.clone()).prop_map(|(key, value)| Op::Insert(key, value)),
        (key.clone(), value.clone()).prop_map(|(key, value)| Op::Add(key, value)),
        (key.clone(), value.clone()).prop_map(|(key, value)| Op::Update(key, value)),
        (key.clone(), value.clone(), value).prop_map(|(key, old, new)| Op::Exchange(key, old, new)),
        key.prop_map(Op::Remove),
    ]
}

fn run<const B: usize, const N: usize>(ops: &[Op]) {
    let memory = Memory::<B, N>::new();
    let (table, mut model) = (memory.table(), BTreeMap::new());
    const FULL: Stop = Stop::Full { pending: false };
    for (step, op) in ops.iter().enumerate() {
        let lane = step % LANES;
        match *op {
            Op::Get(key) => {
                assert_eq!(table.get(&table.seek(key)), Ok(model.get(&key).copied()));
            }
            Op::Insert(key, value) => match table.insert(lane, key, &value) {
                Ok(before) => assert_eq!(before, model.insert(key, value)),
                Err(stop) => {
                    assert_eq!(stop, FULL);
                    assert!(!model.contains_key(&key) && model.len() >= N);
                }
            },
            Op::Add(key, value) => match table.add(lane, key, &value) {
                Ok(there) => {
                    assert_eq!(there, model.get(&key).copied());
                    model.entry(key).or_insert(value);
                }
                Err(stop) => {
                    assert_eq!(stop, FULL);
                    assert!(!model.contains_key(&key) && model.len() >= N);
                }
            },
            Op::Update(key, add) => {
                let got = table.update(lane, key, |value| Some(value.wrapping_add(add)));
                assert_eq!(got, Ok(model.get(&key).copied().map(Ok)));
                model
                    .entry(key)
                    .and_modify(|value| *value = value.wrapping_add(add));
            }
            Op::Exchange(key, old, new) => {
                let got = table.compare_exchange(lane, key, &old, &new);
                let expected = model
                    .get(&key)
                    .map(|&now| if now == old { Ok(now) } else { Err(now) });
                assert_eq!(got, Ok(expected));
                model
                    .entry(key)
                    .and_modify(|value| *value = if *value == old { new } else { *value });
            }
            Op::Remove(key) => assert_eq!(table.remove(key), Ok(model.remove(&key))),
        }
        // a lane of a large map may give one of its two nodes away
        assert!(model.len() <= if B == N { N } else { N + LANES });
        let walked: BTreeMap<_, _> = (0..B).filter_map(|slot| table.member(slot)).collect();
        assert_eq!(walked, model);
        assert_eq!(table.len(), model.len());
    }
}

proptest! {
    #[test]
    fn behaves_like_a_sequential_map(ops in proptest::collection::vec(op(), 0..300)) {
        run::<1, 1>(&ops);
        run::<4, 4>(&ops);
        run::<16, 16>(&ops);
        run::<32, 32>(&ops);
    }

    #[test]
    fn a_large_map_behaves_like_one(ops in proptest::collection::vec(op(), 0..300)) {
        run::<4, 1>(&ops);
        run::<16, 9>(&ops);
        run::<32, 5>(&ops);
    }
}
