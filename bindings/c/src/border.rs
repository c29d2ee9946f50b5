//! What crosses the border: every function that C may call is made by [`export`], and gets its pointers as types of this
//! file, which have no constructor. So a value of them comes from a caller in C, and what `include/shm.h` demands of
//! callers holds of it:
//!
//! - (P) a pointer is null, or leads to what its type says, for as long as the call lasts;
//! - (S) that is as many bytes as the next parameter says that is a [`Size`];
//! - (X) nobody else writes there meanwhile, and where the call writes, nobody else reads: neither another thread, nor
//!   another parameter of the call, nor, where it lies in the segment itself, another process.
//!
//! A function whose parameters are such types is safe Rust, and looks at nothing before it is not null. Nothing unwinds
//! into C: a panic becomes a status.

use crate::status::{Answer, Failure, Status, note};
use core::any::Any;
use core::ffi::{CStr, c_char, c_void};
use core::slice;
use shm_runtime::Pod;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Declares functions for C: a body is run by [`enter`].
macro_rules! export {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$doc])*
        #[allow(unsafe_code, reason = "no other symbol has this name: they begin with `shm_` and two words")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $type),*) -> $crate::status::Status {
            $crate::border::enter(stringify!($name), move || $body)
        }
    )*};
}

/// Declares functions for C that return something else than a status, and do nothing that can fail.
macro_rules! export_plain {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $result:ty, $failed:expr, $body:block)*) => {$(
        $(#[$doc])*
        #[allow(unsafe_code, reason = "no other symbol has this name: they begin with `shm_` and two words")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $type),*) -> $result {
            let mut result: $result = $failed;
            let kept = &mut result;
            $crate::border::enter(stringify!($name), move || {
                *kept = $body;
                Ok($crate::status::Status::Ok)
            });
            result
        }
    )*};
}

pub(crate) use {export, export_plain};

/// Runs a call; keeps why it did nothing for `shm_last_error`. A panic ends here.
///
/// What a panic leaves half done in this process is as sound as what a kill leaves: operations on a segment are whole or
/// undone, and guards give back what they have.
pub fn enter(call: &str, run: impl FnOnce() -> Answer) -> Status {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(status)) => status,
        Ok(Err(Failure { status, why })) => {
            note(call, &why);
            status
        }
        Err(panic) => {
            let why = told(&*panic).unwrap_or("something without words");
            note(
                call,
                &format!("a bug in the library, please report it: it panicked with {why}"),
            );
            core::mem::forget(panic); // to drop it may panic, too
            Status::Panic
        }
    }
}

/// What a panic said.
fn told(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
}

fn null(what: &str) -> Failure {
    Failure::new(Status::Null, format!("{what} is a null pointer"))
}

/// Bytes of a buffer.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Size(usize);

impl Size {
    pub const fn get(self) -> usize {
        self.0
    }

    /// As many bytes as a slice may have.
    fn checked(self, what: &str) -> Result<usize, Failure> {
        if isize::try_from(self.0).is_err() {
            let why = format!(
                "{what}: no buffer has {} bytes; is the size negative?",
                self.0
            );
            return Err(Failure::new(Status::Size, why));
        }
        Ok(self.0)
    }
}

/// Bytes that a call reads.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct In(*const c_void);

impl In {
    /// The bytes, for the time of the call.
    #[allow(unsafe_code)]
    pub fn bytes<'call>(self, what: &str, size: Size) -> Result<&'call [u8], Failure> {
        let size = size.checked(what)?;
        if self.0.is_null() {
            return if size == 0 { Ok(&[]) } else { Err(null(what)) };
        }
        // SAFETY: not null, see above; `size` bytes lie there as long as the call lasts, by (P) and (S), fewer than
        // `isize::MAX`, see above; nobody writes there meanwhile, by (X); bytes have no alignment and no invalid value.
        let bytes = unsafe { slice::from_raw_parts(self.0.cast(), size) };
        Ok(bytes)
    }
}

/// Bytes that a call writes.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Out(*mut c_void);

impl Out {
    /// The bytes, for the time of the call. A function asks once.
    #[allow(unsafe_code)]
    pub fn bytes<'call>(self, what: &str, size: Size) -> Result<&'call mut [u8], Failure> {
        let size = size.checked(what)?;
        if self.0.is_null() {
            return if size == 0 {
                Ok(&mut [])
            } else {
                Err(null(what))
            };
        }
        // SAFETY: as `In::bytes`; nobody reads there meanwhile, either, by (X), and a function asks once. What C has not
        // written yet is bytes from outside of Rust, which have some value.
        let bytes = unsafe { slice::from_raw_parts_mut(self.0.cast(), size) };
        Ok(bytes)
    }

    /// The bytes, or `spare` where the caller does not want them.
    pub fn or<'call>(
        self,
        spare: &'call mut Vec<u8>,
        what: &str,
        size: Size,
    ) -> Result<&'call mut [u8], Failure> {
        if self.0.is_null() {
            spare.resize(size.checked(what)?, 0);
            return Ok(spare);
        }
        self.bytes(what, size)
    }
}

