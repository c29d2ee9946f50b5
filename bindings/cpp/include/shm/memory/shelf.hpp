// Elements that were taken and come back: the owner gave them up, or died.
//
// Giving back is a push onto the lane's own shelf: an exchange like any other, so that it may be killed anywhere. The
// lane is whole again at once; whoever takes or pops next looks at the shelves first.
#pragma once

#include "exchange.hpp"

namespace shm::memory {

/// Puts the element that lane `lane` holds on its shelf. The caller owns the lane, or may sweep it. The lane's phase is
/// `held` before and `idle` behind it.
inline void put_back(const exchange& in, u64 lane) noexcept {
    lane_record& record = in.records[lane];
    if constexpr (seeded(bug::drop_held)) {
        return record.close(phase::idle);
    }
    const own_lane own = in.own(lane);
    const u64 shelf = in.shelf(lane);
    u64* place = in.word(shelf);
    const u64 held = in.spare(own);
    if (place == nullptr || held == no_node) {
        return record.close(phase::idle);
    }
    const u64 old = at(*place).load(acquire);  // (A)
    const word_parts word = in.packing().unpack(old);
    const u64 free = in.node_in(shelf, old);
    if (free == no_node || word.full) {
        // a lane takes only while its shelf is empty, so a full one is another program's doing
        return record.close(phase::idle);
    }
    const target to{phase::give_back, word.lap * max_lanes + lane, shelf, place, old};
    // whether it was exchanged shows in the word: nobody else changes an empty shelf
    (void)in.swap_if(own, to, in.after(to, held), free, [&] {
        in.signals->set_returned();  // before it is there: nobody takes the hint back meanwhile
        in.signals->filled.ring();
        return true;
    });
    record.close(phase::idle);
}

/// Whether an element is on its way to a shelf: then the hint stays, whatever the shelves show.
///
/// A returner opens its phase, sets the hint, fills the shelf, closes the phase. Who has seen its hint and then sees no
/// open phase will find the element on the shelf; who has not seen its hint cannot clear it, because the hint counts.
[[nodiscard]] inline bool is_return_under_way(const exchange& in) noexcept {
    for (u64 lane = 0; lane < in.lanes; ++lane) {
        if (in.records[lane].state().phase() == phase::give_back && in.records[lane].where() == in.where) {
            return true;
        }
    }
    return false;
}

}  // namespace shm::memory
