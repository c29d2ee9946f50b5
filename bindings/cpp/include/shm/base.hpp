// The numbers that everything is made of. Names, and nothing else.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace shm {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using f32 = float;
using f64 = double;

static_assert(std::endian::native == std::endian::little, "segments are little-endian");
static_assert(sizeof(void*) == 8, "segments need a 64-bit system");
static_assert(sizeof(f32) == 4 && sizeof(f64) == 8, "floats are IEEE 754's");

/// The next multiple of `align`, which is a power of two, that is not below `at`.
[[nodiscard]] constexpr u64 aligned(u64 at, u64 align) noexcept {
    return (at + align - 1) & ~(align - 1);
}

}  // namespace shm
