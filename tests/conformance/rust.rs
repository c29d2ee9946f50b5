//! Steps on the handles of `shm_runtime::dynamic`.

use super::rust_fields::{Held, count, no_field, ok, on_field, on_held, or};
use super::script::from_hex;
use super::wire::{Answer, Step};
use shm_runtime::dynamic::{self, Segment};
use shm_runtime::{CreateError, Handle, OpenError};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The implementation in Rust.
#[derive(Default)]
pub struct Rust {
    held: BTreeMap<String, Held>,
    /// The handles of objects, by the name of the lease that they had.
    handles: BTreeMap<String, Handle>,
    segments: BTreeMap<String, Segment>,
}

impl Rust {
    /// What a step gives; a panic for a programmer's error is one, too.
    pub fn answer(&mut self, step: &Step) -> Answer {
        match catch_unwind(AssertUnwindSafe(|| self.run(step))) {
            Ok(answer) => answer,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                Answer::new(match &text {
                    text if text.contains("out of range")
                        || text.contains("bytes from element") =>
                    {
                        "error range"
                    }
                    text if text.contains("read-only") => "error read_only",
                    text => return Answer::new("panic").with("text", text.replace(' ', "_")),
                })
            }
        }
    }

    fn run(&mut self, step: &Step) -> Answer {
        match step.op.as_str() {
            "case" => return self.begin(step),
            "open" | "create" | "open_or_create" | "close" | "recover" | "describe" => {
                return self.on_segment(step);
            }
            "end" => {
                *self = Self::default();
                return ok();
            }
            "nothing" => return Answer::new(&format!("error {}", step.text("why"))),
            _ => {}
        }
        if let Some(on) = step.get("on") {
            if step.op == "drop" {
                return or(self.held.remove(on).is_some(), "error over");
            }
            let Some(held) = self.held.get_mut(on) else {
                return Answer::new("error over");
            };
            let (answer, is_over) = on_held(held, step);
            if is_over {
                self.held.remove(on);
            }
            return answer;
        }
        let via = step.get("via").unwrap_or("");
        let Some(segment) = self.segments.get(via) else {
            return Answer::new("error closed");
        };
        let field = match segment.field(step.text("field")) {
            Ok(field) => field.clone(),
            Err(why) => return no_field(&why),
        };
        let answered = on_field(segment, &field, step, &self.handles);
        let (answer, held) = answered.unwrap_or_else(|why| (no_field(&why), None));
        if let Some(held) = held {
            let name = step.text("as").to_owned();
            if let Some(handle) = held.handle() {
                self.handles.insert(name.clone(), handle);
            }
            self.held.insert(name, held);
        }
        answer
    }

    fn begin(&mut self, step: &Step) -> Answer {
        *self = Self::default();
        let name = step.text("segment");
        let opened = if step.number("open") == 1 {
            Segment::open(name).map_err(|why| why.to_string())
        } else {
            create(step, name)
        };
        match opened {
            Ok(segment) => {
                self.segments.insert(String::new(), segment);
                ok()
            }
            Err(why) => panic!("{why}"),
        }
    }

    fn on_segment(&mut self, step: &Step) -> Answer {
        let first = &self.segments[""];
        let name = step.get("segment").unwrap_or(first.name()).to_owned();
        let opened = match step.op.as_str() {
            "close" => {
                return or(
                    self.segments.remove(step.text("via")).is_some(),
                    "error closed",
                );
            }
            "recover" => {
                let recovery = first.recover();
                return count(recovery.settled).with("later", recovery.later.to_string());
            }
            "describe" => {
                return ok().with(
                    "fingerprint",
                    format!("{:032x}", first.schema().fingerprint()),
                );
            }
            "open" if step.number("read_only") == 1 => Segment::open_read_only(&name),
            "open" => Segment::open(&name),
            "create" => match Segment::create(&name, first.schema()) {
                Ok(segment) => Ok(segment),
                Err(CreateError::AlreadyExists { .. }) => {
                    return Answer::new("error exists");
                }
                Err(CreateError::BadName { .. }) => return Answer::new("error name"),
                Err(why) => panic!("{why}"),
            },
            op => return Answer::new(&format!("unsupported {op}")),
        };
        match opened {
            Ok(segment) => {
                self.segments.insert(step.text("as").to_owned(), segment);
                ok()
            }
            Err(OpenError::NotFound { .. }) => Answer::new("error not_found"),
            Err(OpenError::BadName { .. }) => Answer::new("error name"),
            Err(why) => panic!("{why}"),
        }
    }
}

fn create(step: &Step, name: &str) -> Result<Segment, String> {
    let description = String::from_utf8(from_hex(step.text("description"))).unwrap();
    let schema = dynamic::Schema::from_json(&description).map_err(|why| why.to_string())?;
    Segment::create(name, &schema).map_err(|why| why.to_string())
}
