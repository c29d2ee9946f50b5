// Nodes of a map that has more buckets than nodes.
//
// Only the first `stock` buckets come with a node of their own; the others come with a *blank*: a number that changes hands
// like a node and has no room for an entry. So every exchange is still one number for another, and its recovery is what it
// was. An entry in a bucket with a blank leaves its lane with that blank, which the lane then *trades* for the node of some
// empty bucket.
//
// Blanks must not leave a lane without a node, or it could not even replace a value. So a lane has a second one on its
// shelf, a word that nobody else changes, and takes a blank only while it has both. At every moment one of the two is a
// node, wherever the lane's owner is killed.
#pragma once

#include "../memory/bucket.hpp"

namespace shm::structures {

/// The nodes and blanks of a map's buckets and lanes.
struct map_stock {
    memory::exchange in;
    /// How many buckets come with a node.
    u64 stock;

    [[nodiscard]] bool has_blanks() const noexcept { return stock < in.capacity; }
    [[nodiscard]] bool is_blank(u64 node) const noexcept { return node >= stock && node < in.capacity; }

    /// Where a node's entry is; out of range for a blank.
    [[nodiscard]] u64 index(u64 node) const noexcept {
        if (node < stock) {
            return node;
        }
        return node < in.capacity ? memory::no_node : node - (in.capacity - stock);
    }

    /// Sees to it that the lane's spare is a node.
    [[nodiscard]] bool ready(const memory::own_lane& own) const noexcept {
        if (!has_blanks() || !is_blank(in.spare_named(own))) {
            return true;
        }
        // where both are blanks, no program of ours left that
        return (trade(own) || swap_reserve(own)) && in.spare(own) != memory::no_node && !is_blank(in.spare(own));
    }

    /// Sees to it that the lane has two nodes, as far as there are any: then it may take a blank for one. False where the
    /// words make no sense.
    [[nodiscard]] bool stock_up(const memory::own_lane& own, bool& is_rich) const noexcept {
        is_rich = true;
        if (!has_blanks()) {
            return true;
        }
        if (!ready(own)) {
            return false;
        }
        u64 kept = 0;
        if (!reserve(own, kept).place) {
            return false;
        }
        if (!is_blank(kept)) {
            return true;
        }
        if (!swap_reserve(own)) {
            return false;
        }
        is_rich = trade(own);
        return is_rich || swap_reserve(own);  // as it was
    }

  private:
    /// The lane's shelf, as it is, and the node on it; no place where the words make no sense.
    [[nodiscard]] memory::target reserve(const memory::own_lane& own, u64& node) const noexcept {
        const u64 shelf = in.shelf(own.lane);
        u64* place = in.word(shelf);
        const u64 old = memory::at(*place).load(memory::relaxed);  // nobody else changes it
        node = in.node_in(shelf, old);
        const u64 number = in.packing().unpack(old).lap * memory::max_lanes + own.lane;
        return {memory::phase::reserve, number, shelf, node == memory::no_node ? nullptr : place, old};
    }

    /// Exchanges the lane's spare for what is on its shelf.
    [[nodiscard]] bool swap_reserve(const memory::own_lane& own) const noexcept {
        u64 out = 0;
        const memory::target to = reserve(own, out);
        const u64 spare = in.spare(own);
        if (to.place == nullptr || spare == memory::no_node) {
            return false;
        }
        const bool swapped = in.swap_if(own, to, in.after(to, spare), out, [] { return true; });
        own.record->close(memory::phase::idle);
        return swapped;  // nobody else changes it
    }

    /// Trades the blank that the lane's spare is for the node of an empty bucket; false where one look at all finds none.
    [[nodiscard]] bool trade(const memory::own_lane& own) const noexcept {
        const u64 spare = in.spare(own);
        u64& hint = own.line->ends[0];
        const u64 kept = memory::at(hint).load(memory::relaxed);  // only the lane writes it
        const u64 start = kept == 0 ? own.lane * 8 : kept;        // so that lanes do not all begin with the same one
        for (u64 i = 0; i < in.capacity && spare != memory::no_node; ++i) {
            const u64 slot = (start + i) & (in.capacity - 1);
            const u64 old = memory::at(in.words[slot]).load(memory::relaxed);  // the exchange compares it
            const u64 out = in.node_in(slot, old);
            if (memory::buckets(in.capacity).state(old) != memory::bucket_state::empty || out == memory::no_node || is_blank(out)) {
                continue;
            }
            const memory::buckets pack(in.capacity);
            const u64 number = pack.version(old) << std::countr_zero(in.capacity) | slot;
            const memory::target to{memory::phase::publish, number, slot, &in.words[slot], old};
            const u64 desired = pack.put(old, memory::bucket_state::empty, 0, in.name(slot, spare));
            const bool traded = in.swap_if(own, to, desired, out, [] { return true; });
            own.record->close(memory::phase::idle);
            if (traded) {
                memory::at(hint).store(slot + 1, memory::relaxed);  // only the lane writes it
                return true;
            }
        }
        return false;
    }
};

}  // namespace shm::structures
