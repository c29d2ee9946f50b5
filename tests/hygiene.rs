//! The expansions hold in any surroundings: no prelude, shadowed names, keywords as names, `unsafe`
//! forbidden, every warning an error, another path to the runtime.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all)]
#![expect(
    missing_docs,
    missing_debug_implementations,
    reason = "the structs are the test data"
)]

use shm_runtime::ShmLayout;

/// The names of a schema's own entries.
fn names<S: ShmLayout>() -> Vec<&'static str> {
    let own = &S::ENTRIES[S::BLUEPRINT.internal..];
    own.iter().map(|entry| entry.name()).collect()
}

/// Nothing in scope but what is written.
pub mod bare {
    #![no_implicit_prelude]

    #[derive(
        ::core::clone::Clone,
        ::core::marker::Copy,
        ::shm_runtime::Pod,
        ::shm_runtime::Zeroable,
        ::shm_runtime::ShmType,
    )]
    #[repr(C)]
    pub struct Event {
        pub t: f64,
        pub kind: u64,
    }

    #[derive(::shm_runtime::ShmLayout)]
    pub struct Bare<T: ::shm_runtime::ShmType, const N: usize> {
        pub events: ::shm_runtime::Array<Event, 4>,
        pub items: ::shm_runtime::Array<T, N>,
        pub shards: [::shm_runtime::Atomic<u64>; 2],
    }
}

#[test]
fn no_prelude() {
    assert_eq!(
        names::<bare::Bare<u8, 2>>(),
        ["events", "items", "shards[0]", "shards[1]"]
    );
}

/// Every name that an expansion might say without a path means something else here.
#[expect(dead_code, non_camel_case_types, reason = "they are only in the way")]
pub mod shadowed {
    pub(super) struct Result;
    pub(super) struct Ok;
    pub(super) struct Err;
    pub(super) struct Some;
    pub(super) struct None;
    pub(super) struct Option;
    pub(super) struct Field;
    pub(super) struct Node;
    pub(super) struct Binder;
    pub(super) struct Represent;
    pub(super) struct Shared;
    pub(super) struct Repr;
    pub(super) struct PhantomData;
    pub(super) trait Pod {}
    pub(super) trait Sized {}
    pub(super) trait Send {}
    pub(super) trait Copy {}
    pub(super) trait Element {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod bytemuck {}
    pub(super) mod zerocopy {}
    pub(super) mod shm_runtime {}
    pub(super) const fn size_of() {}
    pub(super) type usize = ();
    pub(super) type u8 = ();
    pub(super) type u32 = ();
    pub(super) type u64 = ();
    pub(super) type str = ();
    pub(super) type bool = ();

    #[derive(
        ::core::clone::Clone,
        ::core::marker::Copy,
        ::shm_runtime::Pod,
        ::shm_runtime::Zeroable,
        ::shm_runtime::ShmType,
    )]
    #[repr(C)]
    pub struct Event {
        pub t: f64,
        pub kind: i64,
    }

    #[derive(::shm_runtime::ShmLayout)]
    pub struct Shadowed {
        pub events: ::shm_runtime::Array<Event, 4>,
        pub level: ::shm_runtime::Atomic<f32>,
    }
}

#[test]
fn shadowed_names() {
    assert_eq!(names::<shadowed::Shadowed>(), ["events", "level"]);
}

/// Names that are keywords, or that the expansions use themselves.
pub mod weird {
    use shm_runtime::{Array, Atomic, Pod, ShmLayout, ShmType, Zeroable};

