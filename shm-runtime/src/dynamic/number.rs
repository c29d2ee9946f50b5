//! Numbers that are changed in one step: `Atomic`, and arrays of numbers of at most 8 bytes.
//!
//! The orderings are those of the typed handles: (A) every operation that writes -> every operation that reads.

use super::element::{ElementType, Primitive};
use super::place::Place;
use super::value::Value;
use crate::error::{FieldError, ValueError};
use crate::memory::attachment::Attachment;
use crate::memory::cell::Cells;
use crate::memory::scalar::{Integer, Scalar};
use crate::memory::site::Site;
use bytemuck::{bytes_of, pod_read_unaligned};
use core::sync::atomic::Ordering::AcqRel;
use std::sync::Arc;

/// Runs `$run` on the cells, whatever their type.
macro_rules! each {
    ($words:expr, $cells:ident => $run:expr) => {
        match $words {
            Words::U8($cells) => $run,
            Words::I8($cells) => $run,
            Words::U16($cells) => $run,
            Words::I16($cells) => $run,
            Words::U32($cells) => $run,
            Words::I32($cells) => $run,
            Words::U64($cells) => $run,
            Words::I64($cells) => $run,
            Words::F32($cells) => $run,
            Words::F64($cells) => $run,
        }
    };
}

/// The numbers themselves.
#[derive(Clone, Debug)]
enum Words {
    U8(Site<Cells<u8>>),
    I8(Site<Cells<i8>>),
    U16(Site<Cells<u16>>),
    I16(Site<Cells<i16>>),
    U32(Site<Cells<u32>>),
    I32(Site<Cells<i32>>),
    U64(Site<Cells<u64>>),
    I64(Site<Cells<i64>>),
    F32(Site<Cells<f32>>),
    F64(Site<Cells<f64>>),
}

/// Numbers of at most 8 bytes in a row: each operation is one step, as on an [`Atomic`](crate::Atomic).
///
/// Values are given as [`Value`]s and converted to the numbers' type.
#[derive(Clone, Debug)]
pub struct Numbers {
    words: Words,
    element: ElementType,
}

/// An operation that needs the type of the number.
macro_rules! fetch {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Where `value` is not one of the numbers' type.
        ///
        /// # Panics
        ///
        /// Where `i` is out of range, or the segment is open read-only.
        pub fn $name(&self, i: usize, value: &Value) -> Result<Value, ValueError> {
            each!(&self.words, cells => self.change(cells, i, value, Scalar::$name))
        }
    )*};
}

/// An operation on the bits of an integer.
macro_rules! fetch_bits {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Where `value` is not one of the numbers' type, or they are floats.
        ///
        /// # Panics
        ///
        /// Where `i` is out of range, or the segment is open read-only.
        pub fn $name(&self, i: usize, value: &Value) -> Result<Value, ValueError> {
            match &self.words {
                Words::U8(cells) => self.change(cells, i, value, Integer::$name),
                Words::I8(cells) => self.change(cells, i, value, Integer::$name),
                Words::U16(cells) => self.change(cells, i, value, Integer::$name),
                Words::I16(cells) => self.change(cells, i, value, Integer::$name),
                Words::U32(cells) => self.change(cells, i, value, Integer::$name),
                Words::I32(cells) => self.change(cells, i, value, Integer::$name),
                Words::U64(cells) => self.change(cells, i, value, Integer::$name),
                Words::I64(cells) => self.change(cells, i, value, Integer::$name),
                Words::F32(_) | Words::F64(_) => Err(ValueError {
                    path: String::new(),
                    expected: "integers".to_owned(),
                    found: "floats, which have no bits to change".to_owned(),
                }),
            }
        }
    )*};
}

impl Numbers {
    /// `count` numbers at the start of a field; none where its elements are no numbers of at most 8 bytes.
    pub(super) fn bind(place: &Place<'_>, count: usize) -> Result<Option<Self>, FieldError> {
        let element = place.field.element();
        let words = match element.primitive() {
            Some(Primitive::U8) => Words::U8(place.cells(0, count)?),
            Some(Primitive::I8) => Words::I8(place.cells(0, count)?),
            Some(Primitive::U16) => Words::U16(place.cells(0, count)?),
            Some(Primitive::I16) => Words::I16(place.cells(0, count)?),
            Some(Primitive::U32) => Words::U32(place.cells(0, count)?),
            Some(Primitive::I32) => Words::I32(place.cells(0, count)?),
            Some(Primitive::U64) => Words::U64(place.cells(0, count)?),
            Some(Primitive::I64) => Words::I64(place.cells(0, count)?),
            Some(Primitive::F32) => Words::F32(place.cells(0, count)?),
            Some(Primitive::F64) => Words::F64(place.cells(0, count)?),
            Some(Primitive::U128 | Primitive::I128) | None => return Ok(None),
        };
        let element = element.clone();
        Ok(Some(Self { words, element }))
    }

    /// The number that a value is.
    fn number<T: Scalar>(&self, value: &Value) -> Result<T, ValueError> {
        Ok(pod_read_unaligned(&self.element.encode(value)?)) // the size is `T`'s: `bind`
    }

    /// The value that a number is.
    fn value<T: Scalar>(&self, number: T) -> Value {
        match self.element.decode(bytes_of(&number)) {
            Ok(value) => value,
            Err(_) => unreachable!("the size is that of the type: see `bind`"),
        }
    }

    #[track_caller]
    fn expect<R>(&self, i: usize, found: Option<R>) -> R {
        match found {
            Some(found) => found,
            None => panic!(
                "index {i} is out of range: there are {} numbers",
                self.len()
            ),
        }
    }

