//! What a segment says of its fields, checked against itself and against the table.
//!
//! The descriptor is an input like any other byte of a segment. It is parsed once, from a copy, and believed
//! only as far as it agrees with what is known otherwise: each field's numbers with its own canonical text,
//! all of them with the fingerprint, and the bytes that they ask for with the table's entry. From then on no
//! number is read from the segment again.

use super::element::{ElementType, number, short, text};
use super::extent::{Extent, Numbers};
use super::kind::Kind;
use crate::error::OpenError;
use crate::layout::body::{MAX_ENTRIES, MAX_LANES};
use crate::layout::descriptor::VERSION;
use crate::layout::fingerprint::fnv1a_128;
use crate::seeded::{Bug, seeded};
use crate::segment::{Inspected, Survey};
use crate::table::{Entry, MAX_NAME};
use core::ops::Deref;
use serde_json::{Value as Json, json};

/// Entries of ours before the fields: `@control`, `@registry`, `@participants`, `@lanes`.
pub(super) const INTERNAL: usize = 4;

/// Most bytes of a descriptor: parsed, it takes many times as much memory.
const MOST_BYTES: usize = 16 << 20;

/// A field, as it is described: what it is, and not where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSchema {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) capacity: Vec<usize>,
    pub(super) lanes: usize,
    pub(super) element: ElementType,
    pub(super) source: String,
    pub(super) doc: String,
    pub(super) unit: String,
    pub(super) shape: Vec<usize>,
    pub(super) pair: Option<Pair>,
    /// Where its parts lie; none for a kind that this library does not know.
    pub(super) extent: Option<Extent>,
}

/// Where key and value lie in an entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The key, which is at byte 0.
    pub key: ElementType,
    /// The value.
    pub value: ElementType,
    /// Where that begins.
    pub value_offset: usize,
}

impl FieldSchema {
    /// Its name in the table: `events`, of a nested schema `left.events`, in an array `shard[3]`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its capacities, in the order of the type's parameters.
    pub fn capacities(&self) -> &[usize] {
        &self.capacity
    }

    /// How many elements it has room for; 1 where it holds one value, 0 where it holds none.
    pub fn capacity(&self) -> usize {
        match (&self.kind, self.capacity.last()) {
            (_, Some(&capacity)) => capacity,
            (Kind::Once | Kind::Signal | Kind::Other(_), None) => 0,
            (_, None) => 1,
        }
    }

    /// What its elements are; in a map, its entries.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// Where key and value lie in an entry: of a map whose entries are described.
    pub const fn pair(&self) -> Option<&Pair> {
        self.pair.as_ref()
    }

    /// Its type as the program wrote it that created the segment.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its doc comment.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// The unit of its elements, or empty.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The dimensions as which an array is to be seen, or empty.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its canonical text, by which shapes are compared: see FORMAT.md.
    pub fn canonical(&self) -> String {
        let capacity: String = self.capacity.iter().map(|n| format!("{n},")).collect();
        format!(
            "{}<{capacity}{}>:{{{}}}",
            self.kind, self.lanes, self.element
        )
    }
}

/// A field of a segment that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(super) schema: FieldSchema,
    pub(super) offset: usize,
    pub(super) size: usize,
}

impl Field {
    /// Where it begins, in bytes from the start of the segment.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes that it covers.
    pub const fn size(&self) -> usize {
        self.size
    }
}

impl Deref for Field {
    type Target = FieldSchema;

    fn deref(&self) -> &FieldSchema {
        &self.schema
    }
}

/// A schema: what a segment's descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) lanes: usize,
    pub(super) fields: Vec<FieldSchema>,
}

