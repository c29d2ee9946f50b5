//! Implementations in programs of their own: a line in, a line out.

use super::Implementation;
use super::c::{compiled, has_compiler, shared};
use super::script::path;
use super::wire::{Answer, Step};
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

/// The driver of `bindings/c`; none without a compiler.
pub fn c() -> Option<Driver> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    if !has_compiler() {
        return None;
    }
    let make = || compiled("conformance", &[path("drivers/driver.c")], shared);
    Some(Driver::start(MADE.get_or_init(make), &["loan", "blocking"]))
}