    /// Changes number `i` in one step; the one before.
    fn change<T: Scalar>(
        &self,
        cells: &Site<Cells<T>>,
        i: usize,
        value: &Value,
        change: impl FnOnce(&T::Atomic, T, core::sync::atomic::Ordering) -> T,
    ) -> Result<Value, ValueError> {
        let value = self.number(value)?;
        cells.assert_writable();
        let word = self.expect(i, cells.atomic::<T>(i));
        Ok(self.value(change(word, value, AcqRel))) // both ends of (A)
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        each!(&self.words, cells => cells.len())
    }

    /// What they are.
    pub const fn element(&self) -> &ElementType {
        &self.element
    }

    /// Number `i`, with acquire ordering.
    ///
    /// # Panics
    ///
    /// Where `i` is out of range.
    pub fn load(&self, i: usize) -> Value {
        each!(&self.words, cells => self.value(self.expect(i, cells.load_acquire(i))))
    }

    /// Overwrites number `i`, with release ordering.
    ///
    /// # Errors
    ///
    /// Where `value` is not one of the numbers' type.
    ///
    /// # Panics
    ///
    /// Where `i` is out of range, or the segment is open read-only.
    pub fn store(&self, i: usize, value: &Value) -> Result<(), ValueError> {
        each!(&self.words, cells => {
            let value = self.number(value)?;
            cells.assert_writable();
            self.expect(i, cells.store_release(i, value));
        });
        Ok(())
    }

    /// Overwrites number `i` if it is `current`, bit for bit, in one step: what was there, as the inner `Ok`
    /// if it did.
    ///
    /// # Errors
    ///
    /// Where a value is not one of the numbers' type.
    ///
    /// # Panics
    ///
    /// Where `i` is out of range, or the segment is open read-only.
    pub fn compare_exchange(
        &self,
        i: usize,
        current: &Value,
        new: &Value,
    ) -> Result<Result<Value, Value>, ValueError> {
        each!(&self.words, cells => {
            let (current, new) = (self.number(current)?, self.number(new)?);
            cells.assert_writable();
            let found = self.expect(i, cells.compare_exchange(i, current, new));
            Ok(found.map(|value| self.value(value)).map_err(|value| self.value(value)))
        })
    }

    fetch! {
        /// Overwrites number `i` and returns the one before, in one step.
        swap
        /// Adds to number `i` in one step, wrapping around; returns the one before.
        fetch_add
        /// Subtracts from number `i` in one step, wrapping around; returns the one before.
        fetch_sub
        /// Raises number `i` to `value` if it is less, in one step; returns the one before.
        fetch_max
        /// Lowers number `i` to `value` if it is more, in one step; returns the one before.
        fetch_min
    }

    fetch_bits! {
        /// Clears the bits of number `i` that are not in `value`, in one step; returns the one before.
        fetch_and
        /// Sets the bits of number `i` that are in `value`, in one step; returns the one before.
        fetch_or
        /// Flips the bits of number `i` that are in `value`, in one step; returns the one before.
        fetch_xor
    }

    fn attachment(&self) -> &Arc<Attachment> {
        each!(&self.words, cells => cells.attachment())
    }
}

/// One number that any process changes in one step: the handle of an [`Atomic`](crate::Atomic).
#[derive(Clone, Debug)]
pub struct Atomic(Numbers);

/// An operation on the one number there is.
macro_rules! on_the_first {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Where `value` is not one of the number's type, or has bits changed and is a float.
        ///
        /// # Panics
        ///
        /// Where the segment is open read-only.
        pub fn $name(&self, value: &Value) -> Result<Value, ValueError> {
            self.0.$name(0, value)
        }
    )*};
}

impl Atomic {
    pub(super) fn bind(place: Place<'_>) -> Result<Self, FieldError> {
        let numbers = Numbers::bind(&place, 1)?;
        numbers.map(Self).ok_or_else(|| FieldError::Kind {
            segment: place.segment.name().to_owned(),
            field: place.field.name().to_owned(),
            found: place.field.canonical(),
            expected: "Atomic",
        })
    }

    /// What the number is.
    pub const fn element(&self) -> &ElementType {
        self.0.element()
    }

    /// Whether this process may change it.
    pub fn is_writable(&self) -> bool {
        !self.0.attachment().is_read_only()
    }

    /// The number.
    pub fn load(&self) -> Value {
        self.0.load(0)
    }

    /// Overwrites it.
    ///
    /// # Errors
    ///
    /// Where `value` is not one of the number's type.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn store(&self, value: &Value) -> Result<(), ValueError> {
        self.0.store(0, value)
    }

    /// Overwrites it if it is `current`, bit for bit: what was there, as the inner `Ok` if it did.
    ///
    /// # Errors
    ///
    /// Where a value is not one of the number's type.
    ///
    /// # Panics
    ///
    /// Where the segment is open read-only.
    pub fn compare_exchange(
        &self,
        current: &Value,
        new: &Value,
    ) -> Result<Result<Value, Value>, ValueError> {
        self.0.compare_exchange(0, current, new)
    }

    on_the_first! {
        /// Overwrites it and returns the one before.
        swap
        /// Adds to it, wrapping around; returns the one before.
        fetch_add
        /// Subtracts from it, wrapping around; returns the one before.
        fetch_sub
        /// Raises it to `value` if it is less; returns the one before.
        fetch_max
        /// Lowers it to `value` if it is more; returns the one before.
        fetch_min
        /// Clears the bits that are not in `value`; returns the one before.
        fetch_and
        /// Sets the bits that are in `value`; returns the one before.
        fetch_or
        /// Flips the bits that are in `value`; returns the one before.
        fetch_xor
    }
}
