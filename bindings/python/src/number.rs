//! Numbers that are changed in one step: atomics, and the elements of arrays of numbers.

use crate::errors::{Field, raise};
use crate::value::{number_of, value_of};
use pyo3::prelude::*;
use shm_runtime::dynamic::{self, ElementType, Value};
use shm_runtime::error::ValueError;

/// Where the numbers are.
pub enum Of {
    Atomic(dynamic::Atomic),
    Array(dynamic::Numbers),
}

/// An atomic, or the numbers of an array.
#[pyclass(frozen, module = "shm._native")]
pub struct Numbers {
    pub of: Of,
    pub field: Field,
}

macro_rules! change {
    ($self:ident, $op:ident, $i:ident, $value:ident; $($name:ident)*) => {
        match (&$self.of, $op) {
            $(
                (Of::Atomic(atomic), stringify!($name)) => Some(atomic.$name($value)),
                (Of::Array(numbers), stringify!($name)) => Some(numbers.$name($i, $value)),
            )*
            _ => None,
        }
    };
}

impl Numbers {
    fn element(&self) -> &ElementType {
        match &self.of {
            Of::Atomic(atomic) => atomic.element(),
            Of::Array(numbers) => numbers.element(),
        }
    }

    fn wrong(&self, py: Python<'_>, why: &ValueError) -> PyErr {
        raise(py, "WrongValue", format!("`{}`: {why}", self.field.name))
    }

    /// The number that Python gave.
    fn value(&self, value: &Bound<'_, PyAny>) -> PyResult<Value> {
        let number = self.element().primitive();
        let found = number.and_then(|number| value_of(number, value));
        found.ok_or_else(|| {
            let (name, element) = (&self.field.name, self.element());
            let found = value
                .repr()
                .map_or_else(|_| "something else".to_owned(), |it| it.to_string());
            let found: String = found.chars().take(80).collect();
            let kind =
                number.map_or_else(|| element.to_string(), |number| number.name().to_owned());
            let why = format!("`{name}`: expected a number of type {kind}, found {found}");
            raise(value.py(), "WrongValue", why)
        })
    }

    /// The number that Python gets.
    fn given<'py>(&self, py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
        let number = number_of(py, value);
        number.unwrap_or_else(|| {
            Err(raise(
                py,
                "WrongKind",
                "this is no number of at most 8 bytes",
            ))
        })
    }

    fn change_one(&self, op: &str, i: usize, value: &Value) -> Option<Result<Value, ValueError>> {
        change!(self, op, i, value; swap fetch_add fetch_sub fetch_max fetch_min fetch_and fetch_or fetch_xor)
    }

    fn in_range(&self, py: Python<'_>, i: usize) -> PyResult<()> {
        if i < self.__len__() {
            return Ok(());
        }
        let (name, len) = (&self.field.name, self.__len__());
        let why = format!("index {i} is out of range: `{name}` has {len} numbers");
        Err(raise(py, "OutOfRange", why))
    }
}

#[pymethods]
impl Numbers {
    fn __len__(&self) -> usize {
        match &self.of {
            Of::Atomic(_) => 1,
            Of::Array(numbers) => numbers.len(),
        }
    }

    fn load<'py>(&self, py: Python<'py>, i: usize) -> PyResult<Bound<'py, PyAny>> {
        self.in_range(py, i)?;
        let value = match &self.of {
            Of::Atomic(atomic) => atomic.load(),
            Of::Array(numbers) => numbers.load(i),
        };
        self.given(py, &value)
    }

    fn store(&self, py: Python<'_>, i: usize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let value = self.value(value)?;
        let stored = match &self.of {
            Of::Atomic(atomic) => atomic.store(&value),
            Of::Array(numbers) => numbers.store(i, &value),
        };
        stored.map_err(|why| self.wrong(py, &why))
    }

    /// Runs a named operation in one step; the number before.
    fn change<'py>(
        &self,
        py: Python<'py>,
        op: &str,
        i: usize,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let value = self.value(value)?;
        match self.change_one(op, i, &value) {
            Some(Ok(before)) => self.given(py, &before),
            Some(Err(why)) => Err(self.wrong(py, &why)),
            None => Err(raise(
                py,
                "ShmError",
                format!("there is no operation `{op}`"),
            )),
        }
    }

    /// Replaces a number if it is `current`: whether it was, and what was there.
    fn compare_exchange<'py>(
        &self,
        py: Python<'py>,
        i: usize,
        current: &Bound<'py, PyAny>,
        new: &Bound<'py, PyAny>,
    ) -> PyResult<(bool, Bound<'py, PyAny>)> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let (current, new) = (self.value(current)?, self.value(new)?);
        let found = match &self.of {
            Of::Atomic(atomic) => atomic.compare_exchange(&current, &new),
            Of::Array(numbers) => numbers.compare_exchange(i, &current, &new),
        };
        let found = found.map_err(|why| self.wrong(py, &why))?;
        let was = found.is_ok();
        let (Ok(before) | Err(before)) = found;
        Ok((was, self.given(py, &before)?))
    }
}
