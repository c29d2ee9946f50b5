// The queue's algorithm: a ring of exchange words.
//
// Ticket `t` belongs to word `t mod N` at lap `t div N`. A word `{lap, empty}` waits for the ticket of that lap to be
// pushed, `{lap, full}` holds it, `{lap + 1, empty}` says that it was popped. Tickets are claimed in order, because `t` is
// tried only by those who know that `t - 1` was claimed: they saw it in a word, or read a hint that is stored after the
// exchange it announces. So what is popped is a prefix of what was pushed, and "empty" and "full" are exact.
//
// `head` and `tail` are hints and nothing else. A stale one is mended in O(log N): claimed tickets are a prefix of the
// lap, so the boundary is found by bisection.
//
// The ring is NBLFQ's (Denis and Goedefroit, "NBLFQ: a lock-free MPMC queue optimized for low contention", IPDPS 2025);
// the exchange of nodes extends it to elements of any size, and to processes that are killed.
//
// Ordering: (A) exchange -> word, (B) refill -> validated copy: see `exchange.hpp`. (H) hint -> hint: see `tickets.hpp`;
// without it, who has pushed can find the queue empty.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/shelf.hpp"
#include "tickets.hpp"

namespace shm::structures {

using memory::phase;

/// What came of an attempt.
enum class tried : u8 {
    done,
    /// A push found the queue full; a pop or a take found it empty.
    none,
    /// Somebody else's exchange happened.
    lost,
    /// The word is at another ticket.
    elsewhere,
    /// The words make no sense.
    corrupt,
};

/// The parts of a queue, and the algorithm over them.
template <class T>
struct queue_ring {
    memory::exchange in;
    memory::cells<T> cells;
    u64* head;
    u64* tail;

    /// Steps from a hint before it is mended by bisection.
    static constexpr u64 stale = 8;
    /// Tickets between a push and the node that it brings in for a later one; twice as many for the word.
    static constexpr u64 ahead = 8;

    // ---- pushing ----------------------------------------------------------------------------------------------------

    /// Pushes `value` if the hint is right and nobody interferes: nearly always. Else nothing was done, for whatever
    /// reason, and `push` finds out.
    [[nodiscard]] bool push_at_once(u64 lane, const T& value) const noexcept {
        const u64 ticket = hint(*tail);
        const auto own = in.own(lane);
        u64 spare = 0;
        if (!fill(own, value, spare)) {
            return false;
        }
        own.record->enter(in.where);
        fetch_ahead(ticket);
        u64 slot = 0;
        memory::word_parts word;
        const tried done = try_push(own, spare, ticket, [this] { return in.signals->filled.is_quiet(); }, slot, word);
        own.record->close(phase::idle);
        return done == tried::done;
    }

    /// Pushes `value`.
    [[nodiscard]] tried push(u64 lane, const T& value, bool patient) const noexcept {
        const auto own = in.own(lane);
        u64 spare = 0;
        return fill(own, value, spare) ? push_node(own, spare, patient) : tried::corrupt;
    }

    /// Pushes the spare as it is: what a loan has written.
    [[nodiscard]] tried push_filled(u64 lane) const noexcept {
        const auto own = in.own(lane);
        const u64 spare = in.spare(own);
        return spare == memory::no_node ? tried::corrupt : push_node(own, spare, true);
    }

    /// Writes `value` into the lane's spare, where nobody looks, and says which node that is.
    [[nodiscard]] bool fill(const memory::own_lane& own, const T& value, u64& spare) const noexcept {
        memory::exchange::filling();
        spare = in.spare_named(own);  // `store` checks it
        return cells.store(spare, value);
    }

    // ---- popping ----------------------------------------------------------------------------------------------------

    /// Pops if the hint is right, nobody interferes, and no element came back: nearly always. Else nothing was done, for
    /// whatever reason, and `pop` finds out.
    [[nodiscard]] bool pop_at_once(u64 lane, T& out) const noexcept {
        const u64 ticket = hint(*head);
        memory::lane_record& record = in.records[lane];
        record.enter(in.where);
        record.announce(phase::emptying);
        found here;
        u64 slot = 0;
        memory::word_parts word;
        bool done = false;
        if (!in.signals->returned() && find(ticket, here, slot, word)) {
            done = leave_copy(here, out, [this] { return in.signals->emptied.is_quiet(); }) == tried::done;
        }
        if (done) {
            set_hint(*head, ticket + 1);
        }
        record.close(phase::idle);
        return done;
    }

