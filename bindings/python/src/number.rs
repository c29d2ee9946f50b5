//! Numbers that are changed in one step: atomics, and the elements of arrays of numbers.

use crate::errors::{Field, raise};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
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

    fn decode(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Value> {
        let value = self.element().decode(bytes);
        value.map_err(|why| self.wrong(py, &why))
    }

    fn encode<'py>(&self, py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.element().encode(value);
        let bytes = bytes.map_err(|why| self.wrong(py, &why))?;
        Ok(PyBytes::new(py, &bytes))
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

    fn load<'py>(&self, py: Python<'py>, i: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.in_range(py, i)?;
        let value = match &self.of {
            Of::Atomic(atomic) => atomic.load(),
            Of::Array(numbers) => numbers.load(i),
        };
        self.encode(py, &value)
    }

    fn store(&self, py: Python<'_>, i: usize, value: &[u8]) -> PyResult<()> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let value = self.decode(py, value)?;
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
        value: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let value = self.decode(py, value)?;
        match self.change_one(op, i, &value) {
            Some(Ok(before)) => self.encode(py, &before),
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
        current: &[u8],
        new: &[u8],
    ) -> PyResult<(bool, Bound<'py, PyBytes>)> {
        self.field.writable(py)?;
        self.in_range(py, i)?;
        let (current, new) = (self.decode(py, current)?, self.decode(py, new)?);
        let found = match &self.of {
            Of::Atomic(atomic) => atomic.compare_exchange(&current, &new),
            Of::Array(numbers) => numbers.compare_exchange(i, &current, &new),
        };
        let found = found.map_err(|why| self.wrong(py, &why))?;
        let was = found.is_ok();
        let (Ok(before) | Err(before)) = found;
        Ok((was, self.encode(py, &before)?))
    }
}
