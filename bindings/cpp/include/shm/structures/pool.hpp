// `pool<T, N>`: objects on lease, which come back when their holder dies. `semaphore<N>`: the same without objects.
//
// An object belongs to the attachment that acquired it until that gives it back or is dead. Its handle is plain data, so it
// can travel through a queue or lie in a struct; everybody can read the object through it as long as this very lease lasts,
// and gets nothing afterwards.
//
//     0x000  freed    event, 64 bytes         sleepers
//     0x040  words    8 bytes × N             {generation, leaving, owner}
//            objects  size of T × N           at a multiple of 64
//
// | if a process dies at                  | what survivors see                                        | who repairs it                        |
// |---------------------------------------|-----------------------------------------------------------|---------------------------------------|
// | looking for a free object             | nothing                                                   | nobody needs to                       |
// | holding an object                     | it is leased, and what was written last can be read       | who finds none free, or sleeps for one |
// | writing an object                     | the same; one of more than 8 bytes may be half written    | as above                              |
// | giving it back                        | it is leased or free                                      | as above                              |
// | stopped for ever                      | it keeps what it has                                      | SIGCONT or death                      |
//
// The algorithm is in `memory/leases.hpp`.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/handle.hpp"
#include "../memory/leases.hpp"

namespace shm {

namespace structures {

/// What pools and semaphores have in common: `N` words on lease behind a head.
template <u64 N>
class leasing : public memory::handle {
  protected:
    [[nodiscard]] memory::leases leases() const noexcept {
        return {part<u64>(layout::cell_align), N, part<memory::event>(0), &attached()};
    }

    /// A lease, and who has it.
    struct taken {
        memory::lease lease;
        u64 stamp;
    };

    /// Leases a word: `empty` where none is free. One of the dead will do, if they are to be asked for.
    [[nodiscard]] outcome<taken> take(bool asks = true) const {
        if (!is_writable()) {
            return unwritable();
        }
        const memory::identity own = attached().registered();
        if (own.is_nobody()) {
            return unexpected{refuse(reason::no_lane)};
        }
        const auto me = memory::owner::of(own);
        const u64 from = own.slot() % N;  // so that processes do not all try the same first
        const auto got = asks ? leases().acquire(me, from) : leases().acquire_free(me, from);
        if (!got) {
            return unexpected{refuse(reason::empty, 0, 1, N)};
        }
        return taken{*got, memory::at(attached().local().stamp).load(memory::relaxed)};
    }

    /// As `take`, and waits up to `timeout` for one.
    [[nodiscard]] outcome<taken> take_wait(memory::duration timeout) const {
        const auto got = memory::wait_until(
            timeout, [this] { return take(false); },
            [this](memory::duration left) {
                if (!is_writable()) {
                    return false;
                }
                leases().wait_round(memory::owner::of(attached().registered()), left);
                return true;
            });
        if (got || !(got.error() == reason::empty)) {
            return got;
        }
        const auto last = take();
        return last ? last : outcome<taken>(unexpected{refuse(reason::timed_out)});
    }

    /// Whether a lease is not over: not in a forked child, whose parent has it.
    [[nodiscard]] bool holds(const taken& of) const noexcept {
        return is_open() && memory::at(attached().local().stamp).load(memory::relaxed) == of.stamp &&
               leases().holds(of.lease);
    }
};

}  // namespace structures

/// Objects on lease.
template <element T, u64 N>
class pool : public structures::leasing<N> {
    static_assert(N > 0 && N <= u64{1} << 28, "a pool has 1 to 2^28 objects");
    using base = structures::leasing<N>;
    using taken = typename base::taken;

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Pool";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::pooled(layout::numbers_of<T>(), N); }

    class held;

    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }
    /// How many objects are free, the dead one's not counted.
    [[nodiscard]] u64 available() const noexcept { return this->is_open() ? N - this->leases().leased() : 0; }

    /// An object on lease: `empty` where none is free. Lock-free.
    [[nodiscard]] outcome<held> acquire() const { return of(this->take()); }
    /// The same, and waits up to `timeout` for one. Blocking; a holder's death is noticed within 50 ms.
    [[nodiscard]] outcome<held> acquire_wait(memory::duration timeout) const { return of(this->take_wait(timeout)); }

