//! `shm diff`: in what two segments differ, field by field and then element by element.

use super::get::{Elements, at_a_time};
use crate::args::Diff;
use crate::failure::{Code, Failure};
use crate::out::{Out, Style};
use crate::processes::printable;
use crate::show::{self, Fill, Pages};
use serde_json::{Value as Json, json};
use shm_runtime::dynamic::{Field, Kind, Schema, Segment};
use shm_runtime::segment::Survey;
use std::collections::BTreeMap;

/// How many differences of one field are shown.
const SHOWN: usize = 5;

/// One difference.
struct Difference {
    /// `shape`, `value`, `missing` or `extra`.
    change: &'static str,
    place: String,
    here: Option<Json>,
    there: Option<Json>,
}

pub(crate) fn run(args: &Diff, out: &mut Out) -> Result<Code, Failure> {
    let survey = |name: &str| Schema::surveyed(&Survey::look(name)?);
    let (here, there) = (survey(&args.here)?.0, survey(&args.there)?.0);
    let mut found = shapes(&here, &there);
    let mut more = 0;
    if !args.schema {
        let (here, there) = (show::open(&args.here)?, show::open(&args.there)?);
        for field in here.fields() {
            if let Ok(other) = there.field(field.name())
                && other.canonical() == field.canonical()
            {
                let mut differences = Differences::default();
                contents((&here, field), (&there, other), &mut differences)?;
                more += differences.more;
                found.append(&mut differences.shown);
            }
        }
    }
    for difference in &found {
        print(difference, out)?;
    }
    if more > 0 && !out.json {
        out.line(&out.styled(Style::Dim, &format!("… and {more} more")))?;
    }
    if found.is_empty() && !out.json {
        out.line(if args.schema {
            "the schemas are the same"
        } else {
            "no difference"
        })?;
    }
    Ok(if found.is_empty() { Code::Ok } else { Code::No })
}

/// Fields that only one has, or that are something else.
fn shapes(here: &Schema, there: &Schema) -> Vec<Difference> {
    let shapes = |schema: &Schema| {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().to_owned(), field.canonical()))
            .collect::<BTreeMap<_, _>>()
    };
    let (here_by_name, there_by_name) = (shapes(here), shapes(there));
    let mut found = Vec::new();
    for field in here.fields() {
        let shape = field.canonical();
        let other = there_by_name.get(field.name());
        if other != Some(&shape) {
            found.push(Difference {
                change: if other.is_some() { "shape" } else { "missing" },
                place: field.name().to_owned(),
                here: Some(shape.into()),
                there: other.map(|shape| shape.clone().into()),
            });
        }
    }
    for field in there.fields() {
        if !here_by_name.contains_key(field.name()) {
            found.push(Difference {
                change: "extra",
                place: field.name().to_owned(),
                here: None,
                there: Some(field.canonical().into()),
            });
        }
    }
    found
}

/// The differences of a field's contents: the first, and how many more there are.
#[derive(Default)]
struct Differences {
    shown: Vec<Difference>,
    more: usize,
}

impl Differences {
    fn add(&mut self, place: String, here: Option<Json>, there: Option<Json>) {
        if self.shown.len() < SHOWN {
            self.shown.push(Difference {
                change: "value",
                place,
                here,
                there,
            });
        } else {
            self.more += 1;
        }
    }
}

