// `versioned_array<T, N>`: whole frames in three buffers. One writer; readers that see a whole frame or know that they did
// not.
//
// Frames are numbered, and frame `f` lies in buffer `f mod 3`. The number of the last one that was published is the truth,
// and its store is the moment of publication. Each buffer bears the stamp of the frame that it holds, all ones while it is
// written. A reader reads the number, reads the buffer in place, and looks at the stamp. It is overtaken only if two more
// frames came out while it read.
//
//     0x000  frame    u64, alone on 128 bytes       number of the latest frame, 0 before the first
//     0x080  writer   role u64, announced u32, to 128 bytes
//     0x100  signals  128 bytes
//     0x180  buffers  3 × { stamp u64, alone on 128 bytes; elements, size of T × N, to a multiple of 128 }
//
// | if a process dies at                            | what is in memory                   | who repairs it                           |
// |-------------------------------------------------|-------------------------------------|------------------------------------------|
// | writer: buffer marked, written, stamped         | the frame before                    | the next writer writes the same buffer   |
// | writer: number stored                           | the new frame                       | nobody needs to                          |
// | writer: announced                               | sleepers look whether it lives      | the next writer withdraws it             |
// | reader, anywhere                                | nothing                             | nobody needs to                          |
// | writer stopped for ever                         | no other writer                     | SIGCONT or death                         |
//
// Ordering:
// (W) publish.frame -> version: the frame and its stamp are visible to whoever sees its number; and publish.announced ->
//     is_announced: the number is visible to whoever sees that it is not announced any more.
// (D) begin -> is_still: see `memory/stamp.hpp`.
// (R) begin -> try_copy: whoever sees a buffer's mark sees that the frame which it held is not the latest.
#pragma once

#include "../memory/cell.hpp"
#include "../memory/exchange.hpp"
#include "../memory/stamp.hpp"
#include "role.hpp"

#include <span>

namespace shm {

/// The latest of whole frames of `N` elements, by one writer.
template <element T, u64 N>
class versioned_array : public memory::handle {
    static_assert(N > 0, "a frame has elements");

  public:
    using element_type = T;
    using value_type = T;
    static constexpr std::string_view kind = "VersionedArray";
    static constexpr std::array<u64, 1> capacities{N};
    static constexpr bool has_lanes = false;
    [[nodiscard]] static constexpr layout::extent extent(u64) noexcept { return layout::frames(layout::numbers_of<T>(), N); }

    class frame_writer;
    class snapshot;

    /// Elements of a frame.
    [[nodiscard]] static constexpr u64 size() noexcept { return N; }

    /// The number of the latest frame; zero before the first, and for a closed handle. Wait-free.
    [[nodiscard]] u64 version() const noexcept { return is_open() ? memory::look(*frame_word()) : 0; }  // (W)

    /// Copies the latest frame into `out`, which has its size; its number. Lock-free; works on read-only attachments.
    outcome<u64> read_into(std::span<T> out) const noexcept {
        if (!is_open() || out.size() != N) {
            return wrong_frame(out.size());
        }
        for (u64 tries = 0; tries < memory::patience; ++tries) {
            const auto copied = try_read_into(out);
            if (copied || !(copied.error() == reason::outrun)) {
                return copied;
            }
            // two more frames: progress
        }
        return corrupt();
    }

    /// One attempt to copy the latest frame: `outrun` where the writer came back to its buffer. Wait-free.
    outcome<u64> try_read_into(std::span<T> out) const noexcept {
        if (!is_open() || out.size() != N) {
            return wrong_frame(out.size());
        }
        const u64 frame = version();
        memory::stamp& stamp = stamp_of(frame);
        constexpr u64 part_len = (16384 / sizeof(T)) > 0 ? 16384 / sizeof(T) : 1;
        for (u64 at = 0; at < N && (at == 0 || stamp.is(frame)); at += part_len) {  // a hint: no use to go on
            cells_of(frame).load_run(at, out.data() + at, std::min(part_len, N - at));
        }
        if (stamp.is_still(frame)) {
            return frame;
        }
        memory::fence(memory::acquire);  // (R)
        return version() == frame ? corrupt() : unexpected{refuse(reason::outrun)};
    }

