//! What the elements of a structure are, as a segment says it: sizes, places and primitive types.
//!
//! A description is read from bytes that nobody vouches for. Whoever has an [`ElementType`] knows that every
//! field lies inside of its element, one behind the other.

use crate::layout::ShmType;
use crate::layout::node::{ElementNode, Scalar};
use crate::seeded::{Bug, seeded};
use core::fmt::{self, Write};
use serde_json::{Value as Json, json};

/// Most bytes of an element: no segment is larger.
const MOST: u64 = crate::table::MAX_SEGMENT;
/// Most of an element's alignment.
const MOST_ALIGN: usize = 4096;

/// A number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Rust's")]
pub enum Primitive {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    U128,
    I128,
    F32,
    F64,
}

impl Primitive {
    const ALL: [(Self, &'static str, usize); 12] = [
        (Self::U8, "u8", 1),
        (Self::I8, "i8", 1),
        (Self::U16, "u16", 2),
        (Self::I16, "i16", 2),
        (Self::U32, "u32", 4),
        (Self::I32, "i32", 4),
        (Self::U64, "u64", 8),
        (Self::I64, "i64", 8),
        (Self::U128, "u128", 16),
        (Self::I128, "i128", 16),
        (Self::F32, "f32", 4),
        (Self::F64, "f64", 8),
    ];

    /// Its name, as Rust and the descriptor write it.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Its bytes, and its alignment.
    pub const fn size(self) -> usize {
        Self::ALL[self as usize].2
    }

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known, _)| *known == name)?;
        Some(found.0)
    }

    /// Whether it is a float.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

/// The type of an element's field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// A number.
    Number(Primitive),
    /// A text of at most so many bytes: UTF-8, zeros behind it.
    Text(usize),
    /// A struct of its own.
    Struct(ElementType),
}

impl FieldType {
    /// Bytes of one.
    pub const fn size(&self) -> usize {
        match self {
            Self::Number(primitive) => primitive.size(),
            Self::Text(bytes) => *bytes,
            Self::Struct(element) => element.size,
        }
    }

    /// Its alignment as C has it.
    pub const fn align(&self) -> usize {
        match self {
            Self::Number(primitive) => primitive.size(),
            Self::Text(_) => 1,
            Self::Struct(element) => element.align,
        }
    }
}

/// A field of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementField {
    /// Its name; empty where the element is but a number, a text, or an array of one type.
    pub name: String,
    /// Its type.
    pub of: FieldType,
    /// Bytes from the start of the element.
    pub offset: usize,
    /// How many of them lie in a row: 1 where it is no array.
    pub count: usize,
}

impl ElementField {
    /// Bytes of all of them.
    pub const fn size(&self) -> usize {
        self.of.size() * self.count // no overflow: it lies inside of the element
    }

    /// The field's content as an element of its own.
    pub fn as_element(&self) -> ElementType {
        match (&self.of, self.count) {
            (FieldType::Struct(element), 1) => element.clone(),
            (of, count) => ElementType {
                name: String::new(),
                doc: String::new(),
                size: self.size(),
                align: of.align(),
                fields: vec![Self {
                    name: String::new(),
                    of: of.clone(),
                    offset: 0,
                    count,
                }],
            },
        }
    }
}

/// What an element of a structure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementType {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) size: usize,
    pub(super) align: usize,
    pub(super) fields: Vec<ElementField>,
}

impl ElementType {
    /// The type's name in the program that created the segment: for people, and no part of the shape.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its doc comment.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// Bytes of an element.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Its alignment.
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Its fields, one behind the other; none where the element is not described, and so no more than bytes.
    pub fn fields(&self) -> &[ElementField] {
        &self.fields
    }

    /// The only field, where the element is but a number, a text, or an array of one type.
    pub fn only(&self) -> Option<&ElementField> {
        match &self.fields[..] {
            [only] if only.name.is_empty() => Some(only),
            _ => None,
        }
    }

    /// The number type, where the element is one number.
    pub fn primitive(&self) -> Option<Primitive> {
        match self.only()? {
            ElementField {
                of: FieldType::Number(primitive),
                count: 1,
                ..
            } => Some(*primitive),
            _ => None,
        }
    }

    /// Whether there is a float in it.
    pub(super) fn has_float(&self) -> bool {
        self.fields.iter().any(|field| match &field.of {
            FieldType::Number(primitive) => primitive.is_float(),
            FieldType::Text(_) => false,
            FieldType::Struct(element) => element.has_float(),
        })
    }
}

/// From and to a descriptor.
impl ElementType {
    /// The description of a type that this program has.
    ///
    /// # Panics
    ///
    /// Where `ShmType` was not derived and describes what cannot be.
    pub fn of<T: ShmType>() -> Self {
        match Self::of_node(&T::ELEMENT) {
            Ok(element) => element,
            Err(why) => panic!("`ShmType` of `{}`: {why}", T::ELEMENT.name),
        }
    }

