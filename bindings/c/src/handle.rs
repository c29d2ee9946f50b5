//! Objects that C holds by address, from the call that makes one to the call that closes it.
//!
//! Each begins with a word that says what it is, so that one of another type, and for as long as nobody has got its
//! memory, one that was closed, is told from the right one. That finds mistakes; it does not make them allowed: `shm.h`
//! demands of callers that
//!
//! - (H) a handle is null, or was given by this library and not closed since, and nobody closes it during the call.

use crate::planted::{Bug, planted};
use crate::status::{Failure, Status};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use std::ptr;
use std::sync::{Mutex, MutexGuard, TryLockError};

/// A type of objects that C holds. They may be used by many threads at a time.
pub trait Handle: Send + Sync + 'static {
    /// What objects begin with.
    const TAG: u64;
    /// Its name in C.
    const NAME: &'static str;
}

/// Declares types of objects, whose tags are made of their names.
macro_rules! handles {
    ($($type:ty = $name:literal;)*) => {$(
        impl $crate::handle::Handle for $type {
            const TAG: u64 = $crate::handle::tag($name);
            const NAME: &'static str = $name;
        }
    )*};
}

pub(crate) use handles;

/// FNV-1a of a name: different for different ones (a test says so), and nothing that memory holds by chance.
pub const fn tag(name: &str) -> u64 {
    let (mut hash, mut i) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while i < name.len() {
        hash = (hash ^ name.as_bytes()[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// The names of all types, to say what was given instead.
const NAMES: [&str; 11] = [
    "shm_segment",
    "shm_field",
    "shm_loan",
    "shm_taken",
    "shm_producer",
    "shm_consumer",
    "shm_subscriber",
    "shm_lease",
    "shm_writer",
    "shm_lock",
    "shm_permit",
];

/// What an object begins with once it is closed.
const CLOSED: u64 = tag("closed");

/// An object as it lies in memory.
#[repr(C)]
#[derive(Debug)]
pub struct Tagged<T> {
    tag: AtomicU64,
    value: T,
}

/// An object that C hands in.
#[repr(transparent)]
#[derive(Debug)]
pub struct Ref<T>(*mut Tagged<T>);

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<T> {}

#[cfg(test)]
impl<T> Ref<T> {
    /// What C has before it has a handle.
    pub const fn null() -> Self {
        Self(ptr::null_mut())
    }
}

fn wrong<T: Handle>(found: &str) -> Failure {
    let expected = T::NAME;
    Failure::new(
        Status::Handle,
        format!("this call takes a `{expected} *` that is open, and was given {found}"),
    )
}

impl<T: Handle> Ref<T> {
    /// The word at the object's start.
    #[allow(unsafe_code)]
    fn tag<'call>(self) -> Result<&'call AtomicU64, Failure> {
        if self.0.is_null() {
            let why = format!("the `{} *` is a null pointer", T::NAME);
            return Err(Failure::new(Status::Null, why));
        }
        let word = self.0.cast::<AtomicU64>();
        if !word.is_aligned() {
            return Err(wrong::<T>("an address that is none of this library's"));
        }
        // SAFETY: not null and aligned, see above; an object of some type lies there as long as the call lasts, by (H),
        // and each begins with such a word: `Tagged` is `repr(C)`. It is an atomic, so others may use it as well.
        Ok(unsafe { &*word })
    }

    /// The object, for the time of the call.
    #[allow(unsafe_code)]
    pub fn get<'call>(self) -> Result<&'call T, Failure> {
        let tag = self.tag()?.load(Acquire); // (O): what `Put::put` wrote
        if tag != T::TAG {
            return Err(wrong::<T>(name_of(tag)));
        }
        // SAFETY: an object of this very type lies there, see above, as long as the call lasts, by (H); others have shared
        // references alone, too: only `close` has another one, and nobody closes it during the call, by (H).
        let object = unsafe { &*self.0 };
        Ok(&object.value)
    }

    /// The object, which C has no more; none where C had none.
    #[allow(unsafe_code)]
    pub fn close(self) -> Result<Option<T>, Failure> {
        if self.0.is_null() {
            return Ok(None);
        }
        let closed = self
            .tag()?
            .compare_exchange(T::TAG, CLOSED, AcqRel, Acquire); // (O), and one closes
        closed.map_err(|tag| wrong::<T>(name_of(tag)))?;
        // SAFETY: the address is of `Put::put`'s box: the object has this very type, see above, nobody has closed it
        // before, since the exchange succeeds once, and nobody uses it, by (H).
        let object = unsafe { Box::from_raw(self.0) };
        if planted(Bug::LeakClosed) {
            core::mem::forget(object);
            return Ok(None);
        }
        Ok(Some(object.value))
    }
}

/// What an object is whose first word is this.
fn name_of(found: u64) -> &'static str {
    match NAMES.iter().find(|name| tag(name) == found) {
        Some(name) => name,
        None if found == CLOSED => "one that is closed",
        None => "something that is none of this library's objects, or was closed",
    }
}

/// Where C wants a new object's address.
#[repr(transparent)]
#[derive(Debug)]
pub struct Put<T>(*mut *mut Tagged<T>);

impl<T> Clone for Put<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Put<T> {}

#[cfg(test)]
impl<T> Put<T> {
    /// The address of a handle, as C gives it.
    pub const fn to(handle: &mut Ref<T>) -> Self {
        Self(&raw mut handle.0)
    }
}

impl<T: Handle> Put<T> {
    /// Refuses a place that is not there, and says that there is no object yet.
    pub fn needed(self) -> Result<Self, Failure> {
        if self.0.is_null() {
            let why = format!("the place for the `{} *` is a null pointer", T::NAME);
            return Err(Failure::new(Status::Null, why));
        }
        self.write(ptr::null_mut());
        Ok(self)
    }

    /// Gives an object to C, which closes it some day.
    pub fn put(self, value: T) {
        let tag = AtomicU64::new(T::TAG); // (O): the caller passes it on
        self.write(Box::into_raw(Box::new(Tagged { tag, value })));
    }

    #[allow(unsafe_code)]
    fn write(self, address: *mut Tagged<T>) {
        if self.0.is_null() {
            return; // `needed` was not asked: the object is never closed
        }
        // SAFETY: not null, see above; there is room for an address that nobody else uses
        // meanwhile: rules (P) and (X) of `border`.
        unsafe { self.0.write_unaligned(address) }
    }
}

/// What is inside of an object that belongs to one thread at a time.
pub fn alone<T>(inside: &Mutex<T>) -> Result<MutexGuard<'_, T>, Failure> {
    match inside.try_lock() {
        Ok(inside) => Ok(inside),
        // After a panic the guard is as sound as before: see `border::enter`.
        Err(TryLockError::Poisoned(inside)) => Ok(inside.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            Status::Busy,
            "another thread is using this object, and it belongs to one at a time",
        )),
    }
}

/// Why nothing is done with what was given back or committed.
pub fn over(what: &str) -> Failure {
    let why = format!("this {what} is over: it was given back, committed or acknowledged before");
    Failure::new(Status::Over, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{broadcast, field, frames, pool, queue, segment, spsc, sync};
    use std::collections::BTreeSet;

    #[test]
    fn each_type_has_a_name_of_its_own() {
        let names = [
            segment::Segment::NAME,
            field::Field::NAME,
            queue::Loan::NAME,
            queue::Taken::NAME,
            spsc::Producer::NAME,
            spsc::Consumer::NAME,
            broadcast::Subscriber::NAME,
            pool::Lease::NAME,
            frames::Writer::NAME,
            sync::Lock::NAME,
            sync::Permit::NAME,
        ];
        assert_eq!(names, NAMES);
        let tags: BTreeSet<_> = names.into_iter().map(tag).chain([CLOSED, 0]).collect();
        assert_eq!(tags.len(), names.len() + 2, "no tag is another's, or zero");
    }
}
