//! Broadcasts and their subscribers.

use crate::errors::{Field, raise};
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use shm_runtime::{RecvError, Start, dynamic};
use std::sync::Mutex;

/// A ring of messages that every subscriber receives.
#[pyclass(frozen, module = "shm._native")]
pub struct Broadcast {
    pub broadcast: dynamic::Broadcast,
    pub field: Field,
}

#[pymethods]
impl Broadcast {
    fn capacity(&self) -> usize {
        self.broadcast.capacity()
    }

    fn sent(&self) -> u64 {
        self.broadcast.sent()
    }

    fn send(&self, py: Python<'_>, message: &[u8]) -> PyResult<()> {
        self.field.writable(py)?;
        self.field
            .sized(py, message.len(), self.broadcast.element().size())?;
        let sent = self.broadcast.send(message);
        sent.map_err(|why| raise(py, "NoLane", why))
    }

    fn subscribe(&self, oldest: bool) -> Subscriber {
        let start = match oldest {
            true => Start::Oldest,
            false => Start::Newest,
        };
        Subscriber {
            subscriber: Mutex::new(self.broadcast.subscribe(start)),
            field: self.field.clone(),
            size: self.broadcast.element().size(),
        }
    }
}

/// Receives messages, each once and in order.
#[pyclass(frozen, module = "shm._native")]
pub struct Subscriber {
    subscriber: Mutex<dynamic::Subscriber>,
    field: Field,
    size: usize,
}

#[pymethods]
impl Subscriber {
    /// The next message; none where there is none in time. Those that were overwritten are passed over and counted.
    fn recv<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut subscriber = self
            .subscriber
            .try_lock()
            .map_err(|_| self.field.busy(py))?;
        let subscriber = &mut *subscriber;
        let mut out = vec![0; self.size];
        let received = wait(py, timeout, |left| {
            loop {
                match subscriber.recv_wait(&mut out, left) {
                    Ok(()) => return Some(()),
                    Err(RecvError::Timeout) => return None,
                    // senders were faster: the cursor is now at the oldest that is left
                    Err(RecvError::Missed(_)) => {}
                }
            }
        })?;
        Ok(received.map(|()| PyBytes::new(py, &out)))
    }

    fn missed(&self, py: Python<'_>) -> PyResult<u64> {
        let subscriber = self
            .subscriber
            .try_lock()
            .map_err(|_| self.field.busy(py))?;
        Ok(subscriber.missed())
    }

    fn position(&self, py: Python<'_>) -> PyResult<u64> {
        let subscriber = self
            .subscriber
            .try_lock()
            .map_err(|_| self.field.busy(py))?;
        Ok(subscriber.position())
    }
}
