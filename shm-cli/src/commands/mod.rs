//! One file for each command, or for a few that belong together.

pub(crate) mod about;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod dump;
pub(crate) mod generate;
pub(crate) mod get;
pub(crate) mod go;
pub(crate) mod inspect;
pub(crate) mod ls;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod remove;
pub(crate) mod replay;
pub(crate) mod top;
pub(crate) mod watch;
