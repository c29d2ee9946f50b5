//! Atomics of loom's behind ours: what may be read follows the memory model, and not this processor.
//!
//! Loom's atomics have to be made inside the execution that uses them, and cannot lie in zeroed memory. So ours
//! keep the shape and the place that they have, and are looked up by their address: [`AtomicU64::model`] makes
//! loom's twin of a word, and every access to a word that has one goes there. A word without a twin is `core`'s.
//!
//! A thread can be killed before any of its accesses: see [`kill_after`].

use core::cell::{Cell, RefCell};
use core::sync::atomic::{self, Ordering};
use std::collections::HashMap;
use std::rc::Rc;

/// A word's twin.
#[derive(Clone, Debug)]
enum Twin {
    Word(Rc<Gated<loom::sync::atomic::AtomicU64>>),
    Half(Rc<Gated<loom::sync::atomic::AtomicU32>>),
}

/// An atomic of loom's behind a gate that every load passes.
///
/// Loom tries two accesses in both orders if they depend on each other, and remembers the last access to each
/// atomic for that: where a thread loads a word and then exchanges it, the exchange is not tried before another
/// thread's earlier load. The gate, which is exchanged, makes loads depend on each other; it orders nothing else.
#[derive(Debug)]
struct Gated<A> {
    atomic: A,
    gate: loom::sync::atomic::AtomicBool,
}

impl<A> Gated<A> {
    fn for_load(&self) -> &A {
        self.gate.swap(true, Ordering::Relaxed);
        &self.atomic
    }
}

thread_local! {
    /// The twins of the execution that runs, by address; all its threads are coroutines of one.
    static TWINS: RefCell<HashMap<usize, Twin>> = RefCell::default();
    /// Who is to be killed, and in how many accesses.
    static DOOMED: Cell<Option<(loom::thread::ThreadId, usize)>> = const { Cell::new(None) };
}

/// What a killed thread unwinds with.
#[derive(Clone, Copy, Debug)]
pub struct Killed;

/// Forgets the execution before.
pub fn forget() {
    TWINS.with_borrow_mut(HashMap::clear);
    DOOMED.set(None);
}

/// Kills the calling thread before its access number `accesses` from now: it unwinds with [`Killed`].
pub fn kill_after(accesses: usize) {
    DOOMED.set(Some((loom::thread::current().id(), accesses)));
}

/// Goes before every access.
pub fn step() {
    let Some((thread, left)) = DOOMED.get() else {
        return;
    };
    if loom::thread::current().id() != thread {
        return;
    }
    DOOMED.set(left.checked_sub(1).map(|left| (thread, left)));
    if left == 0 {
        std::panic::resume_unwind(Box::new(Killed));
    }
}

/// As `core`'s.
pub fn fence(order: Ordering) {
    if TWINS.with_borrow(HashMap::is_empty) {
        atomic::fence(order);
    } else {
        loom::sync::atomic::fence(order);
    }
}

/// `core`'s atomic behind ours, for the futex.
pub const fn raw(word: &AtomicU32) -> &atomic::AtomicU32 {
    &word.0
}

macro_rules! twins {
    ($name:ident, $int:ty, $kind:ident) => {
        /// `core`'s atomic, or its twin.
        #[derive(Debug, Default, zerocopy::FromZeros)]
        #[repr(transparent)]
        pub struct $name(atomic::$name);

        #[allow(missing_docs)] // the methods are `core`'s
        impl $name {
            pub const fn new(value: $int) -> Self {
                Self(atomic::$name::new(value))
            }

            /// Makes the word's twin, by the thread that starts the others.
            pub fn model(&self) {
                let twin = Gated {
                    atomic: loom::sync::atomic::$name::new(self.0.load(Ordering::Relaxed)),
                    gate: loom::sync::atomic::AtomicBool::new(false),
                };
                let address = core::ptr::from_ref(self).addr();
                TWINS.with_borrow_mut(|twins| twins.insert(address, Twin::$kind(Rc::new(twin))));
            }

            fn twin(&self) -> Option<Rc<Gated<loom::sync::atomic::$name>>> {
                step();
                let address = core::ptr::from_ref(self).addr();
                match TWINS.with_borrow(|twins| twins.get(&address).cloned())? {
                    Twin::$kind(twin) => Some(twin),
                    _ => panic!("a word of two widths"),
                }
            }

            pub fn load(&self, order: Ordering) -> $int {
                match self.twin() {
                    Some(twin) => twin.for_load().load(order),
                    None => self.0.load(order),
                }
            }

            pub fn store(&self, value: $int, order: Ordering) {
                match self.twin() {
                    Some(twin) => twin.atomic.store(value, order),
                    None => self.0.store(value, order),
                }
            }

            pub fn swap(&self, value: $int, order: Ordering) -> $int {
                match self.twin() {
                    Some(twin) => twin.atomic.swap(value, order),
                    None => self.0.swap(value, order),
                }
            }

            pub fn compare_exchange(
                &self,
                old: $int,
                new: $int,
                ok: Ordering,
                lost: Ordering,
            ) -> Result<$int, $int> {
                match self.twin() {
                    Some(twin) => twin.atomic.compare_exchange(old, new, ok, lost),
                    None => self.0.compare_exchange(old, new, ok, lost),
                }
            }

            pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                match self.twin() {
                    Some(twin) => twin.atomic.fetch_add(value, order),
                    None => self.0.fetch_add(value, order),
                }
            }

            pub fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                match self.twin() {
                    Some(twin) => twin.atomic.fetch_or(value, order),
                    None => self.0.fetch_or(value, order),
                }
            }

            pub fn fetch_and(&self, value: $int, order: Ordering) -> $int {
                match self.twin() {
                    Some(twin) => twin.atomic.fetch_and(value, order),
                    None => self.0.fetch_and(value, order),
                }
            }

            pub fn as_ptr(&self) -> *mut $int {
                self.0.as_ptr()
            }
        }
    };
}
twins!(AtomicU32, u32, Half);
twins!(AtomicU64, u64, Word);

/// Unit tests that count accesses install a hook; under loom they count none.
#[cfg(test)]
pub fn set_hook(_: Option<fn()>) {}
