//! Arrays: elements in a row, as bytes.

use super::element::ElementType;
use super::number::Numbers;
use super::place::Place;
use crate::error::FieldError;
use crate::memory::strided::Run;
use core::cell::Cell;

/// The handle of an [`Array`](crate::Array): elements as bytes.
///
/// ```
/// use shm_runtime::{dynamic, prelude::*};
///
/// #[derive(ShmLayout)]
/// struct Sim {
///     grid: Array<f32, 4>,
/// }
///
/// # let name = format!("doc-dynamic-array-{}", std::process::id());
/// let sim = Sim::create(&name)?;
/// sim.grid.set(3, 1.5);
/// let grid = dynamic::Segment::open(&name)?.array("grid")?;
/// let mut bytes = [0; 8];
/// grid.read_into(2, &mut bytes); // elements 2 and 3
/// assert_eq!(bytes[4..], 1.5_f32.to_le_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Array {
    run: Run,
    element: ElementType,
    numbers: Option<Numbers>,
}

impl Array {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let element = place.field.element().clone();
        Ok(Self {
            run: place.run(0, element.size())?,
            numbers: Numbers::bind(&place, place.extent.count)?,
            element,
        })
    }

    /// How many elements there are.
    #[expect(clippy::len_without_is_empty, reason = "an array is never empty")]
    pub const fn len(&self) -> usize {
        self.run.len()
    }

    /// What they are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// Operations on elements that are numbers of at most 8 bytes; none where they are not.
    pub const fn numbers(&self) -> Option<&Numbers> {
        self.numbers.as_ref()
    }

    /// Copies elements `first ..` into `out`, as many as fit there.
    ///
    /// # Panics
    ///
    /// Where they are out of range, or `out` does not have room for whole elements.
    #[track_caller]
    pub fn read_into(&self, first: usize, out: &mut [u8]) {
        let (len, out) = (out.len(), Cell::from_mut(out).as_slice_of_cells());
        if !self.run.load_slice(first, out) {
            self.out_of_range(first, len);
        }
    }

    /// Overwrites elements `first ..` with those in `bytes`.
    ///
    /// # Panics
    ///
    /// Where they are out of range, or `bytes` are not whole elements, or the segment is open read-only.
    #[track_caller]
    pub fn write_from(&self, first: usize, bytes: &[u8]) {
        self.run.bytes().assert_writable();
        if !self.run.store_slice(first, bytes) {
            self.out_of_range(first, bytes.len());
        }
    }

    #[cold]
    #[track_caller]
    fn out_of_range(&self, first: usize, bytes: usize) -> ! {
        panic!(
            "{bytes} bytes from element {first} on: `{}` has {} elements of {} bytes",
            self.run.bytes().name(),
            self.len(),
            self.element.size()
        );
    }

    /// The address of the first element in this process, valid as long as a handle lives; as many elements as
    /// [`len`](Self::len) says lie there. Whoever reads or writes through it arranges exclusion with the
    /// other processes.
    pub fn as_ptr(&self) -> *mut u8 {
        self.run.bytes().as_ptr()
    }
}
