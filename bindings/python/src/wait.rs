//! Waiting without the interpreter's lock, and hearing Ctrl-C meanwhile.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// How long nobody looks for signals.
const SLICE: Duration = Duration::from_millis(50);

/// Tries in slices until there is a result or the time is up; `None` waits for ever.
///
/// `attempt` waits as long as it is told. It runs without the interpreter's lock. Signals are heard only after an
/// attempt that did nothing, so that none that did something is forgotten.
pub fn wait<R: Send>(
    py: Python<'_>,
    timeout: Option<f64>,
    mut attempt: impl FnMut(Duration) -> Option<R> + Send,
) -> PyResult<Option<R>> {
    let end = deadline(timeout)?;
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        let done = py.detach(|| attempt(slice));
        if done.is_some() {
            return Ok(done);
        }
        py.check_signals()?;
        if left.is_some_and(|left| left <= SLICE) {
            return Ok(None);
        }
    }
}

/// When the time is up; none for a time that never comes.
fn deadline(timeout: Option<f64>) -> PyResult<Option<Instant>> {
    match timeout {
        None => Ok(None),
        Some(seconds) if seconds.is_nan() => Err(PyValueError::new_err("timeout is not a number")),
        Some(seconds) => {
            let wait = Duration::try_from_secs_f64(seconds.max(0.0)).ok();
            Ok(wait.and_then(|wait| Instant::now().checked_add(wait)))
        }
    }
}
