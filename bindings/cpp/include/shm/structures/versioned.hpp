// `versioned<T>`: the latest value. Many writers; readers that never block, never write, and never see half of one.
//
// The word is `{version, updated, node}`: how often a value was published, whether the last one came from an update, and
// where it is. A writer fills its spare, stamps it with the version that it would be, and exchanges it for the word's node.
// A reader copies the node that the word names and compares the node's stamp with the word's version.
//
// A *store* that loses the exchange to another store is done: it took effect just before the winner, and was overwritten. A
// store that loses to an *update* is not, because the update has read the value before it; it tries again.
//
//     0x000  signals  128 bytes
//     0x080  word     u64, alone on 128 bytes
//     0x100  lines    128 × L
//            nodes    (1 + L) × { stamp u64; T }, each at a multiple of 64
//
// | if a process dies at                    | what is in memory           | who repairs it                             |
// |-----------------------------------------|-----------------------------|--------------------------------------------|
// | filling the spare, stamping it          | nothing that others see     | nobody needs to                            |
// | intent written, word not exchanged      | the value before            | recovery: not done                         |
// | word exchanged, spare not stored        | the new value               | recovery: done, spare := what came out     |
// | stopped anywhere                        | its spare is withheld       | nobody needs to                            |
//
// Ordering: (A) exchange -> word: see `memory/exchange.hpp`. (D) refill -> validated copy: see `memory/stamp.hpp`.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/exchange.hpp"
#include "../memory/handle.hpp"
#include "../memory/stamp.hpp"

namespace shm {

/// The latest value, of many writers.
template <element T>
class versioned : public memory::handle {
  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Versioned";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        return layout::stamped(layout::numbers_of<T>(), lanes);
    }

    /// How often a value was published; zero: never, or a closed handle. Wait-free.
    [[nodiscard]] u64 version() const noexcept {
        return is_open() ? in().packing().unpack(memory::look(*word())).lap : 0;
    }

