//! Segments, fields and values as people and programs read them.

use crate::failure::Failure;
use crate::out::count;
use crate::processes::printable;
use rustix::fs::SeekFrom;
use serde_json::{Value as Json, json};
use shm_runtime::OpenError;
use shm_runtime::dynamic::{ElementField, ElementType, Field, FieldType, Kind, Segment, Value};
use shm_runtime::segment::{self, Owner, Survey};
use std::fs::File;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;

/// A segment that is open to be read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// There until it is dropped.
    segment: Option<Segment>,
    name: String,
}

impl Deref for Reading {
    type Target = Segment;

    fn deref(&self) -> &Segment {
        self.segment.as_ref().expect("taken by `drop` alone")
    }
}

impl Drop for Reading {
    /// Removes the segment if the last one that was attached for more than reading has left meanwhile.
    fn drop(&mut self) {
        self.segment = None;
        let is_left = |survey: &Survey| !survey.is_held() && !survey.is_persistent();
        if Survey::look(&self.name).as_ref().is_ok_and(is_left) {
            // Another user's: it is for its owner to remove.
            let _ = segment::remove_leftover(&self.name);
        }
    }
}

/// Opens a segment to read it, whoever owns it: nothing that it says is believed unchecked.
pub(crate) fn open(name: &str) -> Result<Reading, OpenError> {
    let options = Segment::options().read_only().owner(Owner::Any).mode(0o666);
    let segment = options.guard_sigbus(true).open(name)?;
    Ok(Reading {
        name: segment.name().to_owned(),
        segment: Some(segment),
    })
}

/// Opens a segment to change it.
pub(crate) fn open_to_change(name: &str) -> Result<Segment, OpenError> {
    Segment::options().guard_sigbus(true).open(name)
}

/// Opens a segment to hear what happens in it: as a participant, which is woken at once, or else to read it; and
/// why it cannot be changed.
pub(crate) fn open_to_listen(name: &str) -> Result<(Reading, Option<OpenError>), OpenError> {
    let refused = match open_to_change(name) {
        Ok(segment) => {
            let reading = Reading {
                name: segment.name().to_owned(),
                segment: Some(segment),
            };
            return Ok((reading, None));
        }
        Err(refused) => refused,
    };
    match open(name) {
        Ok(reading) => Ok((reading, Some(refused))),
        Err(_) => Err(refused),
    }
}

/// Whether anybody but this process is attached for more than reading, or the segment stays without.
pub(crate) fn is_alive(segment: &Segment) -> bool {
    match Survey::look(segment.name()) {
        Ok(survey) => {
            let is_same = survey.control().segment_id == segment.id();
            let own = segment.attachment().identity();
            let mut others = survey.participants().iter();
            is_same && (survey.is_persistent() || others.any(|other| Some(other.identity) != own))
        }
        Err(OpenError::NotFound { .. }) => false,
        Err(_) => true, // told when it is read
    }
}

/// Where a segment's file has pages and where it has holes, which reading through a mapping would fill.
#[derive(Debug)]
pub(crate) struct Pages(Option<File>);

impl Pages {
    pub(crate) fn of(segment: &Segment) -> Self {
        let place = segment.attachment().place();
        let file = File::open(&place.path).ok();
        let is_same = |file: &File| {
            file.metadata()
                .is_ok_and(|data| data.ino() == place.stat.ino)
        };
        Self(file.filter(is_same))
    }

    /// Whether nothing has ever been written there.
    pub(crate) fn is_hole(&self, offset: usize, len: usize) -> bool {
        let Some(file) = &self.0 else {
            return false;
        };
        match rustix::fs::seek(file, SeekFrom::Data(offset as u64)) {
            Ok(data) => data >= (offset + len) as u64,
            Err(error) => error == rustix::io::Errno::NXIO,
        }
    }

    /// Whether there is a page for all of it.
    pub(crate) fn is_whole(&self, offset: usize, len: usize) -> bool {
        let Some(file) = &self.0 else {
            return true;
        };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(offset as u64));
        hole.is_ok_and(|hole| hole >= (offset + len) as u64)
    }
}

/// How full a structure is, or what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fill {
    /// So many of so many.
    Of(u64, u64),
    /// A count that only grows: messages sent, versions stored.
    Total(&'static str, u64),
    /// A value.
    Is(Value),
    /// Whether it is done.
    Done(bool),
    /// Nothing that can be seen from outside.
    Unknown,
}

