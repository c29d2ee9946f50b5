//! Latest values and whole frames.

use crate::errors::{Field, raise};
use crate::spsc::held;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use shm_runtime::dynamic;
use std::sync::Mutex;

/// The latest value.
#[pyclass(frozen, module = "shm._native")]
pub struct Versioned {
    pub versioned: dynamic::Versioned,
    pub field: Field,
}

#[pymethods]
impl Versioned {
    fn version(&self) -> u64 {
        self.versioned.version()
    }

    fn load<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, u64)> {
        let mut version = 0;
        let bytes = PyBytes::new_with(py, self.versioned.element().size(), |out| {
            version = self.versioned.load(out);
            Ok(())
        })?;
        Ok((bytes, version))
    }

    fn store(&self, py: Python<'_>, value: &[u8]) -> PyResult<()> {
        self.field.writable(py)?;
        self.field
            .sized(py, value.len(), self.versioned.element().size())?;
        let stored = self.versioned.store(value);
        stored.map_err(|why| raise(py, "NoLane", why))
    }

    /// Stores what a function makes of the latest value; it is called again where somebody else was faster.
    fn update(&self, py: Python<'_>, change: &Bound<'_, PyAny>) -> PyResult<()> {
        self.field.writable(py)?;
        let updated = self.versioned.try_update(|value| {
            let new = change.call1((PyBytes::new(py, value),))?;
            let new: &[u8] = new.extract()?;
            self.field.sized(py, new.len(), value.len())?;
            value.copy_from_slice(new);
            Ok(())
        });
        updated.map_err(|why| raise(py, "NoLane", why))?
    }

    fn wait_change<'py>(
        &self,
        py: Python<'py>,
        version: u64,
        timeout: Option<f64>,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, u64)>> {
        let mut out = vec![0; self.versioned.element().size()];
        let attempt = |left| self.versioned.wait_change(version, &mut out, left).ok();
        let changed = wait(py, timeout, attempt)?;
        Ok(changed.map(|version| (PyBytes::new(py, &out), version)))
    }
}

/// An array of which readers see whole frames.
#[pyclass(frozen, module = "shm._native")]
pub struct VersionedArray {
    pub frames: dynamic::VersionedArray,
    pub field: Field,
}

impl VersionedArray {
    fn size(&self) -> usize {
        self.frames.len() * self.frames.element().size()
    }
}

#[pymethods]
impl VersionedArray {
    fn __len__(&self) -> usize {
        self.frames.len()
    }

    fn version(&self) -> u64 {
        self.frames.version()
    }

    fn read<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyByteArray>, u64)> {
        let mut version = 0;
        let bytes = PyByteArray::new_with(py, self.size(), |out| {
            version = self.frames.read_into(out);
            Ok(())
        })?;
        Ok((bytes, version))
    }

    fn wait_change(
        &self,
        py: Python<'_>,
        version: u64,
        timeout: Option<f64>,
    ) -> PyResult<Option<u64>> {
        wait(py, timeout, |left| {
            let changed = self.frames.wait_change(version, left).ok()?;
            Some(changed.version())
        })
    }

    fn writer(&self, py: Python<'_>) -> PyResult<FrameWriter> {
        self.field.writable(py)?;
        let role = self.frames.writer();
        Ok(FrameWriter {
            role: Mutex::new(Some(role.map_err(|why| raise(py, "RoleTaken", why))?)),
            field: self.field.clone(),
            size: self.size(),
        })
    }
}

/// The one writer.
#[pyclass(frozen, module = "shm._native")]
pub struct FrameWriter {
    role: Mutex<Option<dynamic::FrameWriter>>,
    field: Field,
    size: usize,
}

#[pymethods]
impl FrameWriter {
    /// Publishes a frame: its number; none in a forked child.
    fn publish(&self, py: Python<'_>, frame: &[u8]) -> PyResult<Option<u64>> {
        self.field.sized(py, frame.len(), self.size)?;
        let mut role = held(py, &self.role, &self.field)?;
        Ok(role.as_mut().and_then(|role| role.publish(frame)))
    }

    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let mut role = self.role.try_lock().map_err(|_| self.field.busy(py))?;
        *role = None;
        Ok(())
    }
}
