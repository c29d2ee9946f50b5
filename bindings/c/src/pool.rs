//! Pools: objects on lease.

use crate::border::{In, Out, Set, Size, export};
use crate::field::{Field, Label};
use crate::handle::{Put, Ref, alone, handles, over};
use crate::list::{answer, element, room};
use crate::status::{Failure, Status};
use core::time::Duration;
use self_cell::self_cell;
use shm_runtime::{Handle, dynamic};
use std::sync::{Arc, Mutex};

/// On lease, until it is kept.
type Held<'a> = Option<dynamic::Lease<'a>>;

self_cell! {
    struct OfLease {
        owner: dynamic::Pool,
        #[not_covariant]
        dependent: Held,
    }
}

/// An object that this process has on lease.
pub struct Lease {
    label: Arc<Label>,
    inside: Mutex<OfLease>,
}

handles! { Lease = "shm_lease"; }

impl Lease {
    fn with<R>(
        &self,
        run: impl FnOnce(&mut dynamic::Lease<'_>, usize) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut inside = alone(&self.inside)?;
        inside.with_dependent_mut(|pool, lease| match lease {
            Some(lease) => run(lease, pool.element().size()),
            None => Err(over("lease")),
        })
    }
}

fn acquire(field: Ref<Field>, out: Put<Lease>, wait: Option<u64>) -> Result<Status, Failure> {
    let out = out.needed()?;
    let field = field.get()?;
    let pool = field.pool()?;
    field.writable()?;
    let lease = OfLease::try_new(pool.clone(), |pool| match wait {
        None => pool.acquire().map(Some).ok_or(Status::Empty),
        Some(ns) => {
            let lease = pool.acquire_wait(Duration::from_nanos(ns));
            lease.map(Some).map_err(|_| Status::Timeout)
        }
    });
    match lease {
        Ok(lease) => out.put(Lease {
            label: field.label(),
            inside: Mutex::new(lease),
        }),
        Err(status) => return Ok(status),
    }
    Ok(Status::Ok)
}

export! {
    fn shm_pool_acquire(field: Ref<Field>, out: Put<Lease>) {
        acquire(field, out, None)
    }

    fn shm_pool_acquire_wait(field: Ref<Field>, out: Put<Lease>, timeout_ns: u64) {
        acquire(field, out, Some(timeout_ns))
    }

    fn shm_pool_get(field: Ref<Field>, handle: u64, out: Out, size: Size) {
        let field = field.get()?;
        let pool = field.pool()?;
        let out = room(field, out, size, pool.element().size())?;
        answer(pool.get(Handle::from_bits(handle), out), Status::Absent)
    }

    fn shm_pool_release(field: Ref<Field>, handle: u64) {
        let field = field.get()?;
        let pool = field.pool()?;
        field.writable()?;
        answer(pool.release(Handle::from_bits(handle)), Status::Absent)
    }

    fn shm_lease_read(lease: Ref<Lease>, out: Out, size: Size) {
        let lease = lease.get()?;
        lease.with(|object, expected| {
            object.read_into(room(&lease.label, out, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_lease_write(lease: Ref<Lease>, value: In, size: Size) {
        let lease = lease.get()?;
        lease.with(|object, expected| {
            object.write(element(&lease.label, value, size, expected)?);
            Ok(Status::Ok)
        })
    }

    fn shm_lease_handle(lease: Ref<Lease>, handle: Set<u64>) {
        let handle = handle.needed("the place for the handle")?;
        lease.get()?.with(|object, _| {
            handle.set(object.handle().to_bits());
            Ok(Status::Ok)
        })
    }

    fn shm_lease_keep(lease: Ref<Lease>, handle: Set<u64>) {
        let handle = handle.needed("the place for the handle")?;
        let mut inside = alone(&lease.get()?.inside)?;
        inside.with_dependent_mut(|_, held| {
            handle.set(held.take().ok_or_else(|| over("lease"))?.keep().to_bits());
            Ok::<_, Failure>(())
        })?;
        drop(inside);
        drop(lease.close()?);
        Ok(Status::Ok)
    }

    fn shm_lease_close(lease: Ref<Lease>) {
        drop(lease.close()?);
        Ok(Status::Ok)
    }
}
