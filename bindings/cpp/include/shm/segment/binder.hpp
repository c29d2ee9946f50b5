// From a checked table to handles.
//
// Where a structure lies comes from the table, a copy of which was checked; how large it is and how its parts are
// arranged comes from the type. A handle is made only where the two agree.
#pragma once

#include "../layout/descriptor.hpp"
#include "../memory/handle.hpp"
#include "inspect.hpp"

namespace shm::segments {

/// Makes handles to a segment's structures.
struct binder {
    std::string segment;
    std::shared_ptr<memory::attachment> attachment;
    table::contents table;

    /// Binds `handle` to the structure called `name`.
    template <structure H>
    [[nodiscard]] result<void> bind(std::string_view name, H& handle) const {
        const auto parts = H::extent(attachment->lane_count());
        const table::entry* entry = table.find(name);
        if (entry == nullptr) {
            return unexpected{no_field(name)};
        }
        const u64 unit = u64{1} << table.unit_shift;
        if (entry->size != aligned(parts.size, unit)) {
            return unexpected{error{errc::schema, segment,
                                    "has " + std::to_string(entry->size) + " bytes for `" + std::string(name) +
                                        "`, and a " + layout::structure_source<H>() + " has " +
                                        std::to_string(parts.size),
                                    "build this program with the segment's schema (`shm gen cpp`)"}};
        }
        if (entry->offset % parts.align != 0 || entry->offset + parts.size > attachment->size()) {
            return unexpected{error{errc::damaged, segment,
                                    "has `" + std::string(name) + "` at " + std::to_string(entry->offset) +
                                        ", which is no multiple of " + std::to_string(parts.align) +
                                        " inside of the segment",
                                    "create it again"}};
        }
        handle.keeper = attachment;
        handle.place = attachment->base() + entry->offset;
        handle.called = entry->name;
        return {};
    }

    /// Takes a handle's segment away; its name stays, for messages.
    template <structure H>
    static void unbind(H& handle) {
        handle.place = nullptr;
        handle.keeper.reset();
    }

    [[nodiscard]] error no_field(std::string_view name) const {
        std::string there;
        for (const table::entry& entry : table.entries) {
            if (entry.name.text[0] != '@') {
                there += (there.empty() ? "`" : ", `") + std::string(entry.name.view()) + "`";
            }
        }
        return {errc::no_field, segment, "has no field `" + std::string(name) + "`",
                there.empty() ? "it has no fields" : "it has " + there};
    }
};

}  // namespace shm::segments
