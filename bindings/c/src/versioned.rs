//! Latest values.

use crate::border::{Change, Context, In, Out, Set, Size, export, function};
use crate::field::Field;
use crate::handle::Ref;
use crate::list::{answer, element, room};
use crate::status::Status;
use core::time::Duration;

export! {
    fn shm_versioned_store(field: Ref<Field>, value: In, size: Size) {
        let field = field.get()?;
        let versioned = field.versioned()?;
        field.writable()?;
        let value = element(field, value, size, versioned.element().size())?;
        answer(versioned.store(value).is_ok(), Status::NoLane)
    }

    fn shm_versioned_load(field: Ref<Field>, out: Out, size: Size, version: Set<u64>) {
        let field = field.get()?;
        let versioned = field.versioned()?;
        version.set(versioned.load(room(field, out, size, versioned.element().size())?));
        Ok(Status::Ok)
    }

    fn shm_versioned_try_load(field: Ref<Field>, out: Out, size: Size, version: Set<u64>) {
        let field = field.get()?;
        let versioned = field.versioned()?;
        let loaded = versioned.try_load(room(field, out, size, versioned.element().size())?);
        let Ok(seen) = loaded else {
            return Ok(Status::Outrun);
        };
        version.set(seen);
        Ok(Status::Ok)
    }

    fn shm_versioned_update(field: Ref<Field>, change: Change, context: Context) {
        let field = field.get()?;
        let versioned = field.versioned()?;
        field.writable()?;
        let change = function(change)?;
        let updated = versioned.update(|value| change(value.as_mut_ptr().cast(), value.len(), context));
        answer(updated.is_ok(), Status::NoLane)
    }

    fn shm_versioned_version(field: Ref<Field>, version: Set<u64>) {
        let latest = field.get()?.versioned()?.version();
        version.needed("the place for the version")?.set(latest);
        Ok(Status::Ok)
    }

    fn shm_versioned_wait_change(
        field: Ref<Field>, since: u64, out: Out, size: Size, version: Set<u64>, timeout_ns: u64,
    ) {
        let field = field.get()?;
        let versioned = field.versioned()?;
        let out = room(field, out, size, versioned.element().size())?;
        let Ok(seen) = versioned.wait_change(since, out, Duration::from_nanos(timeout_ns)) else {
            return Ok(Status::Timeout);
        };
        version.set(seen);
        Ok(Status::Ok)
    }
}
