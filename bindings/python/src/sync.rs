//! Mutexes, semaphores and signals.

use crate::errors::Field;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use self_cell::self_cell;
use shm_runtime::{Timeout, dynamic, sync};
use std::time::Duration;

/// A mutex with its value.
#[pyclass(frozen, module = "shm._native")]
pub struct Mutex {
    pub mutex: dynamic::Mutex,
    pub field: Field,
}

/// Locked, until it is unlocked.
type Guard<'a> = Option<dynamic::MutexGuard<'a>>;

self_cell! {
    struct Locked {
        owner: dynamic::Mutex,
        #[not_covariant]
        dependent: Guard,
    }
}

#[pymethods]
impl Mutex {
    fn lock(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Lock>> {
        self.field.writable(py)?;
        let lock = |left: Duration| {
            let locked = Locked::try_new(self.mutex.clone(), |mutex| match left.is_zero() {
                true => mutex.try_lock().map(Some).ok_or(Timeout),
                false => mutex.lock_wait(left).map(Some),
            });
            locked.ok()
        };
        let locked = wait(py, timeout, lock)?;
        Ok(locked.map(|locked| Lock {
            locked: std::sync::Mutex::new(locked),
            field: self.field.clone(),
        }))
    }
}

/// A mutex that this process has locked.
#[pyclass(frozen, module = "shm._native")]
pub struct Lock {
    locked: std::sync::Mutex<Locked>,
    field: Field,
}

impl Lock {
    fn with<R>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&dynamic::Mutex, &mut Guard<'_>) -> Option<R>,
    ) -> PyResult<R> {
        let mut locked = self.locked.try_lock().map_err(|_| self.field.busy(py))?;
        let result = locked.with_dependent_mut(run);
        result.ok_or_else(|| self.field.over(py))
    }
}

#[pymethods]
impl Lock {
    fn load<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let out = self.with(py, |mutex, guard| {
            let mut out = vec![0; mutex.element().size()];
            guard.as_ref()?.read_into(&mut out);
            Some(out)
        })?;
        Ok(PyBytes::new(py, &out))
    }

    fn store(&self, py: Python<'_>, value: &[u8]) -> PyResult<()> {
        let size = self.with(py, |mutex, _| Some(mutex.element().size()))?;
        self.field.sized(py, value.len(), size)?;
        self.with(py, |_, guard| {
            guard.as_mut()?.write(value);
            Some(())
        })
    }

    fn is_doubtful(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |_, guard| Some(guard.as_ref()?.is_doubtful()))
    }

    fn mark_consistent(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, guard| {
            guard.as_mut()?.mark_consistent();
            Some(())
        })
    }

    /// Unlocks; of no effect where that was done.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, guard| {
            drop(guard.take());
            Some(())
        })
    }
}

/// Permits that processes take, and that return when they die.
#[pyclass(frozen, module = "shm._native")]
pub struct Semaphore {
    pub semaphore: dynamic::Semaphore,
    pub field: Field,
}

/// Taken, until it is given back.
type Taken<'a> = Option<dynamic::Permit<'a>>;

self_cell! {
    struct Held {
        owner: dynamic::Semaphore,
        #[not_covariant]
        dependent: Taken,
    }
}

#[pymethods]
impl Semaphore {
    fn permits(&self) -> usize {
        self.semaphore.permits()
    }

    fn available(&self) -> usize {
        self.semaphore.available()
    }

    fn acquire(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Permit>> {
        self.field.writable(py)?;
        let acquire = |left: Duration| {
            let held = Held::try_new(self.semaphore.clone(), |permits| match left.is_zero() {
                true => permits.try_acquire().map(Some).ok_or(Timeout), // also from the dead
                false => permits.acquire_wait(left).map(Some),
            });
            held.ok()
        };
        let held = wait(py, timeout, acquire)?;
        Ok(held.map(|held| Permit {
            held: std::sync::Mutex::new(held),
            field: self.field.clone(),
        }))
    }
}

/// A permit that this process has.
#[pyclass(frozen, module = "shm._native")]
pub struct Permit {
    held: std::sync::Mutex<Held>,
    field: Field,
}

#[pymethods]
impl Permit {
    /// Gives the permit back; of no effect where that was done.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let mut held = self.held.try_lock().map_err(|_| self.field.busy(py))?;
        held.with_dependent_mut(|_, permit| drop(permit.take()));
        Ok(())
    }
}

/// A count that is raised, and waited for.
#[pyclass(frozen, module = "shm._native")]
pub struct Signal {
    pub signal: sync::Signal,
    pub field: Field,
}

#[pymethods]
impl Signal {
    fn count(&self) -> u64 {
        self.signal.count()
    }

    fn raise_(&self, py: Python<'_>) -> PyResult<()> {
        self.field.writable(py)?;
        self.signal.raise();
        Ok(())
    }

    fn wait(&self, py: Python<'_>, since: u64, timeout: Option<f64>) -> PyResult<Option<u64>> {
        wait(py, timeout, |left| self.signal.wait(since, left).ok())
    }
}
