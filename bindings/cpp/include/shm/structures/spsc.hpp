// `spsc<T, N>`: a wait-free FIFO for one producer and one consumer.
//
// The two roles are exclusive and named: a role is held by an attachment, and is taken over only from the dead. Elements
// lie in place; there is nothing to recover.
//
//     0x000  tail      u64, alone on 128 bytes
//     0x080  producer  128 bytes: role u64, announced u32
//     0x100  head      u64, alone on 128 bytes
//     0x180  consumer  128 bytes: role u64, announced u32
//     0x200  signals   128 bytes: sleepers
//     0x280  elements  size of T × N
//
// | if a process dies at                           | what survivors see                                  | who repairs it  |
// |------------------------------------------------|-----------------------------------------------------|-----------------|
// | producer: element written, tail not stored     | nothing                                             | nobody needs to |
// | producer: tail stored                          | the element                                         | nobody needs to |
// | consumer: element copied, head not stored      | it is still there: the next consumer gets it        | nobody needs to |
// | holding a role                                 | the role is taken over by the next who claims it    | the claimer     |
// | announced                                      | sleepers look whether the role's holder lives       | nobody needs to |
// | stopped for ever                               | its role is not to be had; the other side goes on   | SIGCONT or death |
#pragma once

#include "role.hpp"
#include "spsc_ring.hpp"

#include <span>

namespace shm {

/// A wait-free FIFO in shared memory, for one producer and one consumer, each of which holds a role.
template <element T, u64 N>
class spsc : public memory::handle {
    static_assert(N > 0 && (N & (N - 1)) == 0, "the capacity of an spsc is a power of two");

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "Spsc";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept {
        constexpr auto of = layout::numbers_of<T>();
        return layout::dense({}, 5 * layout::line_bytes, layout::larger(layout::cell_align, of.align), N, of.size,
                             layout::larger(layout::line_bytes, of.align));
    }

    class producing;
    class consuming;
    class write_chunk;
    class read_chunk;

    /// Elements that there is room for.
    [[nodiscard]] static constexpr u64 capacity() noexcept { return N; }
    /// How many elements there are; none in a closed handle.
    [[nodiscard]] u64 size() const noexcept { return is_open() ? ring().len() : 0; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    /// The producer's role: `role_taken` where somebody alive has it.
    [[nodiscard]] outcome<producing> producer() const {
        return claim<producing>(true);
    }
    /// The consumer's role: `role_taken` where somebody alive has it.
    [[nodiscard]] outcome<consuming> consumer() const {
        return claim<consuming>(false);
    }

  private:
    /// A role, and the queue that it is about.
    struct held {
        spsc of;
        structures::role role;
        structures::memo memo;
        structures::trust trust;

        /// Tries until it succeeds or the time is up, and sleeps in between.
        template <class Attempt>
        auto wait(bool filling, memory::duration timeout, Attempt attempt) -> decltype(attempt()) {
            return memory::wait_until(timeout, attempt, [&](memory::duration left) {
                if (!role.is_held()) {
                    return false;
                }
                const auto on = of.ring();
                structures::side& other = filling ? *on.consumer : *on.producer;
                on.wait_round(filling, trust, left,
                              [&] { return structures::role::is_taken(other.role, of.attached()); });
                return role.is_held();
            });
        }
        [[nodiscard]] unexpected<fault> refuse(reason why) const noexcept {
            return unexpected{of.handle::refuse(role.is_held() ? why : reason::not_held, 0, 1, N)};
        }
        /// Why place `i` of a chunk of `len` is not to be had.
        [[nodiscard]] fault refuse_place(u64 i, u64 len) const noexcept {
            return of.handle::refuse(role.is_held() ? reason::out_of_range : reason::not_held, i, 1, len);
        }
    };

    [[nodiscard]] structures::spsc_ring<T> ring() const noexcept {
        const auto parts = extent(0);
        return {part<structures::side>(0), part<structures::side>(sizeof(structures::side)),
                part<memory::signals>(2 * sizeof(structures::side)), {start() + parts.cells, N}};
    }

    template <class Role>
    [[nodiscard]] outcome<Role> claim(bool filling) const {
        if (!is_writable()) {
            return unwritable();
        }
        const auto on = ring();
        auto claimed = structures::role::claim((filling ? on.producer : on.consumer)->role, attached());
        if (!claimed) {
            return unexpected{refuse(reason::role_taken, claimed.error().pid)};
        }
        on.welcome();
        return Role(held{*this, std::move(*claimed), filling ? on.producer_memo() : on.consumer_memo(), {}});
    }
};

/// The producer's role, given back when it goes. Used by one thread at a time. In a forked child the parent's is void.
template <element T, u64 N>
class spsc<T, N>::producing {
  public:
    /// Pushes `value`: `full` where there was no room. Wait-free.
    outcome<void> push(const T& value) noexcept {
        return in.role.is_held() && in.of.ring().push(in.memo, value) ? outcome<void>()
                                                                      : outcome<void>(in.refuse(reason::full));
    }
    /// Pushes a prefix of `values` at once, and says how many: as many as there is room for when it looks. Wait-free.
    outcome<u64> push_slice(std::span<const T> values) noexcept {
        return in.role.is_held() ? outcome<u64>(in.of.ring().push_run(in.memo, values.data(), values.size()))
                                 : outcome<u64>(in.refuse(reason::not_held));
    }
    /// Pushes `value`, and waits up to `timeout` for room. Blocking, until there is room.
    outcome<void> push_wait(const T& value, memory::duration timeout) {
        return in.wait(true, timeout, [&] { return push(value); });
    }
    /// Free places to write elements in, `count` of them if there are; they are pushed together by `commit`. Wait-free.
    [[nodiscard]] write_chunk chunk(u64 count) noexcept;