    /// Pops the next element; one that came back first.
    [[nodiscard]] tried pop(u64 lane, T& out, bool patient) const noexcept {
        memory::lane_record& record = in.records[lane];
        record.enter(in.where);
        record.announce(phase::emptying);
        const auto leave = [&](const found& here) {
            return leave_copy(here, out, [this] {
                in.signals->emptied.ring();
                return true;
            });
        };
        const tried popped = next(in.own(lane), patient, leave);
        record.close(phase::idle);
        return popped;
    }

    /// Takes the next element in place: it becomes the lane's spare, and the lane is `held` until `done` or `put_back`.
    [[nodiscard]] tried take(u64 lane) const noexcept {
        const auto own = in.own(lane);
        own.record->enter(in.where);
        own.record->announce(phase::emptying);
        const tried taken = take_announced(own);
        own.record->close(taken == tried::done ? phase::held : phase::idle);
        return taken;
    }

    /// Acknowledges the held element: the lane's spare is a spare again.
    void done(u64 lane) const noexcept { in.records[lane].close(phase::idle); }

    /// What the spare of `lane` holds.
    [[nodiscard]] bool spare_value(u64 lane, T& out) const noexcept { return cells.load(in.spare(in.own(lane)), out); }

    // ---- looking: needs no lane, and works on read-only mappings ----------------------------------------------------

    /// A copy of the next element, which stays where it is.
    [[nodiscard]] tried peek(T& out) const noexcept {
        walk at{hint(*head), false};
        for (;;) {
            const u64 slot = slot_of(at.ticket);
            const u64 old = memory::look(in.words[slot]);
            const memory::word_parts word = in.packing().unpack(old);
            const u64 lap = lap_of(at.ticket);
            tried next = tried::done;
            if (word.full && word.lap == lap) {
                if (!cells.load(in.named(slot, old), out)) {
                    return tried::corrupt;
                }
                if (memory::exchange::still(in.words[slot], old)) {
                    return tried::done;
                }
                next = lost(at);
            } else if (word.lap > lap) {
                next = step(end::head, at, slot, word);
            } else {
                next = behind(end::head, at);
            }
            if (next != tried::done) {
                return next;
            }
        }
    }

    /// How many elements there are; others may push and pop meanwhile. Returned ones are not counted.
    [[nodiscard]] u64 len() const noexcept {
        const u64 first = locate(end::head);
        return std::min(locate(end::tail) - first, in.capacity);
    }

    /// Whether the word at the end shows, exactly, that an operation there would find nothing to do.
    [[nodiscard]] bool is_blocked(bool filling) const noexcept {
        const end at = filling ? end::tail : end::head;
        if (!filling && in.signals->returned()) {
            return false;
        }
        const u64 ticket = locate(at);
        const memory::word_parts word = in.packing().unpack(memory::look(in.words[slot_of(ticket)]));
        const bool ready = word.lap == lap_of(ticket) && word.full != filling;
        return !ready && claimed(at, word) <= lap_of(ticket);
    }

  private:
    /// Which end of the queue an operation works at.
    enum class end : u8 { tail, head };

    /// An element in its word.
    struct found {
        memory::target to = {};
        u64 node = 0;
    };

    /// A walk from a hint to the ticket that is next at one end.
    struct walk {
        u64 ticket;
        bool patient;
        u64 steps = 0;
        u64 losses = 0;
    };

    [[nodiscard]] u64 slot_of(u64 ticket) const noexcept { return ticket & (in.capacity - 1); }
    [[nodiscard]] u64 lap_of(u64 ticket) const noexcept {
        return in.packing().cut(ticket >> std::countr_zero(in.capacity));
    }

    /// How many tickets of a word were claimed at `at`.
    [[nodiscard]] static u64 claimed(end at, const memory::word_parts& word) noexcept {
        return word.lap + (at == end::tail && word.full ? 1 : 0);
    }

    /// The next ticket at `at`, found by bisection: never one whose predecessor was not claimed.
    [[gnu::cold, gnu::noinline]] u64 locate(end at) const noexcept {
        return first_unclaimed(in.capacity, [&](u64 i) {
            return claimed(at, in.packing().unpack(memory::look(in.words[slot_of(i)])));
        });
    }

    /// Ends a walk that took more steps than words in good order make it take.
    [[nodiscard]] tried bound(const walk& at) const noexcept {
        return at.steps > in.nodes() + 8 * stale ? tried::corrupt : tried::done;
    }