    /// A copy of the value; zero bytes before the first. Lock-free; works on read-only attachments.
    [[nodiscard]] outcome<T> load() const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        seen now;
        return load_seen(now) ? outcome<T>(now.value) : outcome<T>(corrupt());
    }

    /// One attempt to copy the value: `outrun` where it was replaced meanwhile. Wait-free.
    [[nodiscard]] outcome<T> try_load() const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        seen now;
        const auto step = try_seen(now);
        return step == look_step::whole ? outcome<T>(now.value)
                                        : outcome<T>(step == look_step::outrun ? unexpected{refuse(reason::outrun)}
                                                                               : corrupt());
    }

    /// Publishes `value`, over whatever is there. Lock-free; one attempt, if nobody updates.
    outcome<void> store(const T& value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = in();
        const auto own = on.own(lane.index());
        u64 spare = 0;
        if (!fill(on, own, value, spare)) {
            return corrupt();
        }
        own.record->enter(on.where);
        const bool done = store_filled(on, own, spare);
        own.record->close(memory::phase::idle);
        return done ? outcome<void>() : outcome<void>(corrupt());
    }

    /// Publishes a function of the value in its place; the value before. Lock-free.
    template <class Next>
    outcome<T> update(Next next) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            seen now;
            if (!load_seen(now)) {
                return corrupt();
            }
            const auto lane = attached().enter();
            if (!lane) {
                return unexpected{refuse(reason::no_lane)};
            }
            const auto on = in();
            const auto own = on.own(lane.index());
            u64 spare = 0;
            if (!fill(on, own, next(now.value), spare)) {
                return corrupt();
            }
            own.record->enter(on.where);
            const auto step = publish(on, own, spare, now.word, true);
            own.record->close(memory::phase::idle);
            if (step != look_step::outrun) {
                return step == look_step::whole ? outcome<T>(now.value) : outcome<T>(corrupt());
            }
            // another value was published: progress
        }
        return corrupt();
    }

    /// The value, once its version is not `version` any more; waits up to `timeout` for that. Blocking; a process killed
    /// while it publishes loses no wake-up.
    [[nodiscard]] outcome<T> wait_change(u64 last, memory::duration timeout) const {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        const auto attempt = [&] {
            return version() != last ? load() : outcome<T>(unexpected{refuse(reason::timed_out)});
        };
        return memory::wait_until(timeout, attempt, [&](memory::duration left) {
            wait_round(
                part<memory::signals>(0)->filled, left, [&] { return in().announced(true); },
                [&] { return version() == last; });
            return true;
        });
    }

  private:
    /// A whole value, and the word that named it.
    struct seen {
        u64 word = 0;
        T value = {};
    };
    enum class look_step : u8 { whole, outrun, corrupt };

    [[nodiscard]] u64* word() const noexcept { return part<u64>(layout::line_bytes); }
    [[nodiscard]] memory::exchange in() const noexcept {
        return {.words = word(),
                .capacity = 1,
                .signals = part<memory::signals>(0),
                .lines = part<memory::line>(2 * layout::line_bytes),
                .lanes = lane_count(),
                .records = attached().lanes(),
                .where = memory::place::of(offset_of(0), 1)};
    }
    /// Where a node begins, with its stamp; null where it does not exist.
    [[nodiscard]] memory::stamp* node(u64 index) const noexcept {
        const auto parts = extent(lane_count());
        return index < parts.count ? part<memory::stamp>(parts.cells + index * parts.stride) : nullptr;
    }
    [[nodiscard]] static std::byte* value_of(memory::stamp* of) noexcept {
        return reinterpret_cast<std::byte*>(of) + extent(1).value;
    }

    /// One attempt to copy the value. Only loads.
    [[nodiscard]] look_step try_seen(seen& now) const noexcept {
        const auto on = in();
        now.word = memory::look(*word());
        const u64 version = on.packing().unpack(now.word).lap;
        memory::stamp* at = node(on.named(0, now.word));
        if (at == nullptr) {
            return look_step::corrupt;
        }
        memory::from_shared<memory::cells<T>::width>(value_of(at), &now.value, sizeof(T));
        if (at->is_still(version)) {
            return look_step::whole;
        }
        // A node is marked only once it has left the word, and who sees the mark sees that (B).
        return memory::exchange::still(*word(), now.word) ? look_step::corrupt : look_step::outrun;
    }

    [[nodiscard]] bool load_seen(seen& now) const noexcept {
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const look_step step = try_seen(now);
            if (step != look_step::outrun) {
                return step == look_step::whole;
            }
            // somebody has published and begun another value: progress
        }
        return false;
    }

    /// Writes `value` into the lane's spare, where nobody looks; says which node that is.
    [[nodiscard]] bool fill(const memory::exchange& on, const memory::own_lane& own, const T& value,
                            u64& spare) const noexcept {
        memory::exchange::filling();
        spare = on.spare_named(own);
        memory::stamp* at = node(spare);
        if (at == nullptr) {
            return false;
        }
        at->dirty();
        memory::to_shared<memory::cells<T>::width>(&value, value_of(at), sizeof(T));
        return true;
    }

    [[nodiscard]] bool store_filled(const memory::exchange& on, const memory::own_lane& own, u64 spare) const noexcept {
        u64 old = memory::at(*word()).load(memory::relaxed);  // the exchange compares it: (A)
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const look_step step = publish(on, own, spare, old, false);
            if (step != look_step::outrun) {
                return step == look_step::whole;
            }
            old = memory::at(*word()).load(memory::relaxed);  // as above
            if (!on.packing().unpack(old).full) {
                return true;  // published by a store since we read the word: that one has overwritten ours
            }
            own.record->close(memory::phase::filling);  // an update won: progress
        }
        return false;
    }

    /// One attempt to put the node `spare` into the word, which held `old`: `outrun` where it does not any more.
    [[nodiscard]] look_step publish(const memory::exchange& on, const memory::own_lane& own, u64 spare, u64 old,
                                    bool updated) const noexcept {
        const auto pack = on.packing();
        const u64 out = on.named(0, old);
        if (node(out) == nullptr) {
            return look_step::corrupt;  // it becomes the lane's
        }
        const u64 version = pack.cut(pack.unpack(old).lap + 1);
        node(spare)->set(version);
        const memory::target to{memory::phase::publish, version, 0, word(), old};
        const bool done = on.swap_if(own, to, pack.pack({version, updated, on.name(0, spare)}), out, [&] {
            on.signals->filled.ring();
            return true;
        });
        return done ? look_step::whole : look_step::outrun;
    }
};

}  // namespace shm
