//! From the segment's table to handles.

use super::field::{Represent, SchemaField};
use crate::memory::attachment::Attachment;
use crate::memory::site::{Site, SiteError};
use core::fmt;
use std::sync::Arc;

/// A table entry as found in a segment, checked and copied: bytes, not units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name.
    pub name: String,
    /// Bytes from the start of the file.
    pub offset: usize,
    /// Bytes that it covers, rounded up to the table's unit.
    pub size: usize,
}

/// Walks a schema and gives each structure its place.
#[derive(Debug)]
pub struct Binder<'a> {
    attachment: &'a Arc<Attachment>,
    table: &'a [Found],
    unit: usize,
    path: String,
    cursor: usize,
}

impl<'a> Binder<'a> {
    /// A binder over the entries of an attached segment, whose sizes count in units of `unit` bytes.
    pub fn new(attachment: &'a Arc<Attachment>, table: &'a [Found], unit: usize) -> Self {
        Self {
            attachment,
            table,
            unit,
            path: String::new(),
            cursor: 0,
        }
    }

    /// Binds the field `name` of the schema at the current path.
    ///
    /// # Errors
    ///
    /// Where the table has no fitting entry.
    pub fn field<F: SchemaField, const L: usize>(&mut self, name: &str) -> Result<F, BindError> {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let bound = F::bind::<L>(self);
        self.path.truncate(outer);
        bound
    }

    /// Binds item `index` of an array of structures.
    pub(super) fn item<F>(
        &mut self,
        index: usize,
        bind: impl FnOnce(&mut Self) -> Result<F, BindError>,
    ) -> Result<F, BindError> {
        let outer = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        let bound = bind(self);
        self.path.truncate(outer);
        bound
    }

    /// The place of the structure at the current path.
    ///
    /// # Errors
    ///
    /// Where the table has no entry of that name, size and alignment.
    pub fn site<R: Represent>(&mut self) -> Result<Site<R>, BindError> {
        let found = self.find().ok_or_else(|| BindError::Missing {
            field: self.path.clone(),
        })?;
        let expected = R::SIZE.next_multiple_of(self.unit);
        if found.size != expected {
            return Err(BindError::Size {
                field: self.path.clone(),
                found: found.size,
                expected,
            });
        }
        Site::at(self.attachment, found.offset, &self.path).map_err(|why| BindError::Place {
            field: self.path.clone(),
            offset: found.offset,
            why,
        })
    }

    /// The entry at the current path; entries come in order as a rule, so the search begins at the last.
    fn find(&mut self) -> Option<&'a Found> {
        let len = self.table.len();
        for step in 0..len {
            let at = (self.cursor + step) % len;
            if self.table[at].name == self.path {
                self.cursor = at + 1;
                return Some(&self.table[at]);
            }
        }
        None
    }
}

/// Why a field could not be bound to the segment's table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// The table has no entry of this name.
    Missing {
        /// The field's table name.
        field: String,
    },
    /// The entry covers another number of bytes.
    Size {
        /// The field's table name.
        field: String,
        /// Bytes that the entry covers.
        found: usize,
        /// Bytes that the field's type needs.
        expected: usize,
    },
    /// The entry's offset is out of bounds or misaligned.
    Place {
        /// The field's table name.
        field: String,
        /// The entry's offset.
        offset: usize,
        /// What is wrong with it.
        why: SiteError,
    },
    /// A fact that this library guarantees did not hold.
    Internal(&'static str),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { field } => write!(f, "the table has no entry `{field}`"),
            Self::Size {
                field,
                found,
                expected,
            } => {
                write!(
                    f,
                    "`{field}` covers {found} bytes there; this program expects {expected}"
                )
            }
            Self::Place {
                field,
                offset,
                why: SiteError::OutOfBounds,
            } => {
                write!(
                    f,
                    "`{field}` at offset {offset} does not lie inside the segment"
                )
            }
            Self::Place {
                field,
                offset,
                why: SiteError::Misaligned,
            } => {
                write!(
                    f,
                    "`{field}` at offset {offset} is not aligned for its type"
                )
            }
            Self::Internal(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BindError {}
