//! `Map` beside papaya, dashmap and scc, with the mixes of conc-map-bench.
//!
//! Ours hashes with the function that its bytes prescribe, the peers with foldhash. All have room for
//! [`SLOTS`] entries from the start, and half or four fifths of them. papaya is pinned for [`BATCH`]
//! operations at a time, as its docs advise: longer pins hold up its garbage.

use crate::measure::{Bench, Case, Goal};
use crate::process::pin;
use core::hint::black_box;
use core::marker::PhantomData;
use foldhash::fast::RandomState;
use shm_runtime::structures::Map;
use shm_runtime::{Element, Segment, ShmLayout};
use std::sync::Barrier;
use std::time::Instant;

/// Room for entries.
const SLOTS: usize = 1 << 16;
/// Operations for which a session lives.
const BATCH: u64 = 256;

/// A value that holds a number.
trait Value: Element + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    fn next(self) -> Self;
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }
    fn next(self) -> Self {
        self.wrapping_add(1)
    }
}

impl Value for [u64; 8] {
    fn of(number: u64) -> Self {
        [number; 8]
    }
    fn next(mut self) -> Self {
        self[0] = self[0].wrapping_add(1);
        self
    }
}

/// A map, of which each thread has sessions.
trait Table<V>: Sync {
    fn new() -> Self;
    fn session(&self, thread: usize) -> impl Session<V>;
}

trait Session<V> {
    fn get(&self, key: u64) -> Option<V>;
    fn insert(&self, key: u64, value: V);
    fn update(&self, key: u64) -> bool;
    fn remove(&self, key: u64) -> bool;
}

#[derive(ShmLayout)]
struct Ours<V: Element> {
    map: Map<u64, V, SLOTS>,
}

/// Two attachments, one for each thread.
struct Attached<V: Element>([Segment<Ours<V>>; 2]);

impl<V: Value> Table<V> for Attached<V> {
    fn new() -> Self {
        let name = format!("bench-map-{}", std::process::id());
        let first = Ours::options().prefault(true).create(&name);
        let second = Ours::options().prefault(true).open(&name);
        Self([first.expect("a segment"), second.expect("the segment")])
    }

    fn session(&self, thread: usize) -> impl Session<V> {
        &self.0[thread].map
    }
}

impl<V: Value> Session<V> for &Map<u64, V, SLOTS> {
    #[inline]
    fn get(&self, key: u64) -> Option<V> {
        Map::get(self, key)
    }
    #[inline]
    fn insert(&self, key: u64, value: V) {
        Map::insert(self, key, value).expect("room");
    }
    #[inline]
    fn update(&self, key: u64) -> bool {
        Map::update(self, key, V::next).is_some()
    }
    #[inline]
    fn remove(&self, key: u64) -> bool {
        Map::remove(self, key).is_some()
    }
}

type Papaya<V> = papaya::HashMap<u64, V, RandomState>;

impl<V: Value> Table<V> for Papaya<V> {
    fn new() -> Self {
        Self::with_capacity_and_hasher(SLOTS, RandomState::default())
    }

    fn session(&self, _: usize) -> impl Session<V> {
        self.pin()
    }
}

impl<V: Value, G: papaya::Guard> Session<V> for papaya::HashMapRef<'_, u64, V, RandomState, G> {
    #[inline]
    fn get(&self, key: u64) -> Option<V> {
        Self::get(self, &key).copied()
    }
    #[inline]
    fn insert(&self, key: u64, value: V) {
        Self::insert(self, key, value);
    }
    #[inline]
    fn update(&self, key: u64) -> bool {
        Self::update(self, key, |value| value.next()).is_some()
    }
    #[inline]
    fn remove(&self, key: u64) -> bool {
        Self::remove(self, &key).is_some()
    }
}

type Dash<V> = dashmap::DashMap<u64, V, RandomState>;

impl<V: Value> Table<V> for Dash<V> {
    fn new() -> Self {
        Self::with_capacity_and_hasher(SLOTS, RandomState::default())
    }

    fn session(&self, _: usize) -> impl Session<V> {
        self
    }
}

impl<V: Value> Session<V> for &Dash<V> {
    #[inline]
    fn get(&self, key: u64) -> Option<V> {
        Dash::get(self, &key).map(|value| *value)
    }
    #[inline]
    fn insert(&self, key: u64, value: V) {
        Dash::insert(self, key, value);
    }
    #[inline]
    fn update(&self, key: u64) -> bool {
        let found = self.get_mut(&key);
        found.map(|mut value| *value = value.next()).is_some()
    }
    #[inline]
    fn remove(&self, key: u64) -> bool {
        Dash::remove(self, &key).is_some()
    }
}

type Scc<V> = scc::HashMap<u64, V, RandomState>;

