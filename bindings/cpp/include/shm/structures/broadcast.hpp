// `broadcast<T, N>`: messages to all. Every subscriber receives them in order, and is told how many it missed.
//
// A ring of exchange words that is never full. Message `t` goes to word `t mod N`, whose lap says how many messages went
// there before. A sender fills its spare and exchanges it for the oldest message's node. Tickets are claimed in order, so
// every subscriber sees one order without a gap, and "nothing more" is exact. A subscriber is a cursor in its own process:
// it copies the message of its ticket and looks at the word again. A word that is a lap ahead says that the message is gone.
//
//     0x000  tail     u64, alone on 128 bytes       hint: next ticket to send
//     0x080  signals  128 bytes
//     0x100  words    8 × N
//            lines    128 × L, at a multiple of 128
//            nodes    size of T × (N + L), at a multiple of 64
//
// | if a process dies at                            | what is in memory                     | who repairs it                          |
// |-------------------------------------------------|---------------------------------------|-----------------------------------------|
// | sender: filling the spare                       | nothing that others see               | nobody needs to                         |
// | sender: intent written, word not exchanged      | nothing is sent                       | recovery: not done                      |
// | sender: word exchanged, spare not stored        | the message is sent                   | recovery: done, spare := what came out  |
// | sender: hint not stored                         | the message is sent; a stale hint     | the next sender                         |
// | subscriber, anywhere                            | nothing                               | nobody needs to                         |
//
// Ordering: (A) exchange -> word, (B) refill -> validated copy: see `memory/exchange.hpp`. (H) hint -> hint: see
// `tickets.hpp`.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/exchange.hpp"
#include "../memory/handle.hpp"
#include "tickets.hpp"

namespace shm {

/// Messages to all who subscribe, of which the last `N` are there.
template <element T, u64 N>
class broadcast : public memory::handle {
    static_assert(N > 0 && (N & (N - 1)) == 0, "a broadcast's capacity is a power of two");

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Broadcast";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        return layout::exchanging(layout::numbers_of<T>(), lanes, layout::line_bytes, N, N, 1, false);
    }

    class subscriber;

    /// Messages that are kept.
    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }

    /// How many messages were sent. Wait-free, in O(log N); works on read-only attachments.
    [[nodiscard]] u64 sent() const noexcept {
        if (!is_open()) {
            return 0;
        }
        const auto on = in();
        return structures::first_unclaimed(N, [&](u64 i) { return on.packing().unpack(memory::look(on.words[i])).lap; });
    }

    /// Sends `value` to all, over the oldest message. Lock-free.
    outcome<void> send(const T& value) const noexcept {
        if (!is_writable()) {
            return unwritable();
        }
        const auto lane = attached().enter();
        if (!lane) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto on = in();
        const auto own = on.own(lane.index());
        memory::exchange::filling();
        const u64 spare = on.spare_named(own);
        if (!cells().store(spare, value)) {
            return corrupt();
        }
        own.record->enter(on.where);
        const bool done = send_filled(on, own, spare);
        own.record->close(memory::phase::idle);
        return done ? outcome<void>() : outcome<void>(corrupt());
    }

    /// A subscriber who begins with the next message that is sent, or with the oldest that is still there.
    [[nodiscard]] outcome<subscriber> subscribe(bool from_oldest = false) const noexcept {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        const u64 next = sent();
        return subscriber(*this, !from_oldest ? next : next > N ? next - N : 0);
    }

  private:
    [[nodiscard]] memory::exchange in() const noexcept {
        const auto parts = extent(lane_count());
        return {.words = part<u64>(2 * layout::line_bytes),
                .capacity = N,
                .signals = part<memory::signals>(layout::line_bytes),
                .lines = part<memory::line>(parts.lines),
                .lanes = lane_count(),
                .records = attached().lanes(),
                .where = memory::place::of(offset_of(layout::line_bytes), N)};
    }
    [[nodiscard]] memory::cells<T> cells() const noexcept {
        const auto parts = extent(lane_count());
        return {start() + parts.cells, parts.count};
    }
    [[nodiscard]] u64& tail() const noexcept { return *part<u64>(0); }

    /// How often the word of `ticket` was used before.
    [[nodiscard]] static u64 lap_of(const memory::exchange& on, u64 ticket) noexcept {
        return on.packing().cut(ticket / N);
    }

    /// Sends what the lane's node `spare` holds, from the hint to wherever the tail is.
    [[nodiscard]] bool send_filled(const memory::exchange& on, const memory::own_lane& own, u64 spare) const noexcept {
        u64 ticket = structures::hint(tail());
        bool is_next = false;  // whether the ticket before this one is known to be out
        for (u64 step = 1; step < memory::patience; ++step) {
            const u64 slot = ticket % N;
            const u64 old = memory::at(on.words[slot]).load(memory::acquire);  // (A)
            const u64 now = on.packing().unpack(old).lap;
            if (now == lap_of(on, ticket)) {
                const u64 out = on.named(slot, old);
                if (out >= cells().count) {
                    return false;  // it becomes the lane's
                }
                const memory::target to{memory::phase::publish, ticket, slot, &on.words[slot], old};
                const bool sent_now = on.swap_if(own, to, on.after(to, spare), out, [&] {
                    on.signals->filled.ring();
                    return true;
                });
                if (sent_now) {
                    structures::set_hint(tail(), ticket + 1);
                    return true;
                }
                own.record->close(memory::phase::filling);
            } else if (now > lap_of(on, ticket)) {
                const u64 behind = (now - 1) * N + slot + 1;  // others are further: progress, or the hint was stale
                ticket = step % 8 == 0 ? sent() : behind;
                if (ticket < behind) {
                    return false;  // the word said that this many are out
                }
                is_next = true;
            } else if (is_next) {
                return false;  // a lap does not go back
            } else {
                ticket = sent();  // no program of ours leaves a hint that is ahead
                is_next = true;
            }
        }
        return false;
    }
};

