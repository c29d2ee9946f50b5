//! `Map`, `Set`, `LargeMap`, and recovery of their lanes.

use super::Victim;
use shm_runtime::{LargeMap, Map, Segment, Set, ShmLayout};

/// The segment.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
pub struct Schema {
    map: Map<u32, [u64; 3], 8>,
    set: Set<u64, 4>,
    large: LargeMap<u64, [u64; 2], 8, 3>,
}

/// The tables.
#[derive(Debug)]
pub struct Tables;

impl Victim for Tables {
    type Schema = Schema;
    const NAME: &'static str = "map";
    const PLACES: &'static [&'static str] = &[
        "@lanes",
        "@participants",
        "map",
        "map",
        "map",
        "set",
        "large",
        "large",
    ];

    fn operate(segment: &Segment<Schema>) {
        let Schema { map, set, large } = &**segment;
        for key in 0..6 {
            let _ = map.insert(key, [7; 3]);
            let _ = map.get_or_insert(key + 3, [8; 3]);
            let _ = map.update(key, |value| value.map(|part| part.wrapping_add(1)));
            let _ = map.compare_exchange(key, [8; 3], [9; 3]);
            let _ = map.get(key + 1);
            let _ = set.insert(u64::from(key));
            let _ = large.insert(u64::from(key), [1; 2]);
            let _ = (large.update(1, |value| value), large.get(u64::from(key)));
        }
        assert!(map.len() <= 8 && map.iter().count() <= 8);
        assert!(map.get_many(&[1, 2, 3], &mut [None; 3]) <= 3);
        let _ = map.extend((0..9).map(|key| (key, [1; 3])));
        let _ = (map.is_empty(), set.contains(3), set.iter().count());
        for key in 0..6 {
            let _ = map.remove(key);
            let _ = set.remove(u64::from(key));
            let _ = large.remove(u64::from(key) / 2);
        }
        let _ = Segment::recover(segment);
    }
}
