// A schema: a struct whose members are the handles to a segment's structures, and a list that names them.
//
//     struct sim {
//         shm::queue<event, 4096> events;
//         shm::array<float, 1'000'000> grid;
//         static constexpr auto shm_schema =
//             shm::schema("Sim", shm::lanes(64), shm::field("events", &sim::events), shm::field("grid", &sim::grid));
//     };
//
// A member is a structure, a `std::array` of structures (`name[0]`, `name[1]`, …), or another schema (`name.field`). The
// layout follows from the list alone and is the one that the Rust library makes of the same schema.
#pragma once

#include "../memory/control.hpp"
#include "../memory/lane.hpp"
#include "../memory/participant.hpp"
#include "canonical.hpp"
#include "extent.hpp"

namespace shm {

/// How many lanes a segment has, and so how many participants: 1 to 1024.
struct lanes {
    u64 count = 64;
    explicit constexpr lanes(u64 many) noexcept : count(many) {}
};

/// A field of a schema: see `field`.
template <class Owner, class Member>
struct field_of {
    std::string_view name;
    Member Owner::*member;
};

/// The member `member`, which is called `name` in the table.
template <class Owner, class Member>
[[nodiscard]] constexpr field_of<Owner, Member> field(std::string_view name, Member Owner::*member) noexcept {
    return {name, member};
}

/// The fields of a schema: see `schema`.
template <class Owner, class... Members>
struct fields_of {
    std::string_view name;
    u64 lanes;
    std::tuple<field_of<Owner, Members>...> fields;
};

/// The list of a schema's fields, in order. The lanes of the outermost schema count.
template <class Owner, class... Members>
[[nodiscard]] constexpr fields_of<Owner, Members...> schema(std::string_view name, lanes many,
                                                            field_of<Owner, Members>... fields) noexcept {
    return {name, many.count, {fields...}};
}
template <class Owner, class... Members>
[[nodiscard]] constexpr fields_of<Owner, Members...> schema(std::string_view name,
                                                            field_of<Owner, Members>... fields) noexcept {
    return {name, 64, {fields...}};
}

/// A handle to a structure in a segment.
template <class H>
concept structure = requires {
    typename H::element_type;
    H::kind;
    H::capacities;
    H::has_lanes;
    H::extent(u64{1});
};

/// A struct of handles with a list `shm_schema`.
template <class S>
concept described_schema = requires { S::shm_schema.fields; };

namespace layout {

template <class M>
struct repeated {
    static constexpr bool value = false;
};
template <class H, std::size_t N>
struct repeated<std::array<H, N>> {
    static constexpr bool value = structure<H> && N >= 1 && N <= 256;
    using item = H;
    static constexpr u64 count = N;
};

/// Bytes that a member takes, and at multiples of what it begins.
struct block {
    u64 size = 0;
    u64 align = cell_align;
};

template <class M>
[[nodiscard]] constexpr block block_of(u64 lanes) noexcept;

template <class Owner, class... Members>
[[nodiscard]] constexpr block block_of_fields(const fields_of<Owner, Members...>&, u64 lanes) noexcept {
    block whole;
    const auto add = [&whole](block part) {
        whole.size = aligned(whole.size, part.align) + part.size;
        whole.align = larger(whole.align, part.align);
    };
    (add(block_of<Members>(lanes)), ...);
    whole.size = aligned(whole.size, whole.align);
    return whole;
}

template <class M>
[[nodiscard]] constexpr block block_of(u64 lanes) noexcept {
    if constexpr (structure<M>) {
        const extent parts = M::extent(lanes);
        return {parts.room, larger(parts.align, cell_align)};
    } else if constexpr (repeated<M>::value) {
        const block one = block_of<typename repeated<M>::item>(lanes);
        return {one.size * repeated<M>::count, one.align};
    } else {
        static_assert(described_schema<M>,
                      "a field of a schema is a structure, a std::array of structures, or a struct with `shm_schema`");
        return block_of_fields(M::shm_schema, lanes);
    }
}

/// A name of a field, of a nested schema's field, or of an item of an array.
struct path {
    name32 name;
    u64 len = 0;
    bool fits = true;