    /// The number or text type of a name.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let of = parse_type("", name)?;
        let field = ElementField {
            name: String::new(),
            of,
            offset: 0,
            count: 1,
        };
        let name = name.to_owned();
        Ok(Self {
            name,
            ..field.as_element()
        })
    }

    fn of_node(node: &ElementNode) -> Result<Self, String> {
        let mut element = Self {
            name: node.name.to_owned(),
            doc: node.doc.to_owned(),
            size: node.size,
            align: node.align,
            fields: Vec::with_capacity(node.fields.len()),
        };
        for field in node.fields {
            element.append(ElementField {
                name: field.name.to_owned(),
                of: match field.of {
                    Scalar::Primitive(name) => parse_type(field.name, name)?,
                    Scalar::Text(bytes) => FieldType::Text(bytes),
                    Scalar::Nested(inner) => FieldType::Struct(Self::of_node(inner)?),
                },
                offset: field.offset,
                count: field.count,
            })?;
        }
        element.whole()
    }

    /// Reads a description; says what is wrong with it.
    pub(super) fn parse(json: &Json) -> Result<Self, String> {
        let size = number(json, "size")?;
        let align = number(json, "align")?;
        if size as u64 > MOST {
            return Err(format!("an element of {size} bytes fits in no segment"));
        }
        if !align.is_power_of_two() || align > MOST_ALIGN || !size.is_multiple_of(align) {
            return Err(format!(
                "an element of {size} bytes cannot be aligned to {align}: expected a power of two up to 4096 that divides the size"
            ));
        }
        let fields = json["fields"]
            .as_array()
            .ok_or("an element has no list `fields`")?;
        let mut element = Self {
            name: text(json, "name")?,
            doc: text(json, "doc")?,
            size,
            align,
            fields: Vec::with_capacity(fields.len()),
        };
        for field in fields {
            let field = parse_field(field)?;
            element.append(field)?;
        }
        element.whole()
    }

    /// Fails where a part without a name is not the whole element: it is taken for that ([`only`](Self::only)).
    fn whole(self) -> Result<Self, String> {
        let mut parts = self.fields.iter().filter(|part| part.name.is_empty());
        match parts.next() {
            Some(part)
                if (self.fields.len() > 1 || part.size() != self.size)
                    && !seeded(Bug::TrustDescribedPart) =>
            {
                Err(format!(
                    "a part of {} bytes has no name, and is not all of its element, which has {}",
                    part.size(),
                    self.size
                ))
            }
            _ => Ok(self),
        }
    }

    /// Adds a field, which lies behind the others.
    fn append(&mut self, field: ElementField) -> Result<(), String> {
        let end = |field: &ElementField| {
            let bytes = field.of.size().checked_mul(field.count)?;
            bytes.checked_add(field.offset)
        };
        let before = self.fields.last().and_then(end).unwrap_or(0);
        let fits = end(&field).is_some_and(|end| end <= self.size);
        if field.of.size() == 0 && field.count > 1 {
            let (name, count) = (field.name, field.count);
            return Err(format!("field `{name}` is {count} times nothing"));
        }
        if (!fits || field.offset < before) && !seeded(Bug::TrustDescribedOffset) {
            return Err(format!(
                "field `{}` ({} × {} bytes at {}) does not lie between byte {before}, where the field before it ends, and byte {}, where the element does",
                field.name,
                field.count,
                field.of.size(),
                field.offset,
                self.size
            ));
        }
        self.fields.push(field);
        Ok(())
    }

    /// The description as a descriptor has it.
    pub(super) fn to_descriptor(&self) -> Json {
        let fields = self.fields.iter().map(|field| {
            let mut value = json!({
                "name": field.name,
                "offset": field.offset,
                "count": field.count,
            });
            match &field.of {
                FieldType::Number(primitive) => value["type"] = primitive.name().into(),
                FieldType::Text(bytes) => value["type"] = format!("str{bytes}").into(),
                FieldType::Struct(inner) => value["element"] = inner.to_descriptor(),
            }
            value
        });
        json!({
            "name": self.name,
            "doc": self.doc,
            "size": self.size,
            "align": self.align,
            "fields": fields.collect::<Vec<_>>(),
        })
    }

    /// Its canonical text, by which shapes are compared: see FORMAT.md.
    pub fn canonical(&self) -> String {
        self.to_string()
    }
}

/// The canonical text.
impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.size, self.align)?;
        for (i, field) in self.fields.iter().enumerate() {
            f.write_char(if i == 0 { '(' } else { ',' })?;
            write!(f, "{}:", field.name)?;
            match &field.of {
                FieldType::Number(primitive) => f.write_str(primitive.name())?,
                FieldType::Text(bytes) => write!(f, "str{bytes}")?,
                FieldType::Struct(element) => write!(f, "{{{element}}}")?,
            }
            if field.count != 1 {
                write!(f, "*{}", field.count)?;
            }
            write!(f, "@{}", field.offset)?;
        }
        if self.fields.is_empty() {
            return Ok(());
        }
        f.write_char(')')
    }
}

