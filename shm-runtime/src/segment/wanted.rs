//! What is to be registered or found at run time.

use crate::layout::descriptor;
use crate::layout::node::ElementNode;
use crate::layout::single::Single;

/// A structure that a program knows by its type.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    /// Its type as people write it.
    pub(super) source: String,
    pub(super) single: Single,
    pub(super) element: &'static ElementNode,
}

/// A structure that is to be registered: what it says of itself, and the room that it takes.
#[derive(Debug)]
pub(crate) struct Newcomer<'a> {
    pub(crate) name: &'a str,
    /// JSON of one entry.
    pub(crate) descriptor: Vec<u8>,
    /// Bytes that its entry covers.
    pub(crate) size: u64,
    /// Bytes that it has, padding included.
    pub(crate) room: u64,
    /// Its alignment, at least 64.
    pub(crate) align: u64,
    /// Bytes at its start that every operation touches.
    pub(crate) hot: u64,
}

impl<'a> Wanted<'a> {
    pub(super) fn newcomer(&self) -> Newcomer<'a> {
        let Self {
            name,
            source,
            single,
            element,
        } = self;
        Newcomer {
            name,
            descriptor: descriptor::render_one(name, source, &single.node, element),
            size: single.size,
            room: single.room,
            align: single.align,
            hot: single.hot,
        }
    }
}
