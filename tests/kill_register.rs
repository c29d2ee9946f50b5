//! A process is killed at every system call of registering and erasing, looked at from outside after every
//! instruction, and killed behind instructions that change the segment: all with `SHM_WALK=full`. Promises P1, P3.

mod common;
#[path = "common/traced.rs"]
mod traced;

use common::{Random, path, unique};
use shm_runtime::{Array, Segment, ShmLayout};
use std::os::unix::fs::FileExt;
use std::time::Instant;
use traced::report::Line;
use traced::{Traced, alone, at_every_call, stop};

#[derive(Debug, ShmLayout)]
struct Base {
    ticks: Array<u64, 4>,
}

fn create(name: &str) -> Segment<Base> {
    let base = Base::options().spare(4, 1 << 20).create(name).unwrap();
    base.ticks.set(0, 1);
    base
}

const SUITE: &str = "kill_register";

type Small = Array<u32, 100>;

fn names(segment: &Segment<Base>) -> Vec<String> {
    Segment::registered(segment)
        .unwrap()
        .into_iter()
        .map(|found| found.name)
        .collect()
}

/// Everything is usable after somebody was killed: the names are one of two sets, each entry is found,
/// and all other room is free in one piece.
fn whole(base: &Segment<Base>, allowed: &[&[&str]]) {
    let found = names(base);
    assert!(allowed.iter().any(|names| found == *names), "{found:?}");
    for name in &found {
        let _: Small = Segment::find(base, name).unwrap();
        Segment::erase(base, name).unwrap();
    }
    let all: Array<u64, 131_000> = Segment::register(base, "all").unwrap();
    assert!(all.iter().all(|value| value == 0));
    Segment::erase(base, "all").unwrap();
}

#[test]
fn killed_while_registering() {
    let before = || {
        let name = unique("kill-register");
        let base = create(&name);
        let small: Small = Segment::register(&base, "one").unwrap();
        small.fill(u32::MAX);
        Segment::erase(&base, "one").unwrap();
        (name, base)
    };
    let body = |(name, _): &(String, _)| {
        let mine = Base::open(name).unwrap();
        let small: Small = Segment::register(&mine, "one").unwrap();
        small.fill(5);
    };
    let after = |(_, base)| whole(&base, &[&[], &["one"]]);
    at_every_call([SUITE, "register"], before, body, after);
}

#[test]
fn killed_while_erasing() {
    let before = || {
        let name = unique("kill-erase");
        let base = create(&name);
        for name in ["one", "two"] {
            let small: Small = Segment::register(&base, name).unwrap();
            small.fill(u32::MAX);
        }
        (name, base)
    };
    let body = |(name, _): &(String, _)| {
        let mine = Base::open(name).unwrap();
        Segment::erase(&mine, "one").unwrap();
        Segment::erase(&mine, "two").unwrap();
    };
    let allowed: [&[&str]; 3] = [&["one", "two"], &["two"], &[]];
    let after = |(_, base)| whole(&base, &allowed);
    at_every_call([SUITE, "erase"], before, body, after);
}

#[test]
fn every_image_of_the_table_is_whole() {
    let _alone = alone();
    let start = Instant::now();
    let name = unique("images");
    let base = create(&name);
    let child = Traced::start(|| {
        let mine = Base::open(&name).unwrap();
        stop();
        for name in ["one", "two"] {
            let _: Small = Segment::register(&mine, name).unwrap();
        }
        Segment::erase(&mine, "one").unwrap();
        // gets the entry that is free now, in front of one in use
        let _: Small = Segment::register(&mine, "another-name").unwrap();
        for name in ["another-name", "two"] {
            Segment::erase(&mine, name).unwrap();
        }
        stop();
    });
    assert!(child.run_to_stop());
    let file = std::fs::File::open(path(&name)).unwrap();
    let (mut last, mut image) = ([0; 4096], [0; 4096]);
    let (mut steps, mut images, mut sets) = (0, 0, std::collections::BTreeSet::new());
    let mut going = true;
    while going {
        going = child.step_instruction();
        steps += 1;
        file.read_exact_at(&mut image, 0).unwrap();
        if image != last {
            last = image;
            images += 1;
            let other = Base::open(&name).unwrap();
            let found = names(&other);
            assert_eq!(found, names(&base));
            for name in &found {
                let _: Small = Segment::find(&other, name).unwrap();
            }
            sets.insert(found);
        }
    }
    eprintln!("{steps} instructions, {images} images of the table");
    let line = Line {
        instructions: steps,
        images,
        survivors: images,
        ..Line::of("register and erase, table")
    };
    line.since(start).append(SUITE);
    assert!(images > 8);
    let sets: Vec<_> = sets.iter().map(|names| names.join(" ")).collect();
    assert_eq!(sets, ["", "another-name two", "one", "one two", "two"]);
}

#[test]
fn killed_behind_every_change() {
    let _alone = alone();
    let before = || {
        let name = unique("kill-anywhere");
        let base = create(&name);
        let _: Small = Segment::register(&base, "two").unwrap();
        (name, base)
    };
    let start = |(name, _): &(String, _)| {
        let child = Traced::start(|| {
            let mine = Base::open(name).unwrap();
            stop();
            let small: Small = Segment::register(&mine, "one").unwrap();
            small.fill(u32::MAX);
            Segment::erase(&mine, "two").unwrap();
        });
        assert!(child.run_to_stop());
        child
    };
    let began = Instant::now();
    let (instructions, changes) = {
        let world = before();
        start(&world).changes(&path(&world.0))
    };
    assert!(changes.len() > 50, "the segment changes");
    let mut random = Random::new("killed_behind_every_change");
    let full = std::env::var_os("SHM_WALK").is_some_and(|walk| walk == "full");
    let some = |_: &u64| full || random.below(changes.len() as u64) < 12;
    let points: Vec<_> = changes.iter().copied().filter(some).collect();
    for &steps in &points {
        let world = before();
        let child = start(&world);
        assert!((0..steps).all(|_| child.step_instruction()));
        child.kill();
        whole(&world.1, &[&["two"], &["two", "one"], &["one"]]);
    }
    let (kills, of) = (points.len(), changes.len());
    eprintln!("killed behind {kills} of {of} changes, {instructions} instructions");
    let line = Line {
        instructions,
        kill_points: kills as u64,
        images: of as u64,
        survivors: kills as u64,
        ..Line::of("register and erase")
    };
    line.since(began).append(SUITE);
}

#[test]
fn a_forked_child_attaches_before_it_registers() {
    let _alone = alone();
    let name = unique("fork-register");
    let base = create(&name);
    let child = Traced::start(|| {
        let small: Small = Segment::register(&base, "one").unwrap();
        small.fill(3);
        assert!(Segment::attachment(&base).identity().is_some());
    });
    assert!(!child.run_to_stop(), "the child ran to its end");
    let small: Small = Segment::find(&base, "one").unwrap();
    assert_eq!(small.get(99), 3);
    whole(&base, &[&["one"]]);
}