    /// Moves a walk past a word in which its ticket was claimed already.
    [[nodiscard]] tried step(end which, walk& at, u64 slot, const memory::word_parts& word) const noexcept {
        at.steps += 1;
        if (at.steps % stale == 0) {
            if (bound(at) == tried::corrupt) {
                return tried::corrupt;
            }
            at.ticket = locate(which);
        } else {
            at.ticket = (claimed(which, word) - 1) * in.capacity + slot + 1;
        }
        return tried::done;
    }

    /// A walk met a word of an earlier lap: the end of the queue, or a hint that no program of ours left.
    [[nodiscard]] tried behind(end which, walk& at) const noexcept {
        const u64 before = at.ticket - 1;
        if (at.ticket == 0) {
            return tried::none;
        }
        const auto word = in.packing().unpack(memory::look(in.words[slot_of(before)]));
        if (claimed(which, word) > lap_of(before)) {
            return tried::none;
        }
        at.steps += stale;
        at.ticket = locate(which);
        return bound(at);
    }

    /// As `behind`; at the end of the queue a patient walk lets the other side get ahead for a moment, if that paid
    /// before, and has its caller look once more.
    [[nodiscard]] tried behind_or_pause(end which, walk& at, const memory::own_lane& own) const noexcept {
        const tried result = behind(which, at);
        if (result == tried::none && at.patient) {
            at.patient = false;
            const u64 pauses = own.pauses_at_end(which == end::tail, at.ticket);
            for (u64 i = 0; i < pauses; ++i) {
                posix::spin();
            }
            return pauses > 0 ? tried::done : result;
        }
        return result;
    }

    [[nodiscard]] static tried lost(walk& at) noexcept {
        at.losses += 1;  // somebody else's exchange succeeded: system-wide progress
        return at.losses > memory::patience ? tried::corrupt : tried::done;
    }

    /// Brings in what the next pushes will write, while there is time: a store that waits for its line holds up the
    /// compare-and-swap behind it.
    void fetch_ahead(u64 ticket) const noexcept {
        __builtin_prefetch(&in.words[slot_of(ticket + 2 * ahead)], 1);
        const u64 slot = slot_of(ticket + ahead);
        const u64 named = in.packing().unpack(memory::at(in.words[slot]).load(memory::relaxed)).node;  // only a hint
        cells.prefetch_write(named ^ slot);  // a word's home is its own number
    }

    [[nodiscard]] tried push_node(const memory::own_lane& own, u64 spare, bool patient) const noexcept {
        own.record->enter(in.where);
        const tried done = push_walking(own, spare, patient);
        own.record->close(phase::idle);
        return done;
    }

    /// Pushes what the lane's node `spare` holds, from the hint to wherever the tail is.
    [[nodiscard]] tried push_walking(const memory::own_lane& own, u64 spare, bool patient) const noexcept {
        own.record->announce(phase::filling);
        walk at{hint(*tail), patient};
        for (;;) {
            u64 slot = 0;
            memory::word_parts word;
            const auto wake = [this] {
                in.signals->filled.ring();
                return true;
            };
            const tried pushed = try_push(own, spare, at.ticket, wake, slot, word);
            tried next = pushed;
            if (pushed == tried::lost) {
                own.record->close(phase::filling);
                next = lost(at);
            } else if (pushed == tried::elsewhere && claimed(end::tail, word) > lap_of(at.ticket)) {
                next = step(end::tail, at, slot, word);
            } else if (pushed == tried::elsewhere) {
                next = behind_or_pause(end::tail, at, own);
            }
            if (pushed == tried::done || next != tried::done) {
                return next;
            }
        }
    }

    /// Pushes into the word of `ticket`, if it waits for that; else says what the word is.
    template <class Wake>
    [[nodiscard]] tried try_push(const memory::own_lane& own, u64 spare, u64 ticket, Wake wake, u64& slot,
                                 memory::word_parts& word) const noexcept {
        slot = slot_of(ticket);
        const u64 old = memory::at(in.words[slot]).load(memory::acquire);  // (A)
        if (!in.packing().says(old, lap_of(ticket), false)) {
            word = in.packing().unpack(old);
            return tried::elsewhere;
        }
        const memory::target to{phase::push, ticket, slot, &in.words[slot], old};
        if (!in.swap_if(own, to, in.after(to, spare), in.named(slot, old), wake)) {
            return tried::lost;
        }
        set_hint(*tail, ticket + 1);
        return tried::done;
    }

