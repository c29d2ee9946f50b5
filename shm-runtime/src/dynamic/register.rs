//! Structures that come and go at run time, by their description.

use super::schema::{FieldSchema, Schema};
use super::segment::Segment;
use crate::error::RegisterError;
use crate::segment::{self, Newcomer};

impl Segment {
    /// Registers a structure that the schema does not have, in the segment's spare room
    /// ([`Options::spare`](crate::Options::spare)): every process finds it by name from then on, a typed one with
    /// [`Segment::find`](crate::Segment::find).
    ///
    /// ```
    /// use shm_runtime::{Segment, dynamic, prelude::*};
    ///
    /// #[derive(ShmLayout)]
    /// struct Base {
    ///     ticks: Array<u64, 4>,
    /// }
    ///
    /// # let name = format!("doc-dynamic-register-{}", std::process::id());
    /// let base = Base::options().spare(4, 1 << 20).create(&name)?;
    /// let schema = dynamic::Schema::from_json(
    ///     r#"{"entries": [{"name": "jobs", "kind": "Queue", "capacity": [8], "element": "u64"}]}"#,
    /// )?;
    /// let segment = dynamic::Segment::open(&name)?;
    /// segment.register(&schema.fields()[0])?;
    /// segment.queue("jobs")?.push(&7_u64.to_le_bytes())?;
    /// let jobs: Queue<u64, 8> = Segment::find(&base, "jobs")?;
    /// assert_eq!(jobs.pop(), Some(7));
    /// segment.erase("jobs")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::Segment::register`]; [`RegisterError::NotOne`] for a kind that this library does not know.
    ///
    /// # Progress
    ///
    /// Blocking, as [`crate::Segment::register`].
    pub fn register(&self, field: &FieldSchema) -> Result<(), RegisterError> {
        let owner = || self.name().to_owned();
        let there = self.attachment().lanes().len();
        if field.lanes != 0 && field.lanes != there {
            let here = field.lanes;
            return Err(RegisterError::Lanes {
                segment: owner(),
                here,
                there,
            });
        }
        let extent = field
            .extent
            .ok_or_else(|| RegisterError::NotOne { segment: owner() })?;
        let newcomer = Newcomer {
            name: field.name(),
            descriptor: Schema::alone(field, field.lanes).render(),
            size: extent.size as u64,
            room: extent.room as u64,
            align: extent.align as u64,
            hot: extent.hot as u64,
        };
        segment::Segment::register_untyped(&self.inner, &newcomer)
    }

    /// Erases a registered structure: see [`crate::Segment::erase`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn erase(&self, name: &str) -> Result<(), RegisterError> {
        segment::Segment::erase(&self.inner, name)
    }
}
