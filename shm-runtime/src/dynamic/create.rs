//! Creating a segment from a description: so that a program in any language can be the first.
//!
//! The layout is that of a typed schema, and so is the fingerprint: a Rust program with the same schema opens
//! what was created here. What rustc does for a typed schema is said once more: a field begins at a multiple
//! of 64, or of its alignment if that is larger; the fields of a nested schema lie together, and so do those
//! of an array.

use super::element::{ElementType, number, short, text};
use super::kind::Kind;
use super::schema::{FieldSchema, INTERNAL, Schema};
use super::segment::{Described, Options, Segment};
use crate::error::{
    Change, CreateError, FieldChange, Holder, OpenError, OpenOrCreateError, SchemaError,
    SchemaMismatch,
};
use crate::layout::ShmLayout;
use crate::layout::body::{Entry, MAX_ENTRIES, MAX_REPEAT, MAX_SIZE};
use crate::layout::descriptor::{self, VERSION};
use crate::memory::control::{Control, Registry};
use crate::memory::lane::LaneRecord;
use crate::memory::participant::Participant;
use crate::segment::{Draft, Inspected, Naming};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Lanes of a schema that does not say how many.
const LANES: usize = 64;
/// Fields begin at multiples of this.
const ALIGN: usize = 64;
/// The body is whole pages.
const PAGE: usize = 4096;

/// Where everything lies in a segment that is yet to be created: see [`Schema::layout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name, first byte and bytes of each part.
    pub parts: Vec<(String, u64, u64)>,
    /// Bytes of all.
    pub size: u64,
}

/// Where the fields of a schema lie, from its start.
struct Placed {
    offsets: Vec<usize>,
    size: usize,
    align: usize,
}

impl Schema {
    /// Reads a description, as [`to_json`](Self::to_json) gives it and FORMAT.md describes it.
    ///
    /// What follows from the rest may be left out: `descriptor`, `schema`, `lanes`, and of a field `lanes`,
    /// `canonical`, `type`, `doc`, `unit`, `shape`. The element of a field may be the name of a number or
    /// text type: `"f32"`, `"str24"`.
    ///
    /// ```
    /// use shm_runtime::{dynamic, prelude::*};
    ///
    /// let schema = dynamic::Schema::from_json(r#"{"entries": [
    ///     {"name": "grid", "kind": "Array", "capacity": [1000], "element": "f32"},
    ///     {"name": "events", "kind": "Queue", "capacity": [8], "element": "u64"}
    /// ]}"#)?;
    /// # let name = format!("doc-dynamic-create-{}", std::process::id());
    /// let segment = dynamic::Segment::create(&name, &schema)?;
    /// segment.queue("events")?.push(&7_u64.to_le_bytes())?;
    ///
    /// // a Rust program that knows the schema
    /// #[derive(ShmLayout)]
    /// struct Sim {
    ///     grid: Array<f32, 1000>,
    ///     events: Queue<u64, 8>,
    /// }
    /// assert_eq!(Sim::open(&name)?.events.pop(), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where it is no description, or one that no segment can have.
    pub fn from_json(description: &str) -> Result<Self, SchemaError> {
        let parse = || {
            let mut json: Json =
                serde_json::from_str(description).map_err(|why| format!("it is no JSON: {why}"))?;
            complete(&mut json)?;
            let schema = Self::read(&json)?;
            schema.check()?;
            Ok(schema)
        };
        parse().map_err(|why| SchemaError { why })
    }

    /// The description of a schema that this program has.
    ///
    /// # Errors
    ///
    /// Where an element describes itself in a way that cannot be: one whose `ShmType` was not derived.
    pub fn of<S: ShmLayout>() -> Result<Self, SchemaError> {
        let parsed = Self::parse(&descriptor::render(&S::BLUEPRINT));
        parsed.map_err(|why| SchemaError { why })
    }

    /// The description: what a segment of this schema says of itself.
    pub fn to_json(&self) -> String {
        String::from_utf8_lossy(&self.render()).into_owned()
    }

