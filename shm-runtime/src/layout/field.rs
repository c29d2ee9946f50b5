//! The contract between a schema and its fields.

use super::bind::{BindError, Binder};
use super::node::Node;
use crate::memory::shared::Shared;

/// A representation that a table entry can cover: what the table, the fingerprint and the descriptor
/// say of it.
pub trait Represent: Shared + Sized {
    /// Bytes that the table entry covers.
    const SIZE: usize = size_of::<Self>();
    /// Leading bytes that hold heads, words and lanes: touched at create, so that a full tmpfs is an
    /// error there and not a signal later.
    const HOT: usize = 0;
    /// Its description.
    const NODE: Node;
}

/// A type that can be a field of a schema: a structure, an array of one kind of structure, or another schema.
///
/// `Self` is the process-local handle; [`Field::Repr`] is what lies in the segment.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a shared-memory schema",
    label = "not a shared-memory structure",
    note = "write a structure such as `Array<T, N>`, `Queue<T, N>` or `Atomic<T>`, an array `[S; K]` of such a structure (not of a schema), or another `#[derive(ShmLayout)]` struct"
)]
pub trait Field: Sized {
    /// The element type, for the description; `()` where there is none.
    type Element: 'static;
    /// The bytes in the segment, for a schema with `L` lanes.
    type Repr<const L: usize>: Represent;

    /// Makes the handle for the representation that the binder points at.
    ///
    /// # Errors
    ///
    /// Where the segment's table has no such entry, or one of another size or place.
    #[doc(hidden)]
    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError>;
}

/// [`Field`] as a bound in expansions: implemented for every field and no subtrait of it, so that rustc
/// reports this name's message alone and lists no implementations, such as the program's own schemas.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a shared-memory schema",
    label = "not a shared-memory structure",
    note = "write a structure such as `Array<T, N>`, `Queue<T, N>` or `Atomic<T>`, an array `[S; K]` of such a structure (not of a schema), or another `#[derive(ShmLayout)]` struct"
)]
pub trait SchemaField: Sized {
    /// As [`Field::Element`].
    type Element: 'static;
    /// As [`Field::Repr`].
    type Repr<const L: usize>: Represent;

    /// As [`Field::bind`].
    ///
    /// # Errors
    ///
    /// As [`Field::bind`].
    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError>;
}

#[diagnostic::do_not_recommend]
impl<F: Field> SchemaField for F {
    type Element = F::Element;
    type Repr<const L: usize> = F::Repr<L>;

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        <F as Field>::bind::<L>(binder)
    }
}

/// A field that is one structure with one table entry: what `[S; K]` may repeat.
pub trait Structure: Field {}

impl<S: Structure, const K: usize> Field for [S; K] {
    type Element = S::Element;
    type Repr<const L: usize> = [S::Repr<L>; K];

    fn bind<const L: usize>(binder: &mut Binder<'_>) -> Result<Self, BindError> {
        let mut items = Vec::with_capacity(K);
        for index in 0..K {
            items.push(binder.item(index, S::bind::<L>)?);
        }
        items
            .try_into()
            .map_err(|_| BindError::Internal("an array of structures of the wrong length"))
    }
}

impl<R: Represent, const K: usize> Represent for [R; K] {
    const NODE: Node = Node::Repeat {
        item: &R::NODE,
        count: K,
        stride: size_of::<R>(),
        size: R::SIZE,
    };
}
