//! What expansions of the derives may name; no part of the public interface.

pub use crate::layout::align::{
    Align64, Align128, Align256, Align512, Align1024, Align2048, Align4096,
};
pub use crate::layout::bind::{BindError, Binder};
pub use crate::layout::body::{Body, FactsOf, NoFacts, check_facts, check_field};
pub use crate::layout::element::{
    About, AboutFields, AtomicElement, Describe, DescribeField, Opaque, SharedElement, Undescribed,
    ZeroableField,
};
pub use crate::layout::node::{ElementNode, FieldNode, Node, Numa, Scalar, ScalarNode, SchemaNode};
pub use crate::layout::padding::{no_padding_at_end, no_padding_between};
pub use crate::layout::{Field, Represent, SchemaField, ShmLayout, ShmType};
pub use crate::memory::shared::Shared;
pub use crate::seeded::BUGS;
pub use bytemuck;
pub use zerocopy;

/// Stands for the representation of a schema with mistakes in it.
#[derive(Debug, zerocopy::FromZeros)]
#[repr(C)]
pub struct Invalid;

crate::memory::shared::impl_shared!(impl[] Invalid {});

impl Represent for Invalid {
    const NODE: Node = Node::Schema(SchemaNode {
        name: "",
        doc: "",
        fields: &[],
    });
}
