// What may be an element, and how its parts are described.
//
// An element is plain data whose bytes mean the same in every process: numbers of fixed size, texts, arrays of elements,
// and structs of these without padding. A struct says what it is made of, so that programs in other languages read it:
//
//     struct event {
//         double t;
//         std::uint32_t cell;
//         std::uint32_t kind;
//         static constexpr auto shm_type = shm::type("Event", shm::part("t", &event::t),
//                                                    shm::part("cell", &event::cell), shm::part("kind", &event::kind));
//     };
//
// The compiler checks that every member is named, in order, and that there is no padding. A struct of somebody else's is
// described by a specialisation of `shm::type_of`.
#pragma once

#include "../base.hpp"
#include "../error/fault.hpp"

#include <array>
#include <bit>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace shm {

/// A text of at most `N` bytes, UTF-8, with zeros behind it: `ShmStr<N>` in Rust.
template <std::size_t N>
struct text {
    char bytes[N] = {};

    constexpr text() = default;
    /// What does not fit is cut off at the end of the last whole character.
    constexpr text(std::string_view from) {
        std::size_t len = from.size() < N ? from.size() : N;
        while (len < from.size() && len > 0 && (static_cast<u8>(from[len]) & 0xC0) == 0x80) {
            --len;
        }
        for (std::size_t i = 0; i < len; ++i) {
            bytes[i] = from[i];
        }
    }
    constexpr text(const char* from) : text(std::string_view(from)) {}

    /// The text: it ends with the last byte that is not zero.
    [[nodiscard]] constexpr std::string_view view() const noexcept {
        std::size_t len = N;
        while (len > 0 && bytes[len - 1] == 0) {
            --len;
        }
        return {bytes, len};
    }
    friend constexpr bool operator==(const text& a, const text& b) noexcept { return a.view() == b.view(); }
};

/// A number of 16 bytes, which C++ has no portable name for: `u128` in Rust.
struct alignas(16) wide {
    u64 low = 0;
    u64 high = 0;
    friend constexpr bool operator==(const wide&, const wide&) = default;
};

/// The same with a sign: `i128` in Rust.
struct alignas(16) signed_wide {
    u64 low = 0;
    u64 high = 0;
    friend constexpr bool operator==(const signed_wide&, const signed_wide&) = default;
};

/// Bytes of which only size and alignment are known: an element that a Rust program did not describe.
template <std::size_t Size, std::size_t Align>
struct alignas(Align) opaque {
    u8 bytes[Size] = {};
    friend constexpr bool operator==(const opaque&, const opaque&) = default;
};

/// A part of a described struct: see `part`.
template <class Owner, class Member>
struct part_of {
    std::string_view name;
    Member Owner::*member;
};

/// The member `member`, which is called `name` in every language.
template <class Owner, class Member>
[[nodiscard]] constexpr part_of<Owner, Member> part(std::string_view name, Member Owner::*member) noexcept {
    return {name, member};
}

/// What a struct is made of: see `type`.
template <class Owner, class... Members>
struct description {
    using owner = Owner;
    std::string_view name;
    std::tuple<part_of<Owner, Members>...> parts;
};

/// The description of a struct: its name, for people, and all its members in order.
template <class Owner, class... Members>
[[nodiscard]] constexpr description<Owner, Members...> type(std::string_view name,
                                                            part_of<Owner, Members>... parts) noexcept {
    return {name, {parts...}};
}

namespace layout {

/// What a type without a description has.
struct undescribed {};

template <class T>
[[nodiscard]] constexpr auto own_description() noexcept {
    if constexpr (requires { T::shm_type; }) {
        return T::shm_type;
    } else {
        return undescribed{};
    }
}

}  // namespace layout

/// The description of `T`: its own `shm_type`, or a specialisation for a type of somebody else's.
template <class T>
inline constexpr auto type_of = layout::own_description<T>();

/// Key and value side by side, as C lays them out: an element of a map.
template <class K, class V>
struct entry {
    K key;
    V value;
};

