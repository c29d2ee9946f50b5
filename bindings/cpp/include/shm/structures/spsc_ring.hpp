// The algorithm of `spsc`: Lamport's ring with cached opposite positions.
//
// `tail` and `head` only grow and are the truth; an element is there from the store of `tail` on and gone with the store of
// `head`. So a kill anywhere leaves nothing to repair: the next holder of the role reads the position and goes on. Each
// side remembers the other's position and reads it again only when the ring looks full or empty.
//
// Sources: Lamport, "Specifying Concurrent Program Modules" (1983), for the ring; the cached positions are those of Lee,
// Bu and Chandranmenon, "A lock-free, cache-efficient shared ring buffer" (ANCS 2009).
//
// Ordering:
// (T) push.tail -> pop.tail: the element is visible to who sees the tail behind it.
// (H) pop.head -> push.head: the element was copied before its place is written again.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/pace.hpp"
#include "../memory/signals.hpp"

#include <algorithm>
#include <optional>

namespace shm::structures {

/// What one side writes: two lines of its own, of which the other side looks at the first only.
struct alignas(128) side {
    /// The next position that this side works at; grows only.
    u64 position;
    u64 padding[15];
    /// Who has the role; zero: nobody.
    u64 role;
    /// 1 while an operation is announced to those who sleep on the other side.
    u32 announced;
    u32 reserved[29];
};

static_assert(sizeof(side) == 256 && offsetof(side, role) == 128);

/// What a side remembers between operations: local to the process.
struct memo {
    /// The side's own position.
    u64 own = 0;
    /// The other side's position when it was last read.
    u64 other = 0;
    /// How long to pause where the ring looks full or empty.
    memory::pace pace = {};

    /// Lets the other side get ahead for a moment where the ring looks full or empty, if that paid before.
    [[gnu::cold, gnu::noinline]] bool paused() noexcept {
        pace = pace.meets(own);
        for (u64 i = 0; i < pace.pauses(); ++i) {
            posix::spin();
        }
        return pace.pauses() > 0;
    }
};

/// Whether a waiter may believe that the other side announces its operations.
///
/// A side announces only once the other has waited. The waiter says that it waits and runs a barrier; one operation may
/// be under way then that began before, and is not announced. It is over when the position moves. Until then the waiter
/// sleeps in short slices.
struct trust {
    std::optional<u64> begun;
    bool is_earned = false;

    /// Whether it is earned, given the other side's position; called behind a barrier.
    [[nodiscard]] bool earned(u64 position) noexcept {
        if (!begun) {
            begun = position;
        }
        is_earned = is_earned || *begun != position;
        return is_earned;
    }
};

/// The ring's parts, and the algorithm over them.
template <class T>
struct spsc_ring {
    /// Its position is the tail.
    side* producer;
    /// Its position is the head.
    side* consumer;
    memory::signals* signals;
    /// The elements; a power of two of them.
    memory::cells<T> cells;

    /// Places between a push and the one that it brings in for a later one.
    static constexpr u64 ahead = 16;

    [[nodiscard]] u64 slot(u64 position) const noexcept { return position & (cells.count - 1); }

    /// What the producer remembers when it takes the role.
    [[nodiscard]] memo producer_memo() const noexcept {
        const u64 own = memory::at(producer->position).load(memory::acquire);  // handed over by the role
        return {own, read_head(own)};
    }
    /// What the consumer remembers when it takes the role.
    [[nodiscard]] memo consumer_memo() const noexcept {
        const u64 own = memory::at(consumer->position).load(memory::acquire);  // handed over by the role
        return {own, read_tail(own)};
    }

    /// Places that are free, at least `wanted` if there are.
    [[nodiscard]] u64 room(memo& of, u64 wanted) const noexcept {
        if (of.own - of.other > cells.count - wanted) {
            of.other = read_head(of.own);
        }
        return cells.count - (of.own - of.other);  // at most as many are used: `read_head`
    }

    /// Elements that are there, at least `wanted` if there are.
    [[nodiscard]] u64 filled(memo& of, u64 wanted) const noexcept {
        if (of.other - of.own < wanted) {
            of.other = read_tail(of.own);
        }
        return of.other - of.own;  // at most as many as there are places: `read_tail`
    }

    /// Pushes `value`; false where there is no room.
    [[nodiscard]] bool push(memo& of, const T& value) const noexcept {
        if (room(of, 1) == 0 && !(of.paused() && room(of, 1) > 0)) {
            return false;
        }
        if constexpr (seeded(bug::publish_before_write)) {
            const u64 at = slot(of.own);
            publish(of, 1);
            posix::yield();
            return cells.store(at, value);
        }
        (void)cells.store(slot(of.own), value);  // in range
        cells.prefetch_write(slot(of.own + ahead));
        publish(of, 1);
        return true;
    }

