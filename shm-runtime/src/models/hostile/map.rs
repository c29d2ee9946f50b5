//! `Map`, `Set`, `LargeMap`, their lanes, and the recovery of what their records say.

use super::{Bounded, Family, attack};
use crate::memory::atomic::{AtomicU64, Ordering::Relaxed};
use crate::models::scheduler::Random;
use crate::{LargeMap, Map, Segment, Set};

const CAPACITY: usize = 8;
const LANES: usize = 4;
/// Accesses of a look-up: each bucket in two glances, itself, its key and value, and itself again; the bound.
const LOOK: u64 = 8 * CAPACITY as u64 + 2;
/// Of an operation that changes something: an entry may give way to one that is nearer to its home, over and over, and
/// that may happen a few times over before the words make sense again.
const BOUND: u64 = 4 * CAPACITY as u64 * LOOK;
/// A recovery settles every lane, each by up to four looks at all words and lines, four times over.
const RECOVERY: u64 = LANES as u64 * 16 * 8 * (CAPACITY + 3 * LANES) as u64;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Tables {
    map: Map<u64, [u32; 3], CAPACITY>,
    set: Set<u32, 4>,
    large: LargeMap<u64, u64, CAPACITY, 3>,
}

struct Attacked;

impl Family for Attacked {
    type Schema = Tables;
    const NAME: &'static str = "map";
    const RARELY: u64 = 8;
    const PLACES: &'static [&'static str] = &[
        "@participants",
        "@lanes",
        "@lanes",
        "map",
        "map",
        "map",
        "set",
        "large",
        "large",
    ];

    fn fill(&mut self, tables: &Segment<Tables>, state: u64) {
        for key in 0..4 * state {
            let _ = tables.map.insert(key, [key as u32; 3]);
            let _ = tables.set.insert(key as u32);
            let _ = tables.large.insert(key, key);
            if key % 3 != state % 3 {
                tables.map.remove(key / 2);
                tables.set.remove(key as u32 / 2);
                tables.large.remove(key / 2);
            }
        }
    }

    /// A lane of a dead process, in the middle of something that may make sense.
    fn plant(&mut self, tables: &Segment<Tables>, random: &mut Random) {
        let attachment = Segment::attachment(tables);
        let table = Segment::table(tables).expect("it is not overwritten");
        let words = |name: &str| {
            let entry = table
                .iter()
                .find(|entry| entry.name == name)
                .expect("it is there");
            let words = attachment.slice::<AtomicU64>(entry.offset, entry.size / 8);
            words.expect("whole words")
        };
        let name = ["map", "large"][random.below(2)];
        let (lanes, map) = (words("@lanes"), words(name));
        let (record, other) = (16 * random.below(LANES), 16 * random.below(LANES));
        lanes[record].store(77 << 32 | (1 + random.below(LANES)) as u64, Relaxed); // nobody ever had it
        let number = random.below(3 * CAPACITY) as u64;
        lanes[record + 1].store(number << 4 | [8, 9, 10, 14][random.below(4)], Relaxed);
        lanes[record + 2].store(lanes[other + 2].load(Relaxed), Relaxed);
        let word = &map[16 + random.below(CAPACITY)];
        lanes[record + 3].store(word.load(Relaxed) ^ random.below(4) as u64, Relaxed);
    }

    fn operate(&mut self, tables: &Segment<Tables>, bounded: &mut Bounded, rare: bool) {
        let Tables { map, set, large } = &**tables;
        for key in 0..6 {
            bounded.run("get", LOOK, || map.get(key));
            let _ = bounded.run("insert", BOUND, || map.insert(key, [7; 3]));
            bounded.run("update", BOUND, || map.update(key, |value| value));
            let _ = bounded.run("get_or_insert", BOUND, || {
                map.get_or_insert(key + 4, [1; 3])
            });
            let exchange = || map.compare_exchange(key, [7; 3], [8; 3]);
            let _ = bounded.run("compare_exchange", BOUND, exchange);
            let _ = bounded.run("set.insert", BOUND, || set.insert(key as u32));
            bounded.run("contains", LOOK, || set.contains(key as u32));
            let _ = bounded.run("large.insert", BOUND, || large.insert(key, key));
            bounded.run("large.update", BOUND, || {
                large.update(key, |value| value ^ 1)
            });
            bounded.run("large.get", LOOK, || large.get(key));
        }
        bounded.run("len", LOOK, || assert!(map.len() <= CAPACITY));
        bounded.run("iter", LOOK, || assert!(map.iter().count() <= CAPACITY));
        bounded.run("get_many", 3 * LOOK, || {
            map.get_many(&[1, 2, 3], &mut [None; 3])
        });
        for key in 0..6 {
            bounded.run("remove", BOUND, || map.remove(key));
            bounded.run("set.remove", BOUND, || set.remove(key as u32));
            bounded.run("large.remove", BOUND, || large.remove(key / 2));
        }
        bounded.run("is_empty", LOOK, || map.is_empty());
        if rare {
            bounded.run("recover", RECOVERY, || Segment::recover(tables));
        }
    }

    fn noticed(&self, tables: &Segment<Tables>) -> u64 {
        Segment::health(tables).corrupt
    }
}

#[test]
fn p6_a_map_of_hostile_words_ends_every_operation() {
    attack(Attacked, 1);
}
