//! The C ABI: what `include/shm.h` declares, and documents.
//!
//! A thin layer on `shm_runtime::dynamic`. Everything that crosses the border does so in `border` (pointers, texts, panics)
//! and `handle` (objects that C holds); those two have all the `unsafe` there is. The other files are one for each kind of
//! structure. They check beforehand what the runtime would panic at, so that each mistake is a status and a message.

mod array;
mod border;
mod broadcast;
mod field;
mod frames;
mod handle;
#[cfg(test)]
mod header;
mod list;
mod map;
mod number;
mod planted;
mod pool;
mod queue;
mod segment;
mod spsc;
mod status;
mod sync;
mod versioned;
