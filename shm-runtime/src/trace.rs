//! Spans of the crate `tracing` around what asks the kernel anyway: a birth, an opening, the recovery of what somebody
//! dead left, a sweep for leftovers.
//!
//! They are there with the feature `tracing` alone. Without it nothing of this remains; with it no operation on a
//! structure has more to do, unless it finds something of the dead to settle.

/// Opens a span that ends with the block it stands in.
macro_rules! span {
    ($name:literal $(, $key:ident = $value:expr)* $(,)?) => {
        #[cfg(feature = "tracing")]
        let _span =
            ::tracing::debug_span!(target: "shm_runtime", $name $(, $key = $value)*).entered();
    };
}

pub(crate) use span;
