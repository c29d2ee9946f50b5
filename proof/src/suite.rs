//! One run of a test's program.

use super::build::Program;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often a run that says nothing is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every test passed.
    Passed,
    /// The first test that did not.
    Failed(String),
    /// The program ended without a word.
    Died(String),
    /// It did not come to its end in time.
    Hung,
}

/// A run: a program, some of its tests, and what they are told.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    pub program: &'a Program,
    /// As the harness takes them: filters, `--skip`.
    pub arguments: &'a [&'a str],
    pub environment: Vec<(&'a str, String)>,
    pub limit: Duration,
    /// Whether the other tests are of interest once one has failed.
    pub to_the_end: bool,
    /// Whether what the tests print is shown.
    pub is_shown: bool,
}

impl Run<'_> {
    /// Runs it; ends it, and all that it started, where it takes too long.
    pub fn outcome(&self) -> Outcome {
        let mut command = Command::new(&self.program.path);
        command
            .args(self.arguments)
            .current_dir(&self.program.directory)
            .env_remove("SHM_REPORT") // what is done to a bug is no figure of the report
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if self.is_shown {
            command.arg("--nocapture");
        } else {
            command.stderr(Stdio::null());
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(why) => return Outcome::Died(why.to_string()),
        };
        let outcome = self.watch(&mut child);
        end(&child);
        let _ = child.wait();
        sweep();
        outcome
    }

    fn watch(&self, child: &mut Child) -> Outcome {
        let (sender, receiver) = channel();
        let output = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| _ = sender.send(line));
        });
        let deadline = Instant::now() + self.limit;
        let mut failed = None;
        let mut ended = None;
        // Until nobody can write any more, or the program has ended: what it started may live on, and say nothing.
        while ended.is_none() {
            match receiver.recv_timeout(LOOK) {
                Ok(line) => {
                    if self.is_shown {
                        println!("{line}");
                    }
                    failed = failed.or_else(|| failure(&line));
                    if failed.is_some() && !self.to_the_end {
                        break;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => ended = child.wait().ok(),
                Err(RecvTimeoutError::Timeout) => ended = child.try_wait().ok().flatten(),
            }
            if ended.is_none() && Instant::now() > deadline {
                return Outcome::Hung;
            }
        }
        match (failed, ended) {
            (Some(test), _) => Outcome::Failed(test),
            (None, Some(status)) if status.success() => Outcome::Passed,
            (None, status) => Outcome::Died(match status.and_then(|status| status.signal()) {
                Some(signal) => format!("signal {signal}"),
                None => "a test failed".to_owned(),
            }),
        }
    }
}

/// The test that a line of the harness says failed.
fn failure(line: &str) -> Option<String> {
    let rest = line.trim_end().strip_suffix("FAILED")?;
    let at = rest.rfind("test ")?;
    let name = rest[at + "test ".len()..].split(" ...").next()?;
    Some(name.trim_end_matches(" - should panic").to_owned())
}

/// Ends whatever is left of a run: the group was made for it.
fn end(child: &Child) {
    let group = format!("-{}", child.id());
    let _ = Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status();
}

/// Removes the segments of tests that are no more: those that were killed could not.
fn sweep() {
    let Ok(files) = std::fs::read_dir("/dev/shm") else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("shm-test-")) else {
            continue;
        };
        // `…-PROCESS-COUNT`, or `…-PROCESS`
        let mut numbers = name.rsplit('-').map_while(|part| part.parse::<u32>().ok());
        let (last, before) = (numbers.next(), numbers.next());
        let process = before.or(last);
        let lives = |id| Path::new(&format!("/proc/{id}")).exists();
        if process.is_some_and(|id| !lives(id)) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn a_failed_test_is_found() {
        assert_eq!(failure("test a::b ... FAILED").as_deref(), Some("a::b"));
        assert_eq!(failure("test a::b ... ok"), None);
        assert_eq!(failure("test result: FAILED. 1 passed"), None);
    }
}
