//! The memory of an array, lent to whoever knows Python's buffer protocol: the only file with `unsafe`.
//!
//! A view owns a handle of the array, the handle keeps the mapping, and each buffer that was handed out keeps the view: so
//! no buffer outlives the mapping, whatever is closed before.

#![expect(unsafe_code, reason = "the buffer protocol is made of raw pointers")]

use crate::errors::Field;
use core::ffi::c_int;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use shm_runtime::dynamic::Array;

/// The elements of an array, as a buffer of bytes.
///
/// Other processes may write to it at any time, as they may to any shared memory that NumPy maps.
#[pyclass(frozen, module = "shm._native")]
pub struct View {
    array: Array,
    bytes: isize,
    writable: bool,
}

impl View {
    pub fn new(py: Python<'_>, array: Array, field: &Field, writable: bool) -> PyResult<Self> {
        if writable {
            field.writable(py)?;
        }
        let bytes = array.len() * array.element().size(); // the array lies in a mapping, so this is an `isize`
        Ok(Self {
            array,
            bytes: isize::try_from(bytes)?,
            writable,
        })
    }
}

#[pymethods]
impl View {
    /// Fills in a buffer.
    ///
    /// # Safety
    ///
    /// As Python's `bf_getbuffer`: `view` is null, or the caller's to write to.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let this = slf.get();
        let read_only = c_int::from(!this.writable);
        let start = this.array.as_ptr().cast();
        // SAFETY: `view` is as our caller promises, and null is an error of this function's. `slf` is an object of which
        // the function keeps a strong reference in the view, and `this` never changes. So `array`, and with it the
        // mapping, lives as long as the view does, and `start` has `bytes` bytes there: the array's length times its
        // element's size, which were checked against the segment's size when the handle was made. They may be written
        // to unless the mapping is read-only, in which case `new` refuses `writable`.
        let filled = unsafe {
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, this.bytes, read_only, flags)
        };
        if filled == 0 {
            return Ok(());
        }
        let why = PyErr::take(slf.py());
        Err(why.unwrap_or_else(|| PyBufferError::new_err("the buffer could not be filled in")))
    }
}
