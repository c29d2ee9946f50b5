//! `shm rm`, `shm prune`, `shm recover`, `shm check`, and what is said of files that are no sound segment.

mod common;

use common::{Cleanup, Sim, fails, json, listed, nothing, ok, path, run, shm, unique};
use shm_runtime::memory::audit::Audit;
use shm_runtime::{ShmLayout, dynamic};
use std::os::unix::fs::FileExt;
use std::process::Stdio;

/// Leaves a file under the name as a kill leaves it.
fn leave(name: &str) -> Cleanup {
    let sim = Sim::create(name).unwrap();
    let bytes = std::fs::read(path(name)).unwrap();
    drop(sim);
    std::fs::write(path(name), bytes).unwrap();
    Cleanup(name.to_owned())
}

fn overwrite(name: &str, offset: u64, bytes: &[u8]) {
    let file = std::fs::File::options()
        .write(true)
        .open(path(name))
        .unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

#[test]
fn rm_refuses_what_is_in_use() {
    let name = unique("rm");
    let sim = Sim::create(&name).unwrap();
    let said = fails(1, &["rm", &name]);
    assert!(
        said.contains(&std::process::id().to_string()) && said.contains("--force"),
        "{said}"
    );
    assert!(path(&name).exists());
    ok(&["rm", "--force", &name]);
    assert!(!path(&name).exists());
    sim.step.store(1); // goes on
    assert!(fails(1, &["rm", &name]).contains("there is no segment"));

    let persistent = unique("rm-persistent");
    drop(Sim::options().persist().create(&persistent).unwrap());
    assert_eq!(listed(&persistent)["state"], "persistent");
    ok(&["rm", &persistent]);
    assert!(!path(&persistent).exists());
}

#[test]
fn prune_removes_leftovers_alone() {
    let (stale, live, foreign) = (
        unique("prune"),
        unique("prune-live"),
        unique("prune-foreign"),
    );
    let _cleanup = leave(&stale);
    let sim = Sim::create(&live).unwrap();
    let other = Cleanup(foreign.clone());
    std::fs::write(path(&foreign), [7; 5000]).unwrap();
    let would = ok(&["prune", "--dry-run"]);
    assert!(
        would.contains(&format!("would remove {stale}\n")),
        "{would}"
    );
    assert!(
        !would.contains(&live) && !would.contains(&foreign),
        "{would}"
    );
    assert!(path(&stale).exists());
    ok(&["prune"]);
    assert!(!path(&stale).exists() && path(&live).exists() && path(&foreign).exists());
    drop((sim, other));
}

#[test]
fn recover_and_check_find_a_sound_segment_sound() {
    let name = unique("check");
    let sim = Sim::create(&name).unwrap();
    sim.gauges.insert(1, nothing()).unwrap();
    ok(&["recover", &name]);
    let findings = json(&["check", &name]);
    assert!(findings.len() > 11, "one for each field");
    assert!(
        findings.iter().all(|finding| finding["wrong"].is_null()),
        "{findings:?}"
    );
    assert!(ok(&["check", &name]).contains("Queue `events`"));
}

#[test]
fn check_finds_a_word_that_makes_no_sense() {
    let name = unique("check-bad");
    let sim = Sim::create(&name).unwrap();
    for _ in 0..4 {
        sim.events.push(nothing()).unwrap();
    }
    let seen = json(&["inspect", &name]).remove(0);
    let fields = seen["fields"].as_array().unwrap();
    let events = fields
        .iter()
        .find(|field| field["name"] == "events")
        .unwrap();
    let (offset, size) = (
        events["offset"].as_u64().unwrap(),
        events["size"].as_u64().unwrap(),
    );
    overwrite(&name, offset, &vec![0xff; size as usize]);
    let ended = run(&["check", &name]);
    assert_eq!(ended.code, 4, "{}", ended.out);
    assert!(ended.out.contains("WRONG  Queue `events`"), "{}", ended.out);
    assert!(ended.out.contains("ok     Stack `undo`"), "{}", ended.out);
}

#[test]
fn every_node_has_one_owner_until_a_word_is_overwritten() {
    let name = unique("audit");
    let sim = Sim::create(&name).unwrap();
    let segment = dynamic::Segment::open(&name).unwrap();
    let queue = segment.queue("events").unwrap();
    assert_eq!(queue.audit(), Audit::Sound, "zeroed");
    for i in 0..100 {
        let _ = sim.events.push(nothing());
        let _ = (i % 3 > 0).then(|| sim.events.pop());
        assert_eq!(queue.audit(), Audit::Sound, "after {i} operations");
    }
    let field = segment.field("events").unwrap();
    let (mut twice, mut nowhere) = (0, 0);
    for at in (field.offset()..field.offset() + field.size()).step_by(8) {
        let mut word = [0; 8];
        segment.attachment().read_at(&mut word, at as u64).unwrap();
        overwrite(&name, at as u64, &[word[0] ^ 1]); // the node of a neighbour
        twice += usize::from(queue.audit() == Audit::TwoOwners);
        overwrite(&name, at as u64, &[0xff; 8]);
        nowhere += usize::from(queue.audit() == Audit::NoSuchNode);
        overwrite(&name, at as u64, &word);
    }
    let lanes = segment.schema().lanes();
    assert_eq!(
        (twice, nowhere),
        (8 + 2 * lanes, 8 + 2 * lanes),
        "each word, spare and shelf"
    );
    assert_eq!(queue.audit(), Audit::Sound);
}

/// What each command says of a file, and with which code.
fn all_say(name: &str, code: i32, says: &str) {
    for args in [vec!["inspect", name], vec!["check", name]] {
        let said = fails(code, &args);
        assert!(
            said.contains(says) && said.contains("hint:"),
            "{args:?}: {said}"
        );
    }
    let place = format!("{name}.step");
    let said = fails(code, &["get", &place]);
    assert!(said.contains(says), "{said}");
}

#[test]
fn files_of_others_are_named_as_such() {
    let python = Cleanup(format!("psm_{}", unique("py").replace('-', "_")));
    std::fs::write(path(&python.0), [7; 5000]).unwrap();
    all_say(&python.0, 4, "multiprocessing.shared_memory");
    assert_eq!(listed(&python.0)["state"], "foreign");
    for (bytes, says) in [
        (&b""[..], "empty file"),
        (b"short", "5 bytes"),
        (&[0; 64], "begins with"),
    ] {
        let file = Cleanup(unique("foreign"));
        std::fs::write(path(&file.0), bytes).unwrap();
        all_say(&file.0, 4, says);
        fails(4, &["rm", &file.0]);
        fails(4, &["rm", "--force", &file.0]);
        assert!(path(&file.0).exists(), "another program's file stays");
        assert!(!ok(&["ls", "-q"]).contains(&file.0));
    }
    all_say("shm-test-cli-no-such-segment", 1, "there is no segment");
    for odd in ["a b", "..", "ä", "x\u{1b}[2J"] {
        fails(2, &["inspect", odd]);
        let ended = run(&["get", odd]);
        assert!(
            [1, 2].contains(&ended.code) && !ended.error.contains('\u{1b}'),
            "{}",
            ended.error
        );
    }
}

#[test]
fn names_with_odd_characters_do_not_disturb_a_list() {
    let odd = Cleanup(format!("{} odd\n\u{1b}[2J", unique("odd")));
    std::fs::write(path(&odd.0), "x").unwrap();
    let list = ok(&["ls", "--all"]);
    let line = list.lines().find(|line| line.contains(" odd")).unwrap();
    assert!(
        line.contains("foreign") && !line.contains('\u{1b}'),
        "{line}"
    );
}

#[test]
fn damage_is_told_apart() {
    let sim = unique("damage");
    let _cleanup = Cleanup(sim.clone());
    drop(Sim::options().persist().create(&sim).unwrap());
    let whole = std::fs::read(path(&sim)).unwrap();
    let descriptor = whole
        .windows(13)
        .position(|bytes| bytes == b"\"descriptor\":")
        .unwrap();
    let cases: [(&str, &dyn Fn()); 4] = [
        ("truncated", &|| {
            std::fs::write(path(&sim), &whole[..8192]).unwrap()
        }),
        ("format version 0x7", &|| {
            overwrite(&sim, 4, &7_u32.to_le_bytes())
        }),
        ("damaged table", &|| overwrite(&sim, 16 + 32, &[0xff; 8])),
        ("damaged descriptor", &|| {
            overwrite(&sim, descriptor as u64, b"#")
        }),
    ];
    for (says, damage) in cases {
        std::fs::write(path(&sim), &whole).unwrap();
        damage();
        for args in [["inspect", &sim], ["check", &sim]] {
            assert!(fails(4, &args).contains(says), "{says}: {args:?}");
        }
        let seen = listed(&sim);
        assert_eq!(seen["state"], "damaged", "{says}: {seen}");
        ok(&["rm", &sim]);
        assert!(!path(&sim).exists(), "a damaged segment can be removed");
    }
}

#[test]
fn a_thousand_segments_are_listed() {
    let prefix = unique("many");
    let many: Vec<_> = (0..1000)
        .map(|i| Cleanup(format!("{prefix}-{i}")))
        .collect();
    for file in &many {
        Sim::options().persist().create(&file.0).unwrap(); // and left again
    }
    let ours = json(&["ls"])
        .into_iter()
        .filter(|seen| seen["name"].as_str().unwrap().starts_with(&prefix));
    assert_eq!(
        ours.filter(|seen| seen["state"] == "persistent").count(),
        1000
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let name = unique("pipe");
    let _sim = Sim::create(&name).unwrap();
    let place = format!("{name}.grid");
    let mut child = shm(&["--json", "get", &place])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take()); // before anything was read
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn a_file_that_may_not_be_read_is_told_with_its_owner() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return; // only root can be somebody else for a moment
    }
    let name = unique("denied");
    let _sim = Sim::create(&name).unwrap();
    // The binary is read through a descriptor: its folder may be closed to that user.
    let copy = std::env::temp_dir().join(&name);
    std::fs::copy(env!("CARGO_BIN_EXE_shm"), &copy).unwrap();
    let said = |args: &[&str]| {
        let output = std::process::Command::new(&copy)
            .args(args)
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        common::Ended::from(output)
    };
    let ended = said(&["inspect", &name]);
    let list = said(&["ls", "--all", &name]);
    let _ = std::fs::remove_file(&copy);
    assert_eq!(ended.code, 3, "{}", ended.error);
    assert!(
        ended.error.contains("owner root, mode 0600"),
        "{}",
        ended.error
    );
    assert!(list.out.contains("denied"), "{}", list.out);
}
