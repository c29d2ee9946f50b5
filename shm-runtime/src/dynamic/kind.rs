//! The kinds of structures, and what their names say of them.

use core::fmt;

/// What a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the structures")]
#[non_exhaustive]
pub enum Kind {
    Array,
    Atomic,
    Queue,
    Spsc,
    Broadcast,
    Stack,
    Map,
    Set,
    LargeMap,
    Pool,
    Versioned,
    VersionedArray,
    Mutex,
    RwLock,
    Semaphore,
    Barrier,
    Once,
    Signal,
    /// One that this library does not know: a newer one's.
    Other(String),
}

impl Kind {
    const NAMED: [(Self, &'static str); 18] = [
        (Self::Array, "Array"),
        (Self::Atomic, "Atomic"),
        (Self::Queue, "Queue"),
        (Self::Spsc, "Spsc"),
        (Self::Broadcast, "Broadcast"),
        (Self::Stack, "Stack"),
        (Self::Map, "Map"),
        (Self::Set, "Set"),
        (Self::LargeMap, "LargeMap"),
        (Self::Pool, "Pool"),
        (Self::Versioned, "Versioned"),
        (Self::VersionedArray, "VersionedArray"),
        (Self::Mutex, "Mutex"),
        (Self::RwLock, "RwLock"),
        (Self::Semaphore, "Semaphore"),
        (Self::Barrier, "Barrier"),
        (Self::Once, "Once"),
        (Self::Signal, "Signal"),
    ];

    pub(super) fn named(name: &str) -> Self {
        let known = Self::NAMED.into_iter().find(|(_, known)| *known == name);
        known.map_or_else(|| Self::Other(name.to_owned()), |(kind, _)| kind)
    }

    /// Its name, as the descriptor and the types have it.
    pub fn name(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        let known = Self::NAMED.iter().find(|(kind, _)| kind == self);
        known.map_or("", |(_, name)| name)
    }

    /// How many capacities it has.
    pub(super) const fn capacities(&self) -> usize {
        match self {
            Self::LargeMap => 2,
            Self::Atomic | Self::Versioned | Self::Mutex | Self::RwLock => 0,
            Self::Once | Self::Signal | Self::Other(_) => 0,
            _ => 1,
        }
    }

    /// Whether its memory depends on the number of lanes.
    pub(super) const fn has_lanes(&self) -> bool {
        matches!(
            self,
            Self::Queue
                | Self::Broadcast
                | Self::Stack
                | Self::Map
                | Self::Set
                | Self::LargeMap
                | Self::Versioned
                | Self::RwLock
        )
    }

    /// Whether its first capacity is a power of two.
    pub(super) const fn is_power_of_two(&self) -> bool {
        matches!(
            self,
            Self::Queue | Self::Spsc | Self::Broadcast | Self::Map | Self::Set | Self::LargeMap
        )
    }

    /// Whether it is made of elements that have bytes.
    pub(super) const fn has_elements(&self) -> bool {
        self.capacities() > 0 && !self.is_without_element()
    }

    /// Whether it has no element at all.
    pub(super) const fn is_without_element(&self) -> bool {
        matches!(
            self,
            Self::Semaphore | Self::Barrier | Self::Once | Self::Signal
        )
    }

    /// Whether its elements are keys with values.
    pub(super) const fn is_map(&self) -> bool {
        matches!(self, Self::Map | Self::LargeMap)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
