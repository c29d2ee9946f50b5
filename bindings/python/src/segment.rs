//! Segments, and the handles of their fields.

use crate::broadcast::Broadcast;
use crate::errors::{Field, bad_schema, no_field, not_created, not_opened, not_registered, raise};
use crate::latest::{Versioned, VersionedArray};
use crate::lists::{self, Queue, Stack, Taken};
use crate::map::{Map, Set};
use crate::number::{Numbers, Of};
use crate::pool::Pool;
use crate::rwlock::RwLock;
use crate::spsc::Spsc;
use crate::sync::{Mutex, Semaphore, Signal};
use crate::together::{Barrier, Once};
use crate::view::View;
use crate::wait::wait;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use shm_runtime::error::FieldError;
use shm_runtime::{OpenError, Owner, dynamic};

/// A segment that is open in this process.
#[pyclass(frozen, module = "shm._native")]
pub struct Segment {
    inner: dynamic::Segment,
}

/// Opens a segment; waits up to `wait` seconds for one to appear.
#[pyfunction]
#[pyo3(signature = (name, read_only, wait_for, owner, mode, guard_sigbus))]
pub fn open(
    py: Python<'_>,
    name: &str,
    read_only: bool,
    wait_for: Option<f64>,
    owner: Option<i64>,
    mode: Option<u32>,
    guard_sigbus: bool,
) -> PyResult<Segment> {
    let owner = match owner.map(u32::try_from) {
        None => Owner::Own,
        Some(Ok(user)) => Owner::User(user),
        Some(Err(_)) => Owner::Any,
    };
    let attempt = |left| {
        let mut options = dynamic::Segment::options().owner(owner).wait(left);
        options = options.guard_sigbus(guard_sigbus);
        if read_only {
            options = options.read_only();
        }
        if let Some(mode) = mode {
            options = options.mode(mode);
        }
        match options.open(name) {
            Err(OpenError::NotFound { .. } | OpenError::Closing { .. }) if !left.is_zero() => None,
            opened => Some(opened),
        }
    };
    let opened = match wait_for {
        None => None,
        Some(_) => wait(py, wait_for, attempt)?,
    };
    let opened = match opened {
        Some(opened) => opened,
        None => match py.detach(|| attempt(core::time::Duration::ZERO)) {
            Some(opened) => opened,
            None => unreachable!("without time there is always an answer"),
        },
    };
    let inner = opened.map_err(|why| not_opened(py, &why))?;
    Ok(Segment { inner })
}

/// Creates a segment of a description in JSON.
#[pyfunction]
pub fn create(
    py: Python<'_>,
    name: &str,
    description: &str,
    persist: bool,
    reserve: bool,
    mode: Option<u32>,
    spare: (usize, u64),
) -> PyResult<Segment> {
    let schema = dynamic::Schema::from_json(description);
    let schema = schema.map_err(|why| bad_schema(py, &why))?;
    let mut options = dynamic::Segment::options()
        .reserve(reserve)
        .spare(spare.0, spare.1);
    if persist {
        options = options.persist();
    }
    if let Some(mode) = mode {
        options = options.mode(mode);
    }
    let created = options.create(name, &schema);
    let inner = created.map_err(|why| not_created(py, &why))?;
    Ok(Segment { inner })
}

/// A description with everything that it may leave out.
#[pyfunction]
pub fn describe(py: Python<'_>, description: &str) -> PyResult<(String, String)> {
    let schema = dynamic::Schema::from_json(description);
    let schema = schema.map_err(|why| bad_schema(py, &why))?;
    Ok((schema.to_json(), format!("{:032x}", schema.fingerprint())))
}

/// Removes a name, whoever is attached.
#[pyfunction]
pub fn unlink(py: Python<'_>, name: &str) -> PyResult<()> {
    shm_runtime::segment::unlink(name).map_err(|why| not_opened(py, &why))
}

/// Removes the names that nobody is attached to.
#[pyfunction]
pub fn prune(py: Python<'_>) -> PyResult<Vec<String>> {
    shm_runtime::prune().map_err(|why| raise(py, "SystemFailure", why))
}

impl Segment {
    fn field(&self, name: &str) -> Field {
        Field {
            segment: self.inner.name().to_owned(),
            name: name.to_owned(),
            read_only: self.is_read_only(),
        }
    }
}

/// A handle, or the exception for its error.
fn bound<H>(py: Python<'_>, handle: Result<H, FieldError>) -> PyResult<H> {
    handle.map_err(|why| no_field(py, &why))
}

