//! Two implementations that take turns: one step is done in one language, the next in the other, on one segment. What a step
//! got belongs to the language that got it. The answers have to be the same as if there were one.

use super::Implementation;
use super::wire::{Answer, Step};
use std::collections::BTreeMap;

/// Two implementations, in processes of their own or not.
pub struct Pair<'a> {
    pub both: [&'a mut dyn Implementation; 2],
    /// What both have.
    has: &'static [&'static str],
    /// Whose an attachment or a guard is, by its name.
    owners: BTreeMap<String, usize>,
    turn: usize,
}

impl<'a> Pair<'a> {
    pub fn new(both: [&'a mut dyn Implementation; 2], has: &'static [&'static str]) -> Self {
        Self {
            both,
            has,
            owners: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Who does a step: the owner of what it is done on, else who has not done the last one.
    fn whose(&mut self, step: &Step) -> usize {
        let named = ["on", "of", "via"]
            .into_iter()
            .find_map(|name| step.get(name));
        match named {
            Some(name) => self.owners.get(name).copied().unwrap_or(0),
            None => {
                self.turn = 1 - self.turn;
                self.turn
            }
        }
    }
}

impl Implementation for Pair<'_> {
    fn has(&self) -> &'static [&'static str] {
        self.has
    }

    fn answer(&mut self, step: &Step) -> Answer {
        match step.op.as_str() {
            "case" => {
                self.owners.clear();
                self.both[1].answer(&Step::new("end"));
                let created = self.both[0].answer(step);
                if created.word != "ok" {
                    return created;
                }
                let mut open = step.clone();
                open.args.insert("open".to_owned(), "1".to_owned());
                return self.both[1].answer(&open);
            }
            "end" => {
                self.both[1].answer(step);
                return self.both[0].answer(step);
            }
            _ => {}
        }
        let who = self.whose(step);
        if let Some(name) = step.get("as") {
            self.owners.insert(name.to_owned(), who);
        }
        let mut step = step.clone();
        let via = step.get("via").and_then(|via| self.owners.get(via));
        if via.is_some_and(|&via| via != who) {
            step.args.remove("via"); // who has the handle goes through an attachment of its own
        }
        self.both[who].answer(&step)
    }
}