    /// How the fields of a segment's schema differ from this one's: all fields of both, this one's first.
    pub fn differences(&self, there: &Self) -> Vec<FieldChange> {
        let find = |schema: &Self, name: &str| {
            let canonical = |field: &FieldSchema| (field.name == name).then(|| field.canonical());
            schema.fields.iter().find_map(canonical)
        };
        let change = |field: &FieldSchema| {
            let here = field.canonical();
            let change = match find(there, &field.name) {
                None => Change::Missing { here },
                Some(there) if there == here => Change::Same { shape: here },
                Some(there) => Change::Changed { here, there },
            };
            let name = field.name.clone();
            FieldChange { name, change }
        };
        let extra = |field: &&FieldSchema| find(self, &field.name).is_none();
        let extra = there.fields.iter().filter(extra).map(|field| FieldChange {
            name: field.name.clone(),
            change: Change::Extra {
                there: field.canonical(),
            },
        });
        let mut fields: Vec<_> = self.fields.iter().map(change).chain(extra).collect();
        let is_same = |field: &FieldChange| matches!(field.change, Change::Same { .. });
        if fields.iter().all(is_same) && self.fingerprint() != there.fingerprint() {
            // What no field shows: lanes that none of them has, or another order.
            fields.push(FieldChange {
                name: "(lanes and order of fields)".to_owned(),
                change: Change::Changed {
                    here: self.outline(),
                    there: there.outline(),
                },
            });
        }
        fields
    }

    /// What no field says alone.
    fn outline(&self) -> String {
        let names: Vec<_> = self.fields.iter().map(|field| &field.name[..]).collect();
        format!("{} lanes: {}", self.lanes, names.join(", "))
    }

    /// Gives what was found back, if it is of this schema.
    fn expect(&self, segment: &str, there: Described) -> Result<Described, OpenError> {
        if there.schema.fingerprint() == self.fingerprint() {
            return Ok(there);
        }
        Err(OpenError::Schema(Box::new(SchemaMismatch {
            segment: segment.to_owned(),
            fields: self.differences(&there.schema),
            subset: false,
        })))
    }

    /// Where everything lies in a segment of this schema that is created without further options: the table, the
    /// library's own entries, the fields in order, the descriptor. What is between them is padding.
    ///
    /// # Errors
    ///
    /// Where no segment can have this schema.
    pub fn layout(&self) -> Result<Layout, SchemaError> {
        let placed = self.check().and_then(|()| self.place());
        let (placed, body_size) = placed.map_err(|why| SchemaError { why })?;
        let draft = self.draft(&placed, body_size);
        let (body, descriptor, size) = draft.places();
        let names = ["@control", "@registry", "@participants", "@lanes"].into_iter();
        let names = names.chain(self.fields.iter().map(FieldSchema::name));
        let part = |name: &str, offset, size| (name.to_owned(), offset, size);
        let entries = names.zip(&placed);
        let entries = entries.map(|(name, entry)| part(name, body + entry.offset, entry.size));
        let first = [part("@table", 0, body)].into_iter();
        let last = part("@descriptor", descriptor, draft.descriptor.len() as u64);
        let parts = first.chain(entries).chain([last]).collect();
        Ok(Layout { parts, size })
    }