#[pymethods]
impl Segment {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.id())
    }

    fn is_read_only(&self) -> bool {
        self.inner.attachment().is_read_only()
    }

    /// What the segment says of itself, as JSON, and its fingerprint.
    fn schema(&self) -> (String, String) {
        let schema = self.inner.schema();
        (schema.to_json(), format!("{:032x}", schema.fingerprint()))
    }

    /// Process ids of those who are attached, but for read-only ones.
    fn participants(&self, py: Python<'_>) -> PyResult<Vec<u32>> {
        let found = self.inner.participants();
        let found = found.map_err(|why| raise(py, "SystemFailure", why))?;
        Ok(found.iter().map(|participant| participant.pid).collect())
    }

    /// Settles what the dead left unfinished; how many lanes have to be looked at again.
    fn recover(&self, py: Python<'_>) -> PyResult<usize> {
        self.field("@participants").writable(py)?;
        Ok(py.detach(|| self.inner.recover()).later)
    }

    /// Attaches a forked child.
    fn reattach(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.reattach().map_err(|why| not_opened(py, &why))
    }

    fn unlink(&self, py: Python<'_>) -> PyResult<()> {
        self.inner.unlink().map_err(|why| not_opened(py, &why))
    }

    /// What is registered at the moment, each as a description of one field.
    fn registered(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let fields = bound(py, self.inner.registered())?;
        let lanes = self.inner.schema().lanes();
        let text = |field: &dynamic::Field| dynamic::Schema::alone(field, lanes).to_json();
        Ok(fields.iter().map(text).collect())
    }

    /// Registers the fields of a description.
    fn register(&self, py: Python<'_>, description: &str) -> PyResult<()> {
        let schema = dynamic::Schema::from_json(description);
        let schema = schema.map_err(|why| bad_schema(py, &why))?;
        for field in schema.fields() {
            let registered = py.detach(|| self.inner.register(field));
            registered.map_err(|why| not_registered(py, &why))?;
        }
        Ok(())
    }

    fn erase(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let erased = py.detach(|| self.inner.erase(name));
        erased.map_err(|why| not_registered(py, &why))
    }

    fn array(&self, py: Python<'_>, name: &str, writable: bool) -> PyResult<View> {
        let array = bound(py, self.inner.array(name))?;
        View::new(py, array, &self.field(name), writable)
    }

    /// The numbers of an array or of an atomic.
    fn numbers(&self, py: Python<'_>, name: &str) -> PyResult<Numbers> {
        let field = self.field(name);
        if let Ok(atomic) = self.inner.atomic(name) {
            let of = Of::Atomic(atomic);
            return Ok(Numbers { of, field });
        }
        let array = bound(py, self.inner.array(name))?;
        let numbers = array.numbers().cloned().ok_or_else(|| {
            let element = array.element();
            let why = format!(
                "the elements of `{name}` are no numbers of at most 8 bytes, but {element}"
            );
            raise(py, "WrongKind", why)
        })?;
        let of = Of::Array(numbers);
        Ok(Numbers { of, field })
    }

    fn queue(&self, py: Python<'_>, name: &str) -> PyResult<Queue> {
        let (list, field) = (bound(py, self.inner.queue(name))?, self.field(name));
        Ok(Queue::new(list, field))
    }

    #[staticmethod]
    fn take(py: Python<'_>, queue: &Bound<'_, Queue>) -> PyResult<Option<Taken>> {
        lists::take(py, queue.get())
    }

    fn stack(&self, py: Python<'_>, name: &str) -> PyResult<Stack> {
        let (list, field) = (bound(py, self.inner.stack(name))?, self.field(name));
        Ok(Stack::new(list, field))
    }

    fn spsc(&self, py: Python<'_>, name: &str) -> PyResult<Spsc> {
        let (spsc, field) = (bound(py, self.inner.spsc(name))?, self.field(name));
        Ok(Spsc { spsc, field })
    }

    fn map(&self, py: Python<'_>, name: &str) -> PyResult<Map> {
        let (map, field) = (bound(py, self.inner.map(name))?, self.field(name));
        Ok(Map { map, field })
    }

    fn set(&self, py: Python<'_>, name: &str) -> PyResult<Set> {
        let (set, field) = (bound(py, self.inner.set(name))?, self.field(name));
        Ok(Set { set, field })
    }

    fn pool(&self, py: Python<'_>, name: &str) -> PyResult<Pool> {
        let (pool, field) = (bound(py, self.inner.pool(name))?, self.field(name));
        Ok(Pool { pool, field })
    }

    fn broadcast(&self, py: Python<'_>, name: &str) -> PyResult<Broadcast> {
        let (broadcast, field) = (bound(py, self.inner.broadcast(name))?, self.field(name));
        Ok(Broadcast { broadcast, field })
    }

    fn versioned(&self, py: Python<'_>, name: &str) -> PyResult<Versioned> {
        let (versioned, field) = (bound(py, self.inner.versioned(name))?, self.field(name));
        Ok(Versioned { versioned, field })
    }

    fn versioned_array(&self, py: Python<'_>, name: &str) -> PyResult<VersionedArray> {
        let frames = bound(py, self.inner.versioned_array(name))?;
        let field = self.field(name);
        Ok(VersionedArray { frames, field })
    }

    fn mutex(&self, py: Python<'_>, name: &str) -> PyResult<Mutex> {
        let (mutex, field) = (bound(py, self.inner.mutex(name))?, self.field(name));
        Ok(Mutex { mutex, field })
    }

    fn semaphore(&self, py: Python<'_>, name: &str) -> PyResult<Semaphore> {
        let (semaphore, field) = (bound(py, self.inner.semaphore(name))?, self.field(name));
        Ok(Semaphore { semaphore, field })
    }

    fn rwlock(&self, py: Python<'_>, name: &str) -> PyResult<RwLock> {
        let (lock, field) = (bound(py, self.inner.rwlock(name))?, self.field(name));
        Ok(RwLock { lock, field })
    }

    fn barrier(&self, py: Python<'_>, name: &str) -> PyResult<Barrier> {
        let (barrier, field) = (bound(py, self.inner.barrier(name))?, self.field(name));
        Ok(Barrier { barrier, field })
    }

    fn once(&self, py: Python<'_>, name: &str) -> PyResult<Once> {
        let (once, field) = (bound(py, self.inner.once(name))?, self.field(name));
        Ok(Once { once, field })
    }

    fn signal(&self, py: Python<'_>, name: &str) -> PyResult<Signal> {
        let (signal, field) = (bound(py, self.inner.signal(name))?, self.field(name));
        Ok(Signal { signal, field })
    }
}
