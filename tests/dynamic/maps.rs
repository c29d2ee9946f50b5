//! Maps and sets: one side typed, the other not.

use super::common::Random;
use super::{Both, Event, bytes, plain};
use shm_runtime::ShmStr;
use std::collections::BTreeMap;

#[test]
fn a_map_is_one_for_both() {
    let both = Both::new("dyn-map");
    let prices = both.segment.map("prices").unwrap();
    let typed = &both.typed.prices;
    assert_eq!(
        (
            prices.capacity(),
            prices.key().size(),
            prices.value().size()
        ),
        (16, 4, 8)
    );
    let mut random = Random::new("a_map_is_one_for_both");
    let mut model = BTreeMap::new();
    let mut value = [0; 8];
    for _ in 0..5000 {
        let (key, new) = (random.below(24) as u32, random.below(1000));
        let before = model.get(&key).copied();
        let raw = key.to_le_bytes();
        let found = |there: bool, value: [u8; 8]| there.then(|| u64::from_le_bytes(value));
        match random.below(8) {
            0 => {
                let there = prices.get(&raw, &mut value);
                assert_eq!(found(there, value), before);
            }
            1 => assert_eq!(typed.get(key), before),
            2 => match prices.insert(&raw, &new.to_le_bytes(), &mut value) {
                Ok(there) => assert_eq!(
                    (found(there, value), model.insert(key, new)),
                    (before, before)
                ),
                Err(_) => assert_eq!((before, model.len()), (None, 16)),
            },
            3 => match typed.insert(key, new) {
                Ok(there) => assert_eq!((there, model.insert(key, new)), (before, before)),
                Err(_) => assert_eq!((before, model.len()), (None, 16)),
            },
            4 => {
                let there = prices.remove(&raw, &mut value);
                assert_eq!((found(there, value), model.remove(&key)), (before, before));
            }
            5 => assert_eq!((typed.remove(key), model.remove(&key)), (before, before)),
            6 => {
                let there = prices.update(&raw, &mut value, |value| value[0] ^= 1);
                assert_eq!(found(there, value), before);
                model.entry(key).and_modify(|value| *value ^= 1);
            }
            _ => {
                let current = before.unwrap_or(5).to_le_bytes();
                let swapped =
                    prices.compare_exchange(&raw, &current, &new.to_le_bytes(), &mut value);
                assert_eq!(swapped, before.map(|_| true));
                model.entry(key).and_modify(|value| *value = new);
            }
        }
        assert_eq!(prices.len(), model.len());
    }
    let mut all = BTreeMap::new();
    prices.for_each(|key, value| _ = all.insert(plain::<u32>(key), plain::<u64>(value)));
    assert_eq!(all, model);
    assert_eq!(typed.iter().collect::<BTreeMap<_, _>>(), model);
}

#[test]
fn a_value_that_is_another_is_not_exchanged() {
    let both = Both::new("dyn-exchange");
    let prices = both.segment.map("prices").unwrap();
    both.typed.prices.insert(1, 10).unwrap();
    let (key, mut before) = (1_u32.to_le_bytes(), [0; 8]);
    let [nine, eleven] = [9_u64, 11].map(u64::to_le_bytes);
    assert_eq!(
        prices.compare_exchange(&key, &nine, &eleven, &mut before),
        Some(false)
    );
    assert_eq!(
        (u64::from_le_bytes(before), both.typed.prices.get(1)),
        (10, Some(10))
    );
    assert_eq!(prices.get_or_insert(&key, &nine, &mut before), Ok(true));
    assert_eq!(u64::from_le_bytes(before), 10);
}

#[test]
fn keys_and_values_of_any_size_find_each_other() {
    let both = Both::new("dyn-wide");
    let (names, wide) = (
        both.segment.map("names").unwrap(),
        both.segment.map("wide").unwrap(),
    );
    let name = ShmStr::<24>::new("Zürich");
    both.typed.names.insert(name, Event::new(4)).unwrap();
    let mut out = [0; size_of::<Event>()];
    assert!(names.get(bytes(&name), &mut out));
    assert_eq!(plain::<Event>(&out), Event::new(4));
    assert!(!names.contains(&[0; 24]));

    let key = |n: u8| [n; 300];
    for n in 0..4 {
        assert_eq!(wide.insert(&key(n), &[n; 3], &mut [0; 3]), Ok(false));
    }
    assert!(wide.insert(&key(9), &[9; 3], &mut [0; 3]).is_err());
    assert_eq!(both.typed.wide.get(key(3)), Some([3; 3]));
    assert!(wide.remove(&key(2), &mut [0; 3]) && both.typed.wide.get(key(2)).is_none());
}

#[test]
fn a_large_map_and_a_set_are_one_for_both() {
    let both = Both::new("dyn-tiles");
    let (tiles, seen) = (
        both.segment.map("tiles").unwrap(),
        both.segment.set("seen").unwrap(),
    );
    assert_eq!((tiles.capacity(), seen.capacity()), (5, 8));
    for n in 0..5_u32 {
        both.typed.tiles.insert([n, n + 1], [n as u8; 3]).unwrap();
        let mut out = [0; 3];
        assert!(tiles.get(bytes(&[n, n + 1]), &mut out));
        assert_eq!(out, [n as u8; 3]);
        tiles.insert(bytes(&[n, n + 1]), &[8; 3], &mut out).unwrap();
        assert_eq!(
            (out, both.typed.tiles.get([n, n + 1])),
            ([n as u8; 3], Some([8; 3]))
        );
    }
    for n in 0..8 {
        assert_eq!(seen.insert(&[n; 6]), Ok(true));
        assert!(both.typed.seen.contains([n; 6]) && seen.contains(&[n; 6]));
        assert_eq!(seen.insert(&[n; 6]), Ok(false));
    }
    assert!(seen.insert(&[9; 6]).is_err());
    assert!(both.typed.seen.remove([3; 6]) && !seen.remove(&[3; 6]));
    let mut keys = Vec::new();
    seen.for_each(|key| keys.push(key[0]));
    keys.sort_unstable();
    assert_eq!((keys, seen.len()), (vec![0, 1, 2, 4, 5, 6, 7], 7));
}
