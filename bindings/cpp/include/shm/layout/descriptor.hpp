// The descriptor: what a segment says of itself, as JSON at its end.
//
// It is rendered when a segment is created, and parsed back, from bytes that nobody vouches for, to say how two schemas
// differ. What it says is compared and shown; no address is ever computed from it.
#pragma once

#include "json.hpp"
#include "schema.hpp"

namespace shm::layout {

template <class T>
[[nodiscard]] std::string element_name() {
    if constexpr (std::is_void_v<T>) {
        return "";
    } else if constexpr (form_of<T> == form::number) {
        return std::string(number_name<T>());
    } else if constexpr (form_of<T> == form::string) {
        return "ShmStr";
    } else if constexpr (form_of<T> == form::array) {
        return "array";
    } else if constexpr (form_of<T> == form::pair) {
        return "entry";
    } else if constexpr (form_of<T> == form::record) {
        return std::string(type_of<T>.name);
    } else {
        return "bytes";
    }
}

template <class T>
[[nodiscard]] std::string element_json();

/// A part's type: a scalar's name, or the element that it is.
template <class T>
[[nodiscard]] std::string item_json(u64 count = 1) {
    if constexpr (form_of<T> == form::array) {
        return item_json<typename traits<T>::item>(count * traits<T>::count);
    } else {
        const std::string many = "\"count\":" + std::to_string(count);
        if constexpr (form_of<T> == form::number) {
            return many + ",\"type\":" + quoted(number_name<T>());
        } else if constexpr (form_of<T> == form::string) {
            return many + ",\"type\":" + quoted("str" + std::to_string(sizeof(T)));
        } else {
            return many + ",\"element\":" + element_json<T>();
        }
    }
}

template <class T>
[[nodiscard]] std::string element_json() {
    const numbers of = numbers_of<T>();
    std::string text = "{\"name\":" + quoted(element_name<T>()) + ",\"doc\":\"\",\"size\":" + std::to_string(of.size) +
                       ",\"align\":" + std::to_string(of.align) + ",\"fields\":[";
    if constexpr (!std::is_void_v<T>) {
        if constexpr (is_described<T>()) {
            bool first = true;
            each_part<T>([&]<class Member>(std::string_view name, u64 offset) {
                text += first ? "" : ",";
                first = false;
                text += "{\"name\":" + quoted(name) + ",\"offset\":" + std::to_string(offset) + "," +
                        item_json<Member>() + "}";
            });
        }
    }
    return text + "]}";
}

/// A type as a Rust program writes it, for people: `Queue<Event, 4096>`.
template <class T>
[[nodiscard]] std::string source_of() {
    if constexpr (form_of<T> == form::string) {
        return "ShmStr<" + std::to_string(sizeof(T)) + ">";
    } else if constexpr (form_of<T> == form::array) {
        return "[" + source_of<typename traits<T>::item>() + "; " + std::to_string(traits<T>::count) + "]";
    } else if constexpr (form_of<T> == form::pair) {
        return source_of<decltype(T::key)>() + ", " + source_of<decltype(T::value)>();
    } else if constexpr (form_of<T> == form::opaque) {
        return "[u8; " + std::to_string(sizeof(T)) + "]";
    } else {
        return element_name<T>();
    }
}

template <structure H>
[[nodiscard]] std::string structure_source() {
    std::string inside;
    if constexpr (!std::is_void_v<typename H::element_type>) {
        inside = source_of<typename H::element_type>();
    }
    for (const u64 capacity : H::capacities) {
        inside += (inside.empty() ? "" : ", ") + std::to_string(capacity);
    }
    return inside.empty() ? std::string(H::kind) : std::string(H::kind) + "<" + inside + ">";
}

template <structure H>
[[nodiscard]] std::string canonical_of(u64 lanes) {
    std::string text;
    writer to{text};
    put_shape<H>(to, lanes);
    return text;
}

/// Renders the descriptor of a schema.
template <described_schema S>
[[nodiscard]] std::string render() {
    constexpr u64 lanes = plan<S>::lanes;
    std::string entries;
    const auto visit = [&entries]<class H>(const path& name, u64, H*) {
        std::string capacity;
        for (const u64 number : H::capacities) {
            capacity += (capacity.empty() ? "" : ",") + std::to_string(number);
        }
        entries += entries.empty() ? "" : ",";
        entries += "{\"name\":" + quoted(name.name.view()) + ",\"kind\":" + quoted(H::kind) + ",\"capacity\":[" +
                   capacity + "],\"lanes\":" + std::to_string(H::has_lanes ? lanes : 0) +
                   ",\"canonical\":" + quoted(canonical_of<H>(lanes)) + ",\"type\":" + quoted(structure_source<H>()) +
                   ",\"doc\":\"\",\"unit\":\"\",\"shape\":[],\"element\":" +
                   element_json<typename H::element_type>() + "}";
    };
    each_structure<S>(nullptr, lanes, visit);
    return "{\"descriptor\":1,\"schema\":{\"name\":" + quoted(S::shm_schema.name) +
           ",\"doc\":\"\"},\"lanes\":" + std::to_string(lanes) + ",\"entries\":[" + entries + "]}";
}

/// What a segment says of one of its structures, as far as another program compares it.
struct described_field {
    std::string name;
    /// Its shape in canonical form: equal text, equal bytes.
    std::string canonical;
    /// Its type as its program wrote it.
    std::string source;
};

/// A parsed descriptor.
struct descriptor {
    u64 lanes = 0;
    std::vector<described_field> fields;

