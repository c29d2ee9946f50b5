//! The constant tree that describes a schema: what the derive emits and everything else reads.
//!
//! Table entries, fingerprint and descriptor are three renderings of this one tree.

/// A node of the description: what a representation is.
#[derive(Clone, Copy, Debug)]
pub enum Node {
    /// Not described: internal parts of structures.
    Opaque,
    /// A data structure.
    Structure(StructureNode),
    /// A schema: its fields in order.
    Schema(SchemaNode),
    /// An array of structures of one kind, `stride` bytes apart: entries `name[0]`, `name[1]`, …
    Repeat {
        /// The repeated structure.
        item: &'static Node,
        /// How many there are, at most 256.
        count: usize,
        /// Bytes from one to the next.
        stride: usize,
        /// Bytes that the entry of one covers.
        size: usize,
    },
}

/// A data structure: its kind and the numbers that fix its shape.
#[derive(Clone, Copy, Debug)]
pub struct StructureNode {
    /// The kind: `Array`, `Queue`, …
    pub kind: &'static str,
    /// Capacities, in the order of the type's parameters.
    pub capacity: &'static [usize],
    /// Lanes that its memory provides for; zero where it has none.
    pub lanes: usize,
}

/// A schema: a struct that derives `ShmLayout`.
#[derive(Clone, Copy, Debug)]
pub struct SchemaNode {
    /// The struct's name.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Its fields, in order of declaration.
    pub fields: &'static [FieldNode],
}

/// Which of a machine's memories the pages of a segment, or of a field, come from.
///
/// Said with [`Options::numa`](crate::Options::numa) or `#[shm(numa = "…")]`, kept by the kernel for the life of the
/// segment, and true of every process that touches a page first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Numa {
    /// On the node of whoever touches a page first: as without a policy.
    Local,
    /// On this node, and nowhere else.
    Bind(u32),
    /// On all nodes in turn: for what all processors read and write.
    Interleave,
}

/// A field of a schema.
#[derive(Clone, Copy, Debug)]
pub struct FieldNode {
    /// Its name in the table, at most 31 bytes with the names of the schemas around it.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// `#[shm(unit = "…")]`, or empty.
    pub unit: &'static str,
    /// `#[shm(shape = [rows, columns])]`, or empty.
    pub shape: &'static [usize],
    /// `#[shm(numa = "…")]`: no part of the shape.
    pub numa: Option<Numa>,
    /// Its type as the program wrote it.
    pub source: &'static str,
    /// Bytes from the start of the schema's representation.
    pub offset: usize,
    /// Bytes that the table entry covers.
    pub size: usize,
    /// Bytes at its start that are touched at create.
    pub hot: usize,
    /// What it is.
    pub node: &'static Node,
    /// What its elements are.
    pub element: &'static ElementNode,
}

/// The element type of a structure.
#[derive(Clone, Copy, Debug)]
pub struct ElementNode {
    /// The type's name, for people only: no part of the shape.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Size in bytes.
    pub size: usize,
    /// Alignment in bytes.
    pub align: usize,
    /// Its fields flattened to scalars, where it is described.
    pub fields: &'static [ScalarNode],
}

/// A scalar within an element.
#[derive(Clone, Copy, Debug)]
pub struct ScalarNode {
    /// Path of the field within the element: `position.x`.
    pub name: &'static str,
    /// The scalar's type, or a nested description with its own fields.
    pub of: Scalar,
    /// Bytes from the start of the element that holds it.
    pub offset: usize,
    /// Length, where the field is an array of them; 1 otherwise.
    pub count: usize,
    /// Its doc comment.
    pub doc: &'static str,
    /// `#[shm(unit = "…")]`, or empty.
    pub unit: &'static str,
}

impl ScalarNode {
    /// The field `name` of type `element`. An element that is but a primitive, or an array of one type,
    /// needs no level of its own.
    pub const fn new(name: &'static str, element: &'static ElementNode, offset: usize) -> Self {
        let (of, count) = match element.fields {
            [only] if only.name.is_empty() => (only.of, only.count),
            _ => (Scalar::Nested(element), 1),
        };
        Self {
            name,
            of,
            offset,
            count,
            doc: "",
            unit: "",
        }
    }

    /// `count` of them in a row.
    pub const fn times(self, count: usize) -> Self {
        Self {
            count: self.count * count,
            ..self
        }
    }

    /// With a doc comment and a unit.
    pub const fn about(self, doc: &'static str, unit: &'static str) -> Self {
        Self { doc, unit, ..self }
    }
}

/// The type of a described element field.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// A primitive: `u8` … `i64`, `u128`, `f32`, `f64`.
    Primitive(&'static str),
    /// A text of at most so many bytes: UTF-8, zeros behind it. Written `str24`.
    Text(usize),
    /// A nested element with fields of its own.
    Nested(&'static ElementNode),
}
