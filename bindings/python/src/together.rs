//! What processes do together: barriers, and what is done once.

use crate::errors::Field;
use crate::wait::wait;
use pyo3::prelude::*;
use self_cell::self_cell;
use shm_runtime::{Timeout, dynamic, sync};
use std::sync::Mutex;

/// Where nobody goes on before all are there.
#[pyclass(frozen, module = "shm._native")]
pub struct Barrier {
    pub barrier: dynamic::Barrier,
    pub field: Field,
}

#[pymethods]
impl Barrier {
    fn parties(&self) -> usize {
        self.barrier.parties()
    }

    /// Whether this party leads; none where the time was up.
    ///
    /// Between two slices this party is not there for a moment: so it hears Ctrl-C, and who arrives then waits for it.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<bool>> {
        self.field.writable(py)?;
        let attempt = |left| self.barrier.wait(left).ok();
        Ok(wait(py, timeout, attempt)?.map(sync::BarrierResult::is_leader))
    }
}

/// Something that is done once.
#[pyclass(frozen, module = "shm._native")]
pub struct Once {
    pub once: sync::Once,
    pub field: Field,
}

/// Begun, until it is over; none where it was completed before.
type Begun<'a> = Option<sync::OnceRun<'a>>;

self_cell! {
    struct Held {
        owner: sync::Once,
        #[not_covariant]
        dependent: Begun,
    }
}

#[pymethods]
impl Once {
    fn is_completed(&self) -> bool {
        self.once.is_completed()
    }

    /// Begins to run; none where somebody has run to the end, or the time was up.
    fn begin(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Run>> {
        if self.once.is_completed() {
            return Ok(None);
        }
        self.field.writable(py)?;
        let attempt = |left| -> Option<Held> {
            let begun = Held::try_new(self.once.clone(), |once| -> Result<_, Timeout> {
                once.begin_wait(left)
            });
            begun.ok()
        };
        let held = wait(py, timeout, attempt)?;
        let run = held.filter(|held| held.with_dependent(|_, run| run.is_some()));
        Ok(run.map(|held| Run {
            held: Mutex::new(held),
            field: self.field.clone(),
        }))
    }
}

/// A run that this process has begun.
#[pyclass(frozen, module = "shm._native")]
pub struct Run {
    held: Mutex<Held>,
    field: Field,
}

impl Run {
    fn with<R>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&mut Begun<'_>) -> Option<R>,
    ) -> PyResult<R> {
        let mut held = self.held.try_lock().map_err(|_| self.field.busy(py))?;
        let result = held.with_dependent_mut(|_, begun| run(begun));
        result.ok_or_else(|| self.field.over(py))
    }
}

#[pymethods]
impl Run {
    /// Whether another one began before, and died or gave up.
    fn is_interrupted(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |run| Some(run.as_ref()?.state().is_interrupted()))
    }

    fn complete(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |run| run.take().map(sync::OnceRun::complete))
    }

    /// Hands the run to the next one; of no effect where it is over.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |run| {
            drop(run.take());
            Some(())
        })
    }
}
