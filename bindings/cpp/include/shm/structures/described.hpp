// Structures that this binding lays out, and does not operate on yet.
//
// A schema that has them can be created, opened, compared and recovered from C++; their bytes are touched by programs in
// other languages alone. Their handles know their name and their capacities.
#pragma once

#include "../layout/element.hpp"
#include "../memory/handle.hpp"

namespace shm {

namespace structures {

/// What there is to know of a structure that is only laid out.
template <class T, u64... Capacities>
struct laid_out : memory::handle {
    using element_type = T;
    static constexpr std::array<u64, sizeof...(Capacities)> capacities{Capacities...};
    static constexpr layout::numbers of = layout::numbers_of<T>();
};

}  // namespace structures

template <element T>
struct mutex : structures::laid_out<T> {
    static constexpr std::string_view kind = "Mutex";
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept {
        const u64 align = layout::larger(layout::cell_align, mutex::of.align);
        return layout::dense({}, layout::cell_align, align, 1, mutex::of.size, align);
    }
};

template <element T>
struct rwlock : structures::laid_out<T> {
    static constexpr std::string_view kind = "RwLock";
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        const u64 readers = layout::line_bytes * (1 + lanes);
        return layout::dense({}, readers, layout::larger(layout::cell_align, rwlock::of.align), 1, rwlock::of.size,
                             layout::larger(layout::line_bytes, rwlock::of.align));
    }
};

namespace structures {

/// A head, and as many words behind it.
[[nodiscard]] constexpr layout::extent words_behind_head(u64 words) noexcept {
    layout::extent parts;
    parts.size = layout::cell_align + words * 8;
    parts.room = aligned(parts.size, layout::cell_align);
    parts.hot = parts.size;
    return parts;
}

}  // namespace structures

template <u64 Parties>
struct barrier : structures::laid_out<void, Parties> {
    static_assert(Parties >= 1 && Parties <= 32, "a barrier has 1 to 32 parties");
    static constexpr std::string_view kind = "Barrier";
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept {
        return structures::words_behind_head(Parties);
    }
};

struct once : structures::laid_out<void> {
    static constexpr std::string_view kind = "Once";
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return structures::words_behind_head(0); }
};

struct signal : structures::laid_out<void> {
    static constexpr std::string_view kind = "Signal";
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return structures::words_behind_head(0); }
};

}  // namespace shm