namespace layout {

/// What a type is, to those who describe elements.
enum class form : u8 { number, string, array, record, pair, opaque, none };

template <class T>
struct traits {
    static constexpr bool is_number =
        (std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t> &&
         !std::is_same_v<T, char8_t> && !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t>) ||
        std::is_same_v<T, float> || std::is_same_v<T, double>;
    static constexpr bool is_wide = std::is_same_v<T, wide> || std::is_same_v<T, signed_wide>;
    static constexpr bool is_described = requires { type_of<T>.parts; };
    static constexpr layout::form what = is_number || is_wide ? form::number
                                         : is_described       ? form::record
                                                              : form::none;
    using item = T;
    static constexpr u64 count = 1;
};
template <std::size_t N>
struct traits<text<N>> {
    static constexpr bool is_number = false;
    static constexpr layout::form what = form::string;
    using item = text<N>;
    static constexpr u64 count = 1;
};
template <std::size_t Size, std::size_t Align>
struct traits<opaque<Size, Align>> {
    static constexpr bool is_number = false;
    static constexpr layout::form what = form::opaque;
    using item = opaque<Size, Align>;
    static constexpr u64 count = 1;
};
template <class T, std::size_t N>
struct traits<std::array<T, N>> {
    static constexpr bool is_number = false;
    static constexpr layout::form what = form::array;
    using item = T;
    static constexpr u64 count = N;
};
template <class T, std::size_t N>
struct traits<T[N]> {
    static constexpr bool is_number = false;
    static constexpr layout::form what = form::array;
    using item = T;
    static constexpr u64 count = N;
};
template <class K, class V>
struct traits<entry<K, V>> {
    static constexpr bool is_number = false;
    static constexpr layout::form what = form::pair;
    using item = entry<K, V>;
    static constexpr u64 count = 1;
};

template <class T>
inline constexpr form form_of = traits<T>::what;

/// The name that a number type has in every language: `u32`.
template <class T>
[[nodiscard]] constexpr std::string_view number_name() noexcept {
    if constexpr (std::is_same_v<T, wide>) {
        return "u128";
    } else if constexpr (std::is_same_v<T, signed_wide>) {
        return "i128";
    } else if constexpr (std::is_floating_point_v<T>) {
        return sizeof(T) == 4 ? "f32" : "f64";
    } else if constexpr (std::is_signed_v<T>) {
        return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : "i64";
    } else {
        return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : "u64";
    }
}

template <class T>
[[nodiscard]] constexpr bool is_plain() noexcept;

/// Bytes of which no two runs at different places of one element are alike.
template <u64 Size>
[[nodiscard]] constexpr std::array<u8, Size> numbered_bytes(u64 from) noexcept {
    std::array<u8, Size> bytes{};
    for (u64 i = 0; i < Size; ++i) {
        bytes[i] = static_cast<u8>((from + i) * 37 + (from + i) / 256 * 11 + 1);
    }
    return bytes;
}

/// Whether the members that a description names are plain, all there are, in order, and without padding: then they lie
/// side by side, which is tried with a value of numbered bytes.
template <class Owner, class... Members>
[[nodiscard]] constexpr bool is_whole(const description<Owner, Members...>& of) noexcept {
    if constexpr (!(is_plain<Members>() && ...) || (u64{0} + ... + sizeof(Members)) != sizeof(Owner)) {
        return false;
    } else {
        const Owner sample = std::bit_cast<Owner>(numbered_bytes<sizeof(Owner)>(0));
        u64 end = 0;
        bool whole = true;
        const auto next = [&]<class Member>(const part_of<Owner, Member>& part) {
            const auto found = std::bit_cast<std::array<u8, sizeof(Member)>>(sample.*part.member);
            whole = whole && found == numbered_bytes<sizeof(Member)>(end);
            end += sizeof(Member);
        };
        std::apply([&](const auto&... parts) { (next(parts), ...); }, of.parts);
        return whole;
    }
}

/// Whether all bytes of a `T` mean something, and mean the same in every process.
template <class T>
[[nodiscard]] constexpr bool is_plain() noexcept {
    if constexpr (!std::is_trivially_copyable_v<T> || !std::is_standard_layout_v<T>) {
        return false;
    } else if constexpr (form_of<T> == form::array) {
        return is_plain<typename traits<T>::item>();
    } else if constexpr (form_of<T> == form::record) {
        return is_whole(type_of<T>);
    } else if constexpr (form_of<T> == form::opaque) {
        return sizeof(T) % alignof(T) == 0 && std::has_unique_object_representations_v<T>;
    } else {
        return form_of<T> != form::none;
    }
}

}  // namespace layout

/// Plain data that other processes may read and write: see the top of this file.
template <class T>
concept element = layout::is_plain<T>();

/// A number that one instruction, or a short loop of them, changes in one step.
template <class T>
concept scalar = layout::traits<T>::is_number && sizeof(T) <= 8;

/// An element that may be a key: keys are equal if their bytes are, and a float has two zeros and many NaNs.
namespace layout {
template <class T>
[[nodiscard]] constexpr bool has_float() noexcept {
    if constexpr (std::is_floating_point_v<T>) {
        return true;
    } else if constexpr (form_of<T> == form::array) {
        return has_float<typename traits<T>::item>();
    } else if constexpr (form_of<T> == form::record) {
        return []<class Owner, class... Members>(const description<Owner, Members...>&) {
            return (has_float<Members>() || ...);
        }(type_of<T>);
    } else {
        return false;
    }
}
}  // namespace layout

template <class T>
concept key = element<T> && !layout::has_float<T>();

}  // namespace shm
