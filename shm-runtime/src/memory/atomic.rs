//! The atomics that every shared word is made of.
//!
//! Outside of tests these are `core`'s own types. The crate's unit tests compile the same
//! algorithms over thin wrappers that call [`step`] before every access, so that the model
//! scheduler (`crate::models`) can switch, stop or kill a simulated process there. Under `--cfg loom` the
//! wrappers lead to loom's atomics (`crate::weak`).

#[cfg(not(loom))]
pub use core::sync::atomic::fence;
#[cfg(not(any(test, loom)))]
pub use core::sync::atomic::{AtomicU32, AtomicU64};
pub use core::sync::atomic::{Ordering, compiler_fence};

#[cfg(loom)]
#[path = "atomic/weak.rs"]
pub mod weak;
#[cfg(all(test, loom))]
pub use weak::set_hook;
#[cfg(loom)]
pub use weak::{AtomicU32, AtomicU64, fence, raw, step};

#[cfg(all(test, not(loom)))]
pub use stepped::{AtomicU32, AtomicU64};

/// Marks a point at which another process may run, in tests; nothing otherwise.
#[cfg(not(any(test, loom)))]
#[inline(always)]
pub const fn step() {}

#[cfg(all(test, not(loom)))]
pub use stepped::{set_hook, step};

/// `core`'s atomic behind ours, for the futex.
#[cfg(not(any(test, loom)))]
#[inline(always)]
pub const fn raw(word: &AtomicU32) -> &core::sync::atomic::AtomicU32 {
    word
}

#[cfg(all(test, not(loom)))]
pub use stepped::raw;

#[cfg(all(test, not(loom)))]
#[allow(missing_docs)] // the methods are `core`'s
mod stepped {
    use core::cell::Cell;
    use core::sync::atomic::{self, Ordering};

    thread_local! {
        static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
    }

    /// Calls the hook of the model that runs on this thread, if one does.
    pub fn step() {
        if let Some(hook) = HOOK.get() {
            hook();
        }
    }

    /// Installs the model's hook on this thread, or removes it.
    pub fn set_hook(hook: Option<fn()>) {
        HOOK.set(hook);
    }

    pub fn raw(word: &AtomicU32) -> &atomic::AtomicU32 {
        &word.0
    }

    macro_rules! stepped {
        ($name:ident, $int:ty) => {
            /// `core`'s atomic, with a scheduling point before every access.
            #[derive(Debug, Default, zerocopy::FromZeros)]
            #[repr(transparent)]
            pub struct $name(atomic::$name);

            impl $name {
                pub const fn new(value: $int) -> Self {
                    Self(atomic::$name::new(value))
                }
                pub fn load(&self, order: Ordering) -> $int {
                    step();
                    self.0.load(order)
                }
                pub fn store(&self, value: $int, order: Ordering) {
                    step();
                    self.0.store(value, order);
                }
                pub fn swap(&self, value: $int, order: Ordering) -> $int {
                    step();
                    self.0.swap(value, order)
                }
                pub fn compare_exchange(
                    &self,
                    old: $int,
                    new: $int,
                    ok: Ordering,
                    lost: Ordering,
                ) -> Result<$int, $int> {
                    step();
                    self.0.compare_exchange(old, new, ok, lost)
                }
                pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                    step();
                    self.0.fetch_add(value, order)
                }
                pub fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                    step();
                    self.0.fetch_or(value, order)
                }
                pub fn fetch_and(&self, value: $int, order: Ordering) -> $int {
                    step();
                    self.0.fetch_and(value, order)
                }
                pub fn as_ptr(&self) -> *mut $int {
                    self.0.as_ptr()
                }
            }
        };
    }
    stepped!(AtomicU32, u32);
    stepped!(AtomicU64, u64);
}
