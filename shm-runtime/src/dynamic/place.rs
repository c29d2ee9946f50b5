//! From a field's numbers to its parts in the mapping, each checked against the field's own bytes.

use super::extent::Extent;
use super::schema::Field;
use super::segment::Segment;
use crate::error::FieldError;
use crate::memory::attachment::Attachment;
use crate::memory::bytes::Bytes;
use crate::memory::cell::Cells;
use crate::memory::shared::Shared;
use crate::memory::site::{Site, SiteError};
use crate::memory::strided::Run;
use bytemuck::Pod;
use std::sync::Arc;

/// A field, where its parts are.
pub(super) struct Place<'a> {
    pub(super) segment: &'a Segment,
    pub(super) field: Field,
    pub(super) extent: Extent,
}

impl Place<'_> {
    pub(super) fn attachment(&self) -> &Arc<Attachment> {
        self.segment.attachment()
    }

    /// The lanes of the segment.
    pub(super) fn lanes(&self) -> usize {
        self.attachment().lanes().len()
    }

    /// Bytes from the start of the segment to a part of `len` bytes.
    fn part(&self, at: usize, len: Option<usize>) -> Result<usize, FieldError> {
        let end = len.and_then(|len| at.checked_add(len));
        if end.is_none_or(|end| end > self.field.size()) {
            return Err(self.wrong(SiteError::OutOfBounds));
        }
        Ok(self.field.offset() + at) // less than the segment's bytes
    }

    fn wrong(&self, why: SiteError) -> FieldError {
        FieldError::Place {
            segment: self.segment.name().to_owned(),
            field: self.field.name().to_owned(),
            why: match why {
                SiteError::OutOfBounds => "a part of it lies outside of its entry".to_owned(),
                SiteError::Misaligned => "a part of it is not aligned".to_owned(),
            },
        }
    }

    /// The `R` that begins `at` bytes from the field's start.
    pub(super) fn at<R: Shared>(&self, at: usize) -> Result<Site<R>, FieldError> {
        let offset = self.part(at, Some(size_of::<R>()))?;
        let site = Site::at(self.attachment(), offset, self.field.name());
        site.map_err(|why| self.wrong(why))
    }

    /// `count` values of `R` in a row.
    pub(super) fn slice<R: Shared>(
        &self,
        at: usize,
        count: usize,
    ) -> Result<Site<[R]>, FieldError> {
        let offset = self.part(at, count.checked_mul(size_of::<R>()))?;
        let site = Site::slice_at(self.attachment(), offset, count, self.field.name());
        site.map_err(|why| self.wrong(why))
    }

    /// `count` plain values of `T` in a row, at a multiple of 64.
    pub(super) fn cells<T: Pod>(
        &self,
        at: usize,
        count: usize,
    ) -> Result<Site<Cells<T>>, FieldError> {
        let offset = self.part(at, count.checked_mul(size_of::<T>()))?;
        let site = Site::cells_at(self.attachment(), offset, count, self.field.name());
        site.map_err(|why| self.wrong(why))
    }

    fn bytes(&self, at: usize, len: Option<usize>) -> Result<Site<Bytes>, FieldError> {
        let offset = self.part(at, len)?;
        let len = len.unwrap_or(0); // `part` refuses none
        let site = Site::bytes_at(self.attachment(), offset, len, self.field.name());
        site.map_err(|why| self.wrong(why))
    }

    /// The field's nodes, elements, objects or buffers, as far as `size` bytes `start` bytes behind the begin
    /// of each.
    pub(super) fn run(&self, start: usize, size: usize) -> Result<Run, FieldError> {
        let Extent {
            cells,
            count,
            stride,
            ..
        } = self.extent;
        let bytes = self.bytes(cells, count.checked_mul(stride))?;
        let run = Run::new(bytes, start, size, stride);
        run.ok_or_else(|| self.wrong(SiteError::OutOfBounds))
    }
}
