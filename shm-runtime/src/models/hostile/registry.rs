//! Structures that are registered and erased in a table that others overwrite.

use super::{Bounded, Family, attack};
use crate::{Array, Queue, RegisterError, Segment, ShmLayout};

/// Accesses of one operation: the table some times over, 104 entries of five words.
const BOUND: u64 = 100 * 2 * 5 * 104 + 4000;

#[derive(Debug, crate::ShmLayout)]
#[shm(lanes = 4)]
struct Base {
    grid: Array<u64, 8>,
}

#[derive(Default)]
struct Attacked {
    corrupt: u64,
    well: u64,
}

impl Attacked {
    fn judge<R>(&mut self, result: Result<R, RegisterError>) -> Option<R> {
        match result {
            Ok(result) => {
                self.well += 1;
                return Some(result);
            }
            Err(RegisterError::Corrupt { .. }) => self.corrupt += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        None
    }
}

impl Family for Attacked {
    type Schema = Base;
    const NAME: &'static str = "registry";
    const PLACES: &'static [&'static str] = &["", "", "@registry", "jobs+", "@lanes"];

    fn create(name: &str) -> Segment<Base> {
        let base = Base::options()
            .spare(4, 1 << 16)
            .create(name)
            .expect("the name is new");
        // the target is the table with this entry in it
        let _: Queue<u64, 8> = Segment::register(&base, "jobs").expect("there is room");
        base
    }

    fn fill(&mut self, base: &Segment<Base>, state: u64) {
        let _ = Segment::erase(base, "more");
        if state % 2 == 1 {
            let _ = Segment::register::<Array<u32, 9>>(base, "more");
        }
    }

    fn operate(&mut self, base: &Segment<Base>, bounded: &mut Bounded, rare: bool) {
        let found = bounded.run("find", BOUND, || {
            Segment::find::<Queue<u64, 8>>(base, "jobs")
        });
        bounded.run("get", BOUND, || base.grid.get(7));
        if let Some(jobs) = self.judge(found) {
            let _ = bounded.run("push", BOUND, || jobs.push(1));
            bounded.run("pop", BOUND, || jobs.pop());
        }
        let listed = bounded.run("list", BOUND, || Segment::registered(base));
        self.judge(listed);
        if rare {
            let made = bounded.run("register", BOUND, || {
                Segment::register::<Array<u64, 4>>(base, "new")
            });
            self.judge(made);
            let erased = bounded.run("erase", BOUND, || Segment::erase(base, "new"));
            self.judge(erased);
            let erased = bounded.run("erase", BOUND, || Segment::erase(base, "jobs"));
            self.judge(erased);
        }
    }

    fn noticed(&self, _: &Segment<Base>) -> u64 {
        assert!(self.well > 0, "every image was refused");
        self.corrupt
    }
}

#[test]
fn p6_a_hostile_table_ends_every_registration() {
    attack(Attacked::default(), 10);
}