    [[nodiscard]] const described_field* find(std::string_view name) const noexcept {
        for (const described_field& field : fields) {
            if (field.name == name) {
                return &field;
            }
        }
        return nullptr;
    }

    /// Parses untrusted bytes; nothing where they are no descriptor of this version.
    [[nodiscard]] static std::optional<descriptor> parse(std::string_view bytes) {
        const auto value = json_reader::read(bytes);
        if (!value || value->number("descriptor") != 1) {
            return std::nullopt;
        }
        const json* entries = value->find("entries");
        const auto lanes = value->number("lanes");
        if (entries == nullptr || entries->what != json::kind::array || !lanes) {
            return std::nullopt;
        }
        descriptor found;
        found.lanes = *lanes;
        for (const json& entry : entries->items) {
            auto name = entry.string("name");
            auto canonical = entry.string("canonical");
            auto source = entry.string("type");
            if (!name || !canonical || !source) {
                return std::nullopt;
            }
            found.fields.push_back({std::move(*name), std::move(*canonical), std::move(*source)});
        }
        return found;
    }

    /// The same of a schema that this program was compiled with.
    template <described_schema S>
    [[nodiscard]] static descriptor of() {
        descriptor own;
        own.lanes = plan<S>::lanes;
        const auto visit = [&own]<class H>(const path& name, u64, H*) {
            own.fields.push_back(
                {std::string(name.name.view()), canonical_of<H>(plan<S>::lanes), structure_source<H>()});
        };
        each_structure<S>(nullptr, plan<S>::lanes, visit);
        return own;
    }
};

/// How two canonical shapes relate.
enum class likeness : u8 {
    same,
    /// Equal but for elements that one side describes and the other does not.
    undescribed,
    different,
};

namespace detail {

/// The index behind the parenthesis that closes the one at `open`.
[[nodiscard]] inline std::size_t behind_group(std::string_view text, std::size_t open) noexcept {
    u64 depth = 0;
    for (std::size_t at = open; at < text.size(); ++at) {
        depth += text[at] == '(' ? 1U : 0U;
        depth -= text[at] == ')' ? 1U : 0U;
        if (depth == 0) {
            return at + 1;
        }
    }
    return text.size();
}

}  // namespace detail

/// Compares two canonical shapes.
[[nodiscard]] inline likeness compare(std::string_view here, std::string_view there) noexcept {
    if (here == there) {
        return likeness::same;
    }
    std::size_t i = 0;
    std::size_t k = 0;
    while (i < here.size() || k < there.size()) {
        if (i < here.size() && k < there.size() && here[i] == there[k]) {
            ++i;
            ++k;
        } else if (i < here.size() && here[i] == '(') {
            i = detail::behind_group(here, i);
        } else if (k < there.size() && there[k] == '(') {
            k = detail::behind_group(there, k);
        } else {
            return likeness::different;
        }
    }
    return likeness::undescribed;
}

}  // namespace shm::layout