/// Receives the messages of a broadcast, each once and in order. It is not known to anybody else: senders do not wait for
/// it, and it leaves nothing behind. Used by one thread at a time; a copy goes on from the same message.
template <element T, u64 N>
class broadcast<T, N>::subscriber {
  public:
    /// The next message: `empty` where none was sent since the last one, `outrun` where it was overwritten: `missed` then
    /// counts how many, and the next call goes on with the oldest that is left. Wait-free.
    [[nodiscard]] outcome<T> recv() noexcept {
        if (!of.is_open()) {
            return unexpected{of.refuse(reason::closed)};
        }
        const auto on = of.in();
        const u64 slot = cursor % N;
        const u64 old = memory::look(on.words[slot]);
        const u64 lap = lap_of(on, cursor);
        u64 now = on.packing().unpack(old).lap;
        if (now == lap) {
            return unexpected{of.refuse(reason::empty)};
        }
        if (now == lap + 1) {
            T value = {};
            const bool copied = of.cells().load(on.named(slot, old), value);
            if ((memory::exchange::still(on.words[slot], old) || seeded(bug::no_recheck)) && copied) {
                ++cursor;
                return value;
            }
            now = on.packing().unpack(memory::look(on.words[slot])).lap;  // it was replaced under the copy
        }
        if (now <= lap + 1) {
            cursor = of.sent();  // nonsense: go on with what comes next
            return of.corrupt();
        }
        const u64 oldest = (now - 2) * N + slot + 1;
        lost += oldest - cursor;
        cursor = oldest;
        return unexpected{of.refuse(reason::outrun)};
    }

    /// The next message, for which it waits up to `timeout`: `timed_out` where none came, `outrun` as `recv`. Blocking; a
    /// process killed while it sends loses no wake-up.
    [[nodiscard]] outcome<T> recv_wait(memory::duration timeout) {
        if (!of.is_open()) {
            return unexpected{of.refuse(reason::closed)};
        }
        std::optional<fault> failed;  // what ends the wait without a message
        const auto attempt = [&]() -> outcome<T> {
            auto got = failed ? outcome<T>(unexpected{*failed}) : recv();
            if (!got && !(got.error() == reason::empty)) {
                failed = got.error();
            }
            return got;
        };
        auto got = memory::wait_until(timeout, attempt, [&](memory::duration left) {
            if (failed) {
                return false;
            }
            const auto on = of.in();
            of.wait_round(
                on.signals->filled, left, [&] { return on.announced(true); },
                [&] { return on.packing().unpack(memory::look(on.words[cursor % N])).lap <= lap_of(on, cursor); });
            return true;
        });
        if (failed) {
            return unexpected{*failed};
        }
        return got ? got : outcome<T>(unexpected{of.refuse(reason::timed_out)});
    }

    /// How many messages this subscriber missed so far.
    [[nodiscard]] u64 missed() const noexcept { return lost; }
    /// How many messages were sent before the next one that this subscriber receives: the message's number.
    [[nodiscard]] u64 position() const noexcept { return cursor; }

  private:
    friend class broadcast;
    subscriber(broadcast in, u64 from) noexcept : of(std::move(in)), cursor(from) {}
    broadcast of;
    u64 cursor;
    u64 lost = 0;
};

}  // namespace shm