    /// Pops the oldest element; false where there is none.
    [[nodiscard]] bool pop(memo& of, T& out) const noexcept {
        if (filled(of, 1) == 0 && !(of.paused() && filled(of, 1) > 0)) {
            return false;
        }
        (void)cells.load(slot(of.own), out);  // in range
        give_back(of, 1);
        return true;
    }

    /// Writes a free place, `further` places behind the next one.
    void write(const memo& of, u64 further, const T& value) const noexcept {
        (void)cells.store(slot(of.own + further), value);  // in range
    }
    /// Reads an element, `further` elements behind the oldest.
    [[nodiscard]] bool read(const memo& of, u64 further, T& out) const noexcept {
        return cells.load(slot(of.own + further), out);
    }
    /// Publishes `count` elements that were written.
    void publish(memo& of, u64 count) const noexcept {
        of.own += count;
        move_on(*producer, signals->filled_awaited, signals->filled, of.own);  // (T)
    }
    /// Gives `count` places back that were read.
    void give_back(memo& of, u64 count) const noexcept {
        of.own += count;
        move_on(*consumer, signals->emptied_awaited, signals->emptied, of.own);  // (H)
    }

    /// Pushes a prefix of the values, with one store of the tail; says how many.
    [[nodiscard]] u64 push_run(memo& of, const T* values, u64 len) const noexcept {
        const u64 count = std::min(len, room(of, std::min(len, cells.count)));
        const u64 first = slot(of.own);
        const u64 left = std::min(count, cells.count - first);
        if (count > 0) {
            cells.store_run(first, values, left);
            cells.store_run(0, values + left, count - left);
            publish(of, count);
        }
        return count;
    }

    /// Pops into a prefix of `out`, with one store of the head; says how many.
    [[nodiscard]] u64 pop_run(memo& of, T* out, u64 len) const noexcept {
        const u64 count = std::min(len, filled(of, len));
        const u64 first = slot(of.own);
        const u64 left = std::min(count, cells.count - first);
        if (count > 0) {
            cells.load_run(first, out, left);
            cells.load_run(0, out + left, count - left);
            give_back(of, count);
        }
        return count;
    }

    /// How many elements there are.
    [[nodiscard]] u64 len() const noexcept {
        const u64 head = memory::at(consumer->position).load(memory::acquire);  // (H)
        const u64 tail = memory::at(producer->position).load(memory::acquire);  // (T)
        return std::min(tail - head, cells.count);
    }

    /// Prepares for a holder of a role: one that barriers do not reach announces from the start.
    void welcome() const noexcept {
        if (posix::is_barrier_refused()) {
            memory::at(signals->filled_awaited).store(1, memory::relaxed);   // read by this very holder
            memory::at(signals->emptied_awaited).store(1, memory::relaxed);  // the same
        }
    }

    /// One round of waiting for the other side, at most for `limit`; `lives` says whether the other side's holder does.
    template <class Lives>
    void wait_round(bool filling, trust& in, memory::duration limit, Lives lives) const {
        memory::event& event = filling ? signals->emptied : signals->filled;
        u32& awaited = filling ? signals->emptied_awaited : signals->filled_awaited;
        side* other = filling ? consumer : producer;
        memory::at(awaited).store(1, memory::relaxed);  // before the barrier in the round
        const auto under_way = [&] {
            return !in.earned(memory::at(other->position).load(memory::acquire)) ||  // (T), (H)
                   (memory::at(other->announced).load(memory::acquire) != 0 && lives());
        };
        event.wait_round(limit, [] {}, under_way, [&] { return len() == (filling ? cells.count : 0); });
    }

  private:
    /// The producer at `own` reads the head. A head that makes no sense is one without room.
    [[nodiscard]] u64 read_head(u64 own) const noexcept {
        const u64 head = memory::at(consumer->position).load(memory::acquire);  // (H)
        return own - std::min(own - head, cells.count);
    }
    /// The consumer at `own` reads the tail. A tail that makes no sense is one without elements.
    [[nodiscard]] u64 read_tail(u64 own) const noexcept {
        const u64 tail = memory::at(producer->position).load(memory::acquire);  // (T)
        return tail - own <= cells.count ? tail : own;
    }

    /// Stores a side's position; announced before, and withdrawn behind, if the other side has ever waited: see `trust`.
    static void move_on(side& own, u32& awaited_word, memory::event& event, u64 position) noexcept {
        const bool awaited = memory::at(awaited_word).load(memory::relaxed) != 0;  // see `trust`
        if (awaited) {
            memory::at(own.announced).store(1, memory::relaxed);  // ordered by the sleeper's barrier
            event.ring();
        }
        memory::at(own.position).store(position, memory::release);  // (T), (H)
        if (awaited) {
            memory::at(own.announced).store(0, memory::release);  // published before it is withdrawn
        }
    }
};

}  // namespace shm::structures