    fn draft<'a>(&self, entries: &'a [Entry], body_size: usize) -> Draft<'a> {
        Draft {
            descriptor: self.render(),
            entries,
            lanes: self.lanes,
            body_size: body_size as u64,
            fingerprint: self.fingerprint(),
        }
    }

    /// Whether a segment can have this schema.
    fn check(&self) -> Result<(), String> {
        if self.lanes == 0 {
            return Err("a segment has at least one lane".to_owned());
        }
        let mut names = BTreeSet::new();
        for field in &self.fields {
            let name = &field.name;
            if field.extent.is_none() {
                return Err(format!(
                    "field `{name}`: this library knows no `{}`, it has `Array`, `Queue`, `Map` and the like",
                    field.kind
                ));
            }
            if !names.insert(name) {
                return Err(format!("two fields have the name `{name}`"));
            }
            let key = match (&field.kind, &field.pair) {
                (Kind::Set, _) => Some(&field.element),
                (_, pair) => pair.as_ref().map(|pair| &pair.key),
            };
            if key.is_some_and(ElementType::has_float) {
                return Err(format!(
                    "field `{name}`: keys are equal if their bytes are, and a float has two zeros and many NaNs: keep its bits in an integer"
                ));
            }
        }
        if self.fields.len() + INTERNAL > MAX_ENTRIES {
            let (found, most) = (self.fields.len(), MAX_ENTRIES - INTERNAL);
            return Err(format!("it has {found} fields, and {most} fit"));
        }
        self.place().map(drop)
    }

    /// Where everything lies in the body, ours first, and how large that is.
    fn place(&self) -> Result<(Vec<Entry>, usize), String> {
        let lanes_at = size_of::<Control>() + size_of::<Registry>();
        let participants = self.lanes * size_of::<Participant>();
        let records_at = (lanes_at + participants).next_multiple_of(align_of::<LaneRecord>());
        let records = self.lanes * size_of::<LaneRecord>();
        let ours = [
            ("@control", 0, size_of::<Control>()),
            ("@registry", size_of::<Control>(), size_of::<Registry>()),
            ("@participants", lanes_at, participants),
            ("@lanes", records_at, records),
        ];
        let placed = place(&self.fields, 0)?;
        let start = (records_at + records).next_multiple_of(placed.align);
        let end = start + placed.size; // each less than a segment
        if end > MAX_SIZE {
            return Err(format!(
                "it needs {end} bytes, and a segment has at most 256 GiB, which is {MAX_SIZE}: lower the capacities"
            ));
        }
        let entry = |(name, offset, size): (&str, usize, usize), hot: usize| {
            let entry = Entry::new(name, offset as u64, size as u64, hot as u64);
            entry.ok_or_else(|| format!("`{name}` is no name of at most 31 bytes"))
        };
        let ours = ours.into_iter().map(|ours| entry(ours, ours.2));
        let fields = self.fields.iter().zip(&placed.offsets);
        let fields = fields.map(|(field, offset)| {
            let extent = field.extent.unwrap_or_default();
            let hot = extent.hot.min(extent.size);
            entry((&field.name, start + offset, extent.size), hot)
        });
        let entries = ours.chain(fields).collect::<Result<_, _>>()?;
        Ok((entries, end.next_multiple_of(PAGE)))
    }
}

/// Places fields whose names agree in their first `prefix` bytes, as a struct of them would.
fn place(fields: &[FieldSchema], prefix: usize) -> Result<Placed, String> {
    let mut placed = Placed {
        offsets: Vec::with_capacity(fields.len()),
        size: 0,
        align: ALIGN,
    };
    let mut seen = BTreeSet::new();
    let mut rest = fields;
    while let Some(first) = rest.first() {
        let (head, part) = match part_of(&first.name, prefix)? {
            (head, Part::Field) => (head, place_array(&rest[..1], 1)?),
            (head, Part::Item) => {
                let len = count(rest, |field, i| {
                    field.name == format!("{}{head}[{i}]", &first.name[..prefix])
                });
                (head, place_array(&rest[..len], len)?)
            }
            (head, Part::Nested) => {
                let outer = prefix + head.len() + 1;
                let inside =
                    |field: &FieldSchema, _| field.name.get(..outer) == first.name.get(..outer);
                let len = count(rest, inside);
                (head, place(&rest[..len], outer)?)
            }
        };
        if !seen.insert(head) {
            return Err(format!(
                "`{head}` comes twice: the fields of a nested schema and the items of an array come together, items from 0 on"
            ));
        }
        let start = placed.size.next_multiple_of(part.align);
        placed
            .offsets
            .extend(part.offsets.iter().map(|offset| start + offset));
        placed.size = start.saturating_add(part.size);
        placed.align = placed.align.max(part.align);
        if placed.size > MAX_SIZE {
            return Err("it is larger than any segment, 256 GiB".to_owned());
        }
        rest = &rest[part.offsets.len()..];
    }
    placed.size = placed.size.next_multiple_of(placed.align);
    Ok(placed)
}