    /// The latest frame, to be read where it lies: nothing is copied, and nobody is kept from writing. Wait-free; works on
    /// read-only attachments.
    [[nodiscard]] outcome<snapshot> latest() const noexcept {
        return is_open() ? outcome<snapshot>(snapshot(*this, version())) : outcome<snapshot>(unexpected{refuse(reason::closed)});
    }

    /// The role of the writer: `role_taken` where somebody alive has it.
    [[nodiscard]] outcome<frame_writer> writer() const {
        if (!is_writable()) {
            return unwritable();
        }
        auto claimed = structures::role::claim(*part<u64>(layout::line_bytes), attached());
        if (!claimed) {
            return unexpected{refuse(reason::role_taken, claimed.error().pid)};
        }
        memory::at(announced_word()).store(0, memory::relaxed);  // by who died in the middle; the holder alone writes it
        const u64 latest = memory::at(*frame_word()).load(memory::relaxed);  // handed over by the role: (H)
        return frame_writer(*this, std::move(*claimed), latest);
    }

    /// The number of the latest frame, once it is not `last` any more; waits up to `timeout` for that. Blocking; a writer
    /// killed while it publishes loses no wake-up.
    [[nodiscard]] outcome<u64> wait_change(u64 last, memory::duration timeout) const {
        if (!is_open()) {
            return unexpected{refuse(reason::closed)};
        }
        const auto attempt = [&]() -> outcome<u64> {
            const u64 now = version();
            return now != last ? outcome<u64>(now) : outcome<u64>(unexpected{refuse(reason::timed_out)});
        };
        const auto is_announced = [&] {
            return memory::at(announced_word()).load(memory::acquire) != 0 &&  // (W): what was announced is out by then
                   structures::role::is_taken(*part<u64>(layout::line_bytes), attached());
        };
        return memory::wait_until(timeout, attempt, [&](memory::duration left) {
            wait_round(signals().filled, left, is_announced, [&] { return version() == last; });
            return true;
        });
    }

