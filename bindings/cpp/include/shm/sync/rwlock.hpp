// `rwlock<T>`: a value that many read at a time, or one changes.
//
//     0x000  freed    event, 8 bytes         those who wait for the writer
//     0x008  word     8 bytes, to 64         {generation, done, doubtful, leaving, owner}: the writer
//     0x040  left     event, to 64           the writer, who waits for readers
//     0x080  readers  128 bytes × L          {generation, awaited, leaving, count}, one for each participant
//            value    size of T
//
// | if a process dies at                  | what survivors see                                        | who repairs it                  |
// |---------------------------------------|-----------------------------------------------------------|---------------------------------|
// | before it has the lock                | nothing, or a reader too many, or as below                | the next writer                 |
// | reading                               | a reader too many                                         | the next writer, within 50 ms   |
// | as the writer, from the word on       | `owner_died` for all until it is settled                  | the next owner                  |
// | unlocking as the writer               | the value is whole, and nobody is told anything           | the next who wants the lock     |
// | stopped with the lock                 | it is locked                                              | SIGCONT or death                |
//
// The algorithms are in `lock.hpp` (the writer) and `readers.hpp`.
//
// Writers come first: a reader that comes while a writer has the lock or waits for readers waits behind it. So a thread that
// reads must not ask to read again: if a writer came in between, the two wait for each other. Blocking: an owner who is
// stopped holds up all who wait for it. A death holds nobody up for longer than 50 ms.
#pragma once

#include "guard.hpp"
#include "readers.hpp"

namespace shm {

/// A value in shared memory that many read at a time, or one changes, in any process.
template <element T>
class rwlock : public sync::locking<T> {
    using base = sync::locking<T>;

  public:
    static constexpr std::string_view kind = "RwLock";
    static constexpr std::array<u64, 0> capacities{};
    static constexpr bool has_lanes = true;
    [[nodiscard]] static constexpr layout::extent extent(u64 lanes) noexcept {
        constexpr auto of = layout::numbers_of<T>();
        return layout::dense({}, layout::line_bytes * (1 + lanes), layout::larger(layout::cell_align, of.align), 1, of.size,
                             layout::larger(layout::line_bytes, of.align));
    }

    class read_guard;
    using write_guard = typename base::guard;

    /// Reads, and waits as long as that takes: `owner_died`, with the guard inside, where the value may be half changed.
    /// Blocking, until the writers before unlock or die.
    [[nodiscard]] locked<read_guard> read() const {
        for (;;) {
            auto got = read_wait(memory::duration::max());
            if (got || !(got.error() == reason::timed_out)) {
                return got;
            }
        }
    }
    /// Reads, if no writer who lives has the lock or waits for readers; else `would_block`, also where this process has
    /// 65,535 readers. Lock-free.
    [[nodiscard]] locked<read_guard> try_read() const {
        if (!this->is_writable()) {
            return this->template not_here<read_guard>();
        }
        return reading(enter_past_the_dead(), reason::would_block);
    }
    /// Reads, and waits up to `timeout`. Blocking, until the writers before unlock or die, or the time is up.
    [[nodiscard]] locked<read_guard> read_wait(memory::duration timeout) const {
        if (!this->is_writable()) {
            return this->template not_here<read_guard>();
        }
        const auto entered = memory::wait_until(timeout, [this] { return enter(); }, [this](memory::duration left) {
            sync::round(this->attached(), [&](memory::owner me) { this->word().wait_round(me, left); });
            return true;
        });
        return reading(entered ? entered : enter_past_the_dead(), reason::timed_out);  // whatever the time was
    }

    /// Locks for writing, and waits as long as that takes: `owner_died`, with the guard inside, where it is locked and the
    /// value may be half changed. Blocking, until the writers and readers before unlock or die. A thread that has the lock
    /// waits for ever.
    [[nodiscard]] locked<write_guard> write() const {
        for (;;) {
            auto got = write_wait(memory::duration::max());
            if (got || !(got.error() == reason::timed_out)) {
                return got;
            }
        }
    }
    /// Locks for writing, if nobody who lives has the lock; else `would_block`. Lock-free. For a moment it may keep others
    /// from the lock that it does not get itself.
    [[nodiscard]] locked<write_guard> try_write() const {
        if (!this->is_writable()) {
            return this->template not_here<write_guard>();
        }
        auto mine = sync::ownership::acquire(this->word());
        if (mine && !is_clear()) {
            mine.reset();
        }
        return writing(std::move(mine), reason::would_block);
    }
    /// Locks for writing, and waits up to `timeout`. Blocking, until the writers and readers before unlock or die, or the time
    /// is up.
    [[nodiscard]] locked<write_guard> write_wait(memory::duration timeout) const {
        if (!this->is_writable()) {
            return this->template not_here<write_guard>();
        }
        const auto start = std::chrono::steady_clock::now();
        auto mine = sync::ownership::acquire_wait(this->word(), timeout, [] { return false; });
        const memory::duration gone = std::chrono::steady_clock::now() - start;
        if (mine && !drain(timeout > gone ? timeout - gone : memory::duration::zero())) {
            mine.reset();
        }
        return writing(std::move(mine), reason::timed_out);
    }