/// What a name goes on with.
enum Part {
    /// Nothing: a field.
    Field,
    /// `[3]`: an item of an array.
    Item,
    /// `.field`: a nested schema.
    Nested,
}

/// The name of a field of the schema at hand, and what follows.
fn part_of(name: &str, prefix: usize) -> Result<(&str, Part), String> {
    let rest = name.get(prefix..).unwrap_or("");
    let (head, part) = match rest.find(['.', '[']) {
        None => (rest, Part::Field),
        Some(end) if rest[end..].starts_with('.') => (&rest[..end], Part::Nested),
        Some(end) => (&rest[..end], Part::Item),
    };
    if head.is_empty() {
        return Err(format!("`{name}` is no name: it has an empty part"));
    }
    Ok((head, part))
}

/// How many fields at the start belong together.
fn count(fields: &[FieldSchema], belongs: impl Fn(&FieldSchema, usize) -> bool) -> usize {
    let belong = fields
        .iter()
        .enumerate()
        .take_while(|(i, field)| belongs(field, *i));
    belong.count()
}

/// Places the `len` items of an array of structures, which are all of one shape.
fn place_array(items: &[FieldSchema], len: usize) -> Result<Placed, String> {
    let Some(first) = items.first() else {
        return Err("the items of an array are numbered from 0 on".to_owned());
    };
    if let Some(other) = items
        .iter()
        .find(|item| item.canonical() != first.canonical())
    {
        return Err(format!(
            "`{}` and `{}` are items of one array and have different shapes",
            first.name, other.name
        ));
    }
    if len > MAX_REPEAT {
        return Err(format!(
            "an array has at most {MAX_REPEAT} structures, `{}` is the first of {len}",
            first.name
        ));
    }
    let extent = first.extent.unwrap_or_default();
    Ok(Placed {
        offsets: (0..len).map(|i| i * extent.room).collect(), // each room is less than a segment, `len` at most 1024
        size: len * extent.room,
        align: extent.align.max(ALIGN),
    })
}

/// Adds what a description may leave out.
fn complete(json: &mut Json) -> Result<(), String> {
    let object = json.as_object_mut().ok_or("it is no object")?;
    object.entry("descriptor").or_insert(VERSION.into());
    object.entry("lanes").or_insert(LANES.into());
    let schema = object.entry("schema").or_insert_with(|| json!({}));
    add(schema, &["name", "doc"], &Json::from(""));
    let lanes = number(json, "lanes")?;
    let entries = json["entries"].as_array_mut();
    for entry in entries.ok_or("it has no list `entries`")? {
        let name = text(entry, "name")?;
        complete_field(entry, lanes).map_err(|why| format!("field `{name}`: {why}"))?;
    }
    Ok(())
}

fn add(json: &mut Json, keys: &[&str], value: &Json) {
    if let Some(object) = json.as_object_mut() {
        for key in keys {
            object.entry(*key).or_insert_with(|| value.clone());
        }
    }
}

