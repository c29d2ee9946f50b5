// Exclusive roles: an attachment has one until it gives it back, and it is taken over only from the dead.
//
// The word names its holder. A claim is one exchange of the very word whose holder was found dead, or of zero. What the
// role protects is handed over with it; nothing is repaired here.
//
// Ordering:
// (H) give back, death -> claim: what the former holder did is visible to the next. From the dead, the question whether
//     they live is the edge: see `attachment::alive`.
#pragma once

#include "../memory/handle.hpp"

namespace shm::structures {

/// Who has a role: a process in its own PID namespace; zero where that cannot be told.
struct holder {
    u32 pid = 0;
    [[nodiscard]] std::string message() const { return "process " + std::to_string(pid) + " has the role"; }
};

/// A role that this attachment holds; given back when it goes. Void in a forked child, whose parent has it.
class role {
  public:
    role() = default;
    role(role&& from) noexcept
        : word(std::exchange(from.word, nullptr)), keeper(from.keeper), own(from.own), stamp(from.stamp) {}
    role& operator=(role&& from) noexcept {
        std::swap(word, from.word);
        std::swap(keeper, from.keeper);
        std::swap(own, from.own);
        std::swap(stamp, from.stamp);
        return *this;
    }
    role(const role&) = delete;
    role& operator=(const role&) = delete;
    ~role() {
        if (is_held()) {
            memory::exchange_if(*word, own, u64{0}, memory::acq_rel);  // (H); if it still is ours
        }
    }

    /// Claims the role of `word`; who has it, where it is not to be had.
    /// The segment outlives the role: whoever holds this keeps a handle.
    [[nodiscard]] static expected<role, holder> claim(u64& word, memory::attachment& in) {
        const memory::identity own = in.registered();
        for (int tries = 0; tries < 64 && !own.is_nobody(); ++tries) {
            const u64 found = memory::at(word).load(memory::relaxed);  // the exchange compares it: the end of (H)
            const memory::identity who{found};
            if (!who.is_nobody() && in.alive(who) && !seeded(bug::role_of_the_living)) {
                return unexpected{holder{memory::at(in.slots()[who.slot()].pid).load(memory::relaxed)}};  // for people
            }
            if (memory::exchange_if(word, found, own.word, memory::acq_rel)) {  // (H)
                return role(word, in, own.word);
            }
        }
        return unexpected{holder{}};  // it changes hands all the time
    }

    /// Whether somebody alive has the role of `word`.
    [[nodiscard]] static bool is_taken(u64& word, const memory::attachment& in) {
        const memory::identity who{memory::at(word).load(memory::acquire)};  // (H)
        return !who.is_nobody() && in.alive(who);
    }

    /// Whether this process still holds the role.
    [[nodiscard]] bool is_held() const noexcept {
        return word != nullptr && memory::at(keeper->local().stamp).load(memory::relaxed) == stamp;
    }

  private:
    role(u64& of, memory::attachment& in, u64 name) noexcept
        : word(&of), keeper(&in), own(name), stamp(memory::at(in.local().stamp).load(memory::relaxed)) {}

    u64* word = nullptr;
    memory::attachment* keeper = nullptr;
    u64 own = 0;
    u64 stamp = 0;
};

}  // namespace shm::structures
