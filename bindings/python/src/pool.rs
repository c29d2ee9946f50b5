//! Pools, and the objects that are on lease.

use crate::errors::Field;
use crate::lists::one;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use self_cell::self_cell;
use shm_runtime::{Handle, Timeout, dynamic};
use std::sync::Mutex;
use std::time::Duration;

/// A pool of objects.
#[pyclass(frozen, module = "shm._native")]
pub struct Pool {
    pub pool: dynamic::Pool,
    pub field: Field,
}

/// On lease, until it is given back.
type Object<'a> = Option<dynamic::Lease<'a>>;

self_cell! {
    struct Held {
        owner: dynamic::Pool,
        #[not_covariant]
        dependent: Object,
    }
}

impl Pool {
    fn lease(&self, held: Held) -> Lease {
        Lease {
            held: Mutex::new(held),
            field: self.field.clone(),
        }
    }
}

#[pymethods]
impl Pool {
    fn capacity(&self) -> usize {
        self.pool.capacity()
    }

    fn leased(&self) -> usize {
        self.pool.leased()
    }

    fn acquire(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Lease>> {
        self.field.writable(py)?;
        let acquire = |left: Duration| {
            let acquired = Held::try_new(self.pool.clone(), |pool| match left.is_zero() {
                true => pool.acquire().map(Some).ok_or(Timeout), // also from the dead
                false => pool.acquire_wait(left).map(Some),
            });
            acquired.ok()
        };
        let held = wait(py, timeout, acquire)?;
        Ok(held.map(|held| self.lease(held)))
    }

    /// The object that a handle names; none where its lease is over.
    fn get<'py>(&self, py: Python<'py>, handle: u64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let handle = Handle::from_bits(handle);
        one(py, self.pool.element().size(), |out| {
            self.pool.get(handle, out)
        })
    }

    /// Gives an object back whose guard was let go with `keep`.
    fn release(&self, py: Python<'_>, handle: u64) -> PyResult<bool> {
        self.field.writable(py)?;
        Ok(self.pool.release(Handle::from_bits(handle)))
    }
}

/// An object on lease.
#[pyclass(frozen, module = "shm._native")]
pub struct Lease {
    held: Mutex<Held>,
    field: Field,
}

impl Lease {
    fn with<R>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&dynamic::Pool, &mut Object<'_>) -> Option<R>,
    ) -> PyResult<R> {
        let mut held = self.held.try_lock().map_err(|_| self.field.busy(py))?;
        let result = held.with_dependent_mut(run);
        result.ok_or_else(|| self.field.over(py))
    }
}

#[pymethods]
impl Lease {
    fn handle(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |_, object| Some(object.as_ref()?.handle().to_bits()))
    }

    fn load<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let out = self.with(py, |pool, object| {
            let mut out = vec![0; pool.element().size()];
            object.as_ref()?.read_into(&mut out);
            Some(out)
        })?;
        Ok(PyBytes::new(py, &out))
    }

    fn store(&self, py: Python<'_>, value: &[u8]) -> PyResult<()> {
        let size = self.with(py, |pool, _| Some(pool.element().size()))?;
        self.field.sized(py, value.len(), size)?;
        self.with(py, |_, object| {
            object.as_mut()?.write(value);
            Some(())
        })
    }

    /// Lets the guard go and keeps the lease: the handle.
    fn keep(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |_, object| Some(object.take()?.keep().to_bits()))
    }

    /// Gives the object back; of no effect where that was done.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, object| {
            drop(object.take());
            Some(())
        })
    }
}
