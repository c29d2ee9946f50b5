//! `shm set`, `shm push`, `shm pop`: through the same lock-free operations as every other process.

use super::get::print;
use crate::args::{Pop, Push, Set};
use crate::failure::{Code, Failure};
use crate::out::Out;
use crate::place::{self, Step};
use crate::show;
use serde_json::Value as Json;
use shm_runtime::dynamic::{ElementType, Field, Kind, Segment, Value};
use std::io::BufRead;
use std::time::Duration;

/// Reads an element from JSON.
fn parse(text: &str, of: &ElementType) -> Result<Vec<u8>, Failure> {
    let json: Json = serde_json::from_str(text).map_err(|why| {
        Failure::usage(format!("`{text}` is no JSON: {why}"))
            .hint("a text is written with its quotes: '\"…\"'")
    })?;
    Ok(of.encode(&of.from_json(&json)?)?)
}

/// Puts the JSON into the part of a value that the steps lead to.
fn replace(value: Json, steps: &[Step], new: Json) -> Result<Json, Failure> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(new);
    };
    match (step, value) {
        (Step::Name(name), Json::Object(mut fields)) => {
            let part = fields.get_mut(name).map(Json::take);
            let part =
                part.ok_or_else(|| Failure::no(format!("an element has no field `{name}`")))?;
            fields.insert(name.clone(), replace(part, rest, new)?);
            Ok(Json::Object(fields))
        }
        (Step::Item(text), Json::Array(mut values)) => {
            let (range, is_one) = place::range(text, values.len(), &[])?;
            if !is_one {
                return Err(Failure::usage("one element at a time can be set"));
            }
            let part = values[range.start].take(); // in range: `place::range`
            values[range.start] = replace(part, rest, new)?;
            Ok(Json::Array(values))
        }
        _ => Err(Failure::no("an element has no such part")),
    }
}

/// The bytes of an element, of which a part is replaced by what the text says.
fn edited(of: &ElementType, before: &[u8], steps: &[Step], text: &str) -> Result<Vec<u8>, Failure> {
    if steps.is_empty() {
        return parse(text, of);
    }
    let new = serde_json::from_str(text)
        .map_err(|why| Failure::usage(format!("`{text}` is no JSON: {why}")))?;
    let whole = replace(Json::from(&of.decode(before)?), steps, new)?;
    Ok(of.encode(&of.from_json(&whole)?)?)
}

pub(crate) fn set(args: &Set, _: &mut Out) -> Result<Code, Failure> {
    let (name, rest) = place::split(&args.place)?;
    let segment = show::open_to_change(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    let text = match args.value.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())?,
        value => value.to_owned(),
    };
    set_field(&segment, field, &steps, &text)
}

fn set_field(
    segment: &Segment,
    field: &Field,
    steps: &[Step],
    text: &str,
) -> Result<Code, Failure> {
    let (name, of) = (field.name(), field.element());
    match (field.kind(), steps) {
        (Kind::Atomic, []) => {
            let value = of.decode(&parse(text, of)?)?;
            segment.atomic(name)?.store(&value)?;
        }
        (Kind::Versioned, steps) => set_versioned(segment, name, steps, text)?,
        (Kind::Array, [Step::Item(at), rest @ ..]) => {
            let (range, _) = place::range(at, field.capacity(), field.shape())?;
            let array = segment.array(name)?;
            let mut bytes = vec![0; of.size()];
            for i in range {
                if !rest.is_empty() {
                    array.read_into(i, &mut bytes);
                }
                array.write_from(i, &edited(of, &bytes, rest, text)?);
            }
        }
        (Kind::Map | Kind::LargeMap, [Step::Item(key), rest @ ..]) => {
            let map = segment.map(name)?;
            let key = place::key(key, map.key())?;
            let mut before = vec![0; map.value().size()];
            if !rest.is_empty() && !map.get(&key, &mut before) {
                return Err(Failure::no(format!(
                    "`{name}` has no such key: set the whole value first"
                )));
            }
            let value = edited(map.value(), &before, rest, text)?;
            let inserted = map.insert(&key, &value, &mut before);
            inserted.map_err(|_| full(field))?;
        }
        (Kind::VersionedArray, [Step::Item(at), rest @ ..]) => {
            let (range, _) = place::range(at, field.capacity(), field.shape())?;
            let frames = segment.versioned_array(name)?;
            let writer = frames.writer();
            let mut writer = writer.map_err(|why| {
                Failure::no(why.to_string())
                    .hint("a frame is published by the one process that has the role of writer")
            })?;
            let mut result = Ok(());
            writer.edit(|frame| result = edit_frame(frame, of, range.clone(), rest, text));
            result?;
        }
        (kind, _) => {
            let kind = show::a(kind);
            let what = format!("`{name}` is {kind}, and nothing of it can be set this way");
            return Err(Failure::usage(what).hint(how_to_change(field)));
        }
    }
    Ok(Code::Ok)
}

