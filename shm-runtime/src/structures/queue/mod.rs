//! `Queue<T, N>`.

pub mod ring;
