//! Structures registered at run time, by several processes. Promises P1, P2, P3, P7.

#![allow(unsafe_code)] // kill

mod common;

use common::{Cleanup, Random, path, role, role_command, unique};
use shm_runtime::memory::liveness::REGISTRATION;
use shm_runtime::posix::lock;
use shm_runtime::{Array, Pod, Queue, RegisterError, Segment, ShmLayout, ShmType, Zeroable};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::{Child, Stdio};
use std::time::Duration;

#[derive(Debug, ShmLayout)]
struct Sim {
    grid: Array<f32, 100>,
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable, ShmType)]
#[repr(C)]
struct Job {
    id: u64,
    cost: f64,
}

type Jobs = Queue<Job, 16>;

fn create(name: &str) -> Segment<Sim> {
    Sim::options().spare(8, 64 << 10).create(name).unwrap()
}

fn start(test: &str, role: &str, name: &str) -> Child {
    let mut command = role_command(test, role, name);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits until the child says so.
fn ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(
        lines.any(|line| line.ends_with("ready")),
        "the child is at work"
    );
}

/// The names that were registered, sorted.
fn registered(sim: &Segment<Sim>) -> Vec<String> {
    let found = Segment::registered(sim).unwrap().into_iter();
    let mut names: Vec<_> = found.map(|found| found.name).collect();
    names.sort();
    names
}

/// P3: all spare room can be had in one piece, so nothing of it leaked.
fn assert_all_room_is_back(sim: &Segment<Sim>) {
    assert_eq!(registered(sim), [""; 0]);
    Segment::register::<Array<u8, 65_000>>(sim, "all").unwrap();
    Segment::erase(sim, "all").unwrap();
}

#[test]
fn p1_a_queue_registered_at_run_time_works_across_two_processes() {
    const TEST: &str = "p1_a_queue_registered_at_run_time_works_across_two_processes";
    if let Some((_, name)) = role() {
        let sim = Sim::open(&name).unwrap();
        let jobs = Segment::find::<Jobs>(&sim, "jobs").unwrap();
        let answers = Segment::register_described::<Jobs>(&sim, "answers").unwrap();
        while let Some(job) = jobs.pop() {
            answers
                .push(Job {
                    cost: job.cost * 2.0,
                    ..job
                })
                .unwrap();
        }
        return;
    }
    let name = unique("register");
    let sim = create(&name);
    sim.grid.set(99, 1.5);
    let jobs = Segment::register_described::<Jobs>(&sim, "jobs").unwrap();
    for id in 0..10 {
        jobs.push(Job { id, cost: 1.5 }).unwrap();
    }
    assert!(start(TEST, "worker", &name).wait().unwrap().success());
    // registered by a process that has left since
    let answers = Segment::find_described::<Jobs>(&sim, "answers").unwrap();
    for id in 0..10 {
        assert_eq!(answers.pop(), Some(Job { id, cost: 3.0 }));
    }
    assert_eq!(registered(&sim), ["answers", "jobs"]);
    assert_eq!(sim.grid.get(99), 1.5);
    for name in ["jobs", "answers"] {
        Segment::erase(&sim, name).unwrap();
    }
    assert_all_room_is_back(&sim);
}

/// Registers, uses and erases structures of its own for ever, or a number of rounds.
fn churn(name: &str, own: &str, rounds: u64) {
    let sim = Sim::options()
        .register_wait(Duration::from_secs(60))
        .open(name)
        .unwrap();
    let mut random = Random::new("churn");
    for round in 0..rounds {
        let own = format!("{own}-{}", random.below(2));
        let jobs = match random.below(2) {
            0 => Segment::register::<Jobs>(&sim, &own),
            _ => Segment::register::<Queue<Job, 64>>(&sim, &own).map(|queue| {
                assert!(queue.is_empty(), "new room is zero");
                Segment::erase(&sim, &own).unwrap();
                Segment::register::<Jobs>(&sim, &own).unwrap()
            }),
        };
        match jobs {
            Ok(jobs) => {
                assert_eq!(jobs.pop(), None, "new room is zero");
                let job = Job {
                    id: round,
                    cost: 0.0,
                };
                jobs.push(job).unwrap();
                assert_eq!(Segment::find::<Jobs>(&sim, &own).unwrap().pop(), Some(job));
                Segment::erase(&sim, &own).unwrap();
            }
            // killed before it could erase, in an earlier life
            Err(RegisterError::Taken { .. }) => Segment::erase(&sim, &own).unwrap(),
            Err(error) => panic!("{error}"),
        }
        if round == 2 {
            println!("ready");
        }
    }
}

