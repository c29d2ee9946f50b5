//! The trait that `#[derive(ShmLayout)]` implements.

use super::bind::{BindError, Binder};
use super::body::{Blueprint, BodyLayout, Entry};
use super::field::Field;

/// A schema: a struct whose fields are shared-memory structures.
///
/// Derive it. The struct then describes a segment at compile time and, once the segment is opened, is
/// this process's set of handles to it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a shared-memory schema",
    note = "add `#[derive(ShmLayout)]` to it"
)]
pub trait ShmLayout: Field<Element = ()> {
    /// Lanes: the most attachments at one time, and the most operations in progress.
    const LANES: usize;

    /// The bytes behind the table: `Body<Self::Repr<LANES>, LANES>`.
    #[doc(hidden)]
    type Body: BodyLayout;

    /// Binds all fields: `Self::bind::<LANES>`.
    #[doc(hidden)]
    fn bind_all(binder: &mut Binder<'_>) -> Result<Self, BindError>;

    /// All that is known of the segment at compile time.
    const BLUEPRINT: Blueprint = <Self::Body as BodyLayout>::BLUEPRINT;

    /// The table entries, ours first; offsets count from the start of the body.
    const ENTRIES: &'static [Entry] = Self::BLUEPRINT.entries;

    /// The hash of the shape: equal if and only if segments are interchangeable.
    const FINGERPRINT: u128 = Self::BLUEPRINT.fingerprint;
}
