//! The peers in C++, of `boost.cpp`; `None` where the headers were missing.

/// Sets a peer's row up.
pub type Make = Box<dyn FnOnce() -> Run>;
/// Runs so many operations, and gives nanoseconds per operation.
pub type Run = Box<dyn FnMut(u64) -> f64>;

macro_rules! peers {
    ($($name:ident = $what:literal),* $(,)?) => {$(
        #[doc = "The row for elements of so many bytes."]
        pub fn $name(size: usize) -> Option<Make> {
            make($what, size)
        }
    )*};
}

peers! {
    queue_one_to_one = 0,
    queue_pair = 1,
    queue_contended = 2,
    spsc_one_to_one = 3,
    spsc_pair = 4,
    stack_pair = 5,
    stack_contended = 6,
    map_hits = 7,
    map_pairs = 8,
}

/// Whether the headers were there.
pub const IS_THERE: bool = cfg!(boost);

#[cfg(not(boost))]
fn make(_: i32, _: usize) -> Option<Make> {
    None
}

#[cfg(boost)]
pub use with_boost::Messages;
#[cfg(boost)]
use with_boost::make;

/// The version, as Boost writes it.
#[cfg(not(boost))]
pub fn version() -> Option<String> {
    None
}

#[cfg(boost)]
pub use with_boost::version;

#[cfg(boost)]
mod with_boost {
    use super::{Make, Run};
    use core::ffi::{c_char, c_void};
    use core::mem::MaybeUninit;
    use std::ffi::CString;

    // SAFETY: as in `boost.cpp`.
    unsafe extern "C" {
        safe fn boost_run(what: i32, words: u64, n: u64) -> f64;
        safe fn boost_version() -> u32;
        fn boost_messages_create(name: *const c_char, size: usize) -> *mut c_void;
        fn boost_messages_open(name: *const c_char) -> *mut c_void;
        fn boost_messages_close(queue: *mut c_void);
        fn boost_messages_remove(name: *const c_char);
        fn boost_messages_send(queue: *mut c_void, message: *const c_void, size: usize);
        fn boost_messages_try_receive(
            queue: *mut c_void,
            message: *mut c_void,
            size: usize,
        ) -> bool;
        fn boost_messages_receive(queue: *mut c_void, message: *mut c_void, size: usize);
    }

    pub fn make(what: i32, size: usize) -> Option<Make> {
        let words = (size / 8) as u64;
        Some(Box::new(move || -> Run {
            Box::new(move |n| boost_run(what, words, n))
        }))
    }

    pub fn version() -> Option<String> {
        let version = boost_version();
        Some(format!("{}.{}", version / 100_000, version / 100 % 1000))
    }

    /// A message queue of Boost.Interprocess.
    pub struct Messages {
        queue: *mut c_void,
        /// Removed with it.
        name: Option<CString>,
    }

    impl Messages {
        /// A new one for messages of so many bytes.
        pub fn create(name: &str, size: usize) -> Self {
            let name = CString::new(name).expect("no NUL");
            // SAFETY: a string with its NUL.
            let queue = unsafe { boost_messages_create(name.as_ptr(), size) };
            Self {
                queue,
                name: Some(name),
            }
        }

        pub fn open(name: &str) -> Self {
            let name = CString::new(name).expect("no NUL");
            // SAFETY: a string with its NUL.
            let queue = unsafe { boost_messages_open(name.as_ptr()) };
            Self { queue, name: None }
        }

        pub fn send<T: bytemuck::Pod>(&self, value: &T) {
            let value: *const T = value;
            // SAFETY: the queue lives as long as this; a value of that size.
            unsafe { boost_messages_send(self.queue, value.cast(), size_of::<T>()) };
        }

        pub fn try_receive<T: bytemuck::Pod>(&self) -> Option<T> {
            let mut value = MaybeUninit::<T>::uninit();
            let place = value.as_mut_ptr();
            // SAFETY: the queue lives as long as this; room for a value of that size.
            let came =
                unsafe { boost_messages_try_receive(self.queue, place.cast(), size_of::<T>()) };
            // SAFETY: all of the value was written, and any bytes are one.
            came.then(|| unsafe { value.assume_init() })
        }

        pub fn receive<T: bytemuck::Pod>(&self) -> T {
            let mut value = T::zeroed();
            let place: *mut T = &raw mut value;
            // SAFETY: as above.
            unsafe { boost_messages_receive(self.queue, place.cast(), size_of::<T>()) };
            value
        }
    }

    impl Drop for Messages {
        fn drop(&mut self) {
            // SAFETY: made by this type's constructors, and not used any more.
            unsafe { boost_messages_close(self.queue) };
            if let Some(name) = &self.name {
                // SAFETY: a string with its NUL.
                unsafe { boost_messages_remove(name.as_ptr()) };
            }
        }
    }
}
