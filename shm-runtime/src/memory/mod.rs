//! Foundation / Memory: mappings, participants, lanes, and how shared bytes are touched.

pub mod atomic;
pub mod attachment;
pub mod bucket;
pub mod cell;
pub mod control;
pub mod entries;
pub mod exchange;
pub mod hash;
pub mod kernel;
pub mod lane;
pub mod lanes;
pub mod leases;
pub mod liveness;
pub mod local;
pub mod owner;
pub mod pace;
pub mod padded;
pub mod participant;
pub mod recovery;
pub mod scalar;
pub mod shared;
pub mod shelf;
pub mod signals;
pub mod site;
pub mod stamp;
pub mod sweep;
pub mod two_lists;
pub mod word;

pub(crate) use crate::seeded;
