//! Queues and stacks.

use crate::errors::{Field, raise};
use crate::value::Codec;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use self_cell::self_cell;
use shm_runtime::dynamic;
use std::sync::Mutex;

/// One element, or none, in a buffer that is there before it is popped, so that none is lost for want of memory.
pub fn one<'py>(
    py: Python<'py>,
    size: usize,
    pop: impl FnOnce(&mut [u8]) -> bool,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let mut found = false;
    let bytes = PyBytes::new_with(py, size, |out| {
        found = pop(out);
        Ok(())
    })?;
    Ok(found.then_some(bytes))
}

/// As many elements as there are, at most `most`.
pub fn many<'py>(
    py: Python<'py>,
    most: usize,
    size: usize,
    pop: impl FnOnce(&mut [u8]) -> usize,
) -> PyResult<Bound<'py, PyByteArray>> {
    let mut count = 0;
    let bytes = PyByteArray::new_with(py, most * size, |out| {
        count = pop(out);
        Ok(())
    })?;
    bytes.resize(count * size)?;
    Ok(bytes)
}

macro_rules! list {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[pyclass(frozen, module = "shm._native")]
        pub struct $name {
            pub list: dynamic::$name,
            pub field: Field,
            codec: Codec,
        }

        impl $name {
            pub fn new(list: dynamic::$name, field: Field) -> Self {
                let codec = Codec::of(list.element());
                Self { list, field, codec }
            }

            fn size(&self) -> usize {
                self.list.element().size()
            }
        }

        #[pymethods]
        impl $name {
            fn capacity(&self) -> usize {
                self.list.capacity()
            }

            fn __len__(&self) -> usize {
                self.list.len()
            }

            fn push(&self, py: Python<'_>, value: &[u8]) -> PyResult<bool> {
                self.field.writable(py)?;
                self.field.sized(py, value.len(), self.size())?;
                Ok(self.list.push(value).is_ok())
            }

            /// Pushes a value that is a number or a tuple of numbers; none for another one.
            fn push_value(
                &self,
                py: Python<'_>,
                value: &Bound<'_, PyAny>,
            ) -> PyResult<Option<bool>> {
                self.field.writable(py)?;
                Ok(self.codec.encode(value, |bytes| self.list.push(bytes).is_ok()))
            }

            /// Pops: a number, or the bytes of something else.
            fn pop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
                self.field.writable(py)?;
                self.codec.popped(py, |out| self.list.pop(out))
            }

            fn peek<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
                self.codec.popped(py, |out| self.list.peek(out))
            }

            fn push_many(&self, py: Python<'_>, values: &[u8]) -> PyResult<usize> {
                self.field.writable(py)?;
                self.field.whole(py, values.len(), self.size())?;
                Ok(py.detach(|| self.list.push_slice(values)))
            }

            fn pop_many<'py>(
                &self,
                py: Python<'py>,
                most: usize,
            ) -> PyResult<Bound<'py, PyByteArray>> {
                self.field.writable(py)?;
                let most = most.min(self.list.capacity());
                many(py, most, self.size(), |out| self.list.pop_slice(out))
            }

            fn push_wait(
                &self,
                py: Python<'_>,
                value: &[u8],
                timeout: Option<f64>,
            ) -> PyResult<bool> {
                self.field.writable(py)?;
                self.field.sized(py, value.len(), self.size())?;
                let pushed = wait(py, timeout, |left| self.list.push_wait(value, left).ok())?;
                Ok(pushed.is_some())
            }

            fn pop_wait<'py>(
                &self,
                py: Python<'py>,
                timeout: Option<f64>,
            ) -> PyResult<Option<Bound<'py, PyAny>>> {
                self.field.writable(py)?;
                let mut out = vec![0; self.size()];
                let popped = wait(py, timeout, |left| self.list.pop_wait(&mut out, left).ok())?;
                popped.map(|()| self.codec.decode(py, &out)).transpose()
            }
        }
    };
}

list! {
    /// A queue.
    Queue
}

list! {
    /// A stack.
    Stack
}

/// Taken, until it is acknowledged or given back.
type Element<'a> = Option<dynamic::Taken<'a>>;

self_cell! {
    struct Held {
        owner: dynamic::Queue,
        #[not_covariant]
        dependent: Element,
    }
}

/// An element that was taken, and comes back unless it is acknowledged.
#[pyclass(frozen, module = "shm._native")]
pub struct Taken {
    held: Mutex<Held>,
    field: Field,
}

/// What only a queue has.
pub fn take(py: Python<'_>, queue: &Queue) -> PyResult<Option<Taken>> {
    queue.field.writable(py)?;
    let held = Held::try_new(queue.list.clone(), dynamic::Queue::take);
    let held = held.map_err(|why| raise(py, "NoLane", why))?;
    let is_some = held.with_dependent(|_, element| element.is_some());
    Ok(is_some.then(|| Taken {
        held: Mutex::new(held),
        field: queue.field.clone(),
    }))
}

impl Taken {
    fn with<R>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(&dynamic::Queue, &mut Element<'_>) -> R,
    ) -> PyResult<R> {
        let mut held = self.held.try_lock().map_err(|_| self.field.busy(py))?;
        Ok(held.with_dependent_mut(run))
    }
}

#[pymethods]
impl Taken {
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let read = |queue: &dynamic::Queue, element: &mut Element<'_>| {
            let element = element.as_ref()?;
            let mut out = vec![0; queue.element().size()];
            element.read_into(&mut out);
            Some(out)
        };
        let out = self.with(py, read)?.ok_or_else(|| self.field.over(py))?;
        Ok(PyBytes::new(py, &out))
    }

    fn done(&self, py: Python<'_>) -> PyResult<()> {
        let element = self.with(py, |_, element| {
            let element = element.take();
            element.map(dynamic::Taken::done).is_some()
        })?;
        element.then_some(()).ok_or_else(|| self.field.over(py))
    }

    /// Gives the element back; of no effect where it was acknowledged.
    fn give_back(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_, element| drop(element.take()))
    }
}
