//! The hash of a schema's shape: FNV-1a with 128 bits over a canonical text.
//!
//! The text has one line per table entry, in order: `name:Kind<capacity…,lanes>:{element}`, where the
//! element is `size/align` and, where it is described, `(field:scalar@offset,…)`. Type names and docs are
//! not in it. One constant function writes the text, into a hash at compile time and into a
//! string at run time, so the two cannot differ.
//!
//! Source of the hash: Fowler, Noll, Vo, and Eastlake, "The FNV Non-Cryptographic Hash Algorithm".

use super::body::Name;
use super::node::{ElementNode, FieldNode, Node, Scalar, SchemaNode, StructureNode};

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Where the canonical text goes: hashed, counted, and kept as far as there is room.
#[derive(Debug)]
pub struct Canon<'a> {
    hash: u128,
    len: usize,
    room: &'a mut [u8],
}

impl Canon<'_> {
    const fn byte(&mut self, byte: u8) {
        self.hash = (self.hash ^ byte as u128).wrapping_mul(FNV_PRIME);
        if self.len < self.room.len() {
            self.room[self.len] = byte;
        }
        self.len += 1;
    }

    const fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    const fn number(&mut self, number: usize) {
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut len = 0;
        loop {
            digits[len] = b'0' + (rest % 10) as u8;
            rest /= 10;
            len += 1;
            if rest == 0 {
                break;
            }
        }
        while len > 0 {
            len -= 1;
            self.byte(digits[len]);
        }
    }

    const fn name(&mut self, name: Name) {
        let mut i = 0;
        while i < name.len {
            self.byte(name.bytes[i]);
            i += 1;
        }
    }

    const fn element(&mut self, element: &ElementNode) {
        self.number(element.size);
        self.byte(b'/');
        self.number(element.align);
        if !element.fields.is_empty() {
            self.byte(b'(');
            let mut i = 0;
            while i < element.fields.len() {
                let field = &element.fields[i];
                if i > 0 {
                    self.byte(b',');
                }
                self.text(field.name);
                self.byte(b':');
                match field.of {
                    Scalar::Primitive(name) => self.text(name),
                    Scalar::Text(bytes) => {
                        self.text("str");
                        self.number(bytes);
                    }
                    Scalar::Nested(inner) => {
                        self.byte(b'{');
                        self.element(inner);
                        self.byte(b'}');
                    }
                }
                if field.count != 1 {
                    self.byte(b'*');
                    self.number(field.count);
                }
                self.byte(b'@');
                self.number(field.offset);
                i += 1;
            }
            self.byte(b')');
        }
    }

    const fn structure(&mut self, name: Name, node: &StructureNode, element: &ElementNode) {
        self.name(name);
        self.byte(b':');
        self.shape(node, element);
        self.byte(b'\n');
    }

    const fn shape(&mut self, node: &StructureNode, element: &ElementNode) {
        self.text(node.kind);
        self.byte(b'<');
        let mut i = 0;
        while i < node.capacity.len() {
            self.number(node.capacity[i]);
            self.byte(b',');
            i += 1;
        }
        self.number(node.lanes);
        self.text(">:{");
        self.element(element);
        self.byte(b'}');
    }

    const fn field(&mut self, field: &FieldNode, name: Name) {
        match field.node {
            Node::Opaque => {}
            Node::Structure(node) => self.structure(name, node, field.element),
            Node::Schema(schema) => self.schema(schema, name),
            Node::Repeat { item, count, .. } => {
                let mut k = 0;
                while k < *count {
                    if let Node::Structure(node) = item {
                        self.structure(name.item(k), node, field.element);
                    }
                    k += 1;
                }
            }
        }
    }

    const fn schema(&mut self, schema: &SchemaNode, prefix: Name) {
        let mut i = 0;
        while i < schema.fields.len() {
            let field = &schema.fields[i];
            self.field(field, prefix.field(field.name));
            i += 1;
        }
    }
}

/// The fingerprint of a schema with `lanes` lanes.
pub const fn of_schema(schema: &SchemaNode, lanes: usize) -> u128 {
    let mut canon = Canon {
        hash: FNV_OFFSET,
        len: 0,
        room: &mut [],
    };
    canon.text("shm 1 lanes ");
    canon.number(lanes);
    canon.byte(b'\n');
    canon.schema(schema, Name::EMPTY);
    canon.hash
}

/// The canonical shape of one structure, without its name: `Queue<4096,64>:{16/8(…)}`.
pub fn shape(node: &StructureNode, element: &ElementNode) -> String {
    let mut count = Canon {
        hash: FNV_OFFSET,
        len: 0,
        room: &mut [],
    };
    count.shape(node, element);
    let mut bytes = vec![0; count.len];
    Canon {
        hash: FNV_OFFSET,
        len: 0,
        room: &mut bytes,
    }
    .shape(node, element);
    String::from_utf8(bytes).expect("made of UTF-8 parts")
}

/// FNV-1a-128 of some bytes, for the test vectors of the format.
pub const fn fnv1a_128(bytes: &[u8]) -> u128 {
    let mut canon = Canon {
        hash: FNV_OFFSET,
        len: 0,
        room: &mut [],
    };
    let mut i = 0;
    while i < bytes.len() {
        canon.byte(bytes[i]);
        i += 1;
    }
    canon.hash
}
