// How far from its home a key can be: one word per home bucket.
//
//     63            21   20      19        0
//    +----------------+----------+----------+
//    |    version     | scanning |  steps   |      reach = 4 × (steps + 1) - 1, at most N - 1
//    +----------------+----------+----------+
//
// Zero says that all entries of this home are among its first four buckets. Every change raises the version. The largest
// number of steps says nothing, that is, N - 1.
#pragma once

#include "../base.hpp"

namespace shm::structures {

/// A home's bound, as it was read.
struct map_bound {
    u64 word = 0;

    /// Buckets in a step.
    static constexpr u64 step = 4;
    static constexpr u64 most = (u64{1} << 20) - 1;
    static constexpr u64 scanning = u64{1} << 20;
    static constexpr u64 version = scanning << 1;

    /// Whether it is as low as it can be.
    [[nodiscard]] constexpr bool is_lowest() const noexcept { return (word & most) == 0; }
    /// Whether somebody is about to lower it.
    [[nodiscard]] constexpr bool is_scanning() const noexcept { return (word & scanning) != 0; }
    /// The last distance within it, of `capacity` buckets.
    [[nodiscard]] constexpr u64 reach(u64 capacity) const noexcept {
        const u64 steps = word & most;
        const u64 last = (steps + 1) * step - 1;
        return steps == most || last >= capacity ? capacity - 1 : last;
    }
    /// The steps that a distance needs.
    [[nodiscard]] static constexpr u64 steps(u64 distance) noexcept {
        return distance / step < most ? distance / step : most;
    }
    /// Whether a distance is in the last step of the bound, and a lower bound is possible.
    [[nodiscard]] constexpr bool ends_at(u64 distance) const noexcept {
        return !is_lowest() && (word & most) == steps(distance);
    }
    /// With `distance` within it, and nobody about to lower it.
    [[nodiscard]] constexpr map_bound raised(u64 distance) const noexcept {
        const u64 now = word & most;
        return next(0, now > steps(distance) ? now : steps(distance));
    }
    /// About to be lowered.
    [[nodiscard]] constexpr map_bound marked() const noexcept { return next(scanning, word & most); }
    /// Lowered to `distance`.
    [[nodiscard]] constexpr map_bound lowered(u64 distance) const noexcept { return next(0, steps(distance)); }

  private:
    [[nodiscard]] constexpr map_bound next(u64 mark, u64 steps) const noexcept {
        return {((word & ~(scanning | most)) + version) | mark | steps};
    }
};

static_assert(map_bound{0}.reach(1024) == 3 && map_bound{0}.reach(2) == 1);
static_assert(map_bound{0}.raised(9).reach(1024) == 11 && map_bound{0}.raised(9).marked().lowered(4).reach(64) == 7);

}  // namespace shm::structures
