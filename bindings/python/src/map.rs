//! Maps and sets.

use crate::errors::{Field, raise};
use crate::lists::one;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use shm_runtime::dynamic;

fn full(py: Python<'_>, field: &Field, capacity: usize) -> PyErr {
    let name = &field.name;
    let why = format!("`{name}` is full: it has room for {capacity} entries");
    raise(py, "Full", why)
}

/// A map, large or not.
#[pyclass(frozen, module = "shm._native")]
pub struct Map {
    pub map: dynamic::Map,
    pub field: Field,
}

impl Map {
    fn key(&self, py: Python<'_>, key: &[u8]) -> PyResult<()> {
        self.field.sized(py, key.len(), self.map.key().size())
    }

    fn value(&self, py: Python<'_>, value: &[u8]) -> PyResult<()> {
        self.field.sized(py, value.len(), self.map.value().size())
    }
}

#[pymethods]
impl Map {
    fn capacity(&self) -> usize {
        self.map.capacity()
    }

    fn __len__(&self) -> usize {
        self.map.len()
    }

    fn get<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.key(py, key)?;
        one(py, self.map.value().size(), |out| self.map.get(key, out))
    }

    /// Sets a value; whether the key was there before.
    fn insert(&self, py: Python<'_>, key: &[u8], value: &[u8]) -> PyResult<bool> {
        self.field.writable(py)?;
        self.key(py, key)?;
        self.value(py, value)?;
        let mut before = vec![0; value.len()];
        let was = self.map.insert(key, value, &mut before);
        was.map_err(|_| full(py, &self.field, self.map.capacity()))
    }

    /// Inserts a key that is absent; else its value.
    fn get_or_insert<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        value: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.field.writable(py)?;
        self.key(py, key)?;
        self.value(py, value)?;
        let mut out = vec![0; value.len()];
        let was = self.map.get_or_insert(key, value, &mut out);
        let was = was.map_err(|_| full(py, &self.field, self.map.capacity()))?;
        Ok(was.then(|| PyBytes::new(py, &out)))
    }

    /// Replaces a value if it is `current`; none where the key is absent.
    fn compare_exchange(
        &self,
        py: Python<'_>,
        key: &[u8],
        current: &[u8],
        new: &[u8],
    ) -> PyResult<Option<bool>> {
        self.field.writable(py)?;
        self.key(py, key)?;
        self.value(py, current)?;
        self.value(py, new)?;
        let mut before = vec![0; new.len()];
        Ok(self.map.compare_exchange(key, current, new, &mut before))
    }

    fn remove<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.field.writable(py)?;
        self.key(py, key)?;
        one(py, self.map.value().size(), |out| self.map.remove(key, out))
    }

    /// All keys, and all values in the same order.
    fn entries<'py>(
        &self,
        py: Python<'py>,
    ) -> (usize, Bound<'py, PyByteArray>, Bound<'py, PyByteArray>) {
        let (mut count, mut keys, mut values) = (0, Vec::new(), Vec::new());
        py.detach(|| {
            self.map.for_each(|key, value| {
                count += 1;
                keys.extend_from_slice(key);
                values.extend_from_slice(value);
            });
        });
        let (keys, values) = (PyByteArray::new(py, &keys), PyByteArray::new(py, &values));
        (count, keys, values)
    }
}

/// A set.
#[pyclass(frozen, module = "shm._native")]
pub struct Set {
    pub set: dynamic::Set,
    pub field: Field,
}

impl Set {
    fn key(&self, py: Python<'_>, key: &[u8]) -> PyResult<()> {
        self.field.sized(py, key.len(), self.set.key().size())
    }
}

#[pymethods]
impl Set {
    fn capacity(&self) -> usize {
        self.set.capacity()
    }

    fn __len__(&self) -> usize {
        self.set.len()
    }

    fn contains(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        self.key(py, key)?;
        Ok(self.set.contains(key))
    }

    /// Inserts a key; whether it was not there before.
    fn insert(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        self.field.writable(py)?;
        self.key(py, key)?;
        let inserted = self.set.insert(key);
        inserted.map_err(|_| full(py, &self.field, self.set.capacity()))
    }

    /// Removes a key; whether it was there.
    fn remove(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        self.field.writable(py)?;
        self.key(py, key)?;
        Ok(self.set.remove(key))
    }

    fn keys<'py>(&self, py: Python<'py>) -> (usize, Bound<'py, PyByteArray>) {
        let (mut count, mut keys) = (0, Vec::new());
        py.detach(|| {
            self.set.for_each(|key| {
                count += 1;
                keys.extend_from_slice(key);
            });
        });
        (count, PyByteArray::new(py, &keys))
    }
}
