//! Rust and C++ in the same maps at once, killed at random and replaced.
//!
//! Each worker counts in an entry of its own, so that every update of the dead shows: once or not at all. All of them insert
//! and remove the same few keys of crowded maps, in which no value may be torn, no key be there twice, and no room be lost.

use super::common::{Cleanup, Random, exists, role, role_command, unique};
use super::war::{Item, actor, kills};
use shm_runtime::{
    Array, Atomic, Broadcast, LargeMap, Map, Segment, Set, ShmLayout, ShmStr, Stack, Start,
    Versioned, VersionedArray,
};
use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const WORKERS: usize = 4;
/// What stops the workers.
const STOP: u64 = 1_000_000;

/// The same as `town` in bindings/cpp/tests/sim.hpp.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 16)]
struct Town {
    counts: Map<u32, u64, 8>,
    acknowledged: Array<u64, WORKERS>,
    crowd: Map<u64, Item, 16>,
    large: LargeMap<u64, Item, 32, 16>,
    flags: Set<ShmStr<8>, 16>,
    undo: Stack<Item, 16>,
    /// Its number is how often all have counted.
    total: Versioned<Item>,
    news: Broadcast<Item, 8>,
    /// All elements of a frame are its number.
    frame: VersionedArray<u64, 600>,
    torn: Atomic<u64>,
}

impl Town {
    fn see(&self, key: u64, item: Item) {
        if item != Item::of(key, item.number) {
            self.torn.fetch_add(1);
        }
    }

    fn pass_on(&self, item: Item) {
        let _ = self.undo.push(item); // it may be full
        if let Some(popped) = self.undo.pop() {
            self.see(popped.seat, popped);
        }
        let _ = self.news.send(item);
    }

    fn publish(&self) {
        let mut frame = vec![0; 600];
        let number = self.frame.read_into(&mut frame);
        if frame.iter().any(|&element| element != number) {
            self.torn.fetch_add(1);
        }
        if let Ok(mut writer) = self.frame.writer() {
            frame.fill(writer.version() + 1);
            writer.publish(&frame).unwrap();
        }
    }

    fn work(&self, seat: usize) {
        let mut random = Random::from_seed(std::process::id().into());
        let mut news = self.news.subscribe(Start::Newest);
        while self.torn.load() < STOP {
            let counted = self.counts.update(seat as u32, |count| count + 1);
            assert!(counted.is_some());
            let next = |total: &mut Item| *total = Item::of(9, total.number + 1);
            self.total.update(next).unwrap();
            self.acknowledged.fetch_add(seat, 1);
            self.publish();
            while let Ok(Some(got)) = news.recv() {
                self.see(got.seat, got);
            }
            for _ in 0..8 {
                let (key, item) = (random.below(20), random.below(1 << 40));
                self.pass_on(Item::of(seat as u64, item));
                match random.below(4) {
                    0 => _ = self.crowd.insert(key, Item::of(key, item)),
                    1 => _ = self.large.insert(key, Item::of(key, item)),
                    2 => {
                        let removed = [self.crowd.remove(key), self.large.remove(key)];
                        removed
                            .into_iter()
                            .flatten()
                            .for_each(|item| self.see(key, item));
                    }
                    _ => {
                        let found = [self.crowd.get(key), self.large.get(key)];
                        found
                            .into_iter()
                            .flatten()
                            .for_each(|item| self.see(key, item));
                    }
                }
                let flag: ShmStr<8> = key.to_string().parse().unwrap();
                match random.below(2) {
                    0 => _ = self.flags.insert(flag),
                    _ => _ = self.flags.remove(flag),
                }
            }
        }
    }
}

/// A worker of either language.
fn start(name: &str, seat: usize, cpp: Option<&Path>) -> Child {
    let mut command = match cpp {
        Some(actor) => {
            let mut command = Command::new(actor);
            command.args(["work", name, &seat.to_string()]);
            command
        }
        None => role_command("town::a_worker_works", &seat.to_string(), name),
    };
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// What a worker of Rust does; nothing where this is the test itself.
#[test]
fn a_worker_works() {
    let Some((seat, name)) = role() else {
        return;
    };
    Town::open(&name).unwrap().work(seat.parse().unwrap());
}

/// Whether the entries have a key each, and are whole.
fn check_entries(entries: impl Iterator<Item = (u64, Item)>) {
    let mut keys = HashSet::new();
    for (key, item) in entries {
        assert!(keys.insert(key), "{key} is there twice");
        assert_eq!(item, Item::of(key, item.number), "torn");
    }
}

#[test]
fn p1_killed_rust_and_cpp_leave_maps_whole() {
    let Some(actor) = actor() else { return };
    let name = unique("cpp-town");
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new("cpp-town");
    let town = Town::create(&name).unwrap();
    for seat in 0..WORKERS {
        town.counts.insert(seat as u32, 0).unwrap();
    }
    let mut workers: Vec<Child> = (0..WORKERS)
        .map(|seat| start(&name, seat, (seat % 2 == 0).then_some(&*actor)))
        .collect();
    let mut killed = [0; WORKERS];
    for _ in 0..kills() {
        std::thread::sleep(Duration::from_micros(5_000 + random.below(30_000)));
        let seat = random.below(WORKERS as u64) as usize;
        workers[seat].kill().unwrap();
        workers[seat].wait().unwrap();
        killed[seat] += 1;
        let language = (random.below(2) == 0).then_some(&*actor);
        workers[seat] = start(&name, seat, language);
    }
    let torn = town.torn.swap(STOP);
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
    }
    assert_eq!((torn, town.torn.load()), (0, STOP), "an item was torn");
    Segment::recover(&town);
    for (seat, &killed) in killed.iter().enumerate() {
        let counted = town.counts.get(seat as u32).unwrap();
        let beyond = counted - town.acknowledged.get(seat);
        assert!(
            beyond <= killed,
            "{beyond} updates of {killed} dead that nobody acknowledged"
        );
    }
    let acknowledged: u64 = town.acknowledged.iter().sum();
    let total = town.total.load();
    assert_eq!(total, Item::of(9, total.number), "torn");
    let beyond = total.number - acknowledged;
    assert!(
        beyond <= killed.iter().sum(),
        "{beyond} updates nobody acknowledged"
    );
    while let Some(popped) = town.undo.pop() {
        assert_eq!(popped, Item::of(popped.seat, popped.number), "torn");
    }
    let room = (0..20).take_while(|&number| town.undo.push(Item::of(0, number)).is_ok());
    assert_eq!(room.count(), 16, "full capacity is back");
    assert!(town.frame.writer().is_ok(), "the role is to be had");
    check_entries(town.crowd.iter());
    check_entries(town.large.iter());
    (0..20).for_each(|key| _ = (town.crowd.remove(key), town.large.remove(key)));
    assert!(town.crowd.is_empty() && town.large.is_empty());
    for key in 100..116 {
        town.crowd
            .insert(key, Item::of(key, 0))
            .expect("full capacity is back");
        town.large
            .insert(key, Item::of(key, 0))
            .expect("full capacity is back");
    }
    assert!(town.crowd.insert(1, Item::of(1, 0)).is_err(), "and no more");
    drop(town);
    assert!(!exists(&name), "the last one out removes the name");
}