fn complete_field(entry: &mut Json, lanes: usize) -> Result<(), String> {
    let kind = Kind::named(&text(entry, "kind")?);
    add(entry, &["doc", "unit"], &"".into());
    add(entry, &["shape", "capacity"], &json!([]));
    let lanes = if kind.has_lanes() { lanes } else { 0 };
    add(entry, &["lanes"], &lanes.into());
    if let Some(name) = entry["element"].as_str() {
        let element = ElementType::named(name)?;
        entry["element"] = element.to_descriptor();
    } else if entry["element"].is_null() && kind.is_without_element() {
        entry["element"] = json!({"size": 0, "align": 1, "fields": []});
    }
    complete_element(&mut entry["element"]);
    let element = ElementType::parse(&entry["element"])?;
    let numbers = short(&entry["capacity"]);
    let numbers = numbers.trim_matches(['[', ']']).replace(',', ", ");
    let source = match (element.name(), numbers.as_str()) {
        ("", "") => kind.to_string(),
        ("", numbers) => format!("{kind}<{numbers}>"),
        (name, "") => format!("{kind}<{name}>"),
        (name, numbers) => format!("{kind}<{name}, {numbers}>"),
    };
    add(entry, &["type"], &source.into());
    Ok(())
}

/// Adds names and docs to an element and those within it.
fn complete_element(element: &mut Json) {
    add(element, &["name", "doc"], &"".into());
    if let Some(fields) = element["fields"].as_array_mut() {
        for field in fields {
            add(field, &["count"], &1.into());
            if field["element"].is_object() {
                complete_element(&mut field["element"]);
            }
        }
    }
}

impl Segment {
    /// Creates a segment: it appears under its name complete or not at all.
    ///
    /// # Errors
    ///
    /// As [`ShmLayout::create`], and [`CreateError::Schema`] where no segment can have this schema.
    pub fn create(name: &str, schema: &Schema) -> Result<Self, CreateError> {
        Self::options().create(name, schema)
    }
}

impl Options<'_> {
    /// Creates a segment of a schema.
    ///
    /// # Errors
    ///
    /// See [`Segment::create`].
    pub fn create(mut self, name: &str, schema: &Schema) -> Result<Segment, CreateError> {
        let (segment, mut naming) = self.conceive(name, schema)?;
        crate::Segment::publish_untyped(&segment.inner, &mut naming)?;
        Ok(segment)
    }

    /// Opens a segment of a schema, or creates it if there is none; any number of processes may do so at once, also
    /// such as know the schema, and all get the same one.
    ///
    /// # Errors
    ///
    /// As [`Segment::open`] and [`Segment::create`], but for the races between the two, which are retried; and
    /// [`OpenError::Schema`] where there is a segment of another schema.
    pub fn open_or_create(
        mut self,
        name: &str,
        schema: &Schema,
    ) -> Result<Segment, OpenOrCreateError> {
        let mut conceived = None;
        loop {
            let same = |found: &Inspected, descriptor: &[u8]| {
                let there = Described::check(found, descriptor).map_err(|why| {
                    let segment = name.to_owned();
                    OpenError::Descriptor { segment, why }
                })?;
                schema.expect(name, there)
            };
            match self.open_untyped_now(name, same) {
                Ok(inner) => return Ok(Segment { inner }),
                Err(OpenError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let (segment, mut naming) = match conceived.take() {
                Some(child) => child,
                None => self.conceive(name, schema)?,
            };
            match crate::Segment::publish_untyped(&segment.inner, &mut naming) {
                Ok(()) => return Ok(segment),
                // Somebody else was faster: system-wide progress. Theirs is opened, or, where it is gone
                // again, the name is asked for again.
                Err(CreateError::AlreadyExists {
                    holder: Holder::Segment | Holder::Persistent | Holder::Closing,
                    ..
                }) => conceived = Some((segment, naming)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a segment that has no name yet, and fills it.
    fn conceive(&mut self, name: &str, schema: &Schema) -> Result<(Segment, Naming), CreateError> {
        let placed = schema.check().and_then(|()| schema.place());
        let (entries, body_size) = placed.map_err(|why| CreateError::Schema {
            segment: name.to_owned(),
            source: SchemaError { why },
        })?;
        let draft = schema.draft(&entries, body_size);
        let (inner, naming) = self.conceive_untyped(name, &draft, Described::check)?;
        let segment = Segment { inner };
        if let Some(init) = self.take_init() {
            init(&segment);
        }
        Ok((segment, naming))
    }
}
