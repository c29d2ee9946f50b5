//! Many processes come, go and are killed on one name. Promises P1, P5.

#![allow(dead_code)] // a field that only describes

mod common;

use common::{Cleanup, Random, exists, role, role_command, unique};
use shm_runtime::{Array, Segment, ShmLayout, prune};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

#[derive(Debug, ShmLayout)]
#[shm(lanes = 256)]
struct Shared {
    counts: Array<u64, 256>,
}

/// What the children do: this test does nothing unless it is one of them.
#[test]
fn child() {
    let Some((role, name)) = role() else { return };
    match role.as_str() {
        "hold" => hold(&name),
        "churn" => churn(&name),
        other => panic!("no role {other}"),
    }
}

/// Attaches, says to what, and stays until the parent closes the pipe.
fn hold(name: &str) {
    let segment = Shared::open_or_create(name).unwrap();
    println!("id {:032x}", u128::from_le_bytes(Segment::id(&segment)));
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    assert!(
        Segment::is_current(&segment),
        "who is attached keeps the name"
    );
}

/// Comes and goes. As long as it is attached, the name must lead to its segment.
fn churn(name: &str) {
    for _ in 0..150 {
        let segment = Shared::open_or_create(name).unwrap();
        for _ in 0..3 {
            assert!(
                Segment::is_current(&segment),
                "who is attached keeps the name"
            );
            std::thread::yield_now();
        }
    }
    println!("done");
}

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, name: &str) -> Self {
        let mut command = role_command("child", role, name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// The next line that begins with `word`; `None` at the end.
    fn line(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if line.starts_with(word) {
                return Some(line.trim().to_owned());
            }
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn leave(mut self) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
    }
}

#[test]
fn two_hundred_racing_processes_get_one_segment() {
    let name = unique("race");
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new("race");
    let mut running: Vec<Process> = Vec::new();
    for _ in 0..200 {
        running.push(Process::start("hold", &name));
        if random.below(3) == 0 {
            let victim = random.below(running.len() as u64) as usize;
            running.swap_remove(victim).kill();
        }
    }
    let ids: Vec<_> = running
        .iter_mut()
        .map(|process| process.line("id ").unwrap())
        .collect();
    assert!(ids.len() > 60);
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "every survivor is attached to the same segment"
    );
    let me = Shared::open(&name).unwrap();
    assert_eq!(
        format!("id {:032x}", u128::from_le_bytes(Segment::id(&me))),
        ids[0]
    );
    assert_eq!(Segment::participants(&me).unwrap().len(), ids.len() + 1);
    drop(me);
    for process in running {
        process.leave();
    }
    assert!(!exists(&name), "the last one that left removed the name");
}

#[test]
fn who_is_attached_keeps_the_name_while_others_come_and_go_and_die() {
    let name = unique("churn");
    let _cleanup = Cleanup(name.clone());
    let mut random = Random::new("churn");
    let start = || Process::start("churn", &name);
    let mut running: Vec<Process> = (0..6).map(|_| start()).collect();
    for _ in 0..60 {
        std::thread::sleep(std::time::Duration::from_micros(random.below(20_000)));
        let victim = random.below(6) as usize;
        std::mem::replace(&mut running[victim], start()).kill();
    }
    for mut process in running {
        assert_eq!(process.line("done").as_deref(), Some("done"));
        process.leave();
    }
    prune().unwrap();
    assert!(!exists(&name), "nothing is left after one prune");
}
