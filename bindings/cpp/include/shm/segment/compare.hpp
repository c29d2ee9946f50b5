// Whether a segment has the schema that this program was compiled with, and where they differ.
#pragma once

#include "../layout/descriptor.hpp"
#include "../seeded.hpp"
#include "inspect.hpp"

namespace shm::segments {

namespace detail {

inline unexpected<error> mismatch(const std::string& segment, const std::string& fields, bool only_extra) {
    return unexpected{error{errc::schema, segment, "has another schema than this program:\n" + fields,
                            only_extra ? "open it with `.subset = true`, or build this program with the segment's schema"
                                       : "build this program with the segment's schema (`shm gen cpp`), or remove the "
                                         "segment and create it again"}};
}

/// One line for each field of both sides, ours first; says whether all of ours are there.
struct differences {
    std::string text;
    bool ours_fit = true;
    bool theirs_fit = true;
};

inline differences compare(const layout::descriptor& here, const layout::descriptor& there, bool subset) {
    differences found;
    for (const auto& ours : here.fields) {
        const auto* theirs = there.find(ours.name);
        if (theirs == nullptr) {
            found.text += "  missing  " + ours.name + ": here " + ours.source + ", not in the segment\n";
            found.ours_fit = false;
        } else if (layout::compare(ours.canonical, theirs->canonical) != layout::likeness::different) {
            found.text += "  same     " + ours.name + ": " + ours.source + "\n";
        } else {
            const bool alike = ours.source == theirs->source;  // an alias or an element type changed
            found.text += "  changed  " + ours.name + ": here " + (alike ? ours.canonical : ours.source) + ", there " +
                          (alike ? theirs->canonical : theirs->source) + "\n";
            found.ours_fit = false;
        }
    }
    if (subset) {
        return found;
    }
    for (const auto& theirs : there.fields) {
        if (here.find(theirs.name) == nullptr) {
            found.text += "  extra    " + theirs.name + ": there " + theirs.source + ", not in this program\n";
            found.theirs_fit = false;
        }
    }
    if (here.lanes != there.lanes) {
        found.text +=
            "  changed  lanes: here " + std::to_string(here.lanes) + ", there " + std::to_string(there.lanes) + "\n";
        found.ours_fit = false;
    }
    for (std::size_t i = 0; found.ours_fit && found.theirs_fit && i < here.fields.size(); ++i) {
        if (here.fields[i].name != there.fields[i].name) {
            found.text += "  changed  order of fields: here " + here.fields[i].name + " is number " +
                          std::to_string(i) + ", there " + there.fields[i].name + "\n";
            found.ours_fit = false;
        }
    }
    return found;
}

}  // namespace detail

/// Checks a segment's schema before the segment is mapped. Where some element is described by one side only, size and
/// alignment have to do.
template <described_schema S>
[[nodiscard]] result<void> check_schema(const std::string& segment, int file, const inspected& found, bool subset) {
    const fingerprint there{found.control.fingerprint[0], found.control.fingerprint[1]};
    if ((there == layout::plan<S>::fingerprint && !subset) || seeded(bug::ignore_fingerprint)) {
        return {};
    }
    auto bytes = read_descriptor(segment, file, found.control.descriptor_offset, found.control.descriptor_len);
    if (!bytes) {
        return unexpected{bytes.error()};
    }
    const auto parsed = layout::descriptor::parse(*bytes);
    if (!parsed) {
        return unexpected{error{errc::damaged, segment,
                                "has a damaged descriptor: no JSON of a version that this library reads",
                                "create it again"}};
    }
    const auto here = layout::descriptor::of<S>();
    const auto differences = detail::compare(here, *parsed, subset);
    if (!differences.ours_fit || !differences.theirs_fit) {
        return detail::mismatch(segment, differences.text, differences.ours_fit);
    }
    bool undescribed = subset;
    for (const auto& ours : here.fields) {
        undescribed = undescribed || ours.canonical != parsed->find(ours.name)->canonical;
    }
    if (!undescribed) {
        return detail::damaged(segment, "the fingerprint does not belong to the descriptor");
    }
    return {};
}

}  // namespace shm::segments
