//! `Map`, `Set` and `LargeMap`, through either handle.

use super::{Model, runs};
use proptest::prelude::*;
use shm_runtime::{Full, LargeMap, Map, Set, ShmLayout};
use std::collections::{BTreeMap, BTreeSet};

const CAPACITY: usize = 8;
const LARGE: usize = 5;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub(super) struct Tables {
    map: Map<u16, [u8; 5], CAPACITY>,
    set: Set<[u8; 3], CAPACITY>,
    large: LargeMap<u8, u32, 16, LARGE>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Insert(u16, u8),
    GetOrInsert(u16, u8),
    Extend(Vec<(u16, u8)>),
    Update(u16, u8),
    Exchange(u16, u8, u8),
    Remove(u16),
    GetMany(Vec<u16>),
    SetInsert(u8),
    SetRemove(u8),
    LargeInsert(u8, u32),
    LargeUpdate(u8, u32),
    LargeRemove(u8),
}

#[derive(Debug, Default)]
pub(super) struct Expected {
    map: BTreeMap<u16, [u8; 5]>,
    set: BTreeSet<[u8; 3]>,
    large: BTreeMap<u8, u32>,
}

impl Expected {
    fn has_room(&self, key: u16) -> bool {
        self.map.contains_key(&key) || self.map.len() < CAPACITY
    }
}

impl Model for Expected {
    type Schema = Tables;
    type Op = Op;
    type Held<'a> = ();

    fn any() -> BoxedStrategy<Op> {
        let key = || 0_u16..12;
        let byte = || 0_u8..3;
        prop_oneof![
            4 => (key(), byte()).prop_map(|(key, value)| Op::Insert(key, value)),
            2 => (key(), byte()).prop_map(|(key, value)| Op::GetOrInsert(key, value)),
            1 => proptest::collection::vec((key(), byte()), 0..5).prop_map(Op::Extend),
            2 => (key(), byte()).prop_map(|(key, add)| Op::Update(key, add)),
            2 => (key(), byte(), byte()).prop_map(|(key, old, new)| Op::Exchange(key, old, new)),
            4 => key().prop_map(Op::Remove),
            1 => proptest::collection::vec(key(), 0..20).prop_map(Op::GetMany),
            2 => (0_u8..12).prop_map(Op::SetInsert),
            2 => (0_u8..12).prop_map(Op::SetRemove),
            3 => (0_u8..12, 0_u32..9).prop_map(|(key, value)| Op::LargeInsert(key, value)),
            1 => (0_u8..12, 0_u32..9).prop_map(|(key, value)| Op::LargeUpdate(key, value)),
            2 => (0_u8..12).prop_map(Op::LargeRemove),
        ]
        .boxed()
    }

    fn run(
        &mut self,
        Tables { map, set, large }: &Tables,
        (): &mut (),
        op: &Op,
    ) -> Result<(), TestCaseError> {
        match op {
            &Op::Insert(key, value) if self.has_room(key) => {
                let before = self.map.insert(key, [value; 5]);
                prop_assert_eq!(map.insert(key, [value; 5]), Ok(before));
            }
            &Op::Insert(key, value) => {
                prop_assert_eq!(map.insert(key, [value; 5]), Err(Full((key, [value; 5]))));
            }
            &Op::GetOrInsert(key, value) if self.has_room(key) => {
                let there = *self.map.entry(key).or_insert([value; 5]);
                prop_assert_eq!(map.get_or_insert(key, [value; 5]), Ok(there));
            }
            &Op::GetOrInsert(key, value) => {
                prop_assert!(map.get_or_insert(key, [value; 5]).is_err());
            }
            Op::Extend(entries) => {
                let entries = entries.iter().map(|&(key, value)| (key, [value; 5]));
                let mut expected = Ok(());
                for (key, value) in entries.clone() {
                    if !self.has_room(key) {
                        expected = Err(Full((key, value)));
                        break;
                    }
                    self.map.insert(key, value);
                }
                prop_assert_eq!(map.extend(entries), expected);
            }
            &Op::Update(key, add) => {
                let before = self.map.get(&key).copied();
                prop_assert_eq!(
                    map.update(key, |value| value.map(|byte| byte ^ add)),
                    before
                );
                self.map
                    .entry(key)
                    .and_modify(|value| *value = value.map(|byte| byte ^ add));
            }
            &Op::Exchange(key, old, new) => {
                let expected = match self.map.get_mut(&key) {
                    Some(value) if *value == [old; 5] => Ok(core::mem::replace(value, [new; 5])),
                    other => Err(other.copied()),
                };
                prop_assert_eq!(map.compare_exchange(key, [old; 5], [new; 5]), expected);
            }
            Op::Remove(key) => prop_assert_eq!(map.remove(*key), self.map.remove(key)),
            Op::GetMany(keys) => {
                let expected: Vec<_> = keys.iter().map(|key| self.map.get(key).copied()).collect();
                let mut values = vec![None; keys.len()];
                let found = map.get_many(keys, &mut values);
                prop_assert_eq!(found, expected.iter().flatten().count());
                prop_assert_eq!(values, expected);
            }
            &Op::SetInsert(key) => {
                let room = self.set.contains(&[key; 3]) || self.set.len() < CAPACITY;
                let expected = match room {
                    true => Ok(self.set.insert([key; 3])),
                    false => Err(Full([key; 3])),
                };
                prop_assert_eq!(set.insert([key; 3]), expected);
            }
            &Op::LargeInsert(key, value) => match large.insert(key, value) {
                Ok(before) => prop_assert_eq!(before, self.large.insert(key, value)),
                Err(Full(back)) => {
                    prop_assert_eq!(back, (key, value));
                    prop_assert!(!self.large.contains_key(&key) && self.large.len() >= LARGE);
                }
            },
            &Op::LargeUpdate(key, value) => {
                let before = self.large.get(&key).copied();
                prop_assert_eq!(large.update(key, |_| value), before);
                self.large.entry(key).and_modify(|now| *now = value);
            }
            &Op::LargeRemove(key) => prop_assert_eq!(large.remove(key), self.large.remove(&key)),
            &Op::SetRemove(key) => {
                prop_assert_eq!(set.remove([key; 3]), self.set.remove(&[key; 3]));
            }
        }
        Ok(())
    }

    fn compare(&self, Tables { map, set, large }: &Tables) -> Result<(), TestCaseError> {
        prop_assert_eq!(&map.iter().collect::<BTreeMap<_, _>>(), &self.map);
        prop_assert_eq!(&set.iter().collect::<BTreeSet<_>>(), &self.set);
        prop_assert_eq!(
            (map.len(), map.is_empty()),
            (self.map.len(), self.map.is_empty())
        );
        prop_assert_eq!(
            (set.len(), set.is_empty()),
            (self.set.len(), self.set.is_empty())
        );
        // one more for each handle's lane
        prop_assert!(self.large.len() <= LARGE + 2);
        prop_assert_eq!(&large.iter().collect::<BTreeMap<_, _>>(), &self.large);
        prop_assert_eq!(large.len(), self.large.len());
        for key in 0..12 {
            prop_assert_eq!(large.get(key as u8), self.large.get(&(key as u8)).copied());
            prop_assert_eq!(map.get(key), self.map.get(&key).copied());
            prop_assert_eq!(map.contains(key), self.map.contains_key(&key));
            prop_assert_eq!(
                set.contains([key as u8; 3]),
                self.set.contains(&[key as u8; 3])
            );
        }
        Ok(())
    }
}

#[test]
fn a_map_is_one_map_through_two_handles() {
    runs::<Expected>("two-map");
}
