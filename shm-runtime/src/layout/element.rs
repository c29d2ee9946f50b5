//! What may be an element, and how its fields are described.
//!
//! [`bytemuck::Pod`] is all that is required. `#[derive(ShmType)]` adds [`ShmType`], the description of
//! the fields. [`Describe`] asks for the description where there is one: its inherent constant is
//! there for types that implement `ShmType` and wins over the trait constant, which is there for all.

use super::field::{Field, SchemaField};
use super::node::{ElementNode, Scalar, ScalarNode};
use crate::memory::entries::Entry;
use crate::memory::scalar;
use bytemuck::{Pod, Zeroable};
use core::marker::PhantomData;

/// A plain value that other processes may read and write.
///
/// Implemented for every [`bytemuck::Pod`] type; never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in shared memory",
    label = "not plain old data",
    note = "other processes see its bytes, so it may hold no pointer, reference, `bool`, `char`, enum or padding",
    note = "for a struct of your own write `#[derive(Clone, Copy, Pod, Zeroable, ShmType)]` and `#[repr(C)]`; for an enum keep a `u8` and convert it with a `match`"
)]
pub trait Element: Pod {}

#[diagnostic::do_not_recommend]
impl<T: Pod> Element for T {}

/// What an expansion says of an element or a field of one: [`Element`] without what follows from it, so
/// that rustc reports this name's message and not that of a supertrait.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in shared memory",
    label = "not plain old data",
    note = "other processes see its bytes, so it may hold no pointer, reference, `bool`, `char`, enum or padding",
    note = "for a struct of your own write `#[derive(Clone, Copy, Pod, Zeroable, ShmType)]` and `#[repr(C)]`; for an enum keep a `u8` and convert it with a `match`"
)]
pub trait SharedElement {
    #[doc(hidden)]
    fn proof() -> sealed::Proof;
}

#[diagnostic::do_not_recommend]
impl<T: Element> SharedElement for T {
    fn proof() -> sealed::Proof {
        sealed::Proof
    }
}

/// What an expansion says of a field of a zeroable struct; as [`SharedElement`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not `Zeroable`",
    label = "all-zero bytes may be no value of this type",
    note = "for a struct of your own write `#[derive(Zeroable)]`; for an enum keep a `u8` and convert it with a `match`"
)]
pub trait ZeroableField {
    #[doc(hidden)]
    fn proof() -> sealed::Proof;
}

#[diagnostic::do_not_recommend]
impl<T: Zeroable> ZeroableField for T {
    fn proof() -> sealed::Proof {
        sealed::Proof
    }
}

mod sealed {
    /// Nobody else can name it, so nobody else can implement a trait that asks for it: the expansions
    /// conclude from these traits that a type is plain data.
    #[derive(Debug)]
    pub struct Proof;
}

/// What an expansion says of the element of an `Atomic`; as [`SharedElement`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an `Atomic`",
    label = "not a number of at most 8 bytes",
    note = "write one of `u8` to `u64`, `i8` to `i64`, `f32` and `f64`; for anything else `Array<T, 1>`"
)]
pub trait AtomicElement {}

#[diagnostic::do_not_recommend]
impl<T: scalar::Scalar> AtomicElement for T {}

/// An element type whose fields are described, so that programs without the Rust type can read them.
///
/// Derive it: `#[derive(ShmType)]`.
///
/// # Safety
///
/// None: a wrong description misleads readers but breaks no memory.
pub trait ShmType: Element {
    /// The description.
    const ELEMENT: ElementNode;
}

macro_rules! scalars {
    ($($name:ident)*) => {$(
        impl ShmType for $name {
            const ELEMENT: ElementNode = ElementNode {
                name: stringify!($name),
                doc: "",
                size: size_of::<$name>(),
                align: align_of::<$name>(),
                fields: &[ScalarNode {
                    name: "",
                    of: Scalar::Primitive(stringify!($name)),
                    offset: 0,
                    count: 1,
                    doc: "",
                    unit: "",
                }],
            };
        }
    )*};
}
scalars!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64);

impl<T: ShmType, const N: usize> ShmType for [T; N] {
    const ELEMENT: ElementNode = ElementNode {
        name: "array",
        doc: "",
        size: size_of::<[T; N]>(),
        align: align_of::<[T; N]>(),
        fields: &const { [ScalarNode::new("", &T::ELEMENT, 0).times(N)] },
    };
}

/// What the elements of a structure are, where that is described: one [`ShmType`], or a key and a value.
pub trait Described {
    /// The description.
    const ELEMENT: ElementNode;
}

#[diagnostic::do_not_recommend]
impl<T: ShmType> Described for T {
    const ELEMENT: ElementNode = <T as ShmType>::ELEMENT;
}

impl<K: ShmType, V: ShmType> Described for Entry<K, V> {
    const ELEMENT: ElementNode = ElementNode {
        name: "entry",
        doc: "",
        size: size_of::<Self>(),
        align: align_of::<Self>(),
        fields: &const {
            [
                ScalarNode::new("key", &K::ELEMENT, 0),
                ScalarNode::new("value", &V::ELEMENT, core::mem::offset_of!(Self, value)),
            ]
        },
    };
}

/// Finds the description of `T`, or an opaque one: see the module's text.
#[derive(Debug)]
pub struct Describe<T>(PhantomData<T>);

impl<T: ShmType> Describe<T> {
    /// The described form.
    pub const ELEMENT: &'static ElementNode = &T::ELEMENT;
}

/// The opaque description that every type has.
pub trait Opaque {
    /// Size and alignment only.
    const ELEMENT: &'static ElementNode;
}

impl<T> Opaque for Describe<T> {
    const ELEMENT: &'static ElementNode = &ElementNode {
        name: "bytes",
        doc: "",
        size: size_of::<T>(),
        align: align_of::<T>(),
        fields: &[],
    };
}

/// Finds the description of a field's elements where there is one, as [`Describe`] does.
#[derive(Debug)]
pub struct DescribeField<F>(PhantomData<F>);

impl<F: Field> DescribeField<F>
where
    F::Element: Described,
{
    /// The described form.
    pub const ELEMENT: Option<&'static ElementNode> = Some(&<F::Element as Described>::ELEMENT);
}

/// What every other type has.
pub trait Undescribed {
    /// No description.
    const ELEMENT: Option<&'static ElementNode>;
}

impl<F> Undescribed for DescribeField<F> {
    const ELEMENT: Option<&'static ElementNode> = None;
}

/// What the derive says of a field, beside its type.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The description of the elements, where there is one.
    pub element: Option<&'static ElementNode>,
    /// `#[shm(shape = […])]`, or empty.
    pub shape: &'static [usize],
}

impl About {
    /// The elements of a field `F`, described or opaque.
    pub const fn element<F: SchemaField>(&self) -> &'static ElementNode {
        match self.element {
            Some(element) => element,
            None => <Describe<F::Element> as Opaque>::ELEMENT,
        }
    }
}

/// What the derive says of a schema's fields, in order.
pub trait AboutFields {
    /// One for each field.
    const ABOUT: &'static [About];
}
