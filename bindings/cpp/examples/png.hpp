// A PNG file, without a library: what is stored is not compressed.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace png {

using bytes = std::vector<std::uint8_t>;

inline void put_big_endian(bytes& to, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        to.push_back(static_cast<std::uint8_t>(number >> shift));
    }
}

inline std::uint32_t crc(std::span<const std::uint8_t> of) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> made{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t bits = i;
            for (int step = 0; step < 8; ++step) {
                bits = (bits & 1) != 0 ? 0xEDB88320U ^ (bits >> 1) : bits >> 1;
            }
            made[i] = bits;
        }
        return made;
    }();
    std::uint32_t sum = 0xFFFFFFFFU;
    for (const std::uint8_t byte : of) {
        sum = table[(sum ^ byte) & 0xFF] ^ (sum >> 8);
    }
    return ~sum;
}

/// The stream of zlib that stores `data` as it is.
inline bytes stored(std::span<const std::uint8_t> data) {
    bytes stream = {0x78, 0x01};
    std::uint32_t low = 1;
    std::uint32_t high = 0;  // of Adler's sum
    for (const std::uint8_t byte : data) {
        low = (low + byte) % 65521;
        high = (high + low) % 65521;
    }
    constexpr std::size_t most = 65535;
    for (std::size_t at = 0; at < data.size(); at += most) {
        const auto part = data.subspan(at, std::min(most, data.size() - at));
        const auto length = static_cast<std::uint32_t>(part.size());
        stream.push_back(at + most >= data.size() ? 1 : 0);
        for (const std::uint32_t number : {length, ~length}) {
            stream.push_back(static_cast<std::uint8_t>(number));
            stream.push_back(static_cast<std::uint8_t>(number >> 8));
        }
        stream.insert(stream.end(), part.begin(), part.end());
    }
    put_big_endian(stream, high << 16 | low);
    return stream;
}

inline void put_chunk(bytes& to, const char* type, const bytes& content) {
    put_big_endian(to, static_cast<std::uint32_t>(content.size()));
    const auto start = static_cast<std::ptrdiff_t>(to.size());
    to.insert(to.end(), type, type + 4);
    to.insert(to.end(), content.begin(), content.end());
    put_big_endian(to, crc(std::span(to.begin() + start, to.end())));
}

/// Writes pixels of three bytes, row by row. The file appears complete or not at all: it is written under another name
/// beside it first, so that a kill leaves no torn picture. Whether it is there.
inline bool save(const std::filesystem::path& path, std::uint32_t columns, std::span<const std::uint8_t> pixels) {
    const std::size_t row = std::size_t{columns} * 3;
    bytes rows;
    for (std::size_t at = 0; at < pixels.size(); at += row) {
        rows.push_back(0);  // no filter
        const auto part = pixels.subspan(at, row);
        rows.insert(rows.end(), part.begin(), part.end());
    }
    bytes head;
    put_big_endian(head, columns);
    put_big_endian(head, static_cast<std::uint32_t>(pixels.size() / row));
    head.insert(head.end(), {8, 2, 0, 0, 0});  // eight bits of red, green and blue
    bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    put_chunk(file, "IHDR", head);
    put_chunk(file, "IDAT", stored(rows));
    put_chunk(file, "IEND", {});
    auto draft = path;
    draft.replace_extension("png.part");
    std::FILE* out = std::fopen(draft.c_str(), "wb");
    if (out == nullptr) {
        return false;
    }
    const bool is_written = std::fwrite(file.data(), 1, file.size(), out) == file.size();
    const bool is_closed = std::fclose(out) == 0;
    std::error_code failed;
    std::filesystem::rename(draft, path, failed);
    return is_written && is_closed && !failed;
}

}  // namespace png