    constexpr void put(char c) noexcept {
        fits = fits && len < 31;
        if (fits) {
            name.text[len++] = c;
        }
    }
    [[nodiscard]] constexpr path field(std::string_view field) const noexcept {
        path next = *this;
        if (next.len > 0) {
            next.put('.');
        }
        for (const char c : field) {
            next.put(c);
        }
        return next;
    }
    [[nodiscard]] constexpr path item(u64 number) const noexcept {
        path next = *this;
        next.put('[');
        layout::put(next, number);
        next.put(']');
        return next;
    }
};

/// Calls `visit(path, offset, handle)` for each structure of a schema, in order: offsets count from `start`, and handles
/// are null where there is no `of`.
template <class S, class Visit>
constexpr void each_structure(S* of, u64 lanes, Visit& visit, u64 start = 0, path prefix = {}) {
    const auto one = [&]<class M>(const field_of<S, M>& field, u64 at) {
        M* member = of == nullptr ? nullptr : &(of->*field.member);
        const path name = prefix.field(field.name);
        if constexpr (structure<M>) {
            visit(name, at, member);
        } else if constexpr (repeated<M>::value) {
            using item = typename repeated<M>::item;
            for (u64 i = 0; i < repeated<M>::count; ++i) {
                item* handle = member == nullptr ? nullptr : &(*member)[i];
                visit(name.item(i), at + i * block_of<item>(lanes).size, handle);
            }
        } else {
            each_structure<M>(member, lanes, visit, at, name);
        }
    };
    std::apply(
        [&]<class... Members>(const field_of<S, Members>&... fields) {
            u64 end = 0;
            const auto next = [&]<class M>(const field_of<S, M>& field) {
                const block part = block_of<M>(lanes);
                const u64 at = aligned(end, part.align);
                one(field, start + at);
                end = at + part.size;
            };
            (next(fields), ...);
        },
        S::shm_schema.fields);
}

/// A structure's entry in the table, relative to the body.
struct placed_entry {
    name32 name;
    u64 offset = 0;
    u64 size = 0;
    u64 hot = 0;
};

inline constexpr u64 internal_entries = 4;
inline constexpr u64 max_body = u64{256} << 30;

/// Everything about a schema that is known at compile time.
template <described_schema S>
struct plan {
    static constexpr u64 lanes = S::shm_schema.lanes;
    static_assert(lanes >= 1 && lanes <= 1024, "a segment has 1 to 1024 lanes");

    static constexpr u64 count = [] {
        u64 found = 0;
        bool fits = true;
        const auto visit = [&](const path& name, u64, auto*) {
            ++found;
            fits = fits && name.fits && name.len > 0;
        };
        each_structure<S>(nullptr, lanes, visit);
        return fits ? found : 0;
    }();
    static_assert(count >= 1, "a name in the table has 1 to 31 bytes, with the names of the schemas around it");
    static_assert(count + internal_entries < 1024, "a schema has at most 1019 structures");

    static constexpr u64 participants_at = 4096;
    static constexpr u64 lanes_at = aligned(participants_at + lanes * sizeof(memory::participant), 128);
    static constexpr block fields = block_of_fields(S::shm_schema, lanes);
    static constexpr u64 fields_at = aligned(lanes_at + lanes * sizeof(memory::lane_record), fields.align);
    static constexpr u64 body_size = aligned(fields_at + fields.size, 4096);
    static_assert(fields_at + fields.size <= max_body, "a segment has at most 256 GiB: lower the capacities");

    /// All entries but the descriptor's, ours first.
    static constexpr std::array<placed_entry, internal_entries + count> entries = [] {
        std::array<placed_entry, internal_entries + count> list{{
            {name32("@control"), 0, sizeof(memory::control), sizeof(memory::control)},
            {name32("@registry"), sizeof(memory::control), memory::registry_size, memory::registry_size},
            {name32("@participants"), participants_at, lanes * sizeof(memory::participant),
             lanes * sizeof(memory::participant)},
            {name32("@lanes"), lanes_at, lanes * sizeof(memory::lane_record), lanes * sizeof(memory::lane_record)},
        }};
        std::size_t at = internal_entries;
        const auto visit = [&]<class H>(const path& name, u64 offset, H*) {
            const extent parts = H::extent(lanes);
            list[at++] = {name.name, fields_at + offset, parts.size, parts.hot < parts.size ? parts.hot : parts.size};
        };
        each_structure<S>(nullptr, lanes, visit);
        return list;
    }();

    /// The hash of the shape.
    static constexpr shm::fingerprint fingerprint = [] {
        hasher hash;
        put(hash, "shm 1 lanes ");
        put(hash, lanes);
        hash.put('\n');
        const auto visit = [&hash]<class H>(const path& name, u64, H*) {
            put(hash, name.name.view());
            hash.put(':');
            put_shape<H>(hash, lanes);
            hash.put('\n');
        };
        each_structure<S>(nullptr, lanes, visit);
        return hash.result();
    }();

    /// Bytes from the start of the body to the structure called `name`; all ones where there is none.
    [[nodiscard]] static constexpr u64 offset(std::string_view name) noexcept {
        for (const placed_entry& entry : entries) {
            if (entry.name.view() == name) {
                return entry.offset;
            }
        }
        return ~u64{0};
    }
    /// Bytes that the structure called `name` covers; all ones where there is none.
    [[nodiscard]] static constexpr u64 size(std::string_view name) noexcept {
        for (const placed_entry& entry : entries) {
            if (entry.name.view() == name) {
                return entry.size;
            }
        }
        return ~u64{0};
    }
};

}  // namespace layout

/// The layout and fingerprint of a schema.
template <described_schema S>
using plan_of = layout::plan<S>;

}  // namespace shm