/// From and to a descriptor.
impl Schema {
    /// Reads a descriptor, from bytes that nobody vouches for; says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            let found = bytes.len();
            return Err(format!(
                "it has {found} bytes, and {MOST_BYTES} are read at most"
            ));
        }
        let json: Json =
            serde_json::from_slice(bytes).map_err(|why| format!("it is no JSON: {why}"))?;
        let schema = Self::read(&json)?;
        let is_told = |entry: &Json| entry["canonical"].is_string();
        match json["entries"]
            .as_array()
            .is_some_and(|entries| entries.iter().all(is_told))
        {
            true => Ok(schema),
            false => Err("a field has no text `canonical`".to_owned()),
        }
    }

    /// Reads a description; says what is wrong with it.
    pub(super) fn read(json: &Json) -> Result<Self, String> {
        if json["descriptor"] != VERSION {
            return Err(format!(
                "its version is {}, and this library reads {VERSION}",
                short(&json["descriptor"])
            ));
        }
        let lanes = number(json, "lanes")?;
        if lanes > MAX_LANES {
            return Err(format!("a segment has 1 to {MAX_LANES} lanes, not {lanes}"));
        }
        let entries = json["entries"].as_array();
        let entries = entries.ok_or("it has no list `entries`")?;
        if entries.len() > MAX_ENTRIES - INTERNAL {
            return Err(format!(
                "it has {} entries, more than any table",
                entries.len()
            ));
        }
        let fields = entries.iter().map(|entry| parse_field(entry, lanes));
        Ok(Self {
            name: text(&json["schema"], "name")?,
            doc: text(&json["schema"], "doc")?,
            lanes,
            fields: fields.collect::<Result<_, _>>()?,
        })
    }

    /// The descriptor.
    pub(super) fn render(&self) -> Vec<u8> {
        let entries = self.fields.iter().map(|field| {
            json!({
                "name": field.name,
                "kind": field.kind.name(),
                "capacity": field.capacity,
                "lanes": field.lanes,
                "canonical": field.canonical(),
                "type": field.source,
                "doc": field.doc,
                "unit": field.unit,
                "shape": field.shape,
                "element": field.element.to_descriptor(),
            })
        });
        let descriptor = json!({
            "descriptor": VERSION,
            "schema": { "name": self.name, "doc": self.doc },
            "lanes": self.lanes,
            "entries": entries.collect::<Vec<_>>(),
        });
        descriptor.to_string().into_bytes()
    }

    /// A schema of one field: to describe what was registered at run time.
    pub fn alone(field: &FieldSchema, lanes: usize) -> Self {
        Self {
            name: String::new(),
            doc: String::new(),
            lanes,
            fields: vec![field.clone()],
        }
    }

    /// What a segment says of itself, and where its fields are, without attaching to it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Descriptor`] where that does not agree with its table.
    pub fn surveyed(survey: &Survey) -> Result<(Self, Vec<Field>), OpenError> {
        let descriptor = survey.descriptor()?;
        let parse = || {
            let schema = Self::parse(&descriptor)?;
            let fields = schema.locate(&survey.found)?;
            Ok((schema, fields))
        };
        parse().map_err(|why| OpenError::Descriptor {
            segment: survey.name().to_owned(),
            why,
        })
    }

    /// The name: of the struct in the program that created the segment.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its doc comment.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// How many lanes, and so participants, it has room for.
    pub const fn lanes(&self) -> usize {
        self.lanes
    }

    /// What it says of the fields, in order.
    pub fn fields(&self) -> &[FieldSchema] {
        &self.fields
    }

    /// The hash of the shape: equal if and only if segments are interchangeable.
    pub fn fingerprint(&self) -> u128 {
        let mut text = format!("shm 1 lanes {}\n", self.lanes);
        for field in &self.fields {
            text += &format!("{}:{}\n", field.name, field.canonical());
        }
        fnv1a_128(text.as_bytes())
    }

    /// Checks a descriptor against the table and the control block of its segment, and says where its fields are.
    pub(super) fn locate(&self, found: &Inspected) -> Result<Vec<Field>, String> {
        let control = &found.control;
        if self.lanes != control.lanes as usize {
            return Err(format!(
                "it speaks of {} lanes, the control block of {}",
                self.lanes, control.lanes
            ));
        }
        let expected = self.fingerprint();
        if expected != u128::from_le_bytes(control.fingerprint) {
            return Err(format!(
                "its fingerprint would be {expected:#034x}, and the control block's is another"
            ));
        }
        let entries = &found.table.entries;
        let all = INTERNAL + self.fields.len() + 1;
        if control.schema_entries as usize != all {
            return Err(format!(
                "it has {} fields, and the control block counts {all} entries with the library's own where it should count {}",
                self.fields.len(),
                control.schema_entries
            ));
        }
        let fields = self.fields.iter().zip(entries.iter().skip(INTERNAL));
        let unit = found.unit();
        fields
            .map(|(field, entry)| locate_field(field, entry, unit))
            .collect()
    }
}

