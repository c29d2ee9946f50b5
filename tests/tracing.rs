//! With the feature `tracing` the slow paths are spans: `cargo test --features tracing --test tracing`.

mod common;

use common::{role, role_command, unique};
use shm_runtime::prelude::*;
use shm_runtime::{Segment, dynamic};
use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Debug, ShmLayout)]
struct Jobs {
    pending: Queue<u64, 4>,
}

/// Notes the name and the fields of each span of the library, when it begins.
#[derive(Clone, Default)]
struct Noted {
    spans: Arc<Mutex<Vec<String>>>,
    ids: Arc<AtomicU64>,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

impl Subscriber for Noted {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target() == "shm_runtime"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(span.metadata().name().to_owned());
        span.record(&mut text);
        self.spans.lock().unwrap().push(text.0);
        Id::from_u64(1 + self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Noted {
    /// The spans since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.spans.lock().unwrap())
    }
}

/// Takes a job, says so, and waits to be killed.
fn hold(name: &str) {
    let jobs = Jobs::open(name).unwrap();
    let _taken = jobs.pending.take().unwrap().expect("there is a job");
    println!("\nholding");
    let _ = std::io::stdin().read_line(&mut String::new()); // returns if the parent is gone
}

#[test]
fn slow_paths_are_spans_and_fast_ones_are_none() {
    if let Some((_, name)) = role() {
        return hold(&name);
    }
    let noted = Noted::default();
    let _guard = tracing::subscriber::set_default(noted.clone());
    let name = unique("tracing");
    let jobs = Jobs::create(&name).unwrap();
    let created = noted.take();
    assert_eq!(created.len(), 1, "{created:?}");
    let expected = format!("create segment=\"{name}\" bytes=");
    assert!(created[0].starts_with(&expected), "{created:?}");

    drop(Jobs::open(&name).unwrap());
    drop(dynamic::Segment::open(&name).unwrap());
    let opened = format!("open segment=\"{name}\"");
    assert_eq!(noted.take(), [opened.clone(), opened]);

    for job in 0..4 {
        jobs.pending.push(job).unwrap();
    }
    assert!(jobs.pending.push(4).is_err());
    jobs.pending.pop().unwrap();
    assert_eq!(Segment::recover(&jobs).settled, 0);
    assert_eq!(
        noted.take(),
        [""; 0],
        "nothing of the dead, nothing to tell"
    );

    let test = "slow_paths_are_spans_and_fast_ones_are_none";
    let mut command = role_command(test, "hold", &name);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "holding"));
    child.kill().unwrap();
    child.wait().unwrap();
    let settled = Segment::recover(&jobs).settled;
    let recovered = noted.take();
    assert!(settled > 0 && recovered.len() == settled, "{recovered:?}");
    for span in recovered {
        assert!(span.starts_with("recover lane="), "{span}");
    }

    shm_runtime::prune().unwrap();
    assert_eq!(noted.take(), ["prune"]);
}
