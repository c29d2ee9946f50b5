// Mappings, each unmapped by its owner.
#pragma once

#include "file.hpp"

#include <sys/mman.h>

namespace shm::posix {

/// Bytes of a page, as far as the format is concerned.
inline constexpr u64 page = 4096;

/// Some pages of this address space.
class pages {
  public:
    pages() = default;
    pages(pages&& from) noexcept : at(std::exchange(from.at, nullptr)), bytes(std::exchange(from.bytes, 0)) {}
    pages& operator=(pages&& from) noexcept {
        std::swap(at, from.at);
        std::swap(bytes, from.bytes);
        return *this;
    }
    pages(const pages&) = delete;
    pages& operator=(const pages&) = delete;
    ~pages() {
        if (at != nullptr) {
            ::munmap(at, bytes);
        }
    }

    [[nodiscard]] std::byte* start() const noexcept { return static_cast<std::byte*>(at); }
    [[nodiscard]] u64 size() const noexcept { return bytes; }
    /// Gives the pages up without unmapping them.
    void* release() noexcept {
        bytes = 0;
        return std::exchange(at, nullptr);
    }
    /// Takes pages back that were given up.
    static pages adopt(void* start, u64 size) noexcept {
        pages taken;
        taken.at = start;
        taken.bytes = size;
        return taken;
    }

    /// Brings all pages in; for writing, if they may be written.
    [[nodiscard]] called<void> populate(bool writable) const noexcept {
        constexpr int for_reading = 22;  // MADV_POPULATE_READ, since Linux 5.14; missing in older headers
        return ::madvise(at, bytes, writable ? for_reading + 1 : for_reading) == 0 ? called<void>() : failed();
    }

    static called<pages> map(u64 size, int protection, int flags, int descriptor, int advice) {
        void* start = ::mmap(nullptr, size, protection, flags, descriptor, 0);
        if (start == MAP_FAILED) {
            return failed();
        }
        pages mapped = adopt(start, size);
        if (::madvise(start, size, advice) != 0) {
            return failed();
        }
        return mapped;
    }

  private:
    void* at = nullptr;
    u64 bytes = 0;
};

/// A file, shared with every process that maps it. A core dump of it would hold the process's locks for as long as it
/// takes to write, so it is left out.
inline called<pages> map_file(int descriptor, u64 size, bool writable) {
    const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    return pages::map(size, protection, MAP_SHARED, descriptor, MADV_DONTDUMP);
}

/// Keeps an open file description, and with it its locks, alive for exactly as long as this address space: one page
/// that cannot be touched and that a forked child does not get.
inline called<pages> map_anchor(int descriptor) {
    return pages::map(page, PROT_NONE, MAP_SHARED, descriptor, MADV_DONTFORK);
}

/// Private zeroed pages that a forked child finds zeroed again.
inline called<pages> map_local(u64 size) {
    const u64 whole = aligned(size == 0 ? 1 : size, page);
    return pages::map(whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, MADV_WIPEONFORK);
}

}  // namespace shm::posix
