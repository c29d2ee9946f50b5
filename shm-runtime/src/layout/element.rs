//! What may be an element, and how its fields are described.
//!
//! [`bytemuck::Pod`] is all that is required. `#[derive(ShmType)]` adds [`ShmType`], the description of
//! the fields. [`Describe`] asks for the description where there is one: its inherent constant is
//! there for types that implement `ShmType` and wins over the trait constant, which is there for all.

use super::node::{ElementNode, Scalar, ScalarNode};
use bytemuck::Pod;
use core::marker::PhantomData;

/// A plain value that other processes may read and write.
///
/// Implemented for every [`bytemuck::Pod`] type; never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in shared memory",
    label = "not plain old data",
    note = "other processes see its bytes, so it may hold no pointer, reference, `bool`, `char`, enum or padding",
    note = "for a struct of your own write `#[derive(Clone, Copy, Pod, Zeroable, ShmType)]` and `#[repr(C)]`"
)]
pub trait Element: Pod {}

#[diagnostic::do_not_recommend]
impl<T: Pod> Element for T {}

/// An element type whose fields are described, so that programs without the Rust type can read them.
///
/// Derive it: `#[derive(ShmType)]`.
///
/// # Safety
///
/// None: a wrong description misleads readers but breaks no memory.
pub trait ShmType: Pod {
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
                fields: &[ScalarNode { name: "", of: Scalar::Primitive(stringify!($name)), offset: 0, count: 1 }],
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
        fields: &[ScalarNode {
            name: "",
            of: Scalar::Nested(&T::ELEMENT),
            offset: 0,
            count: N,
        }],
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
