//! Derives of `shm-runtime`.
