//! `Atomic<T>`: a scalar.

/// A scalar that [`super::Array`]'s single elements and `Atomic` change in one step.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an `Atomic`",
    label = "not a scalar of at most 8 bytes",
    note = "write one of `u8` to `u64`, `i8` to `i64`, `f32` and `f64`; for anything else `Array<T, 1>`"
)]
pub trait AtomicElement {}