impl Fill {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Of(used, capacity) => format!("{} of {}", count(*used), count(*capacity)),
            Self::Total(what, number) => format!("{what} {}", count(*number)),
            Self::Is(of) => value(of),
            Self::Done(true) => "done".to_owned(),
            Self::Done(false) => "not done".to_owned(),
            Self::Unknown => String::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Of(used, capacity) => json!({ "used": used, "capacity": capacity }),
            Self::Total(what, number) => json!({ *what: number }),
            Self::Is(value) => json!({ "value": Json::from(value) }),
            Self::Done(done) => json!({ "done": done }),
            Self::Unknown => Json::Null,
        }
    }
}

/// How full a field is. Fields that were never written are not touched.
pub(crate) fn fill(segment: &Segment, field: &Field, pages: &Pages) -> Result<Fill, Failure> {
    let name = field.name();
    let capacity = field.capacity() as u64;
    let of = |used: usize| Fill::Of(used as u64, capacity);
    let is_hole = pages.is_hole(field.offset(), field.size());
    Ok(match field.kind() {
        Kind::Map | Kind::LargeMap | Kind::Set | Kind::Pool if is_hole => of(0),
        Kind::Queue => of(segment.queue(name)?.len()),
        Kind::Spsc => of(segment.spsc(name)?.len()),
        Kind::Stack => of(segment.stack(name)?.len()),
        Kind::Map | Kind::LargeMap => match segment.map(name) {
            Ok(map) => of(map.len()),
            Err(_) => Fill::Unknown, // entries that are not described
        },
        Kind::Set => of(segment.set(name)?.len()),
        Kind::Pool => of(segment.pool(name)?.leased()),
        Kind::Semaphore => {
            let semaphore = segment.semaphore(name)?;
            let used = semaphore.permits() - semaphore.available();
            Fill::Of(used as u64, semaphore.permits() as u64)
        }
        Kind::Broadcast => Fill::Total("sent", segment.broadcast(name)?.sent()),
        Kind::Versioned => Fill::Total("version", segment.versioned(name)?.version()),
        Kind::VersionedArray => Fill::Total("version", segment.versioned_array(name)?.version()),
        Kind::Signal => Fill::Total("raised", segment.signal(name)?.count()),
        Kind::Once => Fill::Done(segment.once(name)?.is_completed()),
        Kind::Atomic => Fill::Is(segment.atomic(name)?.load()),
        _ => Fill::Unknown,
    })
}

/// A kind with its article.
pub(crate) fn a(kind: &Kind) -> String {
    let article = if kind.name().starts_with('A') {
        "an"
    } else {
        "a"
    };
    format!("{article} {}", printable(kind.name()))
}

/// A value on one line.
pub(crate) fn value(of: &Value) -> String {
    match of {
        Value::Text(text) => printable(text),
        _ => nested(of),
    }
}

fn nested(value: &Value) -> String {
    match value {
        Value::Struct(fields) => {
            let field =
                |(name, value): &(String, Value)| format!("{}: {}", printable(name), nested(value));
            let fields: Vec<_> = fields.iter().map(field).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::List(values) => {
            let values: Vec<_> = values.iter().map(nested).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Text(text) => format!("{text:?}"),
        // As JSON has them, and infinities without quotes.
        other => Json::from(other).to_string().trim_matches('"').to_owned(),
    }
}

/// The type of an element in a few words.
pub(crate) fn element(of: &ElementType) -> String {
    match of.only() {
        Some(only) => field_type(only),
        None if !of.name().is_empty() => printable(of.name()),
        None if of.fields().is_empty() => format!("{} bytes", of.size()),
        None => "struct".to_owned(),
    }
}

/// The type of a part of an element.
pub(crate) fn field_type(field: &ElementField) -> String {
    let one = match &field.of {
        FieldType::Number(number) => number.name().to_owned(),
        FieldType::Text(bytes) => format!("text of {bytes} bytes"),
        FieldType::Struct(of) => element(of),
    };
    match field.count {
        1 => one,
        count => format!("[{one}; {count}]"),
    }
}

/// The type of an element, for programs.
pub(crate) fn element_json(of: &ElementType) -> Json {
    let field = |field: &ElementField| {
        let (of, parts) = match &field.of {
            FieldType::Number(number) => (number.name().to_owned(), Json::Null),
            FieldType::Text(_) => ("text".to_owned(), Json::Null),
            FieldType::Struct(of) => (of.name().to_owned(), element_json(of)["fields"].clone()),
        };
        let mut json = json!({
            "name": field.name,
            "type": of,
            "offset": field.offset,
            "size": field.of.size(),
            "count": field.count,
        });
        if !parts.is_null() {
            json["fields"] = parts;
        }
        json
    };
    json!({
        "type": element(of),
        "doc": of.doc(),
        "size": of.size(),
        "align": of.align(),
        "fields": of.fields().iter().map(field).collect::<Vec<_>>(),
    })
}
