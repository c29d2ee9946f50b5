//! From the constant tree to the table: where every entry lies.
//!
//! [`Body`] is what rustc lays out behind the table. All offsets are relative to it, so they are
//! constants; where the body begins in the file is decided at create, by the number of spare entries.

use super::capacity;
use super::field::Represent;
use super::fingerprint;
use super::message::Message;
use super::node::{FieldNode, Node, Numa, SchemaNode};
use super::schema::ShmLayout;
use crate::memory::control::{Control, Registry};
use crate::memory::lane::LaneRecord;
use crate::memory::participant::Participant;

/// Most entries that a schema may have, with those of nested schemas and arrays.
pub const MAX_ENTRIES: usize = 1024;
/// Longest name in the table; one byte is kept for the terminating NUL.
pub const MAX_NAME: usize = 31;
/// Entries of ours that every segment has.
const INTERNAL: usize = 4;
/// Most lanes of a schema, and so participants.
pub const MAX_LANES: usize = 1024;
/// Most bytes of a body: what the table can say in its units, 2³² × 64.
pub const MAX_SIZE: usize = 256 << 30;
/// Most structures in an array of them.
pub const MAX_REPEAT: usize = 256;

/// What lies behind the table, in order; the descriptor and spare room follow.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Body<F, const L: usize> {
    control: Control,
    registry: Registry,
    participants: [Participant; L],
    lanes: [LaneRecord; L],
    fields: F,
}

/// A table entry before the file's units and the body's place are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    name: [u8; MAX_NAME + 1],
    /// Bytes from the start of the body.
    pub offset: u64,
    /// Bytes that it covers.
    pub size: u64,
    /// Bytes at its start that are touched at create.
    pub hot: u64,
    /// Where its pages come from: its own wish, or that of a schema around it.
    pub numa: Option<Numa>,
}

impl Entry {
    const EMPTY: Self = Self {
        name: [0; MAX_NAME + 1],
        offset: 0,
        size: 0,
        hot: 0,
        numa: None,
    };

    /// An entry of that name; `None` where the name is longer than the table's.
    pub(crate) fn new(name: &str, offset: u64, size: u64, hot: u64) -> Option<Self> {
        let mut padded = [0; MAX_NAME + 1];
        let room = padded.split_at_mut(MAX_NAME).0;
        room.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self {
            name: padded,
            offset,
            size,
            hot,
            numa: None,
        })
    }

    /// The name.
    pub const fn name(&self) -> &str {
        let mut len = 0;
        while len < MAX_NAME && self.name[len] != 0 {
            len += 1;
        }
        utf8(self.name.split_at(len).0)
    }

    /// The name as the table stores it: NUL-padded.
    pub const fn raw_name(&self) -> &[u8; MAX_NAME + 1] {
        &self.name
    }
}

/// Everything that create and open need to know of a schema: no type left.
#[derive(Clone, Copy, Debug)]
pub struct Blueprint {
    /// The description of the fields.
    pub schema: &'static SchemaNode,
    /// Lanes, and so participants.
    pub lanes: usize,
    /// All entries, ours (`@control`, `@registry`, `@participants`, `@lanes`) first.
    pub entries: &'static [Entry],
    /// How many of `entries` are ours.
    pub internal: usize,
    /// Bytes of the body.
    pub body_size: usize,
    /// Hash of the shape.
    pub fingerprint: u128,
}

/// A list of entries, built in const context.
struct Entries {
    list: [Entry; MAX_ENTRIES],
    len: usize,
}

impl Entries {
    const EMPTY: Self = Self {
        list: [Entry::EMPTY; MAX_ENTRIES],
        len: 0,
    };

    #[track_caller]
    const fn push(&mut self, entry: Entry) {
        self.list[self.len] = entry;
        self.len += 1;
    }
}

const fn utf8(name: &[u8]) -> &str {
    match core::str::from_utf8(name) {
        Ok(name) => name,
        Err(_) => panic!("a name is UTF-8, it was built from one"),
    }
}

/// A name under construction.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) bytes: [u8; MAX_NAME + 1],
    pub(super) len: usize,
}

impl Name {
    pub(super) const EMPTY: Self = Self {
        bytes: [0; MAX_NAME + 1],
        len: 0,
    };

