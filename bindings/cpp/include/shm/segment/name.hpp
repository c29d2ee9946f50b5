// Names of segments and where they lead.
#pragma once

#include "../error/error.hpp"

#include <string>
#include <string_view>

namespace shm::segments {

/// Where segments live.
inline constexpr const char* directory = "/dev/shm";

/// The name without the one leading slash that POSIX asks for, checked.
[[nodiscard]] inline result<std::string> check_name(std::string_view name) {
    const auto bad = [&](const char* why) {
        return unexpected{error{errc::bad_name, std::string(name), std::string("is no name for a segment: ") + why,
                                "use 1 to 200 letters, digits, `.`, `_` and `-`, not beginning with a dot"}};
    };
    std::string_view plain = name;
    if (!plain.empty() && plain.front() == '/') {
        plain.remove_prefix(1);
    }
    if (plain.empty()) {
        return bad("it is empty");
    }
    if (plain.size() > 200) {
        return bad("it is too long");
    }
    if (plain.front() == '.') {
        return bad("it begins with a dot");
    }
    for (const char c : plain) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                             c == '_' || c == '-';
        if (!allowed) {
            return bad("it has a character that is not allowed");
        }
    }
    return std::string(plain);
}

/// The path of a checked name.
[[nodiscard]] inline std::string path_of(const std::string& name) {
    return std::string(directory) + "/" + name;
}

}  // namespace shm::segments
