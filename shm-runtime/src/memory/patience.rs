//! After how many lost races an operation ends.
//!
//! In good faith each lost compare-and-swap, and each copy that was overtaken, is somebody else's success, so
//! a lock-free loop ends. Under words that a hostile peer keeps changing it need not, and so each loop counts: an
//! operation that lost so many in a row says that the words make no sense.

/// Lost races in a row after which words are not believed any more.
///
/// A million of them in good faith would take a process that is overtaken at every single attempt for seconds. Tests
/// give up sooner, so that an attack on a loop takes no longer than they can wait.
pub const PATIENCE: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
