// Recovery of a lane whose owner is dead: what it had begun is settled, what it held comes back.
//
// It needs no type: the lane's intent names the place of the structure, and every number in it is checked. So a C++
// program settles what a dead Rust or Python program left, in structures that its own schema may not have. It is
// idempotent, so a recoverer may die anywhere; its right to sweep is a lock that the kernel releases, so two never work
// on one lane. Nobody's progress waits for it.
#pragma once

#include "bucket.hpp"
#include "shelf.hpp"
#include "two_lists.hpp"

namespace shm::memory {

/// The mapped segment, as recovery sees it.
struct arena {
    std::byte* base;
    u64 size;
    /// Where structures begin: a hostile intent must not lead a recovery into the table, the control block or the lanes.
    u64 structures;
    lane_record* records;
    u64 lanes;

    /// The structure at a place, if all of it lies inside the segment.
    [[nodiscard]] std::optional<exchange> find(place where) const noexcept {
        constexpr u64 line_bytes = sizeof(line);
        const u64 start = where.offset();
        if (start < structures || start >= size || where.log2() >= 40) {
            return std::nullopt;
        }
        const u64 capacity = u64{1} << where.log2();
        const u64 lines = aligned(start + line_bytes + capacity * 8, line_bytes);
        if (start % 128 != 0 || lines + lanes * line_bytes > size) {
            return std::nullopt;
        }
        return exchange{.words = reinterpret_cast<u64*>(base + start + line_bytes),
                        .capacity = capacity,
                        .signals = reinterpret_cast<signals*>(base + start),
                        .lines = reinterpret_cast<line*>(base + lines),
                        .lanes = lanes,
                        .records = records,
                        .where = where};
    }

    /// The words behind a structure's lines, as many for each lane as there are lanes; not every structure has them.
    [[nodiscard]] u64* rows(const exchange& in) const noexcept {
        std::byte* start = reinterpret_cast<std::byte*>(in.lines + in.lanes);
        const u64 end = static_cast<u64>(start - base) + lanes * lanes * 8;
        return end <= size ? reinterpret_cast<u64*>(start) : nullptr;
    }
};

/// What became of a lane.
enum class settled : u8 {
    /// The lane is idle; what it had begun took effect once or not at all.
    clean,
    /// A process that is stopped in the middle of an exchange has the answer: try again later.
    later,
};

/// Settles lane `lane`, whose owner is dead. The caller holds the right to sweep it.
inline settled settle_lane(const arena& in, u64 lane) noexcept {
    lane_record& record = in.records[lane];
    // any phase needs at most three rounds: settle, hold or clean, be seen idle
    for (int rounds = 0; rounds < 4; ++rounds) {
        const lane_state state = record.state();
        const phase which = state.phase();
        if (which == phase::idle) {
            return settled::clean;
        }
        const auto found = in.find(record.where());
        if (!found || which == phase::filling || which == phase::emptying) {
            record.close(phase::idle);  // nothing was exchanged, or nothing of it can be believed
            return settled::clean;
        }
        const intent of = record.read(state);
        if (which == phase::stack_push || which == phase::stack_pop) {
            if (u64* rows = in.rows(*found)) {
                settle_lists(*found, rows, lane, which == phase::stack_pop ? way::pop : way::push, of);
            }
            record.close(phase::idle);
            return settled::clean;
        }
        if (which == phase::held) {
            put_back(*found, lane);
            continue;
        }
        if (which == phase::inserted) {
            give_up(*found, of);
            record.close(phase::idle);
            continue;
        }
        const auto done = found->settle(lane, of);
        if (!done) {
            return settled::later;
        }
        if ((*done && (which == phase::take || which == phase::reclaim)) || (!*done && which == phase::give_back)) {
            record.close(phase::held);
        } else if (*done && which == phase::insert) {
            record.close(phase::inserted);
        } else {
            record.close(phase::idle);
        }
    }
    return settled::later;
}

}  // namespace shm::memory
