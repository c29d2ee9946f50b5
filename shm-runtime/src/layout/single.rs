//! Single structures, as they are registered at run time: what they would be in a body.

use super::bind::{BindError, Binder};
use super::body::Body;
use super::field::{Field, Represent};
use super::node::{Node, StructureNode};

/// What is known of a structure that is registered at run time.
#[derive(Clone, Copy, Debug)]
pub struct Single {
    /// Its kind and numbers.
    pub node: StructureNode,
    /// Bytes that its entry covers.
    pub size: u64,
    /// Bytes that its type has, padding included.
    pub room: u64,
    /// Its alignment, at least 64.
    pub align: u64,
    /// Bytes at its start that every operation touches.
    pub hot: u64,
}

/// A body, whose number of lanes is that of every structure in the segment.
pub trait Singles {
    /// What a field would be in this body; `None` for one that is not one structure.
    fn single<S: Field>() -> Option<Single>;

    /// Makes the handle of a field of that name.
    ///
    /// # Errors
    ///
    /// Where the table has no fitting entry.
    fn bind<S: Field>(binder: &mut Binder<'_>, name: &str) -> Result<S, BindError>;
}

impl<F, const L: usize> Singles for Body<F, L> {
    fn single<S: Field>() -> Option<Single> {
        let Node::Structure(node) = <S::Repr<L> as Represent>::NODE else {
            return None;
        };
        Some(Single {
            node,
            size: <S::Repr<L> as Represent>::SIZE as u64,
            room: size_of::<S::Repr<L>>() as u64,
            align: align_of::<S::Repr<L>>().max(64) as u64,
            hot: <S::Repr<L> as Represent>::HOT as u64,
        })
    }

    fn bind<S: Field>(binder: &mut Binder<'_>, name: &str) -> Result<S, BindError> {
        binder.field::<S, L>(name)
    }
}

/// A type's name as people write it: `Queue<Event, 8>` for `crate::structures::Queue<my::Event, 8>`.
pub fn without_paths(type_name: &str) -> String {
    let mut short = String::new();
    let mut word = 0; // where the current path segment begins in `short`
    let mut rest = type_name;
    while let Some(next) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("::") {
            short.truncate(word);
            rest = behind;
            continue;
        }
        short.push(next);
        rest = &rest[next.len_utf8()..];
        if !(next.is_alphanumeric() || next == '_') {
            word = short.len();
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_as_people_write_it() {
        let long = "a::b::Queue<c::Event<[u8; 4]>, 8>";
        assert_eq!(without_paths(long), "Queue<Event<[u8; 4]>, 8>");
        assert_eq!(without_paths("f32"), "f32");
    }
}
