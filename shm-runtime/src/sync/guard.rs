//! The guard of whoever may change a value: of a `Mutex`, and of an `RwLock`'s writer.

use super::error::OwnerDied;
use super::ownership::Ownership;
use crate::layout::Element;
use crate::memory::cell::CellArray;
use crate::memory::site::Site;
use core::fmt;

/// A value that this attachment alone may change; dropping the guard unlocks.
///
/// The value is copied in and out: another process may write its bytes at any time, so there is no reference
/// to it. A guard that is forgotten keeps the lock until the attachment ends. In a forked child the parent's
/// guard is void: it reads zeros, writes nothing and is dropped without effect.
#[must_use = "a lock whose guard is dropped is unlocked"]
pub struct Guard<'a, T: Element> {
    value: &'a Site<CellArray<T, 1>>,
    lock: Ownership<'a>,
}

static_assertions::assert_impl_all!(Guard<'static, u64>: Send, Sync);
static_assertions::assert_not_impl_any!(Guard<'static, u64>: Clone);

impl<'a, T: Element> Guard<'a, T> {
    /// The guard, inside of [`OwnerDied`] where an owner died before.
    pub(super) fn new(
        value: &'a Site<CellArray<T, 1>>,
        lock: Ownership<'a>,
    ) -> Result<Self, OwnerDied<Self>> {
        let doubtful = lock.is_doubtful();
        let guard = Self { value, lock };
        if doubtful {
            Err(OwnerDied::new(guard))
        } else {
            Ok(guard)
        }
    }

    /// A copy of the value.
    #[inline]
    pub fn get(&self) -> T {
        let value = self.value.cells().load(0);
        value
            .filter(|_| self.lock.is_held())
            .unwrap_or_else(T::zeroed)
    }

    /// Overwrites the value.
    #[inline]
    pub fn set(&mut self, value: T) {
        if self.lock.is_held() {
            self.value.cells().store(0, value);
        }
    }

    /// Changes a copy of the value, and writes that.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get();
        let result = change(&mut value);
        self.set(value);
        result
    }

    /// Says that the value is in order: from the unlocking on, nobody is told any more that an owner died.
    pub fn mark_consistent(&mut self) {
        self.lock.settle();
    }
}

impl<T: Element> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("name", &self.value.name())
            .finish_non_exhaustive()
    }
}