/// Reads the descriptor of a structure that was registered at run time, in a segment with so many lanes, and checks it
/// against its entry.
pub(super) fn locate_registered(
    descriptor: &[u8],
    entry: &Entry,
    lanes: usize,
    unit: usize,
) -> Result<Field, String> {
    let schema = Schema::parse(descriptor)?;
    match &schema.fields[..] {
        [field] if schema.lanes == lanes || field.lanes == 0 => locate_field(field, entry, unit),
        [_] => Err(format!(
            "it speaks of {} lanes, the segment has {lanes}",
            schema.lanes
        )),
        fields => Err(format!(
            "it has {} fields, and one was registered",
            fields.len()
        )),
    }
}

/// Checks a field against its entry in the table.
fn locate_field(field: &FieldSchema, entry: &Entry, unit: usize) -> Result<Field, String> {
    let (offset, size) = (entry.offset as usize, entry.size as usize); // compared with the file's size
    if field.name != entry.name {
        return Err(format!(
            "field `{}` comes where the table has `{}`",
            field.name, entry.name
        ));
    }
    if let Some(extent) = &field.extent {
        let expected = extent.size.next_multiple_of(unit);
        if size != expected && !seeded(Bug::TrustDescribedCapacity) {
            return Err(format!(
                "`{}` is a {}, which takes {expected} bytes, and the table gives it {size}",
                field.name,
                field.canonical()
            ));
        }
        if !offset.is_multiple_of(extent.align) {
            return Err(format!(
                "`{}` lies at {offset}, which is no multiple of {}",
                field.name, extent.align
            ));
        }
    }
    Ok(Field {
        schema: field.clone(),
        offset,
        size,
    })
}

fn parse_field(json: &Json, lanes: usize) -> Result<FieldSchema, String> {
    let name = text(json, "name")?;
    read_field(json, name.clone(), lanes).map_err(|why| format!("field `{name}`: {why}"))
}

fn read_field(json: &Json, name: String, lanes: usize) -> Result<FieldSchema, String> {
    check_name(&name)?;
    let kind = Kind::named(&text(json, "kind")?);
    let mut field = FieldSchema {
        name,
        capacity: numbers(json, "capacity")?,
        lanes: number(json, "lanes")?,
        element: ElementType::parse(&json["element"])?,
        source: text(json, "type")?,
        doc: text(json, "doc")?,
        unit: text(json, "unit")?,
        shape: numbers(json, "shape")?,
        pair: None,
        extent: None,
        kind,
    };
    let is = field.canonical();
    if let Some(said) = json["canonical"].as_str().filter(|said| *said != is) {
        return Err(format!(
            "it calls itself `{said}`, and its numbers say `{is}`"
        ));
    }
    field.complete(lanes)?;
    Ok(field)
}

