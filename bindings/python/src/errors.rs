//! Exceptions: the runtime's text, in a class of `shm._errors`.

use core::fmt::Display;
use pyo3::prelude::*;
use shm_runtime::error::{FieldError, RegisterError, SchemaError};
use shm_runtime::{CreateError, OpenError};

/// The exception of a class of `shm._errors`.
pub fn raise(py: Python<'_>, class: &str, why: impl Display) -> PyErr {
    let built = py
        .import("shm._errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| class.call1((why.to_string(),)));
    match built {
        Ok(value) => PyErr::from_value(value),
        Err(why) => why, // the package is incomplete, or there is no memory
    }
}

pub fn not_opened(py: Python<'_>, why: &OpenError) -> PyErr {
    let class = match why {
        OpenError::BadName { .. } => "BadName",
        OpenError::NotFound { .. } | OpenError::NoSharedMemory { .. } => "NotFound",
        OpenError::Closing { .. } => "Closing",
        OpenError::Owner { .. } | OpenError::WritableByOthers { .. } | OpenError::Denied { .. } => {
            "Foreign"
        }
        OpenError::Schema(_) => "SchemaMismatch",
        OpenError::TooManyParticipants { .. } => "TooManyParticipants",
        OpenError::System { .. } => "SystemFailure",
        _ => "NotASegment", // another kind of file, or bytes that are no segment of this version
    };
    raise(py, class, why)
}

pub fn not_created(py: Python<'_>, why: &CreateError) -> PyErr {
    let class = match why {
        CreateError::BadName { .. } => "BadName",
        CreateError::AlreadyExists { .. } => "AlreadyExists",
        CreateError::TooLarge { .. } | CreateError::NoRoom { .. } => "NoRoom",
        CreateError::NoSharedMemory { .. } => "NotFound",
        CreateError::Schema { .. } => "BadSchema",
        CreateError::Attach { source } => return not_opened(py, source),
        _ => "SystemFailure",
    };
    raise(py, class, why)
}

pub fn bad_schema(py: Python<'_>, why: &SchemaError) -> PyErr {
    raise(py, "BadSchema", why)
}

pub fn no_field(py: Python<'_>, why: &FieldError) -> PyErr {
    let class = match why {
        FieldError::Missing { .. } => "NoSuchField",
        FieldError::Kind { .. } => "WrongKind",
        _ => "ShmError",
    };
    raise(py, class, why)
}

pub fn not_registered(py: Python<'_>, why: &RegisterError) -> PyErr {
    let class = match why {
        RegisterError::BadName { .. } => "BadName",
        RegisterError::Taken { .. } => "AlreadyExists",
        RegisterError::NotFound { .. } => "NoSuchField",
        RegisterError::Permanent { .. } => "WrongKind",
        RegisterError::NoRoom { .. }
        | RegisterError::NoMemory { .. }
        | RegisterError::TableFull { .. } => "NoRoom",
        RegisterError::Busy { .. } => "Busy",
        RegisterError::ReadOnly { .. } => "ReadOnly",
        RegisterError::System { .. } => "SystemFailure",
        _ => "BadSchema",
    };
    raise(py, class, why)
}

/// What every structure knows of its field.
#[derive(Clone, Debug)]
pub struct Field {
    pub segment: String,
    pub name: String,
    pub read_only: bool,
}

impl Field {
    /// Refuses what changes something where the segment is open read-only.
    pub fn writable(&self, py: Python<'_>) -> PyResult<()> {
        if !self.read_only {
            return Ok(());
        }
        let Self { segment, name, .. } = self;
        let why = format!(
            "segment `{segment}` is open read-only, and this would change `{name}`; open it without read_only=True"
        );
        Err(raise(py, "ReadOnly", why))
    }

    /// Refuses bytes of another length than expected.
    pub fn sized(&self, py: Python<'_>, found: usize, expected: usize) -> PyResult<()> {
        if found == expected {
            return Ok(());
        }
        let name = &self.name;
        let why = format!("`{name}`: {found} bytes where {expected} are expected");
        Err(raise(py, "WrongValue", why))
    }

    /// Refuses bytes that are not whole elements.
    pub fn whole(&self, py: Python<'_>, found: usize, size: usize) -> PyResult<()> {
        self.sized(py, found % size.max(1), 0)
    }

    /// Somebody in this process is using a role or guard at the moment.
    pub fn busy(&self, py: Python<'_>) -> PyErr {
        let name = &self.name;
        let why = format!(
            "`{name}`: another thread is using this object; it belongs to one thread at a time"
        );
        raise(py, "Busy", why)
    }

    /// A guard whose object was given back.
    pub fn over(&self, py: Python<'_>) -> PyErr {
        let name = &self.name;
        raise(
            py,
            "Closed",
            format!("`{name}`: this was given back already"),
        )
    }
}
