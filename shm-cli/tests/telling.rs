//! `shm watch`, `shm doctor`, `shm plan`, `shm gen`, and how the command behaves in a shell.

mod common;

use common::{Sim, fails, json, nothing, ok, path, run, run_with, shm, unique};
use serde_json::Value as Json;
use shm_runtime::ShmLayout;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

#[test]
fn watch_counts_what_goes_through() {
    let name = unique("watch");
    let _sim = Sim::create(&name).unwrap();
    let still = json(&["watch", &name, "-n", "2", "--interval", "0.01"]);
    assert_eq!(still.len(), 2, "ends after two looks");
    assert_eq!(still[0]["fields"]["events"]["pushed_per_s"], 0.0);
}

#[test]
fn watch_loses_nothing_between_two_looks() {
    let name = unique("watch-all");
    let sim = Sim::create(&name).unwrap();
    let mut child = shm(&[
        "--json",
        "watch",
        &name,
        "events",
        "rain",
        "undo",
        "gauges",
        "wet",
        "forecast",
        "--interval",
        "0.01",
    ]);
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // What is counted of each structure, and how much of it three rounds make.
    let expected = [
        ("events", "pushed", 3),
        ("events", "popped", 3),
        ("rain", "sent", 3),
        ("undo", "pushed", 6),
        ("undo", "popped", 3),
        ("gauges", "changed", 9), // two new keys, three values replaced, two keys removed
        ("wet", "changed", 9),
        ("forecast", "stored", 3),
    ];
    let mut counted = [0.0; 8];
    let mut rounds = 0;
    for line in lines.take(10_000) {
        let seen: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let (fields, seconds) = (&seen["fields"], seen["seconds"].as_f64().unwrap());
        let asked = fields.as_object().unwrap().len();
        assert_eq!(asked, 6, "only those that were asked for");
        for (sum, (field, what, _)) in counted.iter_mut().zip(&expected) {
            let rate = fields[field][format!("{what}_per_s")].as_f64().unwrap();
            *sum += rate * seconds;
        }
        if counted.map(|sum| sum.round() as u64) == expected.map(|(.., count)| count) {
            break;
        }
        if rounds < 3 {
            sim.events.push(nothing()).unwrap();
            sim.events.pop().unwrap();
            sim.rain.send(1.0).unwrap();
            sim.undo.push(1).unwrap();
            sim.undo.push(2).unwrap();
            sim.undo.pop().unwrap();
            if rounds < 2 {
                sim.gauges.insert(7, nothing()).unwrap();
                sim.gauges.update(7, |event| event);
            } else {
                sim.gauges.remove(7).unwrap();
                sim.gauges.insert(7, nothing()).unwrap();
                sim.gauges.remove(7).unwrap();
            }
            sim.wet.insert(7).unwrap();
            sim.wet.remove(7);
            sim.forecast.store(nothing()).unwrap();
            rounds += 1;
        }
    }
    let counted = counted.map(|sum| sum.round() as u64);
    assert_eq!(counted, expected.map(|(.., count)| count), "{expected:?}");
    drop(sim); // the segment goes, and so does who watches it
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let code = child.wait().unwrap().code();
    // Whichever it notices first: that nobody reads, or that the segment is gone.
    assert!(
        code == Some(0) || code == Some(1) && said.contains("is gone"),
        "{code:?} {said}"
    );
    fails(1, &["watch", &name, "-n", "1"]);
}

#[test]
fn watch_ends_with_the_segment() {
    let name = unique("watch-end");
    let sim = Sim::create(&name).unwrap();
    let mut child = shm(&["watch", &name, "--interval", "0.01"]);
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("FIELD"), "{line}");
    drop(sim);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("is gone"));
    assert!(
        !path(&name).exists(),
        "who looked on longest turns off the light"
    );
}

#[test]
fn doctor_says_what_to_do() {
    let ended = run(&["--json", "doctor"]);
    assert!([0, 1].contains(&ended.code), "{}", ended.error);
    let findings: Vec<Json> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(findings.iter().any(|finding| finding["what"] == "size"));
    for finding in &findings {
        assert_eq!(
            finding["grade"] == "ok",
            finding["remedy"].is_null(),
            "{finding}"
        );
    }
    let trouble = findings.iter().any(|finding| finding["grade"] == "trouble");
    assert_eq!(ended.code, i32::from(trouble));
}

#[test]
fn plan_tells_the_layout_before_there_is_one() {
    let name = unique("plan");
    let _sim = Sim::create(&name).unwrap();
    let description = ok(&["gen", "json", &name]);
    let ended = run_with(&["--json", "plan", "-"], description.as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.error);
    let plan: Json = serde_json::from_str(&ended.out).unwrap();
    let seen = json(&["inspect", &name]).remove(0);
    assert_eq!(plan["size"], seen["size"]);
    assert_eq!(plan["fingerprint"], seen["schema"]["fingerprint"]);
    let parts = plan["parts"].as_array().unwrap();
    for field in seen["fields"]
        .as_array()
        .unwrap()
        .iter()
        .chain(seen["internal"].as_array().unwrap())
    {
        let part = parts
            .iter()
            .find(|part| part["name"] == field["name"])
            .unwrap();
        assert_eq!(
            (&part["offset"], &part["size"]),
            (&field["offset"], &field["size"])
        );
    }
    let small = r#"{"descriptor": 1, "schema": {"name": "S"}, "entries": [
        {"name": "grid", "kind": "Array", "capacity": [1000], "element": "f32"}]}"#;
    let said = run_with(&["plan", "-"], small.as_bytes());
    assert!(
        said.code == 0 && said.out.contains("1,000 × 4 B"),
        "{} {}",
        said.out,
        said.error
    );
    for wrong in ["", "{}", "[]", r#"{"descriptor": 99}"#] {
        let ended = run_with(&["plan", "-"], wrong.as_bytes());
        assert_eq!(ended.code, 2, "{wrong}: {}", ended.error);
    }
    fails(1, &["plan", "/no/such/file"]);
}

