//! `shm get`: the value of an element, of a range, of a key.
//!
//! Nothing is read that is not shown, and pages that nobody ever wrote stay unwritten: a page of a file in memory comes
//! into being when it is read through a mapping, so holes are not.

use crate::args::Get;
use crate::failure::{Code, Failure};
use crate::out::{Out, Style};
use crate::place::{self, Step};
use crate::show::{self, Pages};
use serde_json::{Value as Json, json};
use shm_runtime::Start;
use shm_runtime::dynamic::{ElementType, Field, Kind, Segment, Value};
use std::ops::Range;

/// Most bytes that are read at a time, if an element has no more.
const CHUNK: usize = 1 << 18;
/// How many elements of a long array a person is shown who did not say which.
const SOME: usize = 16;
/// How often a frame is read again that was overwritten meanwhile.
const TRIES: usize = 1000;

pub(crate) fn run(args: &Get, out: &mut Out) -> Result<Code, Failure> {
    let (name, rest) = place::split(&args.place)?;
    let segment = show::open(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    let get = Getter {
        segment: &segment,
        field,
        steps: &steps,
    };
    get.run(out)
}

struct Getter<'a> {
    segment: &'a Segment,
    field: &'a Field,
    steps: &'a [Step],
}

impl Getter<'_> {
    fn run(&self, out: &mut Out) -> Result<Code, Failure> {
        let name = self.field.name();
        match self.field.kind() {
            Kind::Array | Kind::VersionedArray => self.array(out),
            Kind::Map | Kind::LargeMap => self.map(out),
            Kind::Set => self.set(out),
            Kind::Atomic => self.one(self.segment.atomic(name)?.load(), out),
            Kind::Versioned => {
                let latest = self.segment.versioned(name)?;
                let mut bytes = vec![0; latest.element().size()];
                latest.load(&mut bytes);
                self.one(latest.element().decode(&bytes)?, out)
            }
            Kind::Queue => {
                let queue = self.segment.queue(name)?;
                self.next(queue.element(), "front", |bytes| queue.peek(bytes), out)
            }
            Kind::Stack => {
                let stack = self.segment.stack(name)?;
                self.next(stack.element(), "top", |bytes| stack.peek(bytes), out)
            }
            Kind::Broadcast => self.broadcast(out),
            _ => self.state(out),
        }
    }

    /// Shows one value, or the part of it that is meant.
    fn one(&self, value: Value, out: &mut Out) -> Result<Code, Failure> {
        print(&place::project(value, self.steps)?, out)?;
        Ok(Code::Ok)
    }

    /// Shows the element that comes next, and leaves it where it is.
    fn next(
        &self,
        element: &ElementType,
        end: &str,
        peek: impl Fn(&mut [u8]) -> bool,
        out: &mut Out,
    ) -> Result<Code, Failure> {
        if let Some(Step::Item(text)) = self.steps.first() {
            let what = format!(
                "there is no `[{text}]`: of {} its {end} can be seen",
                show::a(self.field.kind())
            );
            return Err(Failure::usage(what));
        }
        let mut bytes = vec![0; element.size()];
        if !peek(&mut bytes) {
            return Err(Failure::no(format!("`{}` is empty", self.field.name())));
        }
        self.one(element.decode(&bytes)?, out)
    }

    /// Shows what a structure says of itself that has no elements to be seen.
    fn state(&self, out: &mut Out) -> Result<Code, Failure> {
        let fill = show::fill(self.segment, self.field, &Pages::of(self.segment))?;
        if fill == show::Fill::Unknown || !self.steps.is_empty() {
            let (name, kind) = (self.field.name(), show::a(self.field.kind()));
            return Err(Failure::no(format!(
                "`{name}` is {kind}: its content cannot be read from outside"
            )));
        }
        if out.json {
            out.value(&fill.to_json())?;
        } else {
            out.line(&fill.text())?;
        }
        Ok(Code::Ok)
    }

    fn broadcast(&self, out: &mut Out) -> Result<Code, Failure> {
        let broadcast = self.segment.broadcast(self.field.name())?;
        let mut subscriber = broadcast.subscribe(Start::Oldest);
        let mut bytes = vec![0; broadcast.element().size()];
        for _ in 0..broadcast.capacity() {
            let position = subscriber.position();
            match subscriber.recv(&mut bytes) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => continue, // overwritten before it was read
            }
            let value = place::project(broadcast.element().decode(&bytes)?, self.steps)?;
            row(&position.to_string(), &value, out)?;
        }
        Ok(Code::Ok)
    }

    fn array(&self, out: &mut Out) -> Result<Code, Failure> {
        let len = self.field.capacity();
        let (range, is_one, rest) = match self.steps {
            [Step::Item(text), rest @ ..] => {
                let (range, is_one) = place::range(text, len, self.field.shape())?;
                (range, is_one, rest)
            }
            [] if out.json => (0..len, false, self.steps),
            [] => (0..len.min(SOME), false, self.steps),
            [Step::Name(name), ..] => {
                return Err(Failure::usage(format!(
                    "`.{name}` of which element? `{}` is an array",
                    self.field.name()
                ))
                .hint(format!("write `{}[0].{name}`", self.field.name())));
            }
        };
        let element = self.field.element();
        let cut = self.steps.is_empty() && range.len() < len;
        let read = Elements::of(self.segment, self.field)?;
        let chunk = at_a_time(element);
        for first in range.clone().step_by(chunk) {
            let part = first..range.end.min(first.saturating_add(chunk));
            let bytes = read.read(part.clone())?;
            for (i, bytes) in part.zip(bytes.chunks_exact(element.size())) {
                let value = place::project(element.decode(bytes)?, rest)?;
                if is_one || out.json {
                    print(&value, out)?;
                } else {
                    row(&format!("[{i}]"), &value, out)?;
                }
            }
        }
        if cut {
            let more = crate::out::count((len - range.len()) as u64);
            let text = format!(
                "… and {more} more: `{}[{}..]`",
                self.field.name(),
                range.end
            );
            out.line(&out.styled(Style::Dim, &text))?;
        }
        Ok(Code::Ok)
    }

    fn map(&self, out: &mut Out) -> Result<Code, Failure> {
        let map = self.segment.map(self.field.name())?;
        let is_hole = Pages::of(self.segment).is_hole(self.field.offset(), self.field.size());
        let Some((step, rest)) = self.steps.split_first() else {
            let mut result = Ok(());
            if !is_hole {
                map.for_each(|key, value| {
                    if result.is_ok() {
                        result = pair(&map, key, value, out);
                    }
                });
            }
            return result.map(|()| Code::Ok);
        };
        let Step::Item(text) = step else {
            return Err(
                Failure::usage(format!("which key of `{}`?", self.field.name()))
                    .hint(format!("write `{}[KEY]`", self.field.name())),
            );
        };
        let key = place::key(text, map.key())?;
        let mut value = vec![0; map.value().size()];
        if is_hole || !map.get(&key, &mut value) {
            return Err(Failure::no(format!(
                "`{}` has no key `{text}`",
                self.field.name()
            )));
        }
        print(&place::project(map.value().decode(&value)?, rest)?, out)?;
        Ok(Code::Ok)
    }

    fn set(&self, out: &mut Out) -> Result<Code, Failure> {
        let set = self.segment.set(self.field.name())?;
        let is_hole = Pages::of(self.segment).is_hole(self.field.offset(), self.field.size());
        if let [Step::Item(text)] = self.steps {
            let key = place::key(text, set.key())?;
            let is_there = !is_hole && set.contains(&key);
            print_text(&is_there.to_string(), &Json::Bool(is_there), out)?;
            return Ok(if is_there { Code::Ok } else { Code::No });
        }
        let mut result = Ok(());
        if !is_hole {
            set.for_each(|key| {
                let mut show = |key: &[u8]| print(&set.key().decode(key)?, out);
                if result.is_ok() {
                    result = show(key);
                }
            });
        }
        result.map(|()| Code::Ok)
    }
}