impl<V: Value> Table<V> for Scc<V> {
    fn new() -> Self {
        Self::with_capacity_and_hasher(SLOTS, RandomState::default())
    }

    fn session(&self, _: usize) -> impl Session<V> {
        self
    }
}

impl<V: Value> Session<V> for &Scc<V> {
    #[inline]
    fn get(&self, key: u64) -> Option<V> {
        self.read_sync(&key, |_, value| *value)
    }
    #[inline]
    fn insert(&self, key: u64, value: V) {
        self.upsert_sync(key, value);
    }
    #[inline]
    fn update(&self, key: u64) -> bool {
        let next = |_: &u64, value: &mut V| *value = value.next();
        self.update_sync(&key, next).is_some()
    }
    #[inline]
    fn remove(&self, key: u64) -> bool {
        self.remove_sync(&key).is_some()
    }
}

/// A small generator of numbers, and what spreads the keys.
fn scatter(number: u64) -> u64 {
    let x = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ x >> 32
}

/// `present` keys that are in the map, and as many that are not.
#[derive(Clone, Copy)]
struct Keys {
    present: u64,
}

impl Keys {
    fn of_load(percent: usize) -> Self {
        let present = (SLOTS * percent / 100) as u64;
        Self { present }
    }

    /// One that is there; all in turns, in no order.
    #[inline]
    fn hit(self, i: u64) -> u64 {
        scatter(((scatter(i) >> 32) * self.present) >> 32)
    }

    /// One that is not.
    #[inline]
    fn miss(self, i: u64) -> u64 {
        scatter(self.present + (((scatter(i) >> 32) * self.present) >> 32))
    }

    /// Any, half of which are there.
    #[inline]
    fn any(self, i: u64) -> u64 {
        scatter(((scatter(i) >> 32) * (2 * self.present)) >> 32)
    }

    fn fill<V: Value>(self, table: &impl Table<V>) {
        let session = table.session(0);
        for i in 0..self.present {
            session.insert(scatter(i), V::of(i));
        }
    }
}

/// Parts of a hundred operations.
#[derive(Clone, Copy)]
struct Mix {
    name: &'static str,
    get: u64,
    insert: u64,
    remove: u64,
}

/// What is left over updates.
const READ_HEAVY: Mix = Mix {
    name: "read-heavy (98 get, 1 insert, 1 remove)",
    get: 98,
    insert: 1,
    remove: 1,
};
const EXCHANGE: Mix = Mix {
    name: "exchange (10 get, 40 insert, 40 remove, 10 update)",
    get: 10,
    insert: 40,
    remove: 40,
};
const RAPID_GROW: Mix = Mix {
    name: "rapid grow (5 get, 80 insert, 5 remove, 10 update)",
    get: 5,
    insert: 80,
    remove: 5,
};

impl Mix {
    #[inline]
    fn step<V: Value>(self, session: &impl Session<V>, keys: Keys, i: u64) {
        let key = keys.any(i);
        let part = scatter(i + (1 << 40)) % 100;
        if part < self.get {
            black_box(session.get(key));
        } else if part < self.get + self.insert {
            session.insert(key, V::of(i));
        } else if part < self.get + self.insert + self.remove {
            black_box(session.remove(key));
        } else {
            black_box(session.update(key));
        }
    }
}

pub fn run(bench: &mut Bench) {
    sized::<u64>(bench);
    sized::<[u64; 8]>(bench);
}

fn sized<V: Value>(bench: &mut Bench) {
    for percent in [50, 80] {
        let keys = Keys::of_load(percent);
        let what = format!("{} B, {percent} % full", size_of::<V>());
        one_thread::<V>(bench, keys, &what);
        for mix in [READ_HEAVY, EXCHANGE] {
            let name = format!("two threads, {}, {what}", mix.name);
            let case = bench.case("map", &name, "ns");
            compare::<V>(case, Mixed { keys, mix });
        }
    }
    let keys = Keys::of_load(80);
    let name = format!("two threads, {}, {} B", RAPID_GROW.name, size_of::<V>());
    // four fifths of twice so many insert, half of them what was not there: the map is then half full
    let operations = keys.present / 2;
    let case = bench.case("map", &name, "ns").operations(operations);
    compare::<V>(case, Growing(keys));
}

fn one_thread<V: Value>(bench: &mut Bench, keys: Keys, what: &str) {
    let case = bench.case("map", &format!("get, hit, {what}"), "ns");
    compare::<V>(case, Hits(keys));
    let case = bench.case("map", &format!("get, miss, {what}"), "ns");
    compare::<V>(case, Misses(keys));
    let case = bench.case("map", &format!("update, {what}"), "ns");
    compare::<V>(case, Updates(keys));
    let case = bench.case("map", &format!("insert + remove, {what}"), "ns");
    compare::<V>(case, Pairs(keys));
}

