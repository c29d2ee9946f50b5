// Bugs that a test build plants to see that the tests notice. In a program every question here is `false` at compile
// time: only `-DSHM_SEEDED=<name>` makes one of them true.
#pragma once

namespace shm {

/// A line of real code that can be made wrong.
enum class bug {
    none,
    /// An exchange is two steps instead of one.
    torn_exchange,
    /// A pop copies what it no longer owns.
    copy_after_release,
    /// What the dead had begun is called undone.
    recover_as_not_done,
    /// What the dead had begun is called done.
    recover_as_done,
    /// An element that the dead held is dropped.
    drop_held,
    /// A segment of another shape is opened.
    ignore_fingerprint,
    /// The producer stores the tail before the element.
    publish_before_write,
    /// A role is taken from the living.
    role_of_the_living,
    /// Whoever has a slot is called alive, also under an older generation.
    ignore_generation,
    /// A map's claim is not looked behind.
    no_rivals,
    /// A reader does not look at the stamp again.
    no_recheck,
    /// A word is taken from an owner who lives.
    sweep_blindly,
    /// The lock of a dead owner is handed on as if it had unlocked.
    forget_death,
    /// A reader looks for a writer before it counts itself.
    look_before_counting,
    /// A barrier opens for a party that is dead.
    count_the_dead,
    /// A dead party's place is freed, and its arrival stays.
    keep_arrival,
    /// A raise is counted by who announced it, even if somebody else did so before.
    count_again,
};

#ifdef SHM_SEEDED
inline constexpr bug planted = bug::SHM_SEEDED;
#else
inline constexpr bug planted = bug::none;
#endif

/// Whether the code at hand is to be wrong.
[[nodiscard]] consteval bool seeded(bug which) noexcept {
    return which == planted;
}

}  // namespace shm
