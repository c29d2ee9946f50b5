// Where the parts of each structure lie, as a function of numbers. FORMAT.md has the pictures; a test compares every
// rule with what the Rust library makes.
#pragma once

#include "../base.hpp"

#include <type_traits>

namespace shm::layout {

/// What stands alone does so on this many bytes, and lines begin at multiples of it.
inline constexpr u64 line_bytes = 128;
/// Elements begin at multiples of this, at least, and so does every structure.
inline constexpr u64 cell_align = 64;

/// Where the parts of a structure lie, in bytes from its start; zero for a part that it does not have.
struct extent {
    /// Bytes that its entry covers.
    u64 size = 0;
    /// Bytes from one to the next in an array of structures.
    u64 room = 0;
    /// Its alignment.
    u64 align = cell_align;
    /// Bytes at its start that every operation touches.
    u64 hot = 0;
    /// Signals, with the words behind them at 128.
    u64 signals = 0;
    /// Lines, one for each lane.
    u64 lines = 0;
    /// A map's bounds; a stack's rows.
    u64 rows = 0;
    /// A stack's links.
    u64 links = 0;
    /// The first node, element, object or buffer.
    u64 cells = 0;
    /// How many of these there are.
    u64 count = 0;
    /// From one of them to the next.
    u64 stride = 0;
    /// From the start of a stamped node or buffer to its value.
    u64 value = 0;
};

/// Size and alignment of a type; nothing is 0 and 1.
struct numbers {
    u64 size = 0;
    u64 align = 1;
};

template <class T>
[[nodiscard]] constexpr numbers numbers_of() noexcept {
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return {sizeof(T), alignof(T)};
    }
}

[[nodiscard]] constexpr u64 larger(u64 a, u64 b) noexcept {
    return a > b ? a : b;
}

/// `count` values side by side behind `head`, and nothing behind them.
[[nodiscard]] constexpr extent dense(extent parts, u64 head, u64 align, u64 count, u64 size, u64 whole) noexcept {
    parts.cells = aligned(head, align);
    parts.size = parts.cells + count * size;
    parts.room = aligned(aligned(parts.size, align), whole);
    parts.align = whole;
    parts.hot = parts.cells;
    parts.count = count;
    parts.stride = size;
    return parts;
}

/// A head, and as many words behind it.
[[nodiscard]] constexpr extent words_behind_head(u64 words) noexcept {
    extent parts;
    parts.size = parts.hot = cell_align + words * 8;
    parts.room = aligned(parts.size, cell_align);
    return parts;
}

/// Elements and nothing else.
[[nodiscard]] constexpr extent plain(numbers of, u64 n) noexcept {
    const u64 align = larger(cell_align, of.align);
    extent parts = dense({}, 0, align, n, of.size, align);
    parts.hot = 0;
    return parts;
}

/// `words` exchange words behind a head, a line for each lane, bounds if it is a map, and nodes.
[[nodiscard]] constexpr extent exchanging(numbers of, u64 lanes, u64 head, u64 words, u64 nodes, u64 per_lane,
                                          bool bounded) noexcept {
    extent parts;
    parts.signals = head;
    parts.lines = aligned(head + line_bytes + words * 8, line_bytes);
    const u64 behind = parts.lines + lanes * line_bytes;
    parts.rows = bounded ? behind : 0;
    return dense(parts, behind + (bounded ? words * 8 : 0), larger(cell_align, of.align), nodes + per_lane * lanes,
                 of.size, larger(line_bytes, of.align));
}

/// A word, a line for each lane, rows, links and `n` nodes.
[[nodiscard]] constexpr extent lists(numbers of, u64 lanes, u64 n) noexcept {
    extent parts;
    parts.lines = 2 * line_bytes;
    parts.rows = parts.lines + lanes * line_bytes;
    parts.links = parts.rows + lanes * lanes * 8;
    return dense(parts, parts.links + (lanes + n) * 16, larger(cell_align, of.align), lanes + n, of.size,
                 larger(line_bytes, of.align));
}

/// One node with a stamp, and one for each lane.
[[nodiscard]] constexpr extent stamped(numbers of, u64 lanes) noexcept {
    extent parts;
    parts.value = aligned(8, of.align);
    const u64 align = larger(cell_align, of.align);
    parts.lines = 2 * line_bytes;
    return dense(parts, parts.lines + lanes * line_bytes, align, 1 + lanes, aligned(parts.value + of.size, align),
                 larger(line_bytes, of.align));
}

/// Three buffers of `n` elements, each with a stamp.
[[nodiscard]] constexpr extent frames(numbers of, u64 n) noexcept {
    extent parts;
    const u64 whole = larger(line_bytes, of.align);
    parts.value = aligned(line_bytes, larger(cell_align, of.align));
    return dense(parts, 3 * line_bytes, whole, 3, aligned(parts.value + n * of.size, whole), whole);
}

/// `n` leased objects behind their words.
[[nodiscard]] constexpr extent pooled(numbers of, u64 n) noexcept {
    const u64 align = larger(cell_align, of.align);
    return dense({}, aligned(cell_align + n * 8, cell_align), align, n, of.size, align);
}

}  // namespace shm::layout
