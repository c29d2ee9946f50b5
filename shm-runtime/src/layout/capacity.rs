//! Rules about the numbers in a structure's type, and their messages.
//!
//! Every schema is checked against them when its table is laid out, and where it is declared if it has no
//! parameters; run-time registration checks the same. The derive says the same of literals, with the caret
//! on the number.

use super::message::Message;
use super::node::{ElementNode, StructureNode};

/// The kinds whose first capacity is a power of two.
const POWERS_OF_TWO: &[&str] = &["Queue", "Spsc", "Broadcast", "Map", "Set", "LargeMap"];

/// Fails where a number of the structure `name` breaks a rule.
#[track_caller]
pub const fn check(name: &str, node: &StructureNode, element: &ElementNode) {
    let mut i = 0;
    while i < node.capacity.len() {
        if i == 0 && takes_power_of_two(node.kind) {
            power_of_two(name, node.kind, node.capacity[i]);
        } else {
            at_least_one(name, node.kind, node.capacity[i]);
        }
        i += 1;
    }
    if element.size == 0 && !node.capacity.is_empty() {
        field(name)
            .text("the element type has no bytes, so there is nothing to share; write a type with a size")
            .fail();
    }
    if element.align > 4096 {
        field(name)
            .text("the element type is aligned to ")
            .number(element.align)
            .text(" bytes, a segment to at most 4096: write `#[repr(C, align(4096))]` or less")
            .fail();
    }
}

/// Fails where `capacity` is zero.
#[track_caller]
pub const fn at_least_one(name: &str, kind: &str, capacity: usize) {
    if capacity == 0 {
        field(name)
            .text("the capacity of this `")
            .text(kind)
            .text("` is 0, so it can hold nothing; write 1 or more")
            .fail();
    }
}

/// Fails where `capacity` is not a power of two.
#[track_caller]
pub const fn power_of_two(name: &str, kind: &str, capacity: usize) {
    at_least_one(name, kind, capacity);
    if !capacity.is_power_of_two() {
        let message = field(name)
            .text("the capacity of a `")
            .text(kind)
            .text("` is a power of two, ")
            .number(capacity)
            .text(" is not");
        match capacity.checked_next_power_of_two() {
            Some(next) => message.text(": write ").number(next).fail(),
            None => message.fail(),
        }
    }
}

const fn field(name: &str) -> Message {
    Message::new("field `").text(name).text("`: ")
}

const fn takes_power_of_two(kind: &str) -> bool {
    let mut i = 0;
    while i < POWERS_OF_TWO.len() {
        if equal(POWERS_OF_TWO[i].as_bytes(), kind.as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut i = 0;
    while i < left.len() {
        if left[i] != right[i] {
            return false;
        }
        i += 1;
    }
    true
}