/// How many elements are read at a time.
pub(super) fn at_a_time(of: &ElementType) -> usize {
    (CHUNK / of.size()).max(1) // an element has a byte at least: so says the descriptor's check
}

/// The elements of an array, or of the latest frame of one.
pub(super) enum Elements<'a> {
    Array(shm_runtime::dynamic::Array, Pages, &'a Field, &'a Segment),
    Frames(shm_runtime::dynamic::VersionedArray),
}

impl<'a> Elements<'a> {
    pub(super) fn of(segment: &'a Segment, field: &'a Field) -> Result<Self, Failure> {
        Ok(match field.kind() {
            Kind::Array => Self::Array(
                segment.array(field.name())?,
                Pages::of(segment),
                field,
                segment,
            ),
            _ => Self::Frames(segment.versioned_array(field.name())?),
        })
    }

    pub(super) fn read(&self, range: Range<usize>) -> Result<Vec<u8>, Failure> {
        let size = match self {
            Self::Array(array, ..) => array.element().size(),
            Self::Frames(frames) => frames.element().size(),
        };
        let mut bytes = vec![0; range.len() * size];
        match self {
            Self::Array(array, pages, field, segment) => {
                let offset = field.offset() + range.start * size;
                if pages.is_whole(offset, bytes.len()) {
                    array.read_into(range.start, &mut bytes);
                } else if !pages.is_hole(offset, bytes.len()) {
                    // Through the file: a system call reads holes as zeros and leaves them what they are.
                    segment.attachment().read_at(&mut bytes, offset as u64)?;
                }
            }
            Self::Frames(frames) if frames.version() == 0 => {} // nothing was published: zeros
            Self::Frames(frames) => {
                let read = (0..TRIES)
                    .any(|_| frames.snapshot().read_into(range.start, &mut bytes).is_ok());
                if !read {
                    return Err(Failure::no(
                        "the frames are published faster than they can be read",
                    ));
                }
            }
        }
        Ok(bytes)
    }
}

/// Shows a value on a line of its own.
pub(super) fn print(value: &Value, out: &mut Out) -> Result<(), Failure> {
    print_text(&show::value(value), &Json::from(value), out)
}

fn print_text(text: &str, json: &Json, out: &mut Out) -> Result<(), Failure> {
    if out.json {
        out.value(json)
    } else {
        out.line(text)
    }
}

/// Shows a value and where it is.
fn row(at: &str, value: &Value, out: &mut Out) -> Result<(), Failure> {
    if out.json {
        return out.value(&Json::from(value));
    }
    let at = out.styled(Style::Dim, at);
    out.line(&format!("{at}  {}", show::value(value)))
}

fn pair(
    map: &shm_runtime::dynamic::Map,
    key: &[u8],
    value: &[u8],
    out: &mut Out,
) -> Result<(), Failure> {
    let (key, value) = (map.key().decode(key)?, map.value().decode(value)?);
    if out.json {
        return out.value(&json!({ "key": Json::from(&key), "value": Json::from(&value) }));
    }
    row(&format!("[{}]", show::value(&key)), &value, out)
}
