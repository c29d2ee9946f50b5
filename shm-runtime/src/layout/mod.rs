//! Where schema types meet bytes: the contract with the derive.
//!
//! A schema struct is read twice. At compile time it *describes* the segment: rustc lays out its
//! [`Field::Repr`], and the constant tree in [`node`] carries offsets, sizes, shapes and docs. Once
//! opened, its fields *are* the process-local handles.

pub mod align;
pub mod bind;
pub mod body;
pub mod capacity;
pub mod descriptor;
pub mod element;
pub mod field;
pub mod fingerprint;
mod message;
pub mod node;
pub mod padding;
mod schema;
pub mod single;

pub use element::{Element, ShmType};
pub use field::{Field, Represent, SchemaField, Structure};
pub use node::Numa;
pub use schema::ShmLayout;
