// A value, or why there is none: what every call returns that can fail.
//
// Nothing throws, here or anywhere in the library. Who asks for the value of a failure that he did not look at ends the
// program with the failure's own words on standard error.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace shm {

/// Why there is no value.
template <class E>
struct unexpected {
    E why;
};

template <class E>
unexpected(E) -> unexpected<E>;

namespace detail {

template <class E>
[[noreturn]] inline void no_value(const E& why) {
    std::fprintf(stderr, "shm: a value was asked for where there is none: %s\n", why.message().c_str());
    std::abort();
}

[[noreturn]] inline void no_error() {
    std::fputs("shm: an error was asked for where there is a value\n", stderr);
    std::abort();
}

}  // namespace detail

/// A `T`, or an `E` that says why there is none.
template <class T, class E>
class [[nodiscard]] expected {
  public:
    using value_type = T;
    using error_type = E;

    constexpr expected(T value) : content(std::in_place_index<0>, std::move(value)) {}
    constexpr expected(unexpected<E> failure) : content(std::in_place_index<1>, std::move(failure.why)) {}

    /// Whether there is a value.
    [[nodiscard]] constexpr bool has_value() const noexcept { return content.index() == 0; }
    constexpr explicit operator bool() const noexcept { return has_value(); }

    /// The value; ends the program where there is none.
    constexpr T& value() & {
        expect();
        return *std::get_if<0>(&content);
    }
    constexpr const T& value() const& {
        expect();
        return *std::get_if<0>(&content);
    }
    constexpr T&& value() && {
        expect();
        return std::move(*std::get_if<0>(&content));
    }
    [[nodiscard]] constexpr T& operator*() & { return value(); }
    [[nodiscard]] constexpr const T& operator*() const& { return value(); }
    [[nodiscard]] constexpr T&& operator*() && { return std::move(*this).value(); }
    [[nodiscard]] constexpr T* operator->() { return &value(); }
    [[nodiscard]] constexpr const T* operator->() const { return &value(); }

    /// The value, or `otherwise`.
    [[nodiscard]] constexpr T value_or(T otherwise) const {
        return has_value() ? *std::get_if<0>(&content) : std::move(otherwise);
    }

    /// Why there is no value; ends the program where there is one.
    [[nodiscard]] constexpr const E& error() const& {
        expect_none();
        return *std::get_if<1>(&content);
    }
    [[nodiscard]] constexpr E& error() & {
        expect_none();
        return *std::get_if<1>(&content);
    }

  private:
    constexpr void expect() const {
        if (!has_value()) {
            detail::no_value(*std::get_if<1>(&content));
        }
    }
    constexpr void expect_none() const {
        if (has_value()) {
            detail::no_error();
        }
    }

    std::variant<T, E> content;
};

/// Nothing, or an `E` that says why it could not be done.
template <class E>
class [[nodiscard]] expected<void, E> {
  public:
    using value_type = void;
    using error_type = E;

    constexpr expected() = default;
    constexpr expected(unexpected<E> failure) : failed(std::move(failure.why)) {}

    /// Whether it was done.
    [[nodiscard]] constexpr bool has_value() const noexcept { return !failed.has_value(); }
    constexpr explicit operator bool() const noexcept { return has_value(); }

    /// Ends the program where it could not be done.
    constexpr void value() const {
        if (failed) {
            detail::no_value(*failed);
        }
    }

    /// Why it could not be done; ends the program where it could.
    [[nodiscard]] constexpr const E& error() const {
        if (!failed) {
            detail::no_error();
        }
        return *failed;
    }

  private:
    std::optional<E> failed;
};

}  // namespace shm
