//! The descriptor: what a segment says of itself, as JSON at its end.
//!
//! It is rendered from the constant tree when a segment is created, and parsed back, from bytes that
//! nobody vouches for, to say how two schemas differ. What it says is compared and shown; no address
//! is ever computed from it.

use super::body::{Blueprint, Name};
use super::fingerprint;
use super::node::{ElementNode, FieldNode, Node, Scalar, SchemaNode, StructureNode};
use serde_json::{Value, json};

/// The version of the JSON's structure.
pub const VERSION: u64 = 1;

/// Renders the descriptor of a schema.
pub fn render(blueprint: &Blueprint) -> Vec<u8> {
    let mut entries = Vec::new();
    collect(&mut entries, blueprint.schema, Name::EMPTY);
    let descriptor = json!({
        "descriptor": VERSION,
        "schema": { "name": blueprint.schema.name, "doc": blueprint.schema.doc },
        "lanes": blueprint.lanes,
        "entries": entries,
    });
    descriptor.to_string().into_bytes()
}

/// Renders the descriptor of one structure that is registered at run time: a schema of one field.
pub fn render_one(name: &str, source: &str, node: &StructureNode, of: &ElementNode) -> Vec<u8> {
    let descriptor = json!({
        "descriptor": VERSION,
        "schema": { "name": "", "doc": "" },
        "lanes": node.lanes,
        "entries": [{
            "name": name,
            "kind": node.kind,
            "capacity": node.capacity,
            "lanes": node.lanes,
            "canonical": fingerprint::shape(node, of),
            "type": source,
            "doc": "",
            "unit": "",
            "shape": [],
            "element": element(of),
        }],
    });
    descriptor.to_string().into_bytes()
}

fn collect(into: &mut Vec<Value>, schema: &SchemaNode, prefix: Name) {
    for field in schema.fields {
        let name = prefix.field(field.name);
        match field.node {
            Node::Opaque => {}
            Node::Structure(node) => into.push(entry(field, node, name)),
            Node::Schema(inner) => collect(into, inner, name),
            Node::Repeat { item, count, .. } => {
                if let Node::Structure(node) = item {
                    into.extend((0..*count).map(|k| entry(field, node, name.item(k))));
                }
            }
        }
    }
}

fn entry(field: &FieldNode, node: &StructureNode, name: Name) -> Value {
    json!({
        "name": String::from_utf8_lossy(&name.bytes[..name.len]),
        "kind": node.kind,
        "capacity": node.capacity,
        "lanes": node.lanes,
        "canonical": fingerprint::shape(node, field.element),
        "type": field.source,
        "doc": field.doc,
        "unit": field.unit,
        "shape": field.shape,
        "element": element(field.element),
    })
}

fn element(node: &ElementNode) -> Value {
    let fields = node.fields.iter().map(|field| {
        let mut value = json!({
            "name": field.name,
            "offset": field.offset,
            "count": field.count,
        });
        match field.of {
            Scalar::Primitive(name) => value["type"] = name.into(),
            Scalar::Text(bytes) => value["type"] = format!("str{bytes}").into(),
            Scalar::Nested(inner) => value["element"] = element(inner),
        }
        value
    });
    json!({
        "name": node.name,
        "doc": node.doc,
        "size": node.size,
        "align": node.align,
        "fields": fields.collect::<Vec<_>>(),
    })
}

/// What a segment says of one of its structures, as far as another program compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name in the table.
    pub name: String,
    /// Its shape in canonical form: equal text, equal bytes.
    pub canonical: String,
    /// Its type as its program wrote it.
    pub source: String,
}

/// A parsed descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The name of the schema.
    pub schema: String,
    /// Its lanes.
    pub lanes: u64,
    /// Its structures, in order.
    pub entries: Vec<Described>,
}

impl Descriptor {
    /// Parses untrusted bytes; `None` where they are no descriptor of this version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        if value["descriptor"] != VERSION {
            return None;
        }
        let entries = value["entries"].as_array()?.iter().map(|entry| {
            let text = |key: &str| entry[key].as_str().map(str::to_owned);
            Some(Described {
                name: text("name")?,
                canonical: text("canonical")?,
                source: text("type")?,
            })
        });
        Some(Self {
            schema: value["schema"]["name"].as_str()?.to_owned(),
            lanes: value["lanes"].as_u64()?,
            entries: entries.collect::<Option<_>>()?,
        })
    }

    /// The same of a schema that this program was compiled with.
    pub fn of(blueprint: &Blueprint) -> Self {
        Self::parse(&render(blueprint)).unwrap_or(Self {
            schema: blueprint.schema.name.to_owned(),
            lanes: blueprint.lanes as u64,
            entries: Vec::new(),
        })
    }
}

/// How two canonical shapes relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Equal.
    Same,
    /// Equal but for elements that one side describes and the other does not.
    Undescribed,
    /// Different.
    Different,
}

/// Compares two canonical shapes.
pub fn compare(here: &str, there: &str) -> Likeness {
    if here == there {
        return Likeness::Same;
    }
    let (here, there) = (here.as_bytes(), there.as_bytes());
    let (mut i, mut k) = (0, 0);
    while i < here.len() || k < there.len() {
        match (here.get(i), there.get(k)) {
            (Some(a), Some(b)) if a == b => {
                i += 1;
                k += 1;
            }
            (Some(b'('), _) => i = behind_group(here, i),
            (_, Some(b'(')) => k = behind_group(there, k),
            _ => return Likeness::Different,
        }
    }
    Likeness::Undescribed
}

/// The index behind the parenthesis that closes the one at `open`.
fn behind_group(text: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undescribed_element_is_like_a_described_one_of_equal_size() {
        let described = "Array<4,0>:{16/8(a:u64@0,b:{8/4(x:f32@0,y:f32@4)}@8)}";
        assert_eq!(compare(described, described), Likeness::Same);
        assert_eq!(
            compare(described, "Array<4,0>:{16/8}"),
            Likeness::Undescribed
        );
        assert_eq!(
            compare("Array<4,0>:{16/8}", described),
            Likeness::Undescribed
        );
        let nested = "Array<4,0>:{16/8(a:u64@0,b:{8/4}@8)}";
        assert_eq!(compare(described, nested), Likeness::Undescribed);
        assert_eq!(compare(described, "Array<4,0>:{16/4}"), Likeness::Different);
        assert_eq!(compare(described, "Array<5,0>:{16/8}"), Likeness::Different);
        let renamed = "Array<4,0>:{16/8(c:u64@0,b:{8/4}@8)}";
        assert_eq!(compare(described, renamed), Likeness::Different);
        assert_eq!(compare("(", "x"), Likeness::Different);
        assert_eq!(compare("(((", ""), Likeness::Undescribed);
    }

    #[test]
    fn other_bytes_are_no_descriptor() {
        for bytes in [
            &b""[..],
            b"{}",
            b"[]",
            b"\xff",
            b"{\"descriptor\":2}",
            b"{\"descriptor\":1}",
        ] {
            assert_eq!(Descriptor::parse(bytes), None);
        }
        let entry = br#"{"descriptor":1,"schema":{"name":"S"},"lanes":1,"entries":[{}]}"#;
        assert_eq!(Descriptor::parse(entry), None);
        let deep = "[".repeat(100_000);
        assert_eq!(Descriptor::parse(deep.as_bytes()), None);
    }
}