    /// What the object has that a handle names; none where that lease is over. Works on read-only attachments.
    [[nodiscard]] outcome<std::optional<T>> get(u64 named) const noexcept {
        if (!this->is_open()) {
            return unexpected{this->refuse(reason::closed)};
        }
        const u64 index = named & ((u64{1} << 28) - 1);
        const u64 generation = named >> 28;
        if (index >= N) {
            return std::optional<T>();
        }
        u64& word = *this->template part<u64>(layout::cell_align + index * 8);
        T value = {};
        if (!memory::is_leased(word, generation) || !cells().load(index, value)) {
            return std::optional<T>();
        }
        memory::fence(memory::acquire);  // (N): the copy before the second look
        return memory::is_leased(word, generation) ? std::optional<T>(value) : std::optional<T>();
    }

  private:
    [[nodiscard]] memory::cells<T> cells() const noexcept { return {this->start() + extent(0).cells, N}; }
    [[nodiscard]] outcome<held> of(const outcome<taken>& got) const {
        return got ? outcome<held>(held(*this, *got)) : outcome<held>(unexpected{got.error()});
    }
};

/// An object that is leased; given back when it goes. Void in a forked child.
template <element T, u64 N>
class pool<T, N>::held {
  public:
    held(held&& from) noexcept : in(std::move(from.in)), mine(from.mine) {}
    held& operator=(held&& from) noexcept {
        std::swap(in, from.in);
        std::swap(mine, from.mine);
        return *this;
    }
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    ~held() {
        if (in.holds(mine)) {
            in.leases().give_back(mine.lease);
        }
    }

    /// Names the object, as long as this lease lasts, for everybody: `generation << 28 | index`.
    [[nodiscard]] u64 handle() const noexcept { return mine.lease.word.generation() << 28 | mine.lease.index; }
    /// The object: what its former holder left there, at first.
    [[nodiscard]] outcome<T> get() const noexcept {
        T value = {};
        return in.holds(mine) && in.cells().load(mine.lease.index, value)
                   ? outcome<T>(value)
                   : outcome<T>(unexpected{in.refuse(reason::not_held)});
    }
    /// Overwrites the object.
    outcome<void> write(const T& value) noexcept {
        return in.holds(mine) && in.cells().store(mine.lease.index, value)
                   ? outcome<void>()
                   : outcome<void>(unexpected{in.refuse(reason::not_held)});
    }

  private:
    friend class pool;
    held(pool from, const taken& got) noexcept : in(std::move(from)), mine(got) {}
    pool in;
    taken mine;
};

/// Permits, which come back when their holder dies.
template <u64 Permits>
class semaphore : public structures::leasing<Permits> {
    static_assert(Permits > 0, "a semaphore has permits");
    using taken = typename structures::leasing<Permits>::taken;

  public:
    using element_type = void;
    static constexpr std::string_view kind = "Semaphore";
    static constexpr std::array<u64, 1> capacities{Permits};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::words_behind_head(Permits); }

    class permit;

    /// How many permits are free, the dead one's not counted.
    [[nodiscard]] u64 available() const noexcept { return this->is_open() ? Permits - this->leases().leased() : 0; }
    /// A permit: `empty` where none is free. Lock-free.
    [[nodiscard]] outcome<permit> acquire() const { return of(this->take()); }
    /// The same, and waits up to `timeout` for one. Blocking; a holder's death is noticed within 50 ms.
    [[nodiscard]] outcome<permit> acquire_wait(memory::duration timeout) const { return of(this->take_wait(timeout)); }

    /// A permit; given back when it goes. Void in a forked child.
    class permit {
      public:
        permit(permit&& from) noexcept : in(std::move(from.in)), mine(from.mine) {}
        permit& operator=(permit&& from) noexcept {
            std::swap(in, from.in);
            std::swap(mine, from.mine);
            return *this;
        }
        permit(const permit&) = delete;
        permit& operator=(const permit&) = delete;
        ~permit() {
            if (in.holds(mine)) {
                in.leases().give_back(mine.lease);
            }
        }

      private:
        friend class semaphore;
        permit(semaphore from, const taken& got) noexcept : in(std::move(from)), mine(got) {}
        semaphore in;
        taken mine;
    };

  private:
    [[nodiscard]] outcome<permit> of(const outcome<taken>& got) const {
        return got ? outcome<permit>(permit(*this, *got)) : outcome<permit>(unexpected{got.error()});
    }
};

}  // namespace shm
