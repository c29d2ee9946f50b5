//! Derives of `shm-runtime`, which re-exports them: depend on that crate alone.
//!
//! Each derive goes the same way: `model` parses the input (with `attr` for the attributes), `check`
//! reports every mistake at once, `expand` writes the code. Where there were mistakes, `fallback`
//! writes an implementation that keeps one mistake from causing further messages.

mod attr;
mod check;
mod expand;
mod fallback;
mod model;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a shared-memory schema.
///
/// The struct has named fields; each is a structure (`Array<T, N>`, `Queue<T, N>`, …), an array of
/// structures of one kind (`[Array<f32, 64>; 4]`), or another struct that derives `ShmLayout`. Its doc
/// comments become part of the segment's descriptor. It may have type and const parameters; with
/// `T: ShmType` the elements are described, with `T: Element` they are opaque bytes.
///
/// # Attributes
///
/// | on the struct | |
/// |---|---|
/// | `#[shm(lanes = 256)]` | the most attachments at one time, 64 unless given, at most 1024; of nested schemas the outermost one's counts |
/// | `#[shm(crate = "path")]` | where `shm_runtime` is found, for crates that re-export it |
///
/// | on a field | |
/// |---|---|
/// | `#[shm(rename = "name")]` | its name in the segment's table, at most 31 bytes |
/// | `#[shm(align = 4096)]` | its alignment: a power of two from 64 to 4096 |
/// | `#[shm(numa = "interleave")]` | where its pages come from: `local`, `interleave`, or a node, as in `bind(1)`; it then has pages of its own |
/// | `#[shm(shape = [1000, 1000])]` | how readers are to see an array: rows, columns, …; the product is its length |
/// | `#[shm(unit = "m/s")]` | the unit of its elements, for readers |
#[proc_macro_derive(ShmLayout, attributes(shm))]
pub fn derive_shm_layout(input: TokenStream) -> TokenStream {
    expand::layout::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// Describes an element type field by field, so that programs without the Rust type can read it.
///
/// # Attributes
///
/// `#[shm(crate = "path")]` on the struct; `#[shm(rename = "name")]` and `#[shm(unit = "m")]` on a field.
#[proc_macro_derive(ShmType, attributes(shm))]
pub fn derive_shm_type(input: TokenStream) -> TokenStream {
    expand::element::derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// Implements `bytemuck::Pod`, after proving that the struct is plain old data.
///
/// The struct is `#[repr(C)]` or `#[repr(transparent)]`, every field is `Pod`, and there is no padding.
/// A struct with parameters is accepted where that holds for all of them: it is transparent or packed,
/// or all its fields are of one type (or arrays of it).
///
/// `#[shm(crate = "path")]` on the struct says where `shm_runtime` is found.
#[proc_macro_derive(Pod, attributes(shm))]
pub fn derive_pod(input: TokenStream) -> TokenStream {
    expand::pod::derive_pod(&parse_macro_input!(input as DeriveInput)).into()
}

/// Implements `bytemuck::Zeroable` for a struct all of whose fields are `Zeroable`.
///
/// `#[shm(crate = "path")]` on the struct says where `shm_runtime` is found.
#[proc_macro_derive(Zeroable, attributes(shm))]
pub fn derive_zeroable(input: TokenStream) -> TokenStream {
    expand::pod::derive_zeroable(&parse_macro_input!(input as DeriveInput)).into()
}
