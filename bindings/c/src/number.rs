//! Numbers that are changed in one step: an `Atomic`, or the elements of an array.

use crate::border::{In, Out, Size, export};
use crate::field::{Field, Structure};
use crate::handle::Ref;
use crate::status::{Failure, Status};
use shm_runtime::dynamic::{self, ElementType, Value};
use shm_runtime::error::ValueError;

/// One number.
enum Number<'a> {
    Atomic(&'a dynamic::Atomic),
    Of(&'a dynamic::Numbers, usize),
}

/// An operation that returns the number before.
macro_rules! fetch {
    ($number:expr, $value:expr, $name:ident) => {
        match $number {
            Number::Atomic(atomic) => atomic.$name($value),
            Number::Of(numbers, i) => numbers.$name(*i, $value),
        }
    };
}

impl<'a> Number<'a> {
    fn find(field: &'a Field, index: usize) -> Result<Self, Failure> {
        if let Ok(atomic) = field.atomic() {
            field.within(index, 1, 1)?;
            return Ok(Self::Atomic(atomic));
        }
        let Structure::Array(array) = field.structure() else {
            return Err(field.wrong_kind("Atomic, or an Array of numbers"));
        };
        let numbers = array.numbers().ok_or_else(|| {
            let found = array.element();
            let why = format!("the elements are no numbers of at most 8 bytes, but {found}");
            Failure::new(Status::Kind, why)
        })?;
        field.within(index, 1, numbers.len())?;
        Ok(Self::Of(numbers, index))
    }

    fn element(&self) -> &'a ElementType {
        match self {
            Number::Atomic(atomic) => atomic.element(),
            Number::Of(numbers, _) => numbers.element(),
        }
    }

    fn load(&self) -> Value {
        match self {
            Number::Atomic(atomic) => atomic.load(),
            Number::Of(numbers, i) => numbers.load(*i),
        }
    }

    fn store(&self, value: &Value) -> Result<(), ValueError> {
        match self {
            Number::Atomic(atomic) => atomic.store(value),
            Number::Of(numbers, i) => numbers.store(*i, value),
        }
    }

    fn compare_exchange(
        &self,
        current: &Value,
        new: &Value,
    ) -> Result<Result<Value, Value>, ValueError> {
        match self {
            Number::Atomic(atomic) => atomic.compare_exchange(current, new),
            Number::Of(numbers, i) => numbers.compare_exchange(*i, current, new),
        }
    }

    /// What `shm_fetch` says.
    fn fetch(&self, how: i32, value: &Value) -> Result<Value, Failure> {
        Ok(match how {
            0 => fetch!(self, value, swap)?,
            1 => fetch!(self, value, fetch_add)?,
            2 => fetch!(self, value, fetch_sub)?,
            3 => fetch!(self, value, fetch_max)?,
            4 => fetch!(self, value, fetch_min)?,
            5 => fetch!(self, value, fetch_and)?,
            6 => fetch!(self, value, fetch_or)?,
            7 => fetch!(self, value, fetch_xor)?,
            _ => {
                let why = format!("{how} is none of the operations of `shm_fetch`");
                return Err(Failure::new(Status::Value, why));
            }
        })
    }
}

/// The number that a buffer has.
fn given(field: &Field, number: &Number<'_>, bytes: In, size: Size) -> Result<Value, Failure> {
    let (bytes, element) = (bytes.bytes("number", size)?, number.element());
    field.sized("number", bytes.len(), element.size())?;
    Ok(element.decode(bytes)?)
}

/// A buffer for a number.
fn place<'call>(
    field: &Field,
    number: &Number<'_>,
    out: Out,
    spare: &'call mut Vec<u8>,
    size: Size,
) -> Result<&'call mut [u8], Failure> {
    field.sized("number", size.get(), number.element().size())?;
    out.or(spare, "number", size)
}

fn write(number: &Number<'_>, value: &Value, out: &mut [u8]) -> Result<(), Failure> {
    out.copy_from_slice(&number.element().encode(value)?); // of the same size: `place`
    Ok(())
}

export! {
    fn shm_atomic_load(field: Ref<Field>, index: usize, out: Out, size: Size) {
        let field = field.get()?;
        let number = Number::find(field, index)?;
        field.sized("number", size.get(), number.element().size())?;
        let out = out.bytes("number", size)?;
        write(&number, &number.load(), out)?;
        Ok(Status::Ok)
    }

    fn shm_atomic_store(field: Ref<Field>, index: usize, value: In, size: Size) {
        let field = field.get()?;
        let number = Number::find(field, index)?;
        field.writable()?;
        number.store(&given(field, &number, value, size)?)?;
        Ok(Status::Ok)
    }

    fn shm_atomic_fetch(field: Ref<Field>, index: usize, how: i32, value: In, before: Out, size: Size) {
        let field = field.get()?;
        let number = Number::find(field, index)?;
        field.writable()?;
        let value = given(field, &number, value, size)?;
        let mut spare = Vec::new();
        let before = place(field, &number, before, &mut spare, size)?;
        write(&number, &number.fetch(how, &value)?, before)?;
        Ok(Status::Ok)
    }

    fn shm_atomic_compare_exchange(
        field: Ref<Field>, index: usize, current: In, new_value: In, before: Out, size: Size,
    ) {
        let field = field.get()?;
        let number = Number::find(field, index)?;
        field.writable()?;
        let current = given(field, &number, current, size)?;
        let new_value = given(field, &number, new_value, size)?;
        let mut spare = Vec::new();
        let before = place(field, &number, before, &mut spare, size)?;
        let (status, found) = match number.compare_exchange(&current, &new_value)? {
            Ok(found) => (Status::Ok, found),
            Err(found) => (Status::Different, found),
        };
        write(&number, &found, before)?;
        Ok(status)
    }
}