#[test]
fn p1_racing_registrars_do_not_disturb_each_other() {
    const TEST: &str = "p1_racing_registrars_do_not_disturb_each_other";
    if let Some((own, name)) = role() {
        return churn(&name, &own, 150);
    }
    let name = unique("race");
    let sim = create(&name);
    let names = ["a", "b", "c"];
    let mut children: Vec<_> = names.iter().map(|own| start(TEST, own, &name)).collect();
    while children
        .iter_mut()
        .any(|child| child.try_wait().unwrap().is_none())
    {
        // whoever only looks sees whole entries, and openers find a valid table
        for name in registered(&sim) {
            assert!(names.iter().any(|own| name.starts_with(own)), "{name}");
        }
        drop(Sim::open(&name).unwrap());
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_all_room_is_back(&sim);
}

#[test]
fn p1_p3_killed_registrars_leave_a_valid_table_and_all_room() {
    const TEST: &str = "p1_p3_killed_registrars_leave_a_valid_table_and_all_room";
    if let Some((own, name)) = role() {
        return churn(&name, &own, u64::MAX);
    }
    let name = unique("killed");
    let sim = create(&name);
    let mut random = Random::new(TEST);
    for _ in 0..15 {
        let mut children = [start(TEST, "a", &name), start(TEST, "b", &name)];
        for child in &mut children {
            ready(child);
        }
        let spin = random.below(200_000);
        (0..spin).for_each(|_| std::hint::spin_loop());
        for mut child in children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let own = Segment::register::<Jobs>(&sim, "own").unwrap();
        assert!(own.is_empty());
        Segment::erase(&sim, "own").unwrap();
    }
    for name in registered(&sim) {
        Segment::erase(&sim, &name).unwrap();
    }
    assert_all_room_is_back(&sim);
    assert_eq!(Segment::participants(&sim).unwrap().len(), 1);
}

#[test]
fn p2_a_stopped_registrar_makes_others_busy_and_nothing_else() {
    const TEST: &str = "p2_a_stopped_registrar_makes_others_busy_and_nothing_else";
    if let Some((_, name)) = role() {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path(&name))
            .unwrap();
        assert!(lock::try_exclusive(&file, REGISTRATION).unwrap());
        println!("ready");
        loop {
            std::thread::park();
        }
    }
    let name = unique("busy");
    let creator = create(&name);
    Segment::register::<Jobs>(&creator, "jobs").unwrap();
    let sim = Sim::options()
        .register_wait(Duration::from_millis(20))
        .open(&name)
        .unwrap();
    let mut child = start(TEST, "stopped", &name);
    ready(&mut child);
    // SAFETY: stops a child of this process that was not waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGSTOP) }, 0);
    let busy = Segment::register::<Jobs>(&sim, "more").unwrap_err();
    assert!(matches!(busy, RegisterError::Busy { .. }), "{busy}");
    assert!(busy.to_string().contains("resume or kill it"), "{busy}");
    let busy = Segment::erase(&sim, "jobs").unwrap_err();
    assert!(matches!(busy, RegisterError::Busy { .. }), "{busy}");
    // everything else goes on
    let jobs = Segment::find::<Jobs>(&sim, "jobs").unwrap();
    jobs.push(Job { id: 1, cost: 1.0 }).unwrap();
    assert_eq!(registered(&sim), ["jobs"]);
    drop(Sim::open(&name).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    Segment::register::<Jobs>(&sim, "more").unwrap();
}

#[test]
fn p3_what_a_dead_consumer_had_taken_does_not_outlive_the_queue() {
    const TEST: &str = "p3_what_a_dead_consumer_had_taken_does_not_outlive_the_queue";
    if let Some((_, name)) = role() {
        let sim = Sim::open(&name).unwrap();
        let jobs = Segment::find::<Jobs>(&sim, "jobs").unwrap();
        let _taken = jobs.take().unwrap().unwrap();
        println!("ready");
        loop {
            std::thread::park();
        }
    }
    let name = unique("taken");
    let sim = create(&name);
    let jobs = Segment::register::<Jobs>(&sim, "jobs").unwrap();
    for id in 0..16 {
        jobs.push(Job { id, cost: 0.0 }).unwrap();
    }
    let mut child = start(TEST, "consumer", &name);
    ready(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    Segment::erase(&sim, "jobs").unwrap();
    let again = Segment::register::<Jobs>(&sim, "jobs").unwrap();
    let recovered = Segment::recover(&sim);
    assert_eq!(
        (recovered.settled, recovered.later),
        (0, 0),
        "erase had settled the dead"
    );
    assert_eq!(
        again.pop(),
        None,
        "the dead lane puts nothing back into the new queue"
    );
    for id in 0..16 {
        again.push(Job { id, cost: 0.0 }).unwrap();
    }
    assert!(again.push(Job { id: 16, cost: 0.0 }).is_err());
}

#[test]
fn p1_recovery_through_a_void_handle_hits_no_successor() {
    const TEST: &str = "p1_recovery_through_a_void_handle_hits_no_successor";
    if let Some((_, name)) = role() {
        let sim = Sim::open(&name).unwrap();
        let jobs = Segment::find::<Jobs>(&sim, "jobs").unwrap();
        let _taken = jobs.take().unwrap().unwrap();
        println!("ready");
        loop {
            std::thread::park();
        }
    }
    let name = unique("void");
    let sim = create(&name);
    let jobs = Segment::register::<Jobs>(&sim, "jobs").unwrap();
    jobs.push(Job { id: 1, cost: 0.0 }).unwrap();
    let mut child = start(TEST, "consumer", &name);
    ready(&mut child);
    // Erased while the consumer lives and holds an element: its lane names the queue's bytes.
    Segment::erase(&sim, "jobs").unwrap();
    let successors: Vec<_> = (0..7)
        .map(|index| Segment::register::<Jobs>(&sim, &format!("successor-{index}")))
        .map_while(Result::ok)
        .collect();
    assert!(successors.len() > 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let recovered = Segment::recover(&sim);
    assert!(
        recovered.settled > 0 && recovered.later == 0,
        "{recovered:?}"
    );
    for successor in &successors {
        assert_eq!(successor.take().unwrap().map(|taken| taken.get()), None);
        for id in 0..16 {
            successor.push(Job { id, cost: 0.0 }).unwrap();
        }
        assert!(successor.push(Job { id: 16, cost: 0.0 }).is_err());
    }
    for found in Segment::registered(&sim).unwrap() {
        Segment::erase(&sim, &found.name).unwrap();
    }
    assert_all_room_is_back(&sim);
}

#[test]
fn p7_another_structure_of_that_name_is_an_error_that_shows_both() {
    let name = unique("shape");
    let sim = create(&name);
    Segment::register_described::<Jobs>(&sim, "jobs").unwrap();
    // by size and alignment, and by the fields
    Segment::find::<Queue<[u64; 2], 16>>(&sim, "jobs").unwrap();
    Segment::find_described::<Jobs>(&sim, "jobs").unwrap();
    let found = Segment::find_described::<Queue<[u64; 2], 16>>(&sim, "jobs");
    let error = found.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("segment `{name}`: `jobs` ")),
        "{error}"
    );
    assert!(
        error.contains("here Queue<16,64>:{16/8(:u64*2@0)}, "),
        "{error}"
    );
    assert!(
        error.contains("there Queue<16,64>:{16/8(id:u64@0,cost:f64@8)};"),
        "{error}"
    );
    let error = Segment::find::<Queue<Job, 32>>(&sim, "jobs").unwrap_err();
    assert!(matches!(error, RegisterError::Mismatch { .. }), "{error}");
    let error = Segment::find::<Array<Job, 16>>(&sim, "jobs").unwrap_err();
    assert!(matches!(error, RegisterError::Mismatch { .. }), "{error}");
}

#[test]
fn a_refusal_says_how_much_is_missing() {
    let name = unique("refused");
    let sim = create(&name);
    Segment::register::<Array<u8, 1000>>(&sim, "first").unwrap();
    Segment::register::<Array<u8, 1000>>(&sim, "second").unwrap();
    Segment::erase(&sim, "first").unwrap();
    let error = Segment::register::<Array<u64, 10_000>>(&sim, "huge").unwrap_err();
    let RegisterError::NoRoom {
        needed,
        largest,
        free,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(needed > 80_000 && largest > 60_000 && free > largest + 1000);
    assert!(
        error
            .to_string()
            .contains(&format!("`.spare(1, {needed})`")),
        "{error}"
    );
    let there = Sim::options()
        .spare(1, needed)
        .create(&unique("enough"))
        .unwrap();
    Segment::register::<Array<u64, 10_000>>(&there, "huge").unwrap();
}

#[test]
fn the_table_shows_what_comes_and_goes() {
    let name = unique("table");
    let sim = create(&name);
    let there = Sim::open(&name).unwrap();
    let names = |segment: &Segment<Sim>| {
        let table = Segment::table(segment).unwrap().into_iter();
        table.map(|entry| entry.name).collect::<Vec<_>>()
    };
    let before = names(&there);
    assert!(before.contains(&"@control".into()) && before.contains(&"grid".into()));
    Segment::register::<Jobs>(&sim, "jobs").unwrap();
    assert_eq!(names(&there), [&before[..], &["jobs".into()]].concat());
    Segment::erase(&there, "jobs").unwrap();
    assert_eq!(names(&sim), before);
    // any name that a field can have
    Segment::register::<Jobs>(&sim, "größe 2").unwrap();
    Segment::find::<Jobs>(&there, "größe 2").unwrap();
}

#[test]
fn freed_memory_goes_back_unless_it_was_reserved() {
    let blocks = |name: &str| path(name).metadata().unwrap().blocks();
    for reserved in [false, true] {
        let name = unique("blocks");
        let sim = Sim::options()
            .spare(8, 4 << 20)
            .reserve(reserved)
            .create(&name)
            .unwrap();
        let before = blocks(&name);
        for _ in 0..3 {
            let array = Segment::register::<Array<u64, 500_000>>(&sim, "array").unwrap();
            assert_eq!(array.get(499_999), 0);
            array.fill(u64::MAX);
            Segment::erase(&sim, "array").unwrap();
            let after = blocks(&name);
            if reserved {
                assert_eq!(after, before, "all of it has its memory, always");
            } else {
                assert!(after < before + 64, "{before} blocks, then {after}");
            }
        }
    }
}

#[test]
fn a_damaged_length_is_an_error_and_no_allocation() {
    let name = unique("length");
    let _cleanup = Cleanup(name.clone());
    let sim = Sim::options()
        .spare(8, 40 << 30)
        .sparse()
        .create(&name)
        .unwrap();
    Segment::register::<Jobs>(&sim, "jobs").unwrap();
    let entry = Segment::registered(&sim).unwrap().remove(0);
    let file = std::fs::File::options()
        .write(true)
        .open(path(&name))
        .unwrap();
    let at = entry.offset as u64 - 64 + 16;
    file.write_all_at(&(39_u64 << 30).to_le_bytes(), at)
        .unwrap();
    let error = Segment::find::<Jobs>(&sim, "jobs").unwrap_err();
    assert!(matches!(error, RegisterError::Corrupt { .. }), "{error}");
}

#[test]
fn registering_costs_no_memory_before_it_is_used() {
    let name = unique("sparse");
    let _cleanup = Cleanup(name.clone());
    let sim = Sim::options()
        .spare(1, 5 << 30)
        .sparse()
        .create(&name)
        .unwrap();
    for _ in 0..2 {
        let large = Segment::register::<Array<u64, 0x2200_0000>>(&sim, "large").unwrap();
        assert_eq!(large.get(0x21ff_ffff), 0);
        large.set(0x21ff_ffff, 7);
        let there = Sim::open(&name).unwrap();
        let same = Segment::find::<Array<u64, 0x2200_0000>>(&there, "large").unwrap();
        assert_eq!(same.get(0x21ff_ffff), 7);
        Segment::erase(&sim, "large").unwrap();
    }
    let blocks = path(&name).metadata().unwrap().blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks");
}
