//! The native half of the Python package `shm`: handles that move elements as bytes.
//!
//! What an element is, and how it becomes a Python value, is the other half's affair (`python/shm`). Here every call
//! checks beforehand what the runtime would panic at, so that each mistake is an exception; time-outs are waited for
//! without the interpreter's lock and in slices, between which signals are heard.

mod broadcast;
mod errors;
mod latest;
mod lists;
mod map;
mod number;
mod pool;
mod rwlock;
mod segment;
mod spsc;
mod sync;
mod together;
mod value;
mod view;
mod wait;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<segment::Segment>()?;
    module.add_function(wrap_pyfunction!(segment::open, module)?)?;
    module.add_function(wrap_pyfunction!(segment::create, module)?)?;
    module.add_function(wrap_pyfunction!(segment::unlink, module)?)?;
    module.add_function(wrap_pyfunction!(segment::prune, module)?)?;
    module.add_function(wrap_pyfunction!(segment::describe, module)?)
}