fn edit_frame(
    frame: &mut [u8],
    of: &ElementType,
    range: std::ops::Range<usize>,
    steps: &[Step],
    text: &str,
) -> Result<(), Failure> {
    for i in range {
        let place = &mut frame[i * of.size()..(i + 1) * of.size()]; // in range: `place::range`
        let new = edited(of, place, steps, text)?;
        place.copy_from_slice(&new);
    }
    Ok(())
}

fn set_versioned(segment: &Segment, name: &str, steps: &[Step], text: &str) -> Result<(), Failure> {
    let latest = segment.versioned(name)?;
    let of = latest.element().clone();
    let mut result = Ok(());
    let updated = latest.update(|value| match edited(&of, value, steps, text) {
        Ok(new) => value.copy_from_slice(&new),
        Err(failure) => result = Err(failure),
    });
    result?;
    updated.map_err(|why| Failure::no(why.to_string()))
}

fn how_to_change(field: &Field) -> String {
    let name = field.name();
    match field.kind() {
        Kind::Array | Kind::VersionedArray => format!("say which element: `{name}[7]`"),
        Kind::Map | Kind::LargeMap => format!("say which key: `{name}[7]`"),
        Kind::Queue | Kind::Spsc | Kind::Stack | Kind::Broadcast | Kind::Set => {
            "use `shm push`".to_owned()
        }
        _ => "programs change it".to_owned(),
    }
}

fn full(field: &Field) -> Failure {
    Failure::no(format!(
        "`{}` is full: it has room for {}",
        field.name(),
        field.capacity()
    ))
}

fn patience(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::usage(format!("`{seconds}` is no time to wait")))
}