    #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
    #[repr(C)]
    pub struct r#Self_ {
        pub r#type: u32,
        pub r#const: u32,
        pub binder: u32,
        pub is: u32,
        pub _0: u32,
    }

    #[derive(ShmLayout)]
    #[allow(non_snake_case)]
    pub struct Weird {
        pub r#type: Array<r#Self_, 2>,
        pub binder: Atomic<u8>,
        pub schema: Atomic<u8>,
        pub field_0: Atomic<u8>,
        pub align_field_0: Atomic<u8>,
        pub __LANES: Atomic<u8>,
        pub create: Atomic<u8>,
        pub ENTRIES: Atomic<u8>,
        pub größe: Atomic<u8>,
    }

    #[derive(ShmLayout)]
    pub struct Nested<__S: ShmLayout, const L: usize, const N: usize> {
        pub inner: __S,
        pub n: Array<u8, N>,
        pub l: Array<u8, L>,
    }
}

#[test]
fn weird_names() {
    assert_eq!(names::<weird::Weird>()[0], "type");
    assert_eq!(names::<weird::Weird>().len(), 9);
    let nested = names::<weird::Nested<weird::Weird, 1, 2>>();
    assert_eq!(nested[0], "inner.type");
    assert_eq!(nested[10], "l");
}

/// The runtime under another name, as a crate that re-exports it has it.
pub mod renamed {
    pub mod facade {
        pub use shm_runtime::*;
    }
    use facade::{Array, Pod, ShmLayout, ShmType, Zeroable};

    #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
    #[shm(crate = "facade")]
    #[repr(C)]
    pub struct Event {
        pub t: f64,
    }

    #[derive(ShmLayout)]
    #[shm(crate = "crate::renamed::facade", lanes = 8)]
    pub struct Renamed {
        pub events: Array<Event, 4>,
    }
}

#[test]
fn crate_path() {
    assert_eq!(names::<renamed::Renamed>(), ["events"]);
    assert_eq!(renamed::Renamed::LANES, 8);
}

/// A private element in a public schema, and every visibility.
pub mod visibility {
    use shm_runtime::{Array, Pod, ShmLayout, ShmType, Zeroable};

    #[derive(Clone, Copy, Pod, Zeroable, ShmType)]
    #[repr(C)]
    struct Event {
        t: f64,
    }

    #[derive(ShmLayout)]
    pub struct Public {
        events: Array<Event, 4>,
        inner: Private,
        generic: Generic<Event>,
    }

    #[derive(ShmLayout)]
    struct Private {
        events: Array<Event, 4>,
    }

    #[derive(ShmLayout)]
    pub(super) struct Generic<T: ShmType> {
        events: Array<T, 4>,
    }

    impl Public {
        pub fn first(&self) -> f64 {
            let private = self.inner.events.get(0).t + self.generic.events.get(0).t;
            self.events.get(0).t + private
        }
    }
}

#[test]
fn visibilities() {
    assert_eq!(
        names::<visibility::Public>(),
        ["events", "inner.events", "generic.events"]
    );
}

/// In a function, and out of macros that pass types on.
macro_rules! schema {
    ($name:ident { $($field:ident: $ty:ty = $lanes:literal),* }) => {
        #[derive(ShmLayout)]
        #[shm($(lanes = $lanes),*)]
        pub struct $name {
            $($field: $ty,)*
        }

        impl $name {
            #[expect(dead_code, reason = "reads the fields")]
            fn read(&self) {
                $(let _ = &self.$field;)*
            }
        }
    };
}

#[test]
fn in_a_function_and_from_a_macro() {
    use shm_runtime::{Array, Pod, Zeroable};

    #[derive(Clone, Copy, Pod, Zeroable)]
    #[repr(transparent)]
    struct Meters(f64);

    schema!(Local {
        depth: Array<Meters, { 1 << 4 }> = 3
    });
    assert_eq!(names::<Local>(), ["depth"]);
    assert_eq!(Local::LANES, 3);
    assert_eq!(Local::ENTRIES[4].size, 128);
    let Meters(zero) = Zeroable::zeroed();
    assert_eq!(zero, 0.0);
}

/// Handles go wherever the user's program goes.
#[test]
fn handles_are_send_and_sync() {
    static_assertions::assert_impl_all!(weird::Weird: Send, Sync, Unpin);
    static_assertions::assert_not_impl_any!(weird::Weird: Clone, core::fmt::Debug);
}
