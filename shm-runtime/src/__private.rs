//! What expansions of the derives may name; no part of the public interface.

pub use crate::layout::align::{
    Align64, Align128, Align256, Align512, Align1024, Align2048, Align4096,
};
pub use crate::layout::bind::{BindError, Binder};
pub use crate::layout::body::Body;
pub use crate::layout::element::{Describe, Opaque};
pub use crate::layout::node::{ElementNode, FieldNode, Node, Scalar, ScalarNode, SchemaNode};
pub use crate::layout::{Field, Represent, ShmLayout, ShmType};
pub use crate::memory::shared::Shared;
pub use bytemuck;
pub use zerocopy;