fn parse_field(json: &Json) -> Result<ElementField, String> {
    let name = text(json, "name")?;
    let of = if json["element"].is_object() {
        FieldType::Struct(ElementType::parse(&json["element"])?)
    } else {
        parse_type(&name, &text(json, "type")?)?
    };
    Ok(ElementField {
        name,
        of,
        offset: number(json, "offset")?,
        count: number(json, "count")?,
    })
}

fn parse_type(field: &str, name: &str) -> Result<FieldType, String> {
    if let Some(primitive) = Primitive::named(name) {
        return Ok(FieldType::Number(primitive));
    }
    let bytes = name.strip_prefix("str").and_then(|n| n.parse().ok());
    bytes.map(FieldType::Text).ok_or_else(|| {
        format!("field `{field}` has the type `{name}`: expected `u8` to `i128`, `f32`, `f64` or `str` with a number of bytes")
    })
}

/// A text of a description.
pub(super) fn text(json: &Json, key: &str) -> Result<String, String> {
    let text = json[key].as_str().map(str::to_owned);
    text.ok_or_else(|| format!("`{key}` is {}: expected a text", short(&json[key])))
}

/// A number of a description.
pub(super) fn number(json: &Json, key: &str) -> Result<usize, String> {
    let number = json[key].as_u64().and_then(|n| usize::try_from(n).ok());
    number.ok_or_else(|| format!("`{key}` is {}: expected a number", short(&json[key])))
}

/// A value as an error shows it.
pub(super) fn short(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: Json) -> Json {
        json!({"name": "T", "doc": "", "size": 16, "align": 8, "fields": fields})
    }

    #[test]
    fn a_primitive_is_found_where_it_is_listed() {
        for (primitive, name, size) in Primitive::ALL {
            assert_eq!((primitive.name(), primitive.size()), (name, size));
            assert_eq!(Primitive::named(name), Some(primitive));
        }
    }

    #[test]
    fn a_description_survives_a_round_trip() {
        let json = of(json!([
            {"name": "t", "offset": 0, "count": 1, "type": "f64"},
            {"name": "place", "offset": 8, "count": 2, "element":
                {"name": "P", "doc": "d", "size": 3, "align": 1, "fields": [
                    {"name": "", "offset": 0, "count": 1, "type": "str3"}]}},
        ]));
        let element = ElementType::parse(&json).unwrap();
        assert_eq!(
            element.canonical(),
            "16/8(t:f64@0,place:{3/1(:str3@0)}*2@8)"
        );
        assert_eq!(element.to_descriptor(), json);
        assert!(element.has_float() && element.primitive().is_none());
    }

    #[test]
    fn a_field_outside_of_its_element_is_refused() {
        let field = |offset: u64, count: u64| {
            of(json!([{"name": "a", "offset": offset, "count": count, "type": "u64"}]))
        };
        assert!(ElementType::parse(&field(8, 1)).is_ok());
        for (offset, count) in [(9, 1), (0, 3), (u64::MAX, 1), (0, u64::MAX), (8, 1 << 61)] {
            let why = ElementType::parse(&field(offset, count)).unwrap_err();
            assert!(why.starts_with("field `a`"), "{why}");
        }
        let nothing = of(json!([{"name": "a", "offset": 0, "count": 1_u64 << 40, "type": "str0"}]));
        let why = ElementType::parse(&nothing).unwrap_err();
        assert!(why.ends_with("times nothing"), "{why}");
        let overlapping = of(json!([
            {"name": "a", "offset": 0, "count": 1, "type": "u64"},
            {"name": "b", "offset": 4, "count": 1, "type": "u64"}]));
        assert!(ElementType::parse(&overlapping).is_err());
    }

    #[test]
    fn a_number_without_a_name_is_its_whole_element() {
        let part = |name: &str, offset: u64, count: u64| json!({"name": name, "offset": offset, "count": count, "type": "u64"});
        assert!(ElementType::parse(&of(json!([part("", 0, 2)]))).is_ok());
        for parts in [
            json!([part("", 0, 1)]),
            json!([part("", 8, 1)]),
            json!([part("", 0, 0)]),
            json!([part("a", 0, 1), part("", 8, 1)]),
        ] {
            let why = ElementType::parse(&of(parts)).unwrap_err();
            assert!(why.contains("has no name"), "{why}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut json = of(json!([]));
        json["align"] = 3.into();
        assert!(
            ElementType::parse(&json)
                .unwrap_err()
                .contains("aligned to 3")
        );
        let json = of(json!([{"name": "a", "offset": 0, "count": 1, "type": "bool"}]));
        assert!(ElementType::parse(&json).unwrap_err().contains("`bool`"));
        assert_eq!(
            ElementType::parse(&json!({"size": "x"})).unwrap_err(),
            "`size` is \"x\": expected a number"
        );
    }
}