    /// The element of `ticket`; else says what the word is.
    [[nodiscard]] bool find(u64 ticket, found& here, u64& slot, memory::word_parts& word) const noexcept {
        slot = slot_of(ticket);
        const u64 old = memory::at(in.words[slot]).load(memory::acquire);  // (A)
        if (!in.packing().says(old, lap_of(ticket), true)) {
            word = in.packing().unpack(old);
            return false;
        }
        here = {{phase::take, ticket, slot, &in.words[slot], old}, in.named(slot, old)};
        return true;
    }

    /// Copies the element out and empties its word.
    template <class Wake>
    [[nodiscard]] tried leave_copy(const found& here, T& out, Wake wake) const noexcept {
        if (!cells.load(here.node, out)) {
            return tried::corrupt;
        }
        if (!wake()) {
            return tried::lost;
        }
        const auto pack = in.packing();
        const memory::word_parts word = pack.unpack(here.to.old);
        const u64 emptied = pack.pack({pack.cut(word.lap + 1), false, word.node});
        if (!memory::replace(*here.to.place, here.to.old, emptied)) {
            return tried::lost;  // (A): the copy is thrown away
        }
        if constexpr (seeded(bug::copy_after_release)) {
            posix::yield();
            (void)cells.load(here.node, out);
        }
        return tried::done;
    }

    /// Pops through `leave`, from the hint to wherever the head is.
    template <class Leave>
    [[nodiscard]] tried pop_walking(const memory::own_lane& own, bool patient, Leave leave) const noexcept {
        walk at{hint(*head), patient};
        for (;;) {
            found here;
            u64 slot = 0;
            memory::word_parts word;
            tried next = tried::done;
            if (find(at.ticket, here, slot, word)) {
                const tried left = leave(here);
                if (left == tried::done) {
                    set_hint(*head, at.ticket + 1);
                    return left;
                }
                next = left == tried::lost ? lost(at) : left;
            } else if (word.lap > lap_of(at.ticket)) {
                next = step(end::head, at, slot, word);
            } else {
                next = behind_or_pause(end::head, at, own);
            }
            if (next != tried::done) {
                return next;
            }
        }
    }

    /// The next element, through `leave`: one that came back first.
    template <class Leave>
    [[nodiscard]] tried next(const memory::own_lane& own, bool patient, Leave leave) const noexcept {
        if (const auto seen = in.signals->returned()) {
            const tried left = leave_shelves(*seen, leave);
            if (left != tried::none) {
                return left;
            }
        }
        return pop_walking(own, patient, leave);
    }

    [[nodiscard]] tried take_announced(const memory::own_lane& own) const noexcept {
        const u64 spare = in.spare(own);
        if (spare == memory::no_node) {
            return tried::corrupt;
        }
        const auto leave = [&](const found& here) {
            const u64 node = in.check(here.node);  // it becomes the lane's
            if (node == memory::no_node) {
                return tried::corrupt;
            }
            const bool done = in.swap_if(own, here.to, in.after(here.to, spare), node, [this] {
                in.signals->emptied.ring();
                return true;
            });
            if (!done) {
                own.record->close(phase::emptying);
            }
            return done ? tried::done : tried::lost;
        };
        // the lane's own shelf must be free, in case this element comes back
        const tried shelved = leave_shelf(own.lane, leave);
        return shelved == tried::none ? next(own, true, leave) : shelved;
    }

    /// An element from the shelf of lane `owner`.
    template <class Leave>
    [[nodiscard]] tried leave_shelf(u64 owner, Leave leave) const noexcept {
        const u64 shelf = in.shelf(owner);
        u64& place = *in.word(shelf);
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const u64 old = memory::at(place).load(memory::acquire);  // (A)
            const memory::word_parts word = in.packing().unpack(old);
            if (!word.full) {
                return tried::none;
            }
            const u64 node = in.node_in(shelf, old);
            if (node == memory::no_node) {
                return tried::corrupt;
            }
            const tried left =
                leave(found{{phase::reclaim, word.lap * memory::max_lanes + owner, shelf, &place, old}, node});
            if (left != tried::lost) {
                return left;
            }
        }
        return tried::corrupt;
    }

    /// An element from any shelf; takes the hint `seen` back where there is none.
    template <class Leave>
    [[gnu::cold, gnu::noinline]] tried leave_shelves(u64 seen, Leave leave) const noexcept {
        const bool under_way = memory::is_return_under_way(in);
        for (u64 owner = 0; owner < in.lanes; ++owner) {
            const tried left = leave_shelf(owner, leave);
            if (left != tried::none) {
                return left;
            }
        }
        if (!under_way) {
            in.signals->clear_returned(seen);
        }
        return tried::none;
    }
};

}  // namespace shm::structures
