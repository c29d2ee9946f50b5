//! `shm dump`, `shm restore`, `shm diff`: a segment goes out as bytes and comes back as it was.

mod common;

use common::{
    Cleanup, Event, Sim, fails, json, listed, nothing, ok, path, run, run_with, shm, unique,
};
use serde_json::json;
use shm_runtime::{Array, Atomic, ShmLayout};
use std::sync::atomic::{AtomicBool, Ordering};

fn dump(args: &[&str]) -> Vec<u8> {
    let output = shm(&[&["dump"], args].concat()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A persistent segment that nobody is attached to.
fn quiet(test: &str) -> Cleanup {
    let name = unique(test);
    let sim = Sim::options().persist().mode(0o640).create(&name).unwrap();
    sim.step.store(41);
    sim.grid.set(7, 1.5);
    sim.gauges
        .insert(
            17,
            Event {
                t: 0.5,
                cell: 7,
                kind: 1,
            },
        )
        .unwrap();
    sim.events
        .push(Event {
            t: 1.0,
            cell: 2,
            kind: 3,
        })
        .unwrap();
    Cleanup(name)
}

#[test]
fn a_copy_has_the_same_bytes() {
    let sim = quiet("dump");
    let before = std::fs::read(path(&sim.0)).unwrap();
    let dumped = dump(&[&sim.0]);
    assert_eq!(dump(&[&sim.0]), dumped);
    let said = run_with(&["restore", &sim.0], &dumped);
    assert_eq!(said.code, 1, "the name is taken: {}", said.error);
    ok(&["rm", &sim.0]);
    for args in [vec!["restore", &sim.0], vec!["restore", "--exact", &sim.0]] {
        let ended = run_with(&args, &dumped);
        assert_eq!((ended.code, ended.error.as_str()), (0, ""));
        assert!(
            std::fs::read(path(&sim.0)).unwrap() == before,
            "byte for byte"
        );
        assert_eq!(listed(&sim.0)["mode"], "0640");
        if args.len() == 2 {
            ok(&["rm", &sim.0]);
        }
    }
    let back = Sim::options().mode(0o640).open(&sim.0).unwrap();
    assert_eq!(
        (
            back.step.load(),
            back.grid.get(7),
            back.events.pop().unwrap().kind
        ),
        (41, 1.5, 3)
    );
}

#[test]
fn a_copy_of_a_live_segment_persists_under_another_name() {
    let name = unique("dump-live");
    let sim = Sim::create(&name).unwrap();
    sim.step.store(5);
    let copy = Cleanup(unique("dump-copy"));
    let ended = run_with(&["--json", "restore", &copy.0], &dump(&[&name]));
    assert_eq!(ended.code, 0, "{}", ended.error);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(said["persistent"], true);
    let back = Sim::open(&copy.0).unwrap();
    assert_eq!(back.step.load(), 5);
    back.step.store(6);
    assert_eq!(sim.step.load(), 5, "they share nothing");
    assert_eq!(back.events.push(nothing()), Ok(()));
}

#[test]
fn a_dump_that_was_changed_is_refused() {
    let sim = quiet("dump-bad");
    let dumped = dump(&[&sim.0]);
    let copy = unique("dump-refused");
    let refused = |bytes: &[u8], says: &str| {
        let ended = run_with(&["restore", &copy], bytes);
        assert_eq!(ended.code, 4, "{}", ended.error);
        assert!(ended.error.contains(says), "{}", ended.error);
        assert!(!path(&copy).exists());
    };
    refused(b"", "no dump");
    refused(b"something else\n", "no dump");
    refused(&dumped[..dumped.len() / 2], "cut short");
    let mut changed = dumped.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    refused(&changed, "checksum");
    let ended = run_with(&["restore", "a/b"], &dumped);
    assert_eq!(ended.code, 2, "{}", ended.error);
}

#[derive(ShmLayout)]
#[allow(dead_code, reason = "read by the command alone")]
struct Pair {
    first: Atomic<u64>,
    between: Array<u64, 100_000>,
    last: Atomic<u64>,
}

#[test]
fn a_copy_is_of_one_moment_or_none() {
    let name = unique("dump-moving");
    let pair = Pair::create(&name).unwrap();
    let copy = Cleanup(unique("dump-moment"));
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                pair.first.fetch_add(1);
                pair.last.fetch_add(1);
            }
        });
        let ended = shm(&["dump", &name]).output().unwrap();
        let torn = shm(&["dump", "--torn", &name]).output().unwrap();
        ends.store(true, Ordering::Relaxed);
        assert!(torn.status.success());
        if ended.status.success() {
            assert_eq!(run_with(&["restore", &copy.0], &ended.stdout).code, 0);
            let back = Pair::open(&copy.0).unwrap();
            let ahead = back.first.load() - back.last.load();
            assert!(ahead <= 1, "{ahead}");
        } else {
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(
                said.contains("`first`") || said.contains("`last`"),
                "{said}"
            );
            assert!(ended.stdout.is_empty(), "nothing was written");
        }
    });
}

