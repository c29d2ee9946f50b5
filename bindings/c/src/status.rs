//! What a call returns, and the message behind it.

use core::cell::RefCell;
use core::fmt::Display;
use shm_runtime::error::{FieldError, SchemaError, ValueError};
use shm_runtime::{CreateError, OpenError, OpenOrCreateError};
use std::ffi::{CStr, CString, c_char};

/// Declares the statuses, with the names and values that the header has.
macro_rules! statuses {
    ($($name:ident = $value:literal, $c:literal;)*) => {
        /// What a call returns: see the header, which explains each.
        #[repr(i32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Status { $($name = $value,)* }

        impl Status {
            /// The names in C, with their values.
            pub const NAMES: &[(&CStr, i32)] = &[$(($c, $value),)*];
        }
    };
}

statuses! {
    Ok = 0, c"SHM_OK";
    Full = 1, c"SHM_FULL";
    Empty = 2, c"SHM_EMPTY";
    Absent = 3, c"SHM_ABSENT";
    Present = 4, c"SHM_PRESENT";
    Different = 5, c"SHM_DIFFERENT";
    Timeout = 6, c"SHM_TIMEOUT";
    Taken = 7, c"SHM_TAKEN";
    Missed = 8, c"SHM_MISSED";
    Outrun = 9, c"SHM_OUTRUN";
    NoLane = 10, c"SHM_NO_LANE";
    Null = -1, c"SHM_ERROR_NULL";
    Handle = -2, c"SHM_ERROR_HANDLE";
    Kind = -3, c"SHM_ERROR_KIND";
    Size = -4, c"SHM_ERROR_SIZE";
    Range = -5, c"SHM_ERROR_RANGE";
    ReadOnly = -6, c"SHM_ERROR_READ_ONLY";
    Over = -7, c"SHM_ERROR_OVER";
    Busy = -8, c"SHM_ERROR_BUSY";
    Value = -9, c"SHM_ERROR_VALUE";
    NoField = -10, c"SHM_ERROR_NO_FIELD";
    NotFound = -11, c"SHM_ERROR_NOT_FOUND";
    Exists = -12, c"SHM_ERROR_EXISTS";
    Name = -13, c"SHM_ERROR_NAME";
    Description = -14, c"SHM_ERROR_DESCRIPTION";
    Mismatch = -15, c"SHM_ERROR_MISMATCH";
    Foreign = -16, c"SHM_ERROR_FOREIGN";
    NotASegment = -17, c"SHM_ERROR_NOT_A_SEGMENT";
    Closing = -18, c"SHM_ERROR_CLOSING";
    Participants = -19, c"SHM_ERROR_PARTICIPANTS";
    NoRoom = -20, c"SHM_ERROR_NO_ROOM";
    System = -21, c"SHM_ERROR_SYSTEM";
    Panic = -22, c"SHM_ERROR_PANIC";
}

/// Why a call did nothing.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub why: String,
}

impl Failure {
    pub fn new(status: Status, why: impl Display) -> Self {
        let why = why.to_string();
        Self { status, why }
    }
}

/// The status of a call, or why it did nothing.
pub type Answer = Result<Status, Failure>;

impl From<OpenError> for Failure {
    fn from(why: OpenError) -> Self {
        let status = match &why {
            OpenError::BadName { .. } => Status::Name,
            OpenError::NotFound { .. } | OpenError::NoSharedMemory { .. } => Status::NotFound,
            OpenError::Closing { .. } => Status::Closing,
            OpenError::Owner { .. }
            | OpenError::WritableByOthers { .. }
            | OpenError::Denied { .. } => Status::Foreign,
            OpenError::Schema(_) => Status::Mismatch,
            OpenError::TooManyParticipants { .. } => Status::Participants,
            OpenError::System { .. } => Status::System,
            _ => Status::NotASegment, // another kind of file, or bytes that are no segment of this version
        };
        Self::new(status, why)
    }
}

impl From<CreateError> for Failure {
    fn from(why: CreateError) -> Self {
        let status = match why {
            CreateError::BadName { .. } => Status::Name,
            CreateError::AlreadyExists { .. } => Status::Exists,
            CreateError::TooLarge { .. } | CreateError::NoRoom { .. } => Status::NoRoom,
            CreateError::NoSharedMemory { .. } => Status::NotFound,
            CreateError::Schema { .. } => Status::Description,
            CreateError::Attach { source } => return source.into(),
            _ => Status::System,
        };
        Self::new(status, why)
    }
}

impl From<OpenOrCreateError> for Failure {
    fn from(why: OpenOrCreateError) -> Self {
        match why {
            OpenOrCreateError::Open(why) => why.into(),
            OpenOrCreateError::Create(why) => why.into(),
            why => Self::new(Status::System, why),
        }
    }
}

impl From<SchemaError> for Failure {
    fn from(why: SchemaError) -> Self {
        Self::new(Status::Description, why)
    }
}

impl From<FieldError> for Failure {
    fn from(why: FieldError) -> Self {
        let status = match why {
            FieldError::Missing { .. } => Status::NoField,
            FieldError::Kind { .. } | FieldError::Undescribed { .. } => Status::Kind,
            _ => Status::NotASegment,
        };
        Self::new(status, why)
    }
}

impl From<ValueError> for Failure {
    fn from(why: ValueError) -> Self {
        Self::new(Status::Value, why)
    }
}

thread_local! {
    /// The message of this thread's last call that failed.
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps a message for `shm_last_error`.
pub fn note(call: &str, why: &str) {
    let mut text = format!("{call}: {why}");
    text.retain(|c| c != '\0');
    let text = CString::new(text).unwrap_or_default(); // has no NUL any more
    // where the thread is about to end, nobody will ask
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = text;
        }
    });
}

/// The message of this thread's last call that failed, valid until its next one that does; empty where none did.
pub fn last() -> *const c_char {
    let last = LAST.try_with(|last| last.try_borrow().map(|last| last.as_ptr()));
    last.ok().and_then(Result::ok).unwrap_or(c"".as_ptr())
}
