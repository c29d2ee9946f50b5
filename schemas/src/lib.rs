//! Schemas that several processes share: structs and nothing else.
#![forbid(unsafe_code)]
