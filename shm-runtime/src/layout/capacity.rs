//! Rules about the numbers in a structure's type, and their messages.
//!
//! Every schema is checked against them when its table is laid out, and where it is declared if it has no
//! parameters; run-time registration checks the same. The derive says the same of literals, with the caret
//! on the number.

use super::message::Message;
use super::node::{ElementNode, Scalar, ScalarNode, StructureNode};
use crate::memory::two_lists::MOST_NODES;

/// The kinds whose first capacity is a power of two.
const POWERS_OF_TWO: &[&str] = &["Queue", "Spsc", "Broadcast", "Map", "Set", "LargeMap"];

/// The kinds with keys, which are compared by their bytes.
const KEYED: &[&str] = &["Map", "Set", "LargeMap"];

/// The kinds that a reader may see as a table of several dimensions.
const SHAPED: &[&str] = &["Array", "VersionedArray"];

/// The kinds whose numbers do not count elements.
const WITHOUT_ELEMENTS: &[&str] = &["Semaphore", "Barrier"];

/// Most parties of a barrier.
pub const MOST_PARTIES: usize = 32;

/// Fails where the shape of the field `name` is not that of its array.
#[track_caller]
pub const fn check_shape(name: &str, node: &StructureNode, shape: &[usize]) {
    if shape.is_empty() {
        return;
    }
    if !contains(SHAPED, node.kind) {
        field(name)
            .text("only an array has a `shape`; remove it here")
            .fail();
    }
    let mut product = 1_usize;
    let mut i = 0;
    while i < shape.len() {
        product = product.saturating_mul(shape[i]);
        i += 1;
    }
    if product != node.capacity[0] {
        field(name)
            .text("its `shape` has ")
            .number(product)
            .text(" elements, the `")
            .text(node.kind)
            .text("` has ")
            .number(node.capacity[0])
            .fail();
    }
}

/// Fails where a number of the structure `name` breaks a rule.
#[track_caller]
pub const fn check(name: &str, node: &StructureNode, element: &ElementNode) {
    let mut i = 0;
    while i < node.capacity.len() {
        if i == 0 && contains(POWERS_OF_TWO, node.kind) {
            power_of_two(name, node.kind, node.capacity[i]);
        } else {
            at_least_one(name, node.capacity[i]);
        }
        i += 1;
    }
    if let [buckets, entries] = *node.capacity
        && equal(node.kind.as_bytes(), b"LargeMap")
        && entries > buckets
    {
        field(name)
            .text("a `LargeMap` has at least as many buckets as entries, this one ")
            .number(buckets)
            .text(" for ")
            .number(entries)
            .text(": write the buckets first, twice as many as entries or more")
            .fail();
    }
    if contains(KEYED, node.kind) {
        check_key(name, node.kind, element);
    }
    if equal(node.kind.as_bytes(), b"Stack") {
        room_for_nodes(name, node.capacity[0], node.lanes);
    }
    if contains(&["Barrier"], node.kind) && node.capacity[0] > MOST_PARTIES {
        field(name)
            .text("a barrier has at most ")
            .number(MOST_PARTIES)
            .text(" parties, this one ")
            .number(node.capacity[0])
            .fail();
    }
    if element.size == 0 && !node.capacity.is_empty() && !contains(WITHOUT_ELEMENTS, node.kind) {
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

/// Fails where a key is described and holds a float.
#[track_caller]
const fn check_key(name: &str, kind: &str, element: &ElementNode) {
    let float = match element.fields {
        [key, _] if !equal(kind.as_bytes(), b"Set") => float_in(core::slice::from_ref(key)),
        fields if equal(kind.as_bytes(), b"Set") => float_in(fields),
        _ => None, // not described
    };
    if let Some(float) = float {
        field(name)
            .text("keys are equal if their bytes are, and this key has an `")
            .text(float)
            .text("` in it, which has two zeros and many NaNs; keep its `to_bits()` in a `")
            .text(if equal(float.as_bytes(), b"f32") {
                "u32"
            } else {
                "u64"
            })
            .text("`")
            .fail();
    }
}

/// The type of a float among these fields and those of nested elements.
const fn float_in(fields: &[ScalarNode]) -> Option<&'static str> {
    let mut i = 0;
    while i < fields.len() {
        let found = match fields[i].of {
            Scalar::Primitive(name) if equal(name.as_bytes(), b"f32") => Some("f32"),
            Scalar::Primitive(name) if equal(name.as_bytes(), b"f64") => Some("f64"),
            Scalar::Primitive(_) | Scalar::Text(_) => None,
            Scalar::Nested(inner) => float_in(inner.fields),
        };
        if found.is_some() {
            return found;
        }
        i += 1;
    }
    None
}

/// Fails where `capacity` is zero.
#[track_caller]
pub const fn at_least_one(name: &str, capacity: usize) {
    if capacity == 0 {
        field(name)
            .text("a capacity of 0 can hold nothing; write 1 or more")
            .fail();
    }
}

/// Fails where `capacity` is not a power of two.
#[track_caller]
pub const fn power_of_two(name: &str, kind: &str, capacity: usize) {
    at_least_one(name, capacity);
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

/// Fails where the nodes of a `Stack` cannot be numbered.
#[track_caller]
pub const fn room_for_nodes(name: &str, capacity: usize, lanes: usize) {
    if capacity > MOST_NODES.saturating_sub(lanes) {
        field(name)
            .text("a `Stack` has at most ")
            .number(MOST_NODES.saturating_sub(lanes))
            .text(" elements in a schema with ")
            .number(lanes)
            .text(" lanes, ")
            .number(capacity)
            .text(" are more: write that number or less, or several stacks, `[Stack<T, N>; K]`")
            .fail();
    }
}

const fn field(name: &str) -> Message {
    Message::new("field `").text(name).text("`: ")
}

const fn contains(kinds: &[&str], kind: &str) -> bool {
    let mut i = 0;
    while i < kinds.len() {
        if equal(kinds[i].as_bytes(), kind.as_bytes()) {
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
