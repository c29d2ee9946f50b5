//! Implementations in programs of their own: a line in, a line out.

use super::Implementation;
use super::c::{compiled, has_compiler, shared};
use super::common::unique;
use super::script::path;
use super::wire::{Answer, Step};
use shm_runtime::{Queue, Segment, ShmLayout};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// A program that is running.
pub struct Driver {
    has: &'static [&'static str],
    child: Child,
    steps: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    pub fn start(program: &Path, has: &'static [&'static str]) -> Self {
        let mut command = Command::new(program);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = command.spawn();
        let mut child = started.unwrap_or_else(|why| panic!("{}: {why}", program.display()));
        Self {
            has,
            steps: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }
}

impl Implementation for Driver {
    fn has(&self) -> &'static [&'static str] {
        self.has
    }

    fn answer(&mut self, step: &Step) -> Answer {
        let mut line = String::new();
        let steps = self.steps.as_mut().unwrap();
        let asked = writeln!(steps, "{step}").and_then(|()| steps.flush());
        let answered = asked.and_then(|()| self.answers.read_line(&mut line));
        match answered {
            Ok(1..) => Answer::parse(&line),
            _ => panic!("the driver ended at: {step}"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.steps.take()); // it ends where there are no more steps
        let ended = self.child.wait();
        if !std::thread::panicking() {
            assert!(ended.unwrap().success(), "the driver ends well");
        }
    }
}

/// The program that drives `bindings/c`; none without a compiler.
fn c_program() -> Option<PathBuf> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || compiled("conformance", &[path("drivers/driver.c")], shared);
    has_compiler().then(|| MADE.get_or_init(make).clone())
}

/// The driver of `bindings/c`; none without a compiler.
pub fn c() -> Option<Driver> {
    Some(Driver::start(&c_program()?, &["loan", "blocking"]))
}

/// The README's conversation is one that the driver of `bindings/c` has.
#[test]
fn the_readmes_lines_are_answered_as_it_says() {
    let Some(mut driver) = c() else { return };
    let readme = std::fs::read_to_string(path("README.md")).unwrap();
    let block = readme.split("```text\n").nth(1).unwrap();
    let lines: Vec<_> = block.split("```").next().unwrap().lines().collect();
    let script = super::script::all();
    let script = script.iter().find(|script| script.name == "queue").unwrap();
    let name = unique("conformance-readme");
    assert!(lines[0].starts_with("case segment=shm-test-1 schema=queue description="));
    let begin = Step::case(script, &script.cases[0], &name).to_string();
    for pair in lines.chunks(2) {
        let step = if pair[0].starts_with("case") {
            &begin
        } else {
            pair[0]
        };
        let answer = driver.answer(&Step::parse(step));
        assert_eq!(answer, Answer::parse(pair[1]), "{step}");
    }
}

/// A driver that is named by the variable is run, and one that answers nothing does not conform.
#[test]
fn a_driver_is_named_by_a_variable() {
    let Some(driver) = c_program() else { return };
    let with = |program: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "another_driver_conforms", "--nocapture"]);
        command
            .env("SHM_CONFORMANCE_DRIVER", program)
            .output()
            .unwrap()
    };
    let output = with(&driver);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("steps as expected"),
        "{said}"
    );
    assert!(!with(Path::new("true")).status.success());
}

/// A schema of which the driver has never heard, and a structure that is not even in it.
#[derive(Debug, ShmLayout)]
#[shm(lanes = 4)]
struct Sim {
    events: Queue<u64, 4>,
}

#[test]
fn p8_c_works_on_a_typed_segment_and_on_what_was_registered() {
    let Some(mut driver) = c() else { return };
    let name = unique("conformance-typed");
    let sim = Sim::options().spare(4, 1 << 16).create(&name).unwrap();
    let late: Queue<u32, 4> = Segment::register(&sim, "late").unwrap();
    let mut ask = |line: &str| driver.answer(&Step::parse(line)).to_string();
    assert_eq!(ask(&format!("case open=1 segment={name}")), "ok");
    assert_eq!(ask("push field=events value=0700000000000000"), "ok");
    assert_eq!(ask("push field=late value=09000000"), "ok");
    assert_eq!(ask("pop field=later"), "error no_field");
    assert_eq!((sim.events.pop(), late.pop()), (Some(7), Some(9)));
    assert_eq!(ask("end"), "ok");
}
