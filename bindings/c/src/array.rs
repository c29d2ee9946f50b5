//! Arrays: memory, and copies of it.

use crate::border::{In, Out, Set, Size, export};
use crate::field::Field;
use crate::handle::Ref;
use crate::status::Status;
use core::ffi::c_void;

export! {
    fn shm_array_pointer(field: Ref<Field>, pointer: Set<*mut c_void>, size: Set<usize>) {
        let array = field.get()?.array()?;
        pointer.needed("the place for the pointer")?.set(array.as_ptr().cast());
        size.set(array.len() * array.element().size());
        Ok(Status::Ok)
    }

    fn shm_array_read(field: Ref<Field>, first: usize, elements: Out, size: Size) {
        let field = field.get()?;
        let array = field.array()?;
        let out = elements.bytes("elements", size)?;
        let count = field.whole(out.len(), array.element().size())?;
        field.within(first, count, array.len())?;
        array.read_into(first, out);
        Ok(Status::Ok)
    }

    fn shm_array_write(field: Ref<Field>, first: usize, elements: In, size: Size) {
        let field = field.get()?;
        let array = field.array()?;
        field.writable()?;
        let bytes = elements.bytes("elements", size)?;
        let count = field.whole(bytes.len(), array.element().size())?;
        field.within(first, count, array.len())?;
        array.write_from(first, bytes);
        Ok(Status::Ok)
    }
}