#[test]
fn a_dump_of_a_sparse_segment_is_small() {
    #[derive(ShmLayout)]
    struct Vast {
        grid: Array<u64, 1_000_000_000>,
    }
    let name = unique("dump-sparse");
    let vast = Vast::options().sparse().create(&name).unwrap();
    vast.grid.set(900_000_000, 5);
    let dumped = dump(&[&name]);
    assert!(dumped.len() < 100_000, "{}", dumped.len());
    let copy = Cleanup(unique("dump-sparse-copy"));
    assert_eq!(run_with(&["restore", &copy.0], &dumped).code, 0);
    assert_eq!(json(&["get", &format!("{}.grid[900000000]", copy.0)]), [5]);
    let resident = |name: &str| listed(name)["resident"].as_u64().unwrap();
    assert!(resident(&copy.0) <= resident(&name), "holes stay holes");
}

#[test]
fn diff_names_what_differs() {
    let (a, b) = (unique("diff-a"), unique("diff-b"));
    let (here, there) = (Sim::create(&a).unwrap(), Sim::create(&b).unwrap());
    assert_eq!(ok(&["diff", &a, &b]), "no difference\n");
    here.step.store(4);
    for i in 100..110 {
        there.grid.set(i, 2.0);
    }
    here.gauges.insert(1, nothing()).unwrap();
    there.wet.insert(9).unwrap();
    there.events.push(nothing()).unwrap();
    let ended = run(&["--json", "diff", &a, &b]);
    assert_eq!(ended.code, 1);
    let found: Vec<serde_json::Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let at = |place: &str| {
        found
            .iter()
            .find(|one| one["place"] == place)
            .unwrap_or_else(|| panic!("{place}: {found:?}"))
    };
    assert_eq!(
        (&at("step")["here"], &at("step")["there"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(
        (&at("grid[100]")["here"], &at("grid[100]")["there"]),
        (&json!(0.0), &json!(2.0))
    );
    assert!(at("gauges[1]")["there"].is_null() && at("wet[9]")["here"].is_null());
    assert_eq!(at("events")["there"]["used"], 1);
    assert!(run(&["diff", &a, &b]).out.contains("… and 5 more"));
    assert_eq!(
        ok(&["diff", "--schema", &a, &b]),
        "the schemas are the same\n"
    );
}

#[test]
fn diff_names_fields_that_only_one_has() {
    let (a, other) = (unique("diff-sim"), unique("diff-other"));
    let _sim = Sim::create(&a).unwrap();
    let _pair = Pair::create(&other).unwrap();
    let ended = run(&["diff", &a, &other]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.out.contains("grid  only here: ") && ended.out.contains("first  only there: "),
        "{}",
        ended.out
    );
    fails(1, &["diff", &a, "shm-test-cli-none"]);
}