fn contents(
    here: (&Segment, &Field),
    there: (&Segment, &Field),
    found: &mut Differences,
) -> Result<(), Failure> {
    let name = here.1.name();
    match here.1.kind() {
        Kind::Array | Kind::VersionedArray => arrays(here, there, found),
        Kind::Map | Kind::LargeMap if here.1.pair().is_some() => {
            let (before, after) = (pairs(here.0, name)?, pairs(there.0, name)?);
            let keys = before
                .keys()
                .chain(after.keys().filter(|key| !before.contains_key(*key)));
            for key in keys {
                let (a, b) = (before.get(key), after.get(key));
                if a != b {
                    found.add(format!("{name}[{key}]"), a.cloned(), b.cloned());
                }
            }
            Ok(())
        }
        Kind::Set => {
            let (before, after) = (keys(here.0, name)?, keys(there.0, name)?);
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                found.add(format!("{name}[{key}]"), Some(true.into()), None);
            }
            for key in after.keys().filter(|key| !before.contains_key(*key)) {
                found.add(format!("{name}[{key}]"), None, Some(true.into()));
            }
            Ok(())
        }
        Kind::Versioned => {
            let load = |segment: &Segment| -> Result<Json, Failure> {
                let latest = segment.versioned(name)?;
                let mut bytes = vec![0; latest.element().size()];
                latest.load(&mut bytes);
                Ok(Json::from(&latest.element().decode(&bytes)?))
            };
            let (a, b) = (load(here.0)?, load(there.0)?);
            if a != b {
                found.add(name.to_owned(), Some(a), Some(b));
            }
            Ok(())
        }
        _ => {
            // What comes and goes cannot be looked at element by element: how much there is is compared.
            let a = show::fill(here.0, here.1, &Pages::of(here.0))?;
            let b = show::fill(there.0, there.1, &Pages::of(there.0))?;
            if a != b && a != Fill::Unknown {
                let json = |fill: Fill| match fill {
                    Fill::Is(value) => Json::from(&value),
                    other => other.to_json(),
                };
                found.add(name.to_owned(), Some(json(a)), Some(json(b)));
            }
            Ok(())
        }
    }
}

fn arrays(
    here: (&Segment, &Field),
    there: (&Segment, &Field),
    found: &mut Differences,
) -> Result<(), Failure> {
    let (name, of) = (here.1.name(), here.1.element());
    let (before, after) = (
        Elements::of(here.0, here.1)?,
        Elements::of(there.0, there.1)?,
    );
    let len = here.1.capacity();
    let chunk = at_a_time(of);
    for first in (0..len).step_by(chunk) {
        let range = first..len.min(first.saturating_add(chunk));
        let (a, b) = (before.read(range.clone())?, after.read(range.clone())?);
        if a == b {
            continue;
        }
        let elements = a.chunks_exact(of.size()).zip(b.chunks_exact(of.size()));
        for (i, (a, b)) in range.zip(elements) {
            if a != b {
                let decode = |bytes| of.decode(bytes).map(|value| Json::from(&value));
                found.add(format!("{name}[{i}]"), Some(decode(a)?), Some(decode(b)?));
            }
        }
    }
    Ok(())
}

fn pairs(segment: &Segment, name: &str) -> Result<BTreeMap<String, Json>, Failure> {
    let map = segment.map(name)?;
    let mut pairs = BTreeMap::new();
    let mut result = Ok(());
    map.for_each(
        |key, value| match (map.key().decode(key), map.value().decode(value)) {
            (Ok(key), Ok(value)) => drop(pairs.insert(show::value(&key), Json::from(&value))),
            (Err(why), _) | (_, Err(why)) => result = Err(why),
        },
    );
    result?;
    Ok(pairs)
}

fn keys(segment: &Segment, name: &str) -> Result<BTreeMap<String, ()>, Failure> {
    let set = segment.set(name)?;
    let mut keys = BTreeMap::new();
    let mut result = Ok(());
    set.for_each(|key| match set.key().decode(key) {
        Ok(key) => drop(keys.insert(show::value(&key), ())),
        Err(why) => result = Err(why),
    });
    result?;
    Ok(keys)
}

fn print(difference: &Difference, out: &mut Out) -> Result<(), Failure> {
    let Difference {
        change,
        place,
        here,
        there,
    } = difference;
    if out.json {
        return out
            .value(&json!({ "change": change, "place": place, "here": here, "there": there }));
    }
    let text = |side: &Option<Json>| {
        side.as_ref()
            .map_or_else(|| "nothing".to_owned(), |json| printable(&json.to_string()))
    };
    let place = out.styled(Style::Strong, &printable(place));
    let what = match *change {
        "missing" => "only here: ",
        "extra" => "only there: ",
        "shape" => "another type: ",
        _ => "",
    };
    let line = match (*change, here, there) {
        ("missing", Some(_), None) => format!("{place}  {what}{}", text(here)),
        ("extra", None, Some(_)) => format!("{place}  {what}{}", text(there)),
        _ => format!("{place}  {what}{} here, {} there", text(here), text(there)),
    };
    out.line(&line)
}