    /// The text.
    pub(super) const fn as_str(&self) -> &str {
        utf8(self.bytes.split_at(self.len).0)
    }

    #[track_caller]
    pub(super) const fn byte(mut self, byte: u8) -> Self {
        if self.len >= MAX_NAME {
            Message::new("a name in the segment's table has at most 31 bytes, with the names of the schemas around it; the one that begins with `")
                .bytes(self.bytes.split_at(MAX_NAME).0)
                .text("` is longer: write a shorter one with `#[shm(rename = \"…\")]`")
                .fail();
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        self
    }

    #[track_caller]
    pub(super) const fn text(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self = self.byte(bytes[i]);
            i += 1;
        }
        self
    }

    /// `self.field`, or `field` where `self` is empty.
    #[track_caller]
    pub(super) const fn field(self, name: &str) -> Self {
        if self.len == 0 {
            self.text(name)
        } else {
            self.byte(b'.').text(name)
        }
    }

    /// `self[index]`.
    #[track_caller]
    pub(super) const fn item(self, index: usize) -> Self {
        let mut name = self.byte(b'[');
        let mut unit = 100;
        while unit > 0 {
            if index >= unit || unit == 1 {
                name = name.byte(b'0' + (index / unit % 10) as u8);
            }
            unit /= 10;
        }
        name.byte(b']')
    }
}

#[track_caller]
const fn collect(
    into: &mut Entries,
    schema: &SchemaNode,
    base: usize,
    prefix: Name,
    numa: Option<Numa>,
) {
    let mut i = 0;
    while i < schema.fields.len() {
        let field = &schema.fields[i];
        let numa = match field.numa {
            None => numa,
            own => own,
        };
        let name = prefix.field(field.name);
        collect_field(into, field, base + field.offset, name, numa);
        i += 1;
    }
}

#[track_caller]
const fn collect_field(
    into: &mut Entries,
    field: &FieldNode,
    offset: usize,
    name: Name,
    numa: Option<Numa>,
) {
    if let Node::Structure(node)
    | Node::Repeat {
        item: Node::Structure(node),
        ..
    } = field.node
    {
        capacity::check(name.as_str(), node, field.element);
        capacity::check_shape(name.as_str(), node, field.shape);
    } else if !field.shape.is_empty() {
        Message::new("field `")
            .text(name.as_str())
            .text("`: only an array has a `shape`; remove it here")
            .fail();
    }
    match field.node {
        Node::Schema(schema) => collect(into, schema, offset, name, numa),
        Node::Repeat {
            count,
            stride,
            size,
            ..
        } => {
            if *count < 1 || *count > MAX_REPEAT {
                Message::new("field `")
                    .text(name.as_str())
                    .text("`: an array has 1 to 256 structures, this one ")
                    .number(*count)
                    .fail();
            }
            let mut k = 0;
            while k < *count {
                into.push(Entry {
                    name: name.item(k).bytes,
                    offset: (offset + k * *stride) as u64,
                    size: *size as u64,
                    hot: if field.hot < *size {
                        field.hot as u64
                    } else {
                        *size as u64
                    },
                    numa,
                });
                k += 1;
            }
        }
        Node::Structure(_) | Node::Opaque => into.push(Entry {
            name: name.bytes,
            offset: offset as u64,
            size: field.size as u64,
            hot: field.hot as u64,
            numa,
        }),
    }
}

/// What the rules about names and numbers need to know of a schema.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    schema: &'static SchemaNode,
    lanes: usize,
    size: usize,
}

impl Facts {
    /// Fails where a rule does not hold.
    #[track_caller]
    const fn check(&self) {
        if self.lanes < 1 || self.lanes > MAX_LANES {
            Message::new("a schema has 1 to 1024 lanes, not ")
                .number(self.lanes)
                .fail();
        }
        let entries = count(self.schema) + INTERNAL;
        if entries > MAX_ENTRIES {
            Message::new("`")
                .text(self.schema.name)
                .text("` has ")
                .number(entries)
                .text(" entries in the segment's table, nested and our own ones included; at most 1024 fit")
                .fail();
        }
        if self.size > MAX_SIZE {
            Message::new("`")
                .text(self.schema.name)
                .text("` needs ")
                .number(self.size)
                .text(" bytes; a segment has at most 256 GiB, which is ")
                .number(MAX_SIZE)
                .text(": lower the capacities")
                .fail();
        }
    }
}