  private:
    friend class spsc;
    explicit producing(held of) noexcept : in(std::move(of)) {}
    held in;
};

/// The consumer's role, given back when it goes. Used by one thread at a time. In a forked child the parent's is void.
template <element T, u64 N>
class spsc<T, N>::consuming {
  public:
    /// Pops the oldest element: `empty` where there was none. Wait-free.
    [[nodiscard]] outcome<T> pop() noexcept {
        T value = {};
        return in.role.is_held() && in.of.ring().pop(in.memo, value) ? outcome<T>(value)
                                                                     : outcome<T>(in.refuse(reason::empty));
    }
    /// Pops into a prefix of `out` at once, and says how many: as many as there are when it looks. Wait-free.
    outcome<u64> pop_slice(std::span<T> out) noexcept {
        return in.role.is_held() ? outcome<u64>(in.of.ring().pop_run(in.memo, out.data(), out.size()))
                                 : outcome<u64>(in.refuse(reason::not_held));
    }
    /// Pops the oldest element, and waits up to `timeout` for one. Blocking, until there is an element.
    [[nodiscard]] outcome<T> pop_wait(memory::duration timeout) {
        auto popped = in.wait(false, timeout, [&] { return pop(); });
        return !popped && popped.error() == reason::empty ? in.refuse(reason::timed_out) : popped;
    }
    /// The oldest elements, `count` of them if there are, to be read where they are; `commit` pops them. Wait-free.
    [[nodiscard]] read_chunk chunk(u64 count) noexcept;

  private:
    friend class spsc;
    explicit consuming(held of) noexcept : in(std::move(of)) {}
    held in;
};

/// Places that the producer may write, and then pushes together by one store. One at a time; void once the role goes, or in a
/// forked child.
template <element T, u64 N>
class spsc<T, N>::write_chunk {
  public:
    /// How many places there are.
    [[nodiscard]] u64 size() const noexcept { return len; }
    [[nodiscard]] bool empty() const noexcept { return len == 0; }

    /// Writes place `i`.
    outcome<void> set(u64 i, const T& value) noexcept {
        if (i >= len || !in->role.is_held()) {
            return unexpected{in->refuse_place(i, len)};
        }
        in->of.ring().write(in->memo, i, value);
        return {};
    }
    /// Pushes the first `count`, and ends the chunk. Those that were not written hold what was there before. Wait-free.
    outcome<void> commit(u64 count) noexcept {
        if (count > len || !in->role.is_held()) {
            return unexpected{in->refuse_place(count, len)};
        }
        len = 0;
        in->of.ring().publish(in->memo, count);
        return {};
    }

  private:
    friend class producing;
    write_chunk(held* of, u64 places) noexcept : in(of), len(places) {}
    held* in;
    u64 len;
};

/// Elements that the consumer may read, and then pops together by one store; those that it does not stay. As `write_chunk`.
template <element T, u64 N>
class spsc<T, N>::read_chunk {
  public:
    /// How many elements there are.
    [[nodiscard]] u64 size() const noexcept { return len; }
    [[nodiscard]] bool empty() const noexcept { return len == 0; }

    /// Element `i`.
    [[nodiscard]] outcome<T> get(u64 i) const noexcept {
        T value = {};
        return i < len && in->role.is_held() && in->of.ring().read(in->memo, i, value)
                   ? outcome<T>(value)
                   : outcome<T>(unexpected{in->refuse_place(i, len)});
    }
    /// Pops the first `count`, and ends the chunk. Wait-free.
    outcome<void> commit(u64 count) noexcept {
        if (count > len || !in->role.is_held()) {
            return unexpected{in->refuse_place(count, len)};
        }
        len = 0;
        in->of.ring().give_back(in->memo, count);
        return {};
    }

  private:
    friend class consuming;
    read_chunk(held* of, u64 elements) noexcept : in(of), len(elements) {}
    held* in;
    u64 len;
};

template <element T, u64 N>
typename spsc<T, N>::write_chunk spsc<T, N>::producing::chunk(u64 count) noexcept {
    count = std::min(count, N);
    return {&in, in.role.is_held() ? std::min(count, in.of.ring().room(in.memo, count)) : 0};
}

template <element T, u64 N>
typename spsc<T, N>::read_chunk spsc<T, N>::consuming::chunk(u64 count) noexcept {
    count = std::min(count, N);
    return {&in, in.role.is_held() ? std::min(count, in.of.ring().filled(in.memo, count)) : 0};
}

}  // namespace shm