  private:
    [[nodiscard]] u64* frame_word() const noexcept { return part<u64>(0); }
    [[nodiscard]] u32& announced_word() const noexcept { return *part<u32>(layout::line_bytes + 8); }
    [[nodiscard]] memory::signals& signals() const noexcept { return *part<memory::signals>(2 * layout::line_bytes); }
    [[nodiscard]] memory::stamp& stamp_of(u64 frame) const noexcept {
        constexpr auto parts = extent(0);
        return *part<memory::stamp>(parts.cells + frame % 3 * parts.stride);
    }
    [[nodiscard]] memory::cells<T> cells_of(u64 frame) const noexcept {
        constexpr auto parts = extent(0);
        return {start() + parts.cells + frame % 3 * parts.stride + parts.value, N};
    }
    [[nodiscard]] unexpected<fault> wrong_frame(u64 len) const noexcept {
        return unexpected{is_open() ? refuse(reason::out_of_range, 0, len, N) : refuse(reason::closed)};
    }
};

/// The writer's role, given back when it goes. Used by one thread at a time. In a forked child the parent's is void.
template <element T, u64 N>
class versioned_array<T, N>::frame_writer {
  public:
    /// Publishes `values`, which are a whole frame; its number. Wait-free.
    outcome<u64> publish(std::span<const T> values) noexcept {
        if (!role.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        if (values.size() != N) {
            return of.wrong_frame(values.size());
        }
        const auto cells = begin();
        cells.store_run(0, values.data(), N);
        return finish();
    }

    /// Publishes a copy of the latest frame that `change` has changed: it gets the elements, to `load` and `store` by
    /// their index. The number of the new frame. Wait-free.
    template <class Change>
    outcome<u64> edit(Change change) noexcept {
        if (!role.is_held()) {
            return unexpected{of.refuse(reason::not_held)};
        }
        const auto cells = begin();
        const auto before = of.cells_of(latest);  // nobody writes that but the role's holder
        T value = {};
        for (u64 i = 0; i < N; ++i) {
            (void)(before.load(i, value) && cells.store(i, value));  // in range
        }
        change(cells);
        return finish();
    }

    /// The number of the latest frame.
    [[nodiscard]] u64 version() const noexcept { return latest; }

  private:
    friend class versioned_array;
    frame_writer(versioned_array in, structures::role held, u64 from) noexcept
        : of(std::move(in)), role(std::move(held)), latest(from) {}

    /// Begins the next frame, in whose buffer nobody looks for the latest: its elements.
    [[nodiscard]] memory::cells<T> begin() noexcept {
        memory::fence(memory::release);       // (R) the frame that it held was replaced before its buffer is marked
        of.stamp_of(latest + 1).dirty();      // (D)
        return of.cells_of(latest + 1);
    }

    /// Publishes the frame that was begun.
    u64 finish() noexcept {
        latest += 1;
        of.stamp_of(latest).set(latest);
        memory::at(of.announced_word()).store(1, memory::relaxed);  // ordered by the sleeper's barrier
        of.signals().filled.ring();
        memory::at(*of.frame_word()).store(latest, memory::release);  // (W)
        memory::at(of.announced_word()).store(0, memory::release);    // (W): published before it is withdrawn
        return latest;
    }

    versioned_array of;
    structures::role role;
    u64 latest;
};

/// A frame where it lies. What is read from it is the frame's if it is `still_valid` *afterwards*. If it is not, it was a mixture
/// perhaps; each element of 1, 2, 4 or 8 bytes is some frame's.
template <element T, u64 N>
class versioned_array<T, N>::snapshot {
  public:
    /// The frame's number; zero before the first.
    [[nodiscard]] u64 version() const noexcept { return frame; }
    /// How many frames came out since this one. Wait-free.
    [[nodiscard]] u64 age() const noexcept { return of.version() - frame; }
    /// Whether all that was read from the frame so far was the frame's. Wait-free.
    [[nodiscard]] bool still_valid() const noexcept { return of.stamp_of(frame).is_still(frame); }

    /// Element `i`, as it is now.
    [[nodiscard]] outcome<T> get(u64 i) const noexcept {
        T value = {};
        return of.cells_of(frame).load(i, value) ? outcome<T>(value)
                                                 : outcome<T>(unexpected{of.refuse(reason::out_of_range, i, 1, N)});
    }
    /// Copies elements from `start` on into `out`: the frame's own, or `outrun` where two more frames came out meanwhile.
    outcome<void> read_into(u64 start, std::span<T> out) const noexcept {
        if (start > N || out.size() > N - start) {
            return unexpected{of.refuse(reason::out_of_range, start, out.size(), N)};
        }
        of.cells_of(frame).load_run(start, out.data(), out.size());
        return still_valid() ? outcome<void>() : outcome<void>(unexpected{of.refuse(reason::outrun)});
    }

    /// The elements in order, each read when the iterator comes to it.
    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        iterator(memory::cells<T> cells, u64 from) noexcept : in(cells), at(from) {}
        [[nodiscard]] T operator*() const noexcept {
            T value = {};
            (void)in.load(at, value);  // in range, but at the end
            return value;
        }
        iterator& operator++() noexcept {
            ++at;
            return *this;
        }
        iterator operator++(int) noexcept { return {in, at++}; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.at == b.at; }

      private:
        memory::cells<T> in;
        u64 at = 0;
    };
    [[nodiscard]] iterator begin() const noexcept { return {of.cells_of(frame), 0}; }
    [[nodiscard]] iterator end() const noexcept { return {of.cells_of(frame), N}; }

  private:
    friend class versioned_array;
    snapshot(versioned_array in, u64 number) noexcept : of(std::move(in)), frame(number) {}
    versioned_array of;
    u64 frame;
};

}  // namespace shm
