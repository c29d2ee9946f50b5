//! Atomics of loom's behind ours: what may be read follows the memory model, and not this processor.
//!
//! Loom's atomics have to be made inside the execution that uses them, and cannot lie in zeroed memory. So ours
//! keep the shape and the place that they have, and are looked up by their address: [`AtomicU64::model`] makes
//! loom's twin of a word, and every access to a word that has one goes there. A word without a twin is `core`'s.
//!
//! Loom takes a `SeqCst` access for an acquiring and releasing one. Here such a load returns nothing older than the last
//! value that was stored so to its word, in the order in which the execution runs. So these accesses have the one
//! total order that they are promised, and nothing else is ordered by it.
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
/// thread's earlier load. The gate, which is stored to, makes loads depend on each other; as nobody loads it, it orders
/// nothing else. (An exchange of it would carry what a fence released from one thread's load to another's.)
#[derive(Debug)]
struct Gated<A> {
    atomic: A,
    gate: loom::sync::atomic::AtomicBool,
    /// The values of the word since the last `SeqCst` store, that one included.
    recent: RefCell<Vec<u64>>,
}

impl<A> Gated<A> {
    fn for_load(&self) -> &A {
        self.gate.store(true, Ordering::Relaxed);
        &self.atomic
    }

    /// The word became `value` just now.
    fn becomes(&self, value: u64, order: Ordering) {
        let mut recent = self.recent.borrow_mut();
        if order == Ordering::SeqCst {
            recent.clear();
        }
        recent.push(value);
    }

    /// Whether a `SeqCst` load may return `value` now.
    fn is_recent(&self, value: u64) -> bool {
        self.recent.borrow().contains(&value)
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
    ($name:ident, $int:ty, $kind:ident, $($change:ident: $what:expr,)*) => {
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
                let value = self.0.load(Ordering::Relaxed);
                let twin = Gated {
                    atomic: loom::sync::atomic::$name::new(value),
                    gate: loom::sync::atomic::AtomicBool::new(false),
                    recent: RefCell::new(vec![value.into()]),
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
                let Some(twin) = self.twin() else {
                    return self.0.load(order);
                };
                let value = twin.for_load().load(order);
                if order != Ordering::SeqCst || twin.is_recent(value.into()) {
                    return value;
                }
                // an exchange finds the latest value; this one leaves it, whatever it is
                let never = <$int>::MAX / 3;
                let found = twin.atomic.compare_exchange(never, never, order, order);
                found.unwrap_or_else(|value| value)
            }

            pub fn store(&self, value: $int, order: Ordering) {
                match self.twin() {
                    Some(twin) => {
                        twin.atomic.store(value, order);
                        twin.becomes(value.into(), order);
                    }
                    None => self.0.store(value, order),
                }
            }

            pub fn compare_exchange(
                &self,
                old: $int,
                new: $int,
                ok: Ordering,
                lost: Ordering,
            ) -> Result<$int, $int> {
                let Some(twin) = self.twin() else {
                    return self.0.compare_exchange(old, new, ok, lost);
                };
                let done = twin.atomic.compare_exchange(old, new, ok, lost);
                if done.is_ok() {
                    twin.becomes(new.into(), ok);
                }
                done
            }
$(
            pub fn $change(&self, value: $int, order: Ordering) -> $int {
                let Some(twin) = self.twin() else {
                    return self.0.$change(value, order);
                };
                let before = twin.atomic.$change(value, order);
                let change: fn($int, $int) -> $int = $what;
                twin.becomes(change(before, value).into(), order);
                before
            }
)*
            pub fn as_ptr(&self) -> *mut $int {
                self.0.as_ptr()
            }
        }
    };
}
/// The changes that find what was there, and what they make of it.
macro_rules! all_changes {
    ($name:ident, $int:ty, $kind:ident) => {
        twins! {
            $name, $int, $kind,
            swap: |_, value| value,
            fetch_add: |before, value| before.wrapping_add(value),
            fetch_or: |before, value| before | value,
            fetch_and: |before, value| before & value,
        }
    };
}
all_changes!(AtomicU32, u32, Half);
all_changes!(AtomicU64, u64, Word);

/// Unit tests that count accesses install a hook; under loom they count none.
#[cfg(test)]
pub fn set_hook(_: Option<fn()>) {}
