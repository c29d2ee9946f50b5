// What the tests share: checks that say where they failed, names that no other test has, and processes that die.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

/// Ends the test program unless `holds`; says where.
inline void check(bool holds, const char* what = "", const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
        std::exit(1);
    }
}

/// Ends the test program unless a text has a part; says what it is.
inline void check_has(const std::string& text, const std::string& part, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
    check(text.find(part) != std::string::npos, (text + "\n  has no: " + part).c_str(), file, line);
}

/// The value of an outcome; ends the test program where there is none, and says why.
template <class Outcome>
auto must(Outcome outcome, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    check(outcome.has_value(), outcome ? "" : outcome.error().message().c_str(), file, line);
    if constexpr (!std::is_void_v<typename Outcome::value_type>) {
        return std::move(*outcome);
    }
}

/// A name that no other test and no other run has; the number of the process comes last but one, for those who clean up.
inline std::string unique(const std::string& test) {
    static int count = 0;
    return "shm-test-" + test + "-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

/// Runs something in a process of its own, which ends with `_exit`, and so without leaving any segment: as a kill does.
template <class Body>
void in_child(Body body, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        std::fflush(nullptr);
        ::_exit(0);
    }
    int status = 0;
    check(::waitpid(child, &status, 0) == child && status == 0, "the child failed", file, line);
}