/// The facts of a schema `S`, where it is one: the inherent constant wins over [`NoFacts`].
#[derive(Debug)]
pub struct FactsOf<S>(core::marker::PhantomData<S>);

impl<S: ShmLayout> FactsOf<S> {
    /// The facts.
    pub const FACTS: Option<Facts> = Some(<S::Body as BodyLayout>::FACTS);
}

/// What a struct with mistakes has.
pub trait NoFacts {
    /// None.
    const FACTS: Option<Facts>;
}

impl<S> NoFacts for FactsOf<S> {
    const FACTS: Option<Facts> = None;
}

/// Checks a schema's size where it is declared: the derive calls it.
#[track_caller]
pub const fn check_facts(facts: Option<Facts>) {
    if let Some(facts) = facts {
        facts.check();
    }
}

/// Checks the names and numbers of a field where it is declared: the derive calls it.
#[track_caller]
pub const fn check_field(facts: Option<Facts>, index: usize) {
    if let Some(facts) = facts {
        let field = &facts.schema.fields[index];
        let mut list = Entries::EMPTY;
        collect_field(&mut list, field, 0, Name::EMPTY.field(field.name), None);
    }
}

/// How many entries a schema has.
const fn count(schema: &SchemaNode) -> usize {
    let mut entries = 0;
    let mut i = 0;
    while i < schema.fields.len() {
        entries += match schema.fields[i].node {
            Node::Schema(schema) => count(schema),
            Node::Repeat { count, .. } => *count,
            Node::Structure(_) | Node::Opaque => 1,
        };
        i += 1;
    }
    entries
}

/// A body whose blueprint is known at compile time: `Body<F, L>`.
pub trait BodyLayout: super::single::Singles {
    /// The blueprint.
    const BLUEPRINT: Blueprint;
    /// What the rules need to know of it.
    const FACTS: Facts;
}

impl<F: Represent, const L: usize> Body<F, L> {
    const FIELDS: usize = core::mem::offset_of!(Self, fields);

    const SCHEMA: &'static SchemaNode = match &F::NODE {
        Node::Schema(schema) => schema,
        _ => panic!("the fields of a body are a schema"),
    };

    const LIST: Entries = {
        <Self as BodyLayout>::FACTS.check();
        let mut list = Entries::EMPTY;
        list.push(Self::internal(
            "@control",
            core::mem::offset_of!(Self, control),
            size_of::<Control>(),
        ));
        list.push(Self::internal(
            "@registry",
            core::mem::offset_of!(Self, registry),
            size_of::<Registry>(),
        ));
        list.push(Self::internal(
            "@participants",
            core::mem::offset_of!(Self, participants),
            size_of::<[Participant; L]>(),
        ));
        list.push(Self::internal(
            "@lanes",
            core::mem::offset_of!(Self, lanes),
            size_of::<[LaneRecord; L]>(),
        ));
        collect(&mut list, Self::SCHEMA, Self::FIELDS, Name::EMPTY, None);
        list
    };

    const ENTRIES: &'static [Entry] = Self::LIST.list.split_at(Self::LIST.len).0;

    const fn internal(name: &str, offset: usize, size: usize) -> Entry {
        Entry {
            name: Name::EMPTY.text(name).bytes,
            offset: offset as u64,
            size: size as u64,
            hot: size as u64,
            numa: None,
        }
    }
}

impl<F: Represent, const L: usize> BodyLayout for Body<F, L> {
    const FACTS: Facts = Facts {
        schema: Self::SCHEMA,
        lanes: L,
        size: size_of::<Self>(),
    };

    const BLUEPRINT: Blueprint = Blueprint {
        schema: Self::SCHEMA,
        lanes: L,
        entries: Self::ENTRIES,
        internal: INTERNAL,
        body_size: size_of::<Self>(),
        fingerprint: fingerprint::of_schema(Self::SCHEMA, L),
    };
}