pub(crate) fn push(args: &Push, out: &mut Out) -> Result<Code, Failure> {
    let (name, rest) = place::split(&args.place)?;
    let segment = show::open_to_change(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    if !steps.is_empty() {
        return Err(Failure::usage(
            "elements are pushed into a field, not into a part of it",
        ));
    }
    let mut push = pusher(&segment, field, patience(args.wait)?)?;
    let mut pushed = 0_u64;
    let mut result = Ok(());
    let mut one = |text: &str| -> Result<(), Failure> {
        push(&parse(text, field.element())?)?;
        pushed += 1;
        Ok(())
    };
    if args.values == ["-"] {
        for line in std::io::stdin().lock().lines() {
            result = line.map_err(Failure::from).and_then(|line| one(&line));
            if result.is_err() {
                break;
            }
        }
    } else {
        result = args.values.iter().try_for_each(|text| one(text));
    }
    if out.json {
        out.value(&serde_json::json!({ "pushed": pushed }))?;
    }
    result.map(|()| Code::Ok).map_err(|failure| match pushed {
        0 => failure,
        pushed => failure.hint(format!("{pushed} before it were pushed")),
    })
}

type Pusher<'a> = Box<dyn FnMut(&[u8]) -> Result<(), Failure> + 'a>;

/// What puts an element into the field.
fn pusher<'a>(segment: &Segment, field: &'a Field, wait: Duration) -> Result<Pusher<'a>, Failure> {
    let name = field.name();
    let full = move || full(field);
    Ok(match field.kind() {
        Kind::Queue => {
            let queue = segment.queue(name)?;
            Box::new(move |value| match wait.is_zero() {
                true => queue.push(value).map_err(|_| full()),
                false => queue.push_wait(value, wait).map_err(|_| full()),
            })
        }
        Kind::Stack => {
            let stack = segment.stack(name)?;
            Box::new(move |value| match wait.is_zero() {
                true => stack.push(value).map_err(|_| full()),
                false => stack.push_wait(value, wait).map_err(|_| full()),
            })
        }
        Kind::Spsc => {
            let producer = segment.spsc(name)?.producer();
            let mut producer = producer.map_err(|why| Failure::no(why.to_string()))?;
            Box::new(move |value| match wait.is_zero() {
                true => producer.push(value).map_err(|_| full()),
                false => producer.push_wait(value, wait).map_err(|_| full()),
            })
        }
        Kind::Broadcast => {
            let broadcast = segment.broadcast(name)?;
            Box::new(move |value| {
                broadcast
                    .send(value)
                    .map_err(|why| Failure::no(why.to_string()))
            })
        }
        Kind::Set => {
            let set = segment.set(name)?;
            Box::new(move |value| set.insert(value).map(drop).map_err(|_| full()))
        }
        kind => {
            let kind = show::a(kind);
            let what = format!("`{name}` is {kind}, and nothing can be pushed into it");
            return Err(Failure::usage(what).hint(format!("`shm set {}.{name} …`", segment.name())));
        }
    })
}

pub(crate) fn pop(args: &Pop, out: &mut Out) -> Result<Code, Failure> {
    let (name, rest) = place::split(&args.place)?;
    let segment = show::open_to_change(name)?;
    let (field, steps) = place::resolve(&segment, rest)?;
    if !steps.is_empty() {
        return Err(Failure::usage(
            "elements are popped off a field, not off a part of it",
        ));
    }
    let mut pop = popper(&segment, field, patience(args.wait)?)?;
    let of = field.element();
    let mut bytes = vec![0; of.size()];
    for popped in 0..args.count {
        if !pop(&mut bytes) {
            return match popped {
                0 => Err(Failure::no(format!("`{}` is empty", field.name()))),
                _ => Ok(Code::Ok),
            };
        }
        let value: Value = of.decode(&bytes)?;
        // Shown before the next one is taken: what was taken is not lost where the reader goes away.
        print(&value, out)?;
        out.flush()?;
    }
    Ok(Code::Ok)
}

type Popper = Box<dyn FnMut(&mut [u8]) -> bool>;

/// What takes an element off the field.
fn popper(segment: &Segment, field: &Field, wait: Duration) -> Result<Popper, Failure> {
    let name = field.name();
    Ok(match field.kind() {
        Kind::Queue => {
            let queue = segment.queue(name)?;
            Box::new(move |out| {
                queue.pop(out) || !wait.is_zero() && queue.pop_wait(out, wait).is_ok()
            })
        }
        Kind::Stack => {
            let stack = segment.stack(name)?;
            Box::new(move |out| {
                stack.pop(out) || !wait.is_zero() && stack.pop_wait(out, wait).is_ok()
            })
        }
        Kind::Spsc => {
            let consumer = segment.spsc(name)?.consumer();
            let mut consumer = consumer.map_err(|why| Failure::no(why.to_string()))?;
            Box::new(move |out| {
                consumer.pop(out) || !wait.is_zero() && consumer.pop_wait(out, wait).is_ok()
            })
        }
        kind => {
            let kind = show::a(kind);
            let what = format!("`{name}` is {kind}, and nothing can be popped off it");
            return Err(Failure::usage(what));
        }
    })
}