    /// How many readers there are, those of the dead that no writer has met yet included. Wait-free, in the number of lanes;
    /// works on read-only attachments.
    [[nodiscard]] u64 readers() const noexcept { return this->is_open() ? counts().count() : 0; }

  private:
    /// What a reader found.
    struct reader {
        memory::identity me;
        bool is_doubtful;
    };

    [[nodiscard]] sync::readers counts() const noexcept {
        return {this->template part<sync::reader_line>(layout::line_bytes), this->lane_count(),
                this->template part<memory::event>(layout::cell_align), &this->attached()};
    }
    [[nodiscard]] memory::cells<T> cells() const noexcept { return this->value(extent(this->lane_count()).cells); }
    [[nodiscard]] u64 stamp() const noexcept { return memory::at(this->attached().local().stamp).load(memory::relaxed); }

    /// Counts a reader, if there is no writer.
    [[nodiscard]] std::optional<reader> enter() const {
        const memory::identity me = this->attached().registered();
        const auto now = me.is_nobody() ? std::nullopt : counts().read(me, this->word());
        return now ? std::optional(reader{me, now->is_doubtful()}) : std::nullopt;
    }
    /// Counts a reader, if there is no writer who lives.
    [[nodiscard]] std::optional<reader> enter_past_the_dead() const {
        for (int tries = 0; tries < 64; ++tries) {
            if (const auto done = enter()) {
                return done;
            }
            const memory::owner me = sync::me(this->attached());
            if (me.is_nobody() || !this->word().sweep(me)) {
                break;
            }
        }
        return std::nullopt;
    }
    /// Whether there are no readers who live.
    [[nodiscard]] bool is_clear() const {
        const auto all = counts();
        if (all.is_clear()) {
            return true;
        }
        all.sweep();
        return all.is_clear();
    }
    /// Waits until the readers are gone; the lock's word is ours.
    [[nodiscard]] bool drain(memory::duration timeout) const {
        const auto all = counts();
        const bool clear = memory::wait_until(timeout, [&] { return all.is_clear(); }, [&](memory::duration left) {
            all.wait_round(left);
            return true;
        });
        return clear || is_clear();  // whatever the time was: nobody is told that the dead read
    }
    [[nodiscard]] locked<write_guard> writing(std::optional<sync::ownership> mine, reason otherwise) const {
        return this->opened(std::move(mine), extent(this->lane_count()).cells, otherwise);
    }
    [[nodiscard]] locked<read_guard> reading(const std::optional<reader>& got, reason otherwise) const {
        if (!got) {
            return this->template refused<read_guard>(otherwise);
        }
        read_guard made(*this, got->me);
        return got->is_doubtful ? this->died(std::move(made)) : locked<read_guard>(std::move(made));
    }
};

/// A value that nobody changes, until this goes. Void in a forked child, whose parent reads.
template <element T>
class rwlock<T>::read_guard {
  public:
    read_guard(read_guard&& from) noexcept
        : of(std::move(from.of)), me(from.me), stamp(std::exchange(from.stamp, 0)) {}
    read_guard& operator=(read_guard&& from) noexcept {
        std::swap(of, from.of);
        std::swap(me, from.me);
        std::swap(stamp, from.stamp);
        return *this;
    }
    read_guard(const read_guard&) = delete;
    read_guard& operator=(const read_guard&) = delete;
    ~read_guard() {
        if (is_held() && !of.counts().leave(me)) {
            (void)of.corrupt();  // it is not counted any more
        }
    }

    /// A copy of the value.
    [[nodiscard]] outcome<T> get() const noexcept {
        T copy = {};
        return is_held() && of.cells().load(0, copy) ? outcome<T>(copy)
                                                     : outcome<T>(unexpected{of.refuse(reason::not_held)});
    }

  private:
    friend class rwlock;
    read_guard(rwlock from, memory::identity who) noexcept : of(std::move(from)), me(who), stamp(of.stamp()) {}
    [[nodiscard]] bool is_held() const noexcept { return stamp != 0 && of.stamp() == stamp; }

    rwlock of;
    memory::identity me;
    u64 stamp;
};

}  // namespace shm
