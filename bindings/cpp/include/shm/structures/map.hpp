// `map<K, V, N>`, `set<K, N>` and `large_map<K, V, B, N>`: lock-free hash maps of fixed capacity, whose room can be used
// again for ever.
//
// Killed at any instruction, an operation took effect once or not at all, and nobody is held up; stopped for ever, likewise.
// There is never more than one entry of a key; a value is never torn; "full" is exact. What the dead left half inserted is
// removed. All-zero bytes are the empty map.
//
//     0x000  signals  128 bytes              nobody waits for a map: zero
//     0x080  buckets  8 bytes × N            {version, fingerprint, state, node}
//            lines    128 bytes × lanes      spare node of each lane
//            bounds   8 bytes × N            how far from its home a key can be
//            entries  struct { K key; V value; } × (N + lanes), at a multiple of 64
//
// A large map has B buckets and bounds, and N + 2 × lanes entries. The algorithm, and what a kill leaves, is in
// `map_table.hpp`.
#pragma once

#include "../memory/handle.hpp"
#include "map_table.hpp"

#include <iterator>

namespace shm {

namespace structures {

/// What maps and sets have in common: `B` buckets, of which `N` come with a node.
template <class K, class V, u64 B, u64 N, u64 PerLane>
class mapping : public memory::handle {
    static_assert(B > 0 && (B & (B - 1)) == 0 && B <= memory::buckets::most,
                  "a map has a power of two of buckets, at most 2^29");
    static_assert(N > 0 && N <= B, "a map has at most as many entries as buckets");

  protected:
    using table_type = map_table<K, V>;
    using whole = typename memory::entries<K, V>::whole;
    using stored = typename table_type::value_type;

  public:
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        return layout::exchanging(layout::numbers_of<whole>(), lanes, 0, B, N, PerLane, true);
    }
    static constexpr bool has_lanes = true;

