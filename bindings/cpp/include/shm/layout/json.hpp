// As much of JSON as a descriptor needs: written to a string, and read from bytes that nobody vouches for.
//
// Nothing that is read becomes an address. Depth and size are bounded, so hostile text gives "no descriptor".
#pragma once

#include "../base.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shm::layout {

/// A JSON value. A number keeps its text.
struct json {
    enum class kind : u8 { null, boolean, number, string, array, object };

    kind what = kind::null;
    std::string text;
    std::vector<json> items;
    std::vector<std::string> keys;

    /// The member called `key`, or nothing.
    [[nodiscard]] const json* find(std::string_view key) const noexcept {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (keys[i] == key) {
                return &items[i];
            }
        }
        return nullptr;
    }
    /// The text of the member called `key`, or nothing.
    [[nodiscard]] std::optional<std::string> string(std::string_view key) const {
        const json* found = find(key);
        return found != nullptr && found->what == kind::string ? std::optional(found->text) : std::nullopt;
    }
    /// The whole number of the member called `key`, or nothing.
    [[nodiscard]] std::optional<u64> number(std::string_view key) const {
        const json* found = find(key);
        if (found == nullptr || found->what != kind::number || found->text.empty() || found->text.size() > 19) {
            return std::nullopt;
        }
        u64 value = 0;
        for (const char c : found->text) {
            if (c < '0' || c > '9') {
                return std::nullopt;
            }
            value = value * 10 + static_cast<u64>(c - '0');
        }
        return value;
    }
};

/// Reads one value; nothing where the text is none.
class json_reader {
  public:
    [[nodiscard]] static std::optional<json> read(std::string_view text) {
        json_reader reader(text);
        json value;
        if (!reader.value(value, 0)) {
            return std::nullopt;
        }
        reader.space();
        return reader.at == text.size() ? std::optional(std::move(value)) : std::nullopt;
    }

  private:
    static constexpr int deepest = 64;

    explicit json_reader(std::string_view of) : text(of) {}

    void space() {
        while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) {
            ++at;
        }
    }
    bool take(char c) {
        space();
        const bool here = at < text.size() && text[at] == c;
        at += here ? 1 : 0;
        return here;
    }
    bool word(std::string_view expected) {
        const bool here = text.substr(at, expected.size()) == expected;
        at += here ? expected.size() : 0;
        return here;
    }

    bool value(json& into, int depth) {
        space();
        if (depth > deepest || at >= text.size()) {
            return false;
        }
        switch (text[at]) {
            case '{':
                ++at;
                into.what = json::kind::object;
                return members(into, '}', depth);
            case '[':
                ++at;
                into.what = json::kind::array;
                return members(into, ']', depth);
            case '"':
                into.what = json::kind::string;
                return string(into.text);
            case 't':
            case 'f':
                into.what = json::kind::boolean;
                return word("true") || word("false");
            case 'n':
                return word("null");
            default:
                into.what = json::kind::number;
                return number(into.text);
        }
    }

    bool members(json& into, char end, int depth) {
        if (take(end)) {
            return true;
        }
        do {
            space();
            if (end == '}') {
                std::string key;
                if (!string(key) || !take(':')) {
                    return false;
                }
                into.keys.push_back(std::move(key));
            }
            into.items.emplace_back();
            if (!value(into.items.back(), depth + 1)) {
                return false;
            }
        } while (take(','));
        return take(end);
    }

    bool number(std::string& into) {
        const std::size_t start = at;
        while (at < text.size() && std::string_view("+-.0123456789eE").find(text[at]) != std::string_view::npos) {
            ++at;
        }
        into = text.substr(start, at - start);
        return at > start;
    }

    bool string(std::string& into) {
        if (at >= text.size() || text[at] != '"') {
            return false;
        }
        for (++at; at < text.size() && text[at] != '"'; ++at) {
            if (text[at] != '\\') {
                into += text[at];
            } else if (!escape(into)) {
                return false;
            }
        }
        return at++ < text.size();
    }

    /// What follows a backslash; stays on its last character.
    bool escape(std::string& into) {
        if (++at >= text.size()) {
            return false;
        }
        switch (text[at]) {
            case 'n':
                into += '\n';
                return true;
            case 't':
                into += '\t';
                return true;
            case 'r':
                into += '\r';
                return true;
            case 'b':
                into += '\b';
                return true;
            case 'f':
                into += '\f';
                return true;
            case 'u':
                return code(into);
            default:
                into += text[at];
                return true;
        }
    }

    bool code(std::string& into) {
        u32 value = 0;
        for (int i = 0; i < 4; ++i) {
            if (++at >= text.size()) {
                return false;
            }
            const char c = text[at];
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) {
                return false;
            }
            value = value << 4 | static_cast<u32>(digit);
        }
        if (value < 0x80) {
            into += static_cast<char>(value);
        } else if (value < 0x800) {
            into += static_cast<char>(0xC0 | value >> 6);
            into += static_cast<char>(0x80 | (value & 0x3F));
        } else {  // halves of a pair stay halves: such text is only shown
            into += static_cast<char>(0xE0 | value >> 12);
            into += static_cast<char>(0x80 | (value >> 6 & 0x3F));
            into += static_cast<char>(0x80 | (value & 0x3F));
        }
        return true;
    }

    std::string_view text;
    std::size_t at = 0;
};

/// A text as JSON has it, with its quotes.
[[nodiscard]] inline std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            constexpr char digits[] = "0123456789abcdef";
            out += "\\u00";
            out += digits[c >> 4 & 15];
            out += digits[c & 15];
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace shm::layout
