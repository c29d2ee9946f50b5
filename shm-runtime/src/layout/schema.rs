//! The trait that `#[derive(ShmLayout)]` implements.

use super::bind::{BindError, Binder};
use super::body::{Blueprint, BodyLayout, Entry};
use super::field::Field;
use crate::error::{CreateError, OpenError, OpenOrCreateError};
use crate::segment::{self, Options, Segment};

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

    /// Creates a segment: it appears under its name complete or not at all.
    ///
    /// A leftover of that name, which a crash left and nobody is attached to, makes way.
    ///
    /// # Errors
    ///
    /// [`CreateError::AlreadyExists`] where somebody is attached to a segment of that name, and where
    /// there is no room, the name is not allowed, or the system refuses.
    fn create(name: &str) -> Result<Segment<Self>, CreateError> {
        Self::options().create(name)
    }

    /// Opens a segment that another process created.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`] where there is none that anybody is attached to, [`OpenError::Schema`] where
    /// it has another schema, and one for each way in which a file can be no segment to trust.
    fn open(name: &str) -> Result<Segment<Self>, OpenError> {
        Self::options().open(name)
    }

    /// Opens a segment, or creates it if there is none; any number of processes may do so at once, and
    /// all get the same one.
    ///
    /// # Errors
    ///
    /// As [`Self::open`] and [`Self::create`], but for the races between the two, which are retried.
    fn open_or_create(name: &str) -> Result<Segment<Self>, OpenOrCreateError> {
        Self::options().open_or_create(name)
    }

    /// Removes a segment's name, whoever is attached: they keep what they have, and a new segment can be
    /// created under the name. Only persistent segments and accidents need it.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotFound`] where there is none; [`OpenError::Magic`] and the like where the file is no segment,
    /// which is then left alone.
    fn unlink(name: &str) -> Result<(), OpenError> {
        segment::unlink(name)
    }

    /// Options, to be followed by `create`, `open` or `open_or_create`.
    fn options<'a>() -> Options<'a, Self> {
        Options::new()
    }
}
