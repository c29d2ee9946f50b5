//! What is counted of a structure without its schema: each count says exactly what was done, by whichever side.

use super::common::{Random, unique};
use shm_runtime::dynamic::Segment;
use shm_runtime::prelude::*;
use std::time::Duration;

#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Counted {
    undo: Stack<u32, 4>,
    prices: Map<u32, u64, 8>,
    tiles: LargeMap<u32, [u8; 3], 16, 5>,
    seen: Set<u32, 8>,
    buffers: Pool<u64, 3>,
    seats: sync::Semaphore<2>,
    bank: sync::Mutex<u64>,
    jobs: Queue<u32, 4>,
}

/// Changes of the buckets of something that was inserted, replaced and removed so often.
fn changes(inserted: u64, replaced: u64, removed: u64) -> u64 {
    2 * inserted + replaced + removed
}

#[test]
fn operations_are_counted() {
    let name = unique("counts");
    let sim = Counted::create(&name).unwrap();
    let segment = Segment::open_read_only(&name).unwrap();
    let mut random = Random::new("counts");
    let (mut undo, mut prices, mut tiles, mut seen) = ((0, 0), 0, 0, 0);
    let (mut leased, mut buffers, mut seats, mut bank) = (Vec::new(), (0, 0), 0, 0);
    let mut tried = 0; // insertions into the large map
    for round in 0..2000 {
        let key = random.below(12) as u32;
        match random.below(10) {
            0..2 => undo.1 += u64::from(sim.undo.push(key).is_ok()),
            2 => undo.0 += u64::from(sim.undo.pop().is_some()),
            3 => {
                if let Ok(before) = sim.prices.insert(key, 7) {
                    prices += changes(before.is_none().into(), before.is_some().into(), 0);
                }
                tried += 1;
                if let Ok(before) = sim.tiles.insert(key, [7; 3]) {
                    tiles += changes(before.is_none().into(), before.is_some().into(), 0);
                }
            }
            4 => {
                prices += changes(0, 0, sim.prices.remove(key).is_some().into());
                tiles += changes(0, 0, sim.tiles.remove(key).is_some().into());
            }
            5 => {
                if let Ok(is_new) = sim.seen.insert(key) {
                    seen += changes(is_new.into(), 0, 0);
                }
            }
            6 => seen += changes(0, 0, sim.seen.remove(key).into()),
            7 => {
                if let Some(lease) = sim.buffers.acquire() {
                    leased.push(lease);
                    buffers.1 += 1;
                }
            }
            8 => buffers.0 += u64::from(leased.pop().is_some()),
            _ => {
                seats += u64::from(sim.seats.try_acquire().is_some());
                sim.bank.lock().unwrap().set(round);
                bank += 1;
            }
        }
        assert_eq!(segment.stack("undo").unwrap().positions(), undo);
        assert_eq!(segment.map("prices").unwrap().changes(), prices);
        // Of a large map it is an estimate: each attempt may come with two trades of a node.
        let changes = segment.map("tiles").unwrap().changes();
        assert!(
            (tiles..=tiles + 2 * tried).contains(&changes),
            "{changes}, {tiles} of {tried}"
        );
        assert_eq!(segment.set("seen").unwrap().changes(), seen);
        assert_eq!(segment.pool("buffers").unwrap().positions(), buffers);
        assert_eq!(
            segment.semaphore("seats").unwrap().positions(),
            (seats, seats)
        );
        assert_eq!(segment.mutex("bank").unwrap().locked(), bank);
    }
    let done = [undo.0, undo.1, prices, tiles, seen, buffers.0, seats, bank];
    assert!(done.iter().all(|&count| count > 10), "{done:?}");
}

#[test]
fn an_element_that_is_taken_in_time_comes_back_where_it_is_not_done() {
    let name = unique("take-wait");
    let sim = Counted::create(&name).unwrap();
    let jobs = Segment::open(&name).unwrap().queue("jobs").unwrap();
    assert!(jobs.take_wait(Duration::ZERO).unwrap().is_none());
    for is_done in [false, true] {
        std::thread::scope(|scope| {
            let takes = scope.spawn(|| {
                let taken = jobs.take_wait(Duration::from_secs(60)).unwrap().unwrap();
                let mut out = [0; 4];
                taken.read_into(&mut out);
                if is_done {
                    taken.done();
                }
                out
            });
            if !is_done {
                sim.jobs.push(7).unwrap(); // the second time it is what came back
            }
            assert_eq!(takes.join().unwrap(), 7_u32.to_le_bytes());
        });
    }
    assert_eq!(sim.jobs.pop(), None);
}
