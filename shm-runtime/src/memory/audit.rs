//! One node, one owner: what must hold of words and lanes whenever nobody is at work on them.
//!
//! Every node belongs to exactly one word, shelf or lane. In the middle of an exchange, and after a kill there until
//! somebody recovers, two of them name the same one; so the owners are counted twice, and only a picture that stood
//! still between the two, with no operation open, is judged. Numbers that name no node are wrong at any time.

use super::exchange::{Capacity, Exchange, look};
use super::lane::Phase;

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Every node has one owner.
    Sound,
    /// Operations go on, or the dead left one open: it cannot be told.
    Busy,
    /// A word or lane names a node that does not exist.
    NoSuchNode,
    /// A node has two owners, and another has none.
    TwoOwners,
}

/// How often a structure is looked at that somebody is at work on.
const LOOKS: usize = 100;

impl<C: Capacity> Exchange<'_, C> {
    /// Counts the owners of every node.
    pub fn audit(&self) -> Audit {
        for _ in 0..LOOKS {
            let Some(first) = self.owners() else {
                return Audit::NoSuchNode;
            };
            let is_quiet = self.is_quiet();
            match self.owners() {
                None => return Audit::NoSuchNode,
                Some(second) if is_quiet && first == second && self.is_quiet() => {
                    return self.count(&first);
                }
                Some(_) => {}
            }
        }
        Audit::Busy
    }

    /// Whether no lane has an operation open here.
    fn is_quiet(&self) -> bool {
        let is_here = |state: Phase| state != Phase::Idle;
        let mut records = self.records.iter();
        !records.any(|record| is_here(record.state().phase()) && record.place() == self.place)
    }

    /// The node of each word, shelf and lane; `None` where one does not exist.
    fn owners(&self) -> Option<Vec<usize>> {
        let words = self.capacity() + self.lines.len();
        let mut owners = Vec::with_capacity(words + self.lines.len());
        for i in 0..words {
            let word = look(self.word(i)?);
            owners.push(self.node_in(i, word).ok()?);
        }
        for lane in 0..self.lines.len() {
            owners.push(self.spare(&self.own(lane).ok()?).ok()?);
        }
        Some(owners)
    }

    fn count(&self, owners: &[usize]) -> Audit {
        let mut is_owned = vec![false; self.nodes()];
        for &node in owners {
            if std::mem::replace(&mut is_owned[node], true) {
                return Audit::TwoOwners; // in range: `owners` checked each
            }
        }
        Audit::Sound
    }
}
