// The bucket: an exchange word of a hash map.
//
//     63                b+2+f  b+1+f     b+2  b+1   b  b-1            0
//    +-----------------------+---------------+--------+---------------+
//    |        version        |  fingerprint  | state  |  node ^ home  |
//    +-----------------------+---------------+--------+---------------+
//
// `b` is that of `packing`, so the exchange and its recovery find the node where they look for it. Every change raises
// the version by one, so a word never comes back until it wraps. All-zero is "version 0, empty, holds its own node".
#pragma once

#include "exchange.hpp"

namespace shm::memory {

/// What a bucket says of its node.
enum class bucket_state : u64 {
    /// It means nothing.
    empty = 0,
    /// An entry that is not in the map yet: whether it will be is undecided.
    inserting = 1,
    /// An entry of the map.
    member = 2,
    /// An entry that lost against another of its key, and never was in the map.
    collided = 3,
};

/// How the buckets of a map are packed.
struct buckets {
    u32 node_bits;
    u32 print_bits;

    /// Most buckets: beyond, the version would have less than 32 bits.
    static constexpr u64 most = u64{1} << 29;

    explicit constexpr buckets(u64 capacity) noexcept
        : node_bits(packing(capacity).bits), print_bits(node_bits >= 22 ? (node_bits > 30 ? 0 : 30 - node_bits) : 8) {}

    [[nodiscard]] constexpr u32 version_shift() const noexcept { return node_bits + 2 + print_bits; }
    [[nodiscard]] constexpr u64 low(u32 bits) const noexcept { return (u64{1} << bits) - 1; }
    /// The fingerprint in a hash: its topmost bits, and below them its lowest three, which are those of the home.
    [[nodiscard]] constexpr u64 print(u64 hash) const noexcept {
        return (hash >> 59 << 3 | (hash & 7)) & low(print_bits);
    }
    [[nodiscard]] constexpr u64 version(u64 word) const noexcept { return word >> version_shift(); }
    [[nodiscard]] constexpr bucket_state state(u64 word) const noexcept {
        return static_cast<bucket_state>(word >> node_bits & 3);
    }
    [[nodiscard]] constexpr u64 print_of(u64 word) const noexcept { return word >> (node_bits + 2) & low(print_bits); }
    /// State and fingerprint of a word, in place: what is compared before anything else is looked at.
    [[nodiscard]] constexpr u64 face(u64 word) const noexcept { return word & low(print_bits + 2) << node_bits; }
    /// The face of an entry of the map with that fingerprint.
    [[nodiscard]] constexpr u64 member(u64 print) const noexcept {
        return (print << 2 | static_cast<u64>(bucket_state::member)) << node_bits;
    }
    /// What a word becomes when its state changes and nothing else.
    [[nodiscard]] constexpr u64 turn(u64 word, bucket_state to) const noexcept {
        return later((word & ~(u64{3} << node_bits)) | static_cast<u64>(to) << node_bits);
    }
    /// What a word becomes when an entry is put into it: `node` is relative to the bucket's home.
    [[nodiscard]] constexpr u64 put(u64 word, bucket_state to, u64 print, u64 node) const noexcept {
        const u64 parts = (print & low(print_bits)) << (node_bits + 2) | static_cast<u64>(to) << node_bits;
        return later((word & ~low(version_shift())) | parts | (node & low(node_bits)));
    }
    [[nodiscard]] constexpr u64 later(u64 word) const noexcept { return word + (u64{1} << version_shift()); }
    /// Whether `word` holds, undecided or lost, the entry whose claim found the bucket as `old`: the versions in between
    /// belong to that entry alone.
    [[nodiscard]] constexpr bool is_undecided(u64 word, u64 old) const noexcept {
        const u64 since = (word - (old & ~low(version_shift()))) >> version_shift();
        switch (state(word)) {
            case bucket_state::inserting:
                return since == 1;
            case bucket_state::collided:
                return since == 2;
            default:
                return false;
        }
    }
};

static_assert(buckets(1024).version_shift() == 64 - 42 && buckets(u64{1} << 20).version_shift() == 64 - 33);
static_assert(buckets(u64{1} << 29).version_shift() == 32);

/// Empties the bucket that an intent of phase `inserted` claimed, if the entry is still undecided or lost. Returns
/// whether it did: otherwise the entry became a member. The caller owns the lane, or may sweep it.
inline bool give_up(const exchange& in, const intent& of) noexcept {
    u64* place = in.words + (of.number & (in.capacity - 1));  // a power of two: the place says so
    const buckets pack(in.capacity);
    for (int cleaners = 0; cleaners < 4; ++cleaners) {  // a claim moves on twice at most
        const u64 now = at(*place).load(relaxed);       // the exchange compares it
        if (!pack.is_undecided(now, of.old)) {
            return false;
        }
        // Lost: a helper decided the entry meanwhile. Relaxed: nothing is read or written behind it, and what the claim
        // released goes on through an exchange.
        if (exchange_if(*place, now, pack.turn(now, bucket_state::empty), relaxed)) {
            return true;
        }
    }
    return false;  // somebody decides it for ever: not in good faith
}

}  // namespace shm::memory