impl FieldSchema {
    /// Checks the numbers against each other, and finds out what follows from them.
    pub(super) fn complete(&mut self, lanes: usize) -> Result<(), String> {
        if matches!(self.kind, Kind::Other(_)) {
            return Ok(()); // a newer library's: listed, and not touched
        }
        let expected = if self.kind.has_lanes() { lanes } else { 0 };
        if self.lanes != expected {
            return Err(format!(
                "it has {} lanes where {expected} are right",
                self.lanes
            ));
        }
        let numbers = Numbers {
            kind: &self.kind,
            capacity: &self.capacity,
            lanes: self.lanes,
            size: self.element.size,
            align: self.element.align,
        };
        self.extent = Some(numbers.extent()?);
        let places = self
            .shape
            .iter()
            .try_fold(1_usize, |n, &side| n.checked_mul(side));
        if !self.shape.is_empty() && places != self.capacity.first().copied() {
            return Err(format!(
                "its shape {:?} does not have as many elements as it",
                self.shape
            ));
        }
        let number = self.element.primitive();
        if self.kind == Kind::Atomic && number.is_none_or(|number| number.size() > 8) {
            return Err(format!(
                "an `Atomic` is a number of at most 8 bytes, not {}",
                self.element
            ));
        }
        if self.kind.is_map() {
            self.pair = pair_in(&self.element)?;
        }
        Ok(())
    }
}

/// Where key and value are; none where the entry is not described.
fn pair_in(entry: &ElementType) -> Result<Option<Pair>, String> {
    let [key, value] = &entry.fields[..] else {
        return match entry.fields.is_empty() {
            true => Ok(None),
            false => Err(format!("an entry is a key and a value, not {entry}")),
        };
    };
    let pair = Pair {
        key: key.as_element(),
        value: value.as_element(),
        value_offset: value.offset,
    };
    let align = pair.key.align.max(pair.value.align);
    let place = pair.key.size.next_multiple_of(pair.value.align);
    let end = place + pair.value.size; // each is less than a segment
    let is_plain = (key.name.as_str(), value.name.as_str()) == ("key", "value")
        && key.offset == 0
        && pair.key.size > 0
        && value.offset == place
        && entry.align == align
        && entry.size == end.next_multiple_of(align);
    if is_plain {
        Ok(Some(pair))
    } else {
        Err(format!(
            "an entry is laid out as C does `struct {{ K key; V value; }}`, not as {entry}"
        ))
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("a name has 1 to {MAX_NAME} bytes"));
    }
    if name.starts_with('@') || name.contains('\0') {
        return Err("a name does not begin with `@` and has no NUL".to_owned());
    }
    Ok(())
}

fn numbers(json: &Json, key: &str) -> Result<Vec<usize>, String> {
    let list = json[key].as_array();
    let list = list.ok_or_else(|| format!("`{key}` is {}: expected a list", short(&json[key])))?;
    let number = |json: &Json| json.as_u64().and_then(|n| usize::try_from(n).ok());
    let numbers: Option<_> = list.iter().map(number).collect();
    numbers.ok_or_else(|| format!("`{key}` is {}: expected numbers", short(&json[key])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_is_believed_only_where_the_table_has_as_many_bytes() {
        let json = json!({
            "name": "grid", "kind": "Array", "capacity": [8], "lanes": 0, "type": "Array<f32, 8>",
            "doc": "", "unit": "", "shape": [],
            "element": {"name": "f32", "doc": "", "size": 4, "align": 4, "fields": []},
        });
        let field = parse_field(&json, 64).expect("its numbers agree");
        let locate = |size, unit| {
            let entry = Entry {
                index: 4,
                name: "grid".to_owned(),
                offset: 4096,
                size,
            };
            locate_field(&field, &entry, unit)
        };
        assert_eq!(locate(32, 1).map(|field| field.size), Ok(32));
        assert_eq!(locate(64, 64).map(|field| field.size), Ok(64));
        for (size, unit) in [(0, 1), (28, 1), (33, 1), (64, 1), (32, 64), (128, 64)] {
            let why = locate(size, unit).expect_err("another capacity");
            assert!(
                why.ends_with(&format!("the table gives it {size}")),
                "{why}"
            );
        }
    }
}
