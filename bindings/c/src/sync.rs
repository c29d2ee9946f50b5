//! Blocking primitives: mutexes, semaphores, signals, and what is done once.

use crate::border::{Context, In, Out, Set, Size, export, function};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles};
use crate::list::{answer, element, room};
use crate::status::{Failure, Status};
use core::ffi::c_int;
use core::time::Duration;
use self_cell::self_cell;
use shm_runtime::{Timeout, dynamic};
use std::sync::{Arc, Mutex};

/// Locked.
type Guard<'a> = dynamic::MutexGuard<'a>;

self_cell! {
    struct OfLock {
        owner: dynamic::Mutex,
        #[not_covariant]
        dependent: Guard,
    }
}

/// A mutex that this process has locked.
pub struct Lock {
    label: Arc<Label>,
    inside: Mutex<OfLock>,
}

/// Taken.
type Held<'a> = dynamic::Permit<'a>;

self_cell! {
    struct OfPermit {
        owner: dynamic::Semaphore,
        #[not_covariant]
        dependent: Held,
    }
}

/// A permit that this process has.
pub struct Permit {
    _inside: Mutex<OfPermit>,
}

handles! {
    Lock = "shm_lock";
    Permit = "shm_permit";
}

impl Lock {
    fn with<R>(
        &self,
        run: impl FnOnce(&mut Guard<'_>, usize) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut inside = alone(&self.inside)?;
        inside.with_dependent_mut(|mutex, guard| run(guard, mutex.element().size()))
    }
}

/// A function of the caller's that is run once: whether another one died in the middle of it.
pub type RunOnce = Option<extern "C" fn(was_interrupted: c_int, context: Context)>;

export! {
    fn shm_mutex_lock(field: Ref<Field>, out: Put<Lock>, timeout_ns: u64) {
        let out = out.needed()?;
        let field = field.get()?;
        let mutex = field.mutex()?;
        field.writable()?;
        let locked = OfLock::try_new(mutex.clone(), |mutex| match timeout_ns {
            0 => mutex.try_lock().ok_or(Timeout),
            ns => mutex.lock_wait(Duration::from_nanos(ns)),
        });
        let Ok(locked) = locked else {
            return Ok(Status::Timeout);
        };
        out.put(Lock { label: field.label(), inside: Mutex::new(locked) });
        Ok(Status::Ok)
    }

    fn shm_lock_read(lock: Ref<Lock>, out: Out, size: Size) {
        let lock = lock.get()?;
        lock.with(|guard, expected| {
            guard.read_into(room(&lock.label, out, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_lock_write(lock: Ref<Lock>, value: In, size: Size) {
        let lock = lock.get()?;
        lock.with(|guard, expected| {
            guard.write(element(&lock.label, value, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_lock_is_doubtful(lock: Ref<Lock>, doubtful: Set<c_int>) {
        let doubtful = doubtful.needed("the place for the answer")?;
        lock.get()?.with(|guard, _| {
            doubtful.set(guard.is_doubtful().into());
            Ok(Status::Ok)
        })
    }

    fn shm_lock_mark_consistent(lock: Ref<Lock>) {
        lock.get()?.with(|guard, _| {
            guard.mark_consistent();
            Ok(Status::Ok)
        })
    }

    fn shm_lock_close(lock: Ref<Lock>) {
        drop(lock.close()?);
        Ok(Status::Ok)
    }

    fn shm_semaphore_acquire(field: Ref<Field>, out: Put<Permit>, timeout_ns: u64) {
        let out = out.needed()?;
        let field = field.get()?;
        let semaphore = field.semaphore()?;
        field.writable()?;
        let held = OfPermit::try_new(semaphore.clone(), |semaphore| match timeout_ns {
            0 => semaphore.try_acquire().ok_or(Timeout),
            ns => semaphore.acquire_wait(Duration::from_nanos(ns)),
        });
        let Ok(held) = held else {
            return Ok(Status::Timeout);
        };
        out.put(Permit { _inside: Mutex::new(held) });
        Ok(Status::Ok)
    }

    fn shm_permit_close(permit: Ref<Permit>) {
        drop(permit.close()?);
        Ok(Status::Ok)
    }

    fn shm_signal_raise(field: Ref<Field>) {
        let field = field.get()?;
        let signal = field.signal()?;
        field.writable()?;
        signal.raise();
        Ok(Status::Ok)
    }

    fn shm_signal_count(field: Ref<Field>, count: Set<u64>) {
        let raised = field.get()?.signal()?.count();
        count.needed("the place for the count")?.set(raised);
        Ok(Status::Ok)
    }

    fn shm_signal_wait(field: Ref<Field>, since: u64, count: Set<u64>, timeout_ns: u64) {
        let signal = field.get()?.signal()?;
        let Ok(raised) = signal.wait(since, Duration::from_nanos(timeout_ns)) else {
            return Ok(Status::Timeout);
        };
        count.set(raised);
        Ok(Status::Ok)
    }

    fn shm_once_call(field: Ref<Field>, run: RunOnce, context: Context, timeout_ns: u64) {
        let field = field.get()?;
        let once = field.once()?;
        field.writable()?;
        let run = function(run)?;
        let done = once.call_once_wait(Duration::from_nanos(timeout_ns), |state| {
            run(state.is_interrupted().into(), context);
        });
        answer(done.is_ok(), Status::Timeout)
    }

    fn shm_once_is_completed(field: Ref<Field>, completed: Set<c_int>) {
        let done = field.get()?.once()?.is_completed();
        completed.needed("the place for the answer")?.set(done.into());
        Ok(Status::Ok)
    }
}