    /// Entries that there is room for.
    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }
    /// How many entries there are; others may insert and remove meanwhile. Looks at every bucket.
    [[nodiscard]] u64 size() const noexcept { return is_open() ? table().len() : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// Whether the key was there at some moment during the call. Works on read-only attachments.
    [[nodiscard]] bool contains(const K& key) const noexcept {
        stored value = {};
        return is_open() && table().get(key, value) == mapped::done;
    }

    /// Goes through the entries, each as it was at some moment.
    class iterator {
      public:
        using value_type = whole;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        iterator(const table_type& in, u64 from) noexcept : table(in), slot(from) { find(); }
        [[nodiscard]] const whole& operator*() const noexcept { return at; }
        [[nodiscard]] const whole* operator->() const noexcept { return &at; }
        iterator& operator++() noexcept {
            ++slot;
            find();
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept { return it.slot >= B; }

      private:
        void find() noexcept {
            for (; slot < B; ++slot) {
                if constexpr (memory::entries<K, V>::has_values) {
                    if (table.member(slot, at.key, at.value)) {
                        return;
                    }
                } else {
                    stored none = {};
                    if (table.member(slot, at, none)) {
                        return;
                    }
                }
            }
        }
        table_type table;
        u64 slot;
        whole at = {};
    };

    [[nodiscard]] iterator begin() const noexcept { return is_open() ? iterator(table(), 0) : iterator({}, B); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  protected:
    [[nodiscard]] table_type table() const noexcept {
        const auto parts = extent(lane_count());
        return {.in = {.words = part<u64>(layout::line_bytes),
                       .capacity = B,
                       .signals = part<memory::signals>(0),
                       .lines = part<memory::line>(parts.lines),
                       .lanes = lane_count(),
                       .records = attached().lanes(),
                       .where = memory::place::of(offset_of(0), B)},
                .bounds = part<u64>(parts.rows),
                .stock = N,
                .entries = {start() + parts.cells, parts.count}};
    }

    /// What an operation that reads gave: whether the key was there.
    [[nodiscard]] outcome<bool> read(mapped done) const noexcept {
        return done == mapped::corrupt ? outcome<bool>(corrupt()) : outcome<bool>(done == mapped::done);
    }

    /// Runs an operation on a lane; once more, behind a recovery, where the dead may have the room that it needs.
    template <class Operation>
    [[nodiscard]] outcome<mapped> run(Operation operation) const noexcept {
        for (int tries = 0; tries < 2; ++tries) {
            mapped done = mapped::corrupt;
            {
                const auto lane = attached().enter();
                if (!lane) {
                    return unexpected{refuse(reason::no_lane)};
                }
                done = operation(lane.index());
            }
            if (done == mapped::corrupt) {
                return corrupt();
            }
            if (done != mapped::pending) {
                return done == mapped::full ? outcome<mapped>(unexpected{refuse(reason::full, 0, 1, N)})
                                            : outcome<mapped>(done);
            }
            attached().recover();
        }
        return unexpected{refuse(reason::full, 0, 1, N)};
    }
};

/// The operations of maps with values.
template <class K, class V, u64 B, u64 N, u64 PerLane>
class value_mapping : public mapping<K, V, B, N, PerLane> {
    using base = mapping<K, V, B, N, PerLane>;

  public:
    using element_type = entry<K, V>;

    /// A copy of the value of a key; none where it is absent. Works on read-only attachments. Lock-free.
    [[nodiscard]] outcome<std::optional<V>> get(const K& key) const noexcept {
        if (!this->is_open()) {
            return unexpected{this->refuse(reason::closed)};
        }
        V value = {};
        return answer(this->read(this->table().get(key, value)), value);
    }

    /// Inserts a key or replaces its value; the value before, if there was one. `full` where there is no room. Lock-free.
    outcome<std::optional<V>> insert(const K& key, const V& value) const noexcept {
        V before = {};
        return changed(before, [&](u64 lane) { return this->table().insert(lane, key, value, before); });
    }

    /// Inserts a key that is not there; the value that it has if it is. Lock-free.
    outcome<std::optional<V>> add(const K& key, const V& value) const noexcept {
        V before = {};
        return changed(before, [&](u64 lane) { return this->table().add(lane, key, value, before); });
    }

    /// Replaces the value of a key by a function of it; the value before, none where the key is absent. Lock-free.
    template <class Next>
    outcome<std::optional<V>> update(const K& key, Next next) const noexcept {
        V before = {};
        return changed(before, [&](u64 lane) {
            return this->table().update(lane, key, before, [&](V& value) {
                value = next(value);
                return true;
            });
        });
    }

    /// Replaces the value of a key if it is `current`, bit for bit; the value that was there, none where the key is absent.
    outcome<std::optional<V>> compare_exchange(const K& key, const V& current, const V& desired) const noexcept {
        V before = {};
        return changed(before, [&](u64 lane) {
            return this->table().update(lane, key, before, [&](V& value) {
                const bool same = memory::same_bytes(value, current);
                value = desired;
                return same;
            });
        });
    }

    /// Removes a key; the value that it had, none where it was absent. Lock-free.
    outcome<std::optional<V>> remove(const K& key) const noexcept {
        if (!this->is_writable()) {
            return this->unwritable();
        }
        V before = {};
        return answer(this->read(this->table().remove(key, before)), before);
    }

  private:
    static outcome<std::optional<V>> answer(const outcome<bool>& there, const V& value) noexcept {
        if (!there) {
            return unexpected{there.error()};
        }
        return *there ? std::optional<V>(value) : std::optional<V>();
    }

    template <class Operation>
    outcome<std::optional<V>> changed(const V& before, Operation operation) const noexcept {
        if (!this->is_writable()) {
            return this->unwritable();
        }
        const auto done = this->run(operation);
        if (!done) {
            return unexpected{done.error()};
        }
        return *done == mapped::absent ? std::optional<V>() : std::optional<V>(before);
    }
};

}  // namespace structures

/// A hash map of `N` buckets, each of which comes with room for an entry.
template <key K, element V, u64 N>
class map : public structures::value_mapping<K, V, N, N, 1> {
  public:
    static constexpr std::string_view kind = "Map";
    static constexpr std::array<u64, 1> capacities{N};
};

/// A hash map of `N` entries in `B` buckets.
template <key K, element V, u64 B, u64 N>
class large_map : public structures::value_mapping<K, V, B, N, 2> {
  public:
    static constexpr std::string_view kind = "LargeMap";
    static constexpr std::array<u64, 2> capacities{B, N};
};

/// A set of keys.
template <key K, u64 N>
class set : public structures::mapping<K, void, N, N, 1> {
  public:
    using element_type = K;
    static constexpr std::string_view kind = "Set";
    static constexpr std::array<u64, 1> capacities{N};

    /// Inserts a key: whether it was not there before. `full` where there is no room. Lock-free.
    outcome<bool> insert(const K& key) const noexcept {
        if (!this->is_writable()) {
            return this->unwritable();
        }
        memory::nothing none;
        const auto done = this->run([&](u64 lane) { return this->table().add(lane, key, none, none); });
        return done ? outcome<bool>(*done == structures::mapped::absent) : outcome<bool>(unexpected{done.error()});
    }

    /// Removes a key: whether it was there. Lock-free.
    outcome<bool> remove(const K& key) const noexcept {
        if (!this->is_writable()) {
            return this->unwritable();
        }
        memory::nothing none;
        return this->read(this->table().remove(key, none));
    }
};

}  // namespace shm