/// Text that ends with a NUL.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Text(*const c_char);

impl Text {
    /// The text, for the time of the call.
    #[allow(unsafe_code)]
    pub fn get<'call>(self, what: &str) -> Result<&'call str, Failure> {
        if self.0.is_null() {
            return Err(null(what));
        }
        // SAFETY: not null, see above; a text with a NUL behind it lies there as long as the call lasts, by (P), and nobody
        // writes there meanwhile, by (X).
        let text = unsafe { CStr::from_ptr(self.0) };
        let why = |why| Failure::new(Status::Name, format!("{what} is not UTF-8: {why}"));
        text.to_str().map_err(why)
    }
}

/// A value that a call reads.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Given<T>(*const T);

impl<T: Pod> Given<T> {
    /// The value; none where the pointer is null.
    #[allow(unsafe_code)]
    pub fn get(self) -> Option<T> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: not null, see above; a `T` lies there, by (P), aligned or not, that nobody writes meanwhile, by (X); any
        // bytes are one: `Pod`.
        Some(unsafe { self.0.read_unaligned() })
    }
}

/// A place for a result.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Set<T>(*mut T);

impl<T: Copy> Set<T> {
    /// Refuses a place that is not there, before anything is done whose result would be lost.
    pub fn needed(self, what: &str) -> Result<Self, Failure> {
        match self.0.is_null() {
            true => Err(null(what)),
            false => Ok(self),
        }
    }

    /// Writes the result, if the caller wants it.
    #[allow(unsafe_code)]
    pub fn set(self, value: T) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: not null, see above; there is room for a `T`, by (P), aligned or not, that nobody else uses, by (X).
        unsafe { self.0.write_unaligned(value) }
    }
}

/// What the caller wants to get back in its functions.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct Context(*mut c_void);

/// A function of the caller's that changes a value in place.
pub type Change = Option<extern "C" fn(value: *mut c_void, size: usize, context: Context)>;

/// A function of the caller's that is shown an entry of a map.
pub type VisitEntry =
    Option<extern "C" fn(key: *const c_void, value: *const c_void, context: Context)>;

/// A function of the caller's that is shown a key.
pub type VisitKey = Option<extern "C" fn(key: *const c_void, context: Context)>;

/// What a program in C hands in, for tests.
#[cfg(test)]
mod as_c {
    use super::{CStr, Given, In, Out, Set, Size, Text};
    use core::ptr;

    impl Size {
        pub const fn of(size: usize) -> Self {
            Self(size)
        }
    }

    impl In {
        pub const fn of(bytes: &[u8]) -> Self {
            Self(bytes.as_ptr().cast())
        }
    }

    impl Out {
        pub const fn of(bytes: &mut [u8]) -> Self {
            Self(bytes.as_mut_ptr().cast())
        }
    }

    impl Text {
        pub const fn of(text: &CStr) -> Self {
            Self(text.as_ptr())
        }
    }

    impl<T> Given<T> {
        pub fn of(value: Option<&T>) -> Self {
            Self(value.map_or(ptr::null(), ptr::from_ref))
        }
    }

    impl<T> Set<T> {
        pub const fn to(place: &mut T) -> Self {
            Self(&raw mut *place)
        }
    }
}

/// The caller's function.
pub fn function<F>(given: Option<F>) -> Result<F, Failure> {
    given.ok_or_else(|| null("the function"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::last;

    fn message() -> String {
        let last = last();
        #[allow(unsafe_code)]
        // SAFETY: `last` gives a text with a NUL behind it, valid until this thread's next call fails.
        let text = unsafe { CStr::from_ptr(last) };
        text.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_and_a_message() {
        let of_any: fn() -> Answer = || std::panic::panic_any(5_u8);
        let panics = [
            ((|| panic!("{} of them", 3)) as fn() -> Answer, "3 of them"),
            (|| panic!("words"), "words"),
            (of_any, "something without words"),
        ];
        for (run, said) in panics {
            assert_eq!(enter("shm_some_call", run), Status::Panic);
            let told = message();
            assert!(
                told.starts_with("shm_some_call: ") && told.ends_with(said),
                "{told}"
            );
        }
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_does_not_unwind_either() {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        let status = enter("shm_some_call", || std::panic::panic_any(Loud));
        assert_eq!(status, Status::Panic);
    }

    #[test]
    fn each_thread_has_its_own_message() {
        let fail = |why: &'static str| {
            enter("call", || Err(Failure::new(Status::Value, why)));
        };
        fail("mine");
        std::thread::spawn(move || {
            assert_eq!(message(), "", "a thread begins without one");
            fail("another's");
            assert_eq!(message(), "call: another's");
        })
        .join()
        .unwrap();
        assert_eq!(message(), "call: mine");
        assert_eq!(enter("call", || Ok(Status::Full)), Status::Full);
        assert_eq!(message(), "call: mine", "an answer leaves it");
    }
}
