//! Queues for one producer and one consumer: each role is an object.

use crate::errors::{Field, raise};
use crate::lists::many;
use crate::value::Codec;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use shm_runtime::dynamic;
use std::sync::{Mutex, MutexGuard};

/// A queue for one producer and one consumer.
#[pyclass(frozen, module = "shm._native")]
pub struct Spsc {
    pub spsc: dynamic::Spsc,
    pub field: Field,
}

#[pymethods]
impl Spsc {
    fn capacity(&self) -> usize {
        self.spsc.capacity()
    }

    fn __len__(&self) -> usize {
        self.spsc.len()
    }

    fn producer(&self, py: Python<'_>) -> PyResult<Producer> {
        self.field.writable(py)?;
        let role = self.spsc.producer();
        Ok(Producer {
            role: Mutex::new(Some(role.map_err(|why| raise(py, "RoleTaken", why))?)),
            field: self.field.clone(),
            size: self.spsc.element().size(),
            codec: Codec::of(self.spsc.element()),
        })
    }

    fn consumer(&self, py: Python<'_>) -> PyResult<Consumer> {
        self.field.writable(py)?;
        let role = self.spsc.consumer();
        Ok(Consumer {
            role: Mutex::new(Some(role.map_err(|why| raise(py, "RoleTaken", why))?)),
            field: self.field.clone(),
            size: self.spsc.element().size(),
            codec: Codec::of(self.spsc.element()),
            capacity: self.spsc.capacity(),
        })
    }
}

/// The role that a thread uses now; none where it was released.
pub fn held<'a, R>(
    py: Python<'_>,
    role: &'a Mutex<Option<R>>,
    field: &Field,
) -> PyResult<MutexGuard<'a, Option<R>>> {
    let role = role.try_lock().map_err(|_| field.busy(py))?;
    match *role {
        Some(_) => Ok(role),
        None => Err(field.over(py)),
    }
}

/// The producer.
#[pyclass(frozen, module = "shm._native")]
pub struct Producer {
    role: Mutex<Option<dynamic::Producer>>,
    field: Field,
    size: usize,
    codec: Codec,
}

#[pymethods]
impl Producer {
    fn push(&self, py: Python<'_>, value: &[u8]) -> PyResult<bool> {
        self.field.sized(py, value.len(), self.size)?;
        let mut role = held(py, &self.role, &self.field)?;
        Ok(role.as_mut().is_some_and(|role| role.push(value).is_ok()))
    }

    /// Pushes a value that is a number or a tuple of numbers; none for another one.
    fn push_value(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
        let mut role = held(py, &self.role, &self.field)?;
        Ok(self.codec.encode(value, |bytes| {
            role.as_mut().is_some_and(|role| role.push(bytes).is_ok())
        }))
    }

    fn push_many(&self, py: Python<'_>, values: &[u8]) -> PyResult<usize> {
        self.field.whole(py, values.len(), self.size)?;
        let mut role = held(py, &self.role, &self.field)?;
        Ok(role.as_mut().map_or(0, |role| role.push_slice(values)))
    }

    fn push_wait(&self, py: Python<'_>, value: &[u8], timeout: Option<f64>) -> PyResult<bool> {
        self.field.sized(py, value.len(), self.size)?;
        let mut role = held(py, &self.role, &self.field)?;
        let role = &mut *role;
        let attempt = |left| role.as_mut()?.push_wait(value, left).ok();
        Ok(wait(py, timeout, attempt)?.is_some())
    }

    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let mut role = self.role.try_lock().map_err(|_| self.field.busy(py))?;
        *role = None;
        Ok(())
    }
}

/// The consumer.
#[pyclass(frozen, module = "shm._native")]
pub struct Consumer {
    role: Mutex<Option<dynamic::Consumer>>,
    field: Field,
    size: usize,
    codec: Codec,
    capacity: usize,
}

#[pymethods]
impl Consumer {
    /// Pops: a number, or the bytes of something else.
    fn pop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut role = held(py, &self.role, &self.field)?;
        self.codec
            .popped(py, |out| role.as_mut().is_some_and(|role| role.pop(out)))
    }

    fn pop_many<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyByteArray>> {
        let mut role = held(py, &self.role, &self.field)?;
        many(py, most.min(self.capacity), self.size, |out| {
            role.as_mut().map_or(0, |role| role.pop_slice(out))
        })
    }

    fn pop_wait<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut role = held(py, &self.role, &self.field)?;
        let role = &mut *role;
        let mut out = vec![0; self.size];
        let popped = wait(py, timeout, |left| {
            role.as_mut()?.pop_wait(&mut out, left).ok()
        })?;
        popped.map(|()| self.codec.decode(py, &out)).transpose()
    }

    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let mut role = self.role.try_lock().map_err(|_| self.field.busy(py))?;
        *role = None;
        Ok(())
    }
}