/// A folder that is removed again.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(unique(test));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn prints(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn other_languages_read_what_was_generated() {
    let name = unique("gen");
    let sim = Sim::create(&name).unwrap();
    sim.grid.set(7, 1.5);
    sim.step.store(41);
    let cpp = ok(&["gen", "cpp", &name]); // compiled by tests/cpp
    assert!(
        cpp.contains("shm::array<float,") && cpp.contains("struct Event {"),
        "{cpp}"
    );
    let folder = Folder::new("gen");
    let file = |name: &str| folder.0.join(name);
    std::fs::write(file("sim.h"), ok(&["gen", "c", &name])).unwrap();
    std::fs::write(file("sim.py"), ok(&["gen", "py", &name])).unwrap();

    let c = r#"
        #include "sim.h"
        #include <stdio.h>
        #include <stdlib.h>
        int main(int argc, char **argv) {
            FILE *file = fopen(argv[argc - 1], "rb");
            Sim_grid_element depth; Sim_step_element step; Event event = {0};
            fseek(file, SIM_GRID_OFFSET + 7 * sizeof depth, SEEK_SET);
            if (fread(&depth, sizeof depth, 1, file) != 1) return 1;
            fseek(file, SIM_STEP_OFFSET, SEEK_SET);
            if (fread(&step, sizeof step, 1, file) != 1) return 1;
            printf("%g %llu %d\n", depth, (unsigned long long)step, (int)sizeof event);
            return event.cell;
        }"#;
    std::fs::write(file("main.c"), c).unwrap();
    let mut cc = Command::new("cc");
    prints(
        cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(file("main"))
            .arg(file("main.c")),
    );
    assert_eq!(
        prints(Command::new(file("main")).arg(path(&name))),
        "1.5 41 16\n"
    );

    let python = "import mmap, sys, sim\n\
        file = open(sys.argv[1], 'rb')\n\
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n\
        kind, offset, size, capacity, element = sim.FIELDS['grid']\n\
        grid = (element * capacity).from_buffer_copy(data, offset)\n\
        print(kind, grid[7], len(data) == sim.SIZE, sim.Event.cell.offset)\n";
    let mut command = Command::new("python3");
    let printed = prints(
        command
            .current_dir(&folder.0)
            .args(["-B", "-c", python])
            .arg(path(&name)),
    );
    assert_eq!(printed, "Array 1.5 True 8\n");
}

#[test]
fn shells_take_the_completions() {
    let script = ok(&["completions", "bash"]);
    let check = format!("{script}\ncomplete -p shm");
    assert!(prints(Command::new("bash").args(["-c", &check])).contains("_shm"));
    for shell in ["zsh", "fish"] {
        assert!(ok(&["completions", shell]).contains("inspect"));
    }
    let page = ok(&["man"]);
    assert!(ok(&["man", "prune"]).contains("dry"));
    fails(2, &["man", "frobnicate"]);
    assert!(
        page.contains(".TH shm") && page.contains("prune") && page.contains("Exit codes"),
        "{page}"
    );
}

#[test]
fn help_tells_the_exit_codes_and_mistakes_end_with_two() {
    let help = ok(&["--help"]);
    for code in [
        "0  done",
        "1  no:",
        "2  wrong",
        "3  this user",
        "4  damaged",
        "5  the system",
    ] {
        assert!(help.contains(code), "{code}");
    }
    for wrong in [&["frobnicate"][..], &["ls", "--frobnicate"], &["get"], &[]] {
        assert_eq!(run(wrong).code, 2, "{wrong:?}");
    }
    let error: Json =
        serde_json::from_str(&run(&["--json", "inspect", "shm-test-cli-none"]).error).unwrap();
    assert_eq!(error["exit_code"], 1);
}

#[test]
fn top_is_for_terminals() {
    assert!(fails(2, &["top"]).contains("watch"));
}

/// What the command writes to a terminal.
fn in_terminal(args: &[&str], no_color: bool) -> String {
    use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&terminal).unwrap();
    let side = ptsname(&terminal, Vec::new()).unwrap();
    let side = std::fs::File::options()
        .read(true)
        .write(true)
        .open(side.to_str().unwrap())
        .unwrap();
    let mut command = shm(args);
    command.stdout(side).env("TERM", "xterm");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    assert!(command.status().unwrap().success());
    drop(command); // its side: the terminal then ends
    let mut text = Vec::new();
    let _ = std::fs::File::from(terminal).read_to_end(&mut text); // ends with EIO
    String::from_utf8(text).unwrap()
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let name = unique("colour");
    let _sim = Sim::create(&name).unwrap();
    assert!(in_terminal(&["ls", &name], false).contains("\u{1b}[32mlive\u{1b}[0m"));
    for text in [
        in_terminal(&["ls", &name], true),
        ok(&["ls", &name]),
        in_terminal(&["--json", "ls", &name], false),
    ] {
        assert!(text.contains(&name) && !text.contains('\u{1b}'), "{text}");
    }
}
