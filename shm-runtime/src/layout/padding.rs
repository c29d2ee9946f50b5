//! No padding in elements: its bytes are not initialised, so they must not be shared.

use super::message::Message;

/// Fails where field `after` of the struct does not begin where field `before` ends.
#[track_caller]
pub const fn no_padding_between(
    name: &str,
    before: &str,
    before_offset: usize,
    before_size: usize,
    after: &str,
    after_offset: usize,
) {
    let padding = after_offset - (before_offset + before_size);
    if padding > 0 {
        Message::new("`")
            .text(name)
            .text("` has ")
            .count_of_bytes(padding)
            .text(" of padding between `")
            .text(before)
            .text("` and `")
            .text(after)
            .text("`: put a field ")
            .text(field_name(before))
            .text("[u8; ")
            .number(padding)
            .text("]` between them, or sort the fields from the largest to the smallest")
            .fail();
    }
}

/// Fails where the struct does not end with its last field.
#[track_caller]
pub const fn no_padding_at_end(
    name: &str,
    last: &str,
    last_offset: usize,
    last_size: usize,
    size: usize,
) {
    let padding = size - (last_offset + last_size);
    if padding > 0 {
        Message::new("`")
            .text(name)
            .text("` has ")
            .count_of_bytes(padding)
            .text(" of padding behind its last field `")
            .text(last)
            .text("`: put a field ")
            .text(field_name(last))
            .text("[u8; ")
            .number(padding)
            .text("]` there")
            .fail();
    }
}

/// How a field of padding is written beside this one, which has a name or a number.
const fn field_name(beside: &str) -> &'static str {
    match beside.as_bytes()[0] {
        b'0'..=b'9' => "`",
        _ => "`_pad: ",
    }
}