/// Ours, half full of values of 8 bytes: looks for keys that are there.
pub fn hits() -> Box<dyn FnMut(u64) -> f64> {
    Box::new(prepared::<u64, Attached<u64>>(Hits(Keys::of_load(50))))
}

/// The same: inserts keys that were not there, and removes them.
pub fn pairs() -> Box<dyn FnMut(u64) -> f64> {
    Box::new(prepared::<u64, Attached<u64>>(Pairs(Keys::of_load(50))))
}

fn compare<V: Value>(case: Case<'_, '_>, work: impl Work<V>) {
    case.ours(|| prepared::<V, Attached<V>>(work))
        .peer("papaya", Goal::AtLeast(1.0), || {
            prepared::<V, Papaya<V>>(work)
        })
        .peer("dashmap", Goal::AtLeast(1.0), || {
            prepared::<V, Dash<V>>(work)
        })
        .peer("scc", Goal::AtLeast(1.0), || prepared::<V, Scc<V>>(work))
        .run();
}

/// One operation of a kind. The table stays from round to round, unless it is to be new.
trait Work<V: Value>: Copy + Send + Sync + 'static {
    const THREADS: usize = 1;
    const IS_FRESH: bool = false;

    fn keys(self) -> Keys;
    fn step(self, session: &impl Session<V>, i: u64);
}

fn prepared<V: Value, T: Table<V>>(work: impl Work<V>) -> impl FnMut(u64) -> f64 {
    let mut run = Run::<V, T, _> {
        table: None,
        work,
        from: 0,
        value: PhantomData,
    };
    move |n| run.round(n)
}

struct Run<V, T, W> {
    table: Option<T>,
    work: W,
    /// The number of the next operation.
    from: u64,
    value: PhantomData<V>,
}

impl<V: Value, T: Table<V>, W: Work<V>> Run<V, T, W> {
    /// Nanoseconds per operation of a thread.
    fn round(&mut self, n: u64) -> f64 {
        if W::IS_FRESH {
            self.table = None; // its name is free again
        }
        let table: &T = self.table.get_or_insert_with(|| {
            let table = T::new();
            if !W::IS_FRESH {
                self.work.keys().fill::<V>(&table);
            }
            table
        });
        let (work, from) = (self.work, self.from);
        self.from += n;
        let start = &Barrier::new(W::THREADS);
        let run = move |thread: usize| {
            pin(thread);
            let first = from + ((thread as u64) << 48);
            start.wait();
            let begun = Instant::now();
            for batch in (0..n).step_by(BATCH as usize) {
                let session = table.session(thread);
                for i in batch..n.min(batch + BATCH) {
                    work.step(&session, first + i);
                }
            }
            begun.elapsed()
        };
        let took = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..W::THREADS)
                .map(|thread| scope.spawn(move || run(thread)))
                .collect();
            let took = threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            took.max().expect("one thread at least")
        });
        took.as_nanos() as f64 / n as f64
    }
}

#[derive(Clone, Copy)]
struct Hits(Keys);

impl<V: Value> Work<V> for Hits {
    fn keys(self) -> Keys {
        self.0
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        black_box(session.get(self.0.hit(i)).expect("it is there"));
    }
}

#[derive(Clone, Copy)]
struct Misses(Keys);

impl<V: Value> Work<V> for Misses {
    fn keys(self) -> Keys {
        self.0
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        assert!(black_box(session.get(self.0.miss(i))).is_none());
    }
}

#[derive(Clone, Copy)]
struct Updates(Keys);

impl<V: Value> Work<V> for Updates {
    fn keys(self) -> Keys {
        self.0
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        assert!(session.update(self.0.hit(i)));
    }
}

/// Inserts a key that was not there, and removes it.
#[derive(Clone, Copy)]
struct Pairs(Keys);

impl<V: Value> Work<V> for Pairs {
    fn keys(self) -> Keys {
        self.0
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        let key = self.0.miss(i);
        session.insert(key, V::of(i));
        assert!(session.remove(key));
    }
}

#[derive(Clone, Copy)]
struct Mixed {
    keys: Keys,
    mix: Mix,
}

impl<V: Value> Work<V> for Mixed {
    const THREADS: usize = 2;

    fn keys(self) -> Keys {
        self.keys
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        self.mix.step(session, self.keys, i);
    }
}

/// Into a new map.
#[derive(Clone, Copy)]
struct Growing(Keys);

impl<V: Value> Work<V> for Growing {
    const THREADS: usize = 2;
    const IS_FRESH: bool = true;

    fn keys(self) -> Keys {
        self.0
    }
    #[inline]
    fn step(self, session: &impl Session<V>, i: u64) {
        RAPID_GROW.step(session, self.0, i);
    }
}
