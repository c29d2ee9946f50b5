//! What the lifecycle tests share: schemas, unique names, children.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test file uses a part of it

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Stands in for the derive: a schema of plain fields.
macro_rules! schema {
    ($(#[lanes($lanes:literal)])? $vis:vis struct $name:ident { $($field:ident : $ty:ty),* $(,)? }) => {
        #[derive(Debug)]
        $vis struct $name { $(pub $field: $ty),* }
        const _: () = {
            use shm_runtime::__private as p;
            use shm_runtime::__private::zerocopy;
            use shm_runtime::__private::zerocopy::FromZeros;

            #[derive(FromZeros)]
            #[repr(C)]
            pub struct Repr<const L: usize> {
                $($field: (p::Align64, <$ty as p::Field>::Repr<L>)),*
            }
            // SAFETY: every field is `Shared`: `Represent` requires it.
            unsafe impl<const L: usize> p::Shared for Repr<L> {}
            impl<const L: usize> p::Represent for Repr<L> {
                const NODE: p::Node = p::Node::Schema(p::SchemaNode {
                    name: stringify!($name),
                    doc: "",
                    fields: &[$(p::FieldNode {
                        name: stringify!($field),
                        doc: "",
                        unit: "",
                        shape: &[],
                        source: stringify!($ty),
                        offset: core::mem::offset_of!(Self, $field.1),
                        size: <<$ty as p::Field>::Repr<L> as p::Represent>::SIZE,
                        hot: <<$ty as p::Field>::Repr<L> as p::Represent>::HOT,
                        node: &<<$ty as p::Field>::Repr<L> as p::Represent>::NODE,
                        element: p::Describe::<<$ty as p::Field>::Element>::ELEMENT,
                    }),*],
                });
            }
            impl p::Field for $name {
                type Element = ();
                type Repr<const L: usize> = Repr<L>;
                fn bind<const L: usize>(binder: &mut p::Binder<'_>) -> Result<Self, p::BindError> {
                    Ok(Self { $($field: binder.field::<$ty, L>(stringify!($field))?),* })
                }
            }
            impl p::ShmLayout for $name {
                const LANES: usize = [$($lanes,)? 64][0];
                type Body = p::Body<Repr<{ Self::LANES }>, { Self::LANES }>;
                fn bind_all(binder: &mut p::Binder<'_>) -> Result<Self, p::BindError> {
                    <Self as p::Field>::bind::<{ <Self as p::ShmLayout>::LANES }>(binder)
                }
            }
        };
    };
}
pub(crate) use schema;

/// A name that no other test and no other run has.
pub fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("shm-test-{test}-{}-{count}", std::process::id())
}

/// Where a segment's file is.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

/// Whether a segment's file is there.
pub fn exists(name: &str) -> bool {
    path(name).symlink_metadata().is_ok()
}

/// Removes a file under a name when dropped, whatever a test does.
#[derive(Debug)]
pub struct Cleanup(pub String);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let path = path(&self.0);
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir(&path);
    }
}
