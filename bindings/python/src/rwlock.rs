//! Reader-writer locks.

use crate::errors::Field;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use self_cell::self_cell;
use shm_runtime::{Timeout, dynamic};
use std::sync::Mutex;
use std::time::Duration;

/// A value that many read, or one changes.
#[pyclass(frozen, module = "shm._native")]
pub struct RwLock {
    pub lock: dynamic::RwLock,
    pub field: Field,
}

/// Locked, until it is unlocked.
enum Guard<'a> {
    Read(dynamic::ReadGuard<'a>),
    Write(dynamic::WriteGuard<'a>),
    Over,
}

self_cell! {
    struct Locked {
        owner: dynamic::RwLock,
        #[not_covariant]
        dependent: Guard,
    }
}

impl RwLock {
    /// Waits for a lock of either kind.
    fn locked(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        lock: impl for<'a> Fn(&'a dynamic::RwLock, Duration) -> Result<Guard<'a>, Timeout> + Sync,
    ) -> PyResult<Option<RwGuard>> {
        self.field.writable(py)?;
        let attempt = |left| Locked::try_new(self.lock.clone(), |owner| lock(owner, left)).ok();
        let locked = wait(py, timeout, attempt)?;
        Ok(locked.map(|locked| RwGuard {
            locked: Mutex::new(locked),
            field: self.field.clone(),
        }))
    }
}

fn read(lock: &dynamic::RwLock, left: Duration) -> Result<Guard<'_>, Timeout> {
    let guard = match left.is_zero() {
        true => lock.try_read().ok_or(Timeout),
        false => lock.read_wait(left),
    };
    guard.map(Guard::Read)
}

fn write(lock: &dynamic::RwLock, left: Duration) -> Result<Guard<'_>, Timeout> {
    let guard = match left.is_zero() {
        true => lock.try_write().ok_or(Timeout),
        false => lock.write_wait(left),
    };
    guard.map(Guard::Write)
}

#[pymethods]
impl RwLock {
    fn readers(&self) -> usize {
        self.lock.readers()
    }

    fn read(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<RwGuard>> {
        self.locked(py, timeout, read)
    }

    fn write(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<RwGuard>> {
        self.locked(py, timeout, write)
    }
}

/// A lock that this process has, for reading or for writing.
#[pyclass(frozen, module = "shm._native")]
pub struct RwGuard {
    locked: Mutex<Locked>,
    field: Field,
}

impl RwGuard {
    fn with<R>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&dynamic::RwLock, &mut Guard<'_>) -> Option<R>,
    ) -> PyResult<R> {
        let mut locked = self.locked.try_lock().map_err(|_| self.field.busy(py))?;
        let result = locked.with_dependent_mut(run);
        result.ok_or_else(|| self.field.over(py))
    }
}

#[pymethods]
impl RwGuard {
    fn load<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let out = self.with(py, |lock, guard| {
            let mut out = vec![0; lock.element().size()];
            match guard {
                Guard::Read(guard) => guard.read_into(&mut out),
                Guard::Write(guard) => guard.read_into(&mut out),
                Guard::Over => return None,
            }
            Some(out)
        })?;
        Ok(PyBytes::new(py, &out))
    }

    /// Of effect only where it is a lock for writing.
    fn store(&self, py: Python<'_>, value: &[u8]) -> PyResult<()> {
        let size = self.with(py, |lock, _| Some(lock.element().size()))?;
        self.field.sized(py, value.len(), size)?;
        self.with(py, |_, guard| match guard {
            Guard::Write(guard) => {
                guard.write(value);
                Some(())
            }
            Guard::Read(_) | Guard::Over => None,
        })
    }

    fn is_doubtful(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |_, guard| match guard {
            Guard::Read(guard) => Some(guard.is_doubtful()),
            Guard::Write(guard) => Some(guard.is_doubtful()),
            Guard::Over => None,
        })
    }

    /// Of effect only where it is a lock for writing.
    fn mark_consistent(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, guard| match guard {
            Guard::Write(guard) => {
                guard.mark_consistent();
                Some(())
            }
            Guard::Read(_) | Guard::Over => None,
        })
    }

    /// Unlocks; of no effect where that was done.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, guard| {
            *guard = Guard::Over;
            Some(())
        })
    }
}
