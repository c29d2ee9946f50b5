// The driver of bindings/cpp: reads a step a line, does it through the headers, and answers a line. The README has the words.
//
// A schema is a type in C++, so the rest of the program is written for the scripts at hand: `fields_of` leads from a field's
// name to the member of the schema's struct, and `make` from a script's name to its segments.
#pragma once
#include <shm/shm.hpp>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

/// A line, taken apart.
struct step {
    std::string op;
    std::map<std::string, std::string> args;

    explicit step(const std::string& line) {
        std::istringstream words(line);
        words >> op;
        for (std::string word; words >> word;) {
            const auto at = word.find('=');
            args[word.substr(0, at)] = word.substr(at + 1);
        }
    }
    [[nodiscard]] bool has(const char* name) const { return args.contains(name); }
    [[nodiscard]] std::string text(const char* name) const { return has(name) ? args.at(name) : ""; }
    [[nodiscard]] shm::u64 number(const char* name) const { return has(name) ? std::stoull(args.at(name)) : 0; }
    [[nodiscard]] std::chrono::nanoseconds timeout() const { return std::chrono::milliseconds(number("timeout_ms")); }

    template <class T>
    [[nodiscard]] std::vector<T> values(const char* name) const {
        const std::string digits = text(name);
        std::vector<unsigned char> bytes;
        for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
            bytes.push_back(static_cast<unsigned char>(std::stoul(digits.substr(i, 2), nullptr, 16)));
        }
        std::vector<T> out(bytes.size() / sizeof(T));
        std::memcpy(static_cast<void*>(out.data()), bytes.data(), out.size() * sizeof(T));
        return out;
    }
    template <class T>
    [[nodiscard]] T value(const char* name = "value") const {
        const auto found = values<T>(name);
        return found.empty() ? T{} : found.front();
    }
};

// ---- answers --------------------------------------------------------------------------------------------------------

template <class T>
std::string hex(const T* of, std::size_t count) {
    std::string text;
    const auto* bytes = reinterpret_cast<const unsigned char*>(of);
    for (std::size_t i = 0; i < count * sizeof(T); ++i) {
        char pair[3];
        std::snprintf(pair, sizeof pair, "%02x", bytes[i]);
        text += pair;
    }
    return text;
}

inline std::string word(shm::reason why) {
    switch (why) {
        case shm::reason::full: return "full";
        case shm::reason::empty: return "empty";
        case shm::reason::timed_out: return "timeout";
        case shm::reason::no_lane: return "no_lane";
        case shm::reason::role_taken: return "taken";
        case shm::reason::outrun: return "outrun";
        case shm::reason::read_only: return "error read_only";
        case shm::reason::out_of_range: return "error range";
        case shm::reason::not_held: return "error over";
        default: return "error other";
    }
}

template <class T>
std::string show(const T& value) {
    return "ok value=" + hex(&value, 1);
}

/// `ok`, or why not.
template <class T>
std::string done(const shm::outcome<T>& got) {
    return got ? "ok" : word(got.error().why);
}

template <class T>
std::string value(const shm::outcome<T>& got) {
    return got ? show(*got) : word(got.error().why);
}

inline std::string number(const char* name, const shm::outcome<shm::u64>& got) {
    return got ? "ok " + std::string(name) + "=" + std::to_string(*got) : word(got.error().why);
}

/// How many were pushed. None is no failure.
inline std::string count(const shm::outcome<shm::u64>& got) {
    return !got && got.error().why == shm::reason::full ? "ok count=0" : number("count", got);
}

/// The value where it is there, else the word.
template <class T>
std::string found(const shm::outcome<std::optional<T>>& got, const char* otherwise) {
    if (!got) {
        return word(got.error().why);
    }
    return *got ? show(**got) : otherwise;
}

/// What an insertion did.
template <class T>
std::string inserted(const shm::outcome<std::optional<T>>& got) {
    return got && *got ? "present value=" + hex(&**got, 1) : done(got);
}

// ---- what is held ---------------------------------------------------------------------------------------------------

/// What a step got: it answers later ones, and says when it is over.
using held = std::function<std::string(const step&, bool& over)>;
using kept = std::map<std::string, held>;

/// Keeps what was got. It can be moved and not copied, and a function object can be copied.
template <class T>
std::string keep(kept& in, const step& now, shm::outcome<T>&& got,
                 std::function<std::string(T&, const step&, bool&)> answer) {
    if (!got) {
        return word(got.error().why);
    }
    auto shared = std::make_shared<T>(std::move(*got));
    in[now.text("as")] = [shared, answer](const step& next, bool& over) { return answer(*shared, next, over); };
    return "ok";
}

/// The handles of objects, by the name of the lease that they had.
inline std::map<std::string, shm::u64> handles;

inline const char* const wrong_kind = "error kind";

// ---- fields ---------------------------------------------------------------------------------------------------------

/// What goes into a list, and what comes out.
template <class T>
std::string push(const auto& list, const step& now) {
    if (now.op == "push") {
        return done(list.push(now.value<T>()));
    }
    if (now.op == "push_wait") {
        return done(list.push_wait(now.value<T>(), now.timeout()));
    }
    return count(list.push_slice(now.values<T>("values")));
}

template <class T>
std::string pop(auto& list, const step& now) {
    if (now.op == "pop") {
        return value(list.pop());
    }
    if (now.op == "pop_wait") {
        return value(list.pop_wait(now.timeout()));
    }
    std::vector<T> out(now.number("most"));
    const auto popped = list.pop_slice(std::span<T>(out));
    if (!popped && popped.error().why != shm::reason::empty) {
        return word(popped.error().why);
    }
    return "ok values=" + hex(out.data(), popped ? *popped : 0);
}

inline bool is_push(const step& now) { return now.op == "push" || now.op == "push_wait" || now.op == "push_many"; }
inline bool is_pop(const step& now) { return now.op == "pop" || now.op == "pop_wait" || now.op == "pop_many"; }

template <class T>
std::string list(const auto& of, const step& now) {
    if (is_push(now)) {
        return push<T>(of, now);
    }
    if (is_pop(now)) {
        return pop<T>(of, now);
    }
    if (now.op == "peek") {
        return value(of.peek());
    }
    return now.op == "len" ? "ok count=" + std::to_string(of.size()) : wrong_kind;
}

template <class T, shm::u64 N>
std::string run(const shm::stack<T, N>& of, const step& now, kept&) {
    return list<T>(of, now);
}

template <class T, shm::u64 N>
std::string run(const shm::queue<T, N>& of, const step& now, kept& in) {
    if (now.op == "loan") {
        using loaned = typename shm::queue<T, N>::loaned;
        return keep<loaned>(in, now, of.loan(), [](loaned& loan, const step& next, bool& over) {
            if (next.op == "write") {
                return done(loan.write(next.value<T>()));
            }
            const auto committed = loan.commit();
            over = committed.has_value();
            return done(committed);
        });
    }
    if (now.op == "take") {
        using taken = typename shm::queue<T, N>::taken;
        return keep<taken>(in, now, of.take(), [](taken& element, const step& next, bool& over) {
            over = next.op == "done";
            return over ? done(element.done()) : value(element.get());
        });
    }
    return list<T>(of, now);
}

template <class T, shm::u64 N>
std::string run(const shm::spsc<T, N>& of, const step& now, kept& in) {
    if (now.op == "producer") {
        using role = typename shm::spsc<T, N>::producing;
        return keep<role>(in, now, of.producer(), [](role& producer, const step& next, bool&) -> std::string {
            if (next.op == "push") {
                return done(producer.push(next.value<T>()));
            }
            if (next.op == "push_wait") {
                return done(producer.push_wait(next.value<T>(), next.timeout()));
            }
            return count(producer.push_slice(next.values<T>("values")));
        });
    }
    if (now.op == "consumer") {
        using role = typename shm::spsc<T, N>::consuming;
        return keep<role>(in, now, of.consumer(),
                          [](role& consumer, const step& next, bool&) { return pop<T>(consumer, next); });
    }
    return now.op == "len" ? "ok count=" + std::to_string(of.size()) : wrong_kind;
}

/// The operations on one number, where `of` has them; `first` is the index, or nothing.
template <class T>
std::string numeric(const auto& of, const step& now, auto... first) {
    const T given = now.value<T>();
    if (now.op == "load") {
        return value(of.load(first...));
    }
    if (now.op == "store") {
        return done(of.store(first..., given));
    }
    if (now.op == "swap") {
        return value(of.swap(first..., given));
    }
    if (now.op == "fetch_add") {
        return value(of.fetch_add(first..., given));
    }
    if (now.op == "fetch_sub") {
        return value(of.fetch_sub(first..., given));
    }
    if (now.op == "fetch_max") {
        return value(of.fetch_max(first..., given));
    }
    if (now.op == "fetch_min") {
        return value(of.fetch_min(first..., given));
    }
    if constexpr (requires { of.fetch_and(first..., given); }) {  // not on floats, nor in arrays
        if (now.op == "fetch_and") {
            return value(of.fetch_and(first..., given));
        }
        if (now.op == "fetch_or") {
            return value(of.fetch_or(first..., given));
        }
        if (now.op == "fetch_xor") {
            return value(of.fetch_xor(first..., given));
        }
    }
    if (now.op == "compare_exchange") {
        const T current = now.value<T>("current");
        const auto was = of.compare_exchange(first..., current, now.value<T>("new"));
        return was && *was != current ? "different value=" + hex(&*was, 1) : done(was);
    }
    return wrong_kind;
}

template <class T>
std::string run(const shm::atomic<T>& of, const step& now, kept&) {
    return numeric<T>(of, now);
}

template <class T, shm::u64 N>
std::string run(const shm::array<T, N>& of, const step& now, kept&) {
    if (now.op == "get") {
        return value(of.get(now.number("index")));
    }
    if (now.op == "set") {
        return done(of.set(now.number("index"), now.value<T>()));
    }
    if (now.op == "read") {
        std::vector<T> out(now.number("most"));
        const auto read = of.read_into(now.number("first"), std::span<T>(out));
        return read ? "ok values=" + hex(out.data(), out.size()) : word(read.error().why);
    }
    if (now.op == "write") {
        const auto values = now.values<T>("values");
        return done(of.write_from(now.number("first"), std::span<const T>(values)));
    }
    if constexpr (shm::scalar<T>) {
        return numeric<T>(of, now, now.number("index"));
    }
    return wrong_kind;
}

template <class K, class V>
std::string mapped(const auto& of, const step& now) {
    const K key = now.value<K>("key");
    if (now.op == "get") {
        return found(of.get(key), "absent");
    }
    if (now.op == "contains") {
        return of.contains(key) ? "present" : "absent";
    }
    if (now.op == "insert") {
        return inserted(of.insert(key, now.value<V>()));
    }
    if (now.op == "get_or_insert") {
        return inserted(of.add(key, now.value<V>()));
    }
    if (now.op == "remove") {
        return found(of.remove(key), "absent");
    }
    if (now.op == "compare_exchange") {
        const V current = now.value<V>("current");
        const auto was = of.compare_exchange(key, current, now.value<V>("new"));
        if (was && *was && **was != current) {
            return "different value=" + hex(&**was, 1);
        }
        return was && !*was ? "absent" : done(was);
    }
    if (now.op == "entries") {
        std::string keys, values;
        for (const auto& [k, v] : of) {
            keys += hex(&k, 1);
            values += hex(&v, 1);
        }
        return "ok keys=" + keys + " values=" + values;
    }
    return now.op == "len" ? "ok count=" + std::to_string(of.size()) : wrong_kind;
}

template <class K, class V, shm::u64 N>
std::string run(const shm::map<K, V, N>& of, const step& now, kept&) {
    return mapped<K, V>(of, now);
}

template <class K, class V, shm::u64 B, shm::u64 N>
std::string run(const shm::large_map<K, V, B, N>& of, const step& now, kept&) {
    return mapped<K, V>(of, now);
}

template <class K, shm::u64 N>
std::string run(const shm::set<K, N>& of, const step& now, kept&) {
    const K key = now.value<K>("key");
    const auto was = [](const shm::outcome<bool>& got, bool wanted, const char* otherwise) {
        return !got || *got == wanted ? done(got) : otherwise;
    };
    if (now.op == "contains") {
        return of.contains(key) ? "present" : "absent";
    }
    if (now.op == "insert") {
        return was(of.insert(key), true, "present");
    }
    if (now.op == "remove") {
        return was(of.remove(key), true, "absent");
    }
    if (now.op == "entries") {
        std::string keys;
        for (const K k : of) {
            keys += hex(&k, 1);
        }
        return "ok values=" + keys;
    }
    return now.op == "len" ? "ok count=" + std::to_string(of.size()) : wrong_kind;
}

template <class T, shm::u64 N>
std::string run(const shm::pool<T, N>& of, const step& now, kept& in) {
    if (now.op == "acquire") {
        using lease = typename shm::pool<T, N>::held;
        auto got = of.acquire();
        if (got) {
            handles[now.text("as")] = got->handle();
        }
        return keep<lease>(in, now, std::move(got), [](lease& object, const step& next, bool&) {
            return next.op == "write" ? done(object.write(next.value<T>())) : value(object.get());
        });
    }
    if (now.op == "get") {
        return found(of.get(handles[now.text("of")]), "absent");
    }
    return now.op == "len" ? "ok count=" + std::to_string(N - of.available()) : wrong_kind;
}

template <class T>
std::string run(const shm::versioned<T>& of, const step& now, kept&) {
    // One thread works here, so the version behind the value is the value's.
    const auto seen = [&](const shm::outcome<T>& got) {
        return got ? show(*got) + " version=" + std::to_string(of.version()) : word(got.error().why);
    };
    if (now.op == "load") {
        return seen(of.load());
    }
    if (now.op == "store") {
        return done(of.store(now.value<T>()));
    }
    if (now.op == "version") {
        return "ok version=" + std::to_string(of.version());
    }
    return now.op == "wait_change" ? seen(of.wait_change(now.number("since"), now.timeout())) : wrong_kind;
}

template <class T, shm::u64 N>
std::string run(const shm::versioned_array<T, N>& of, const step& now, kept& in) {
    if (now.op == "writer") {
        using writer = typename shm::versioned_array<T, N>::frame_writer;
        return keep<writer>(in, now, of.writer(), [](writer& role, const step& next, bool&) {
            const auto values = next.values<T>("values");
            return number("version", role.publish(values));
        });
    }
    if (now.op == "read") {
        std::vector<T> out(N);
        const auto version = of.read_into(std::span<T>(out));
        return version ? number("version", version) + " values=" + hex(out.data(), N) : word(version.error().why);
    }
    if (now.op == "version") {
        return "ok version=" + std::to_string(of.version());
    }
    return now.op == "wait_change" ? number("version", of.wait_change(now.number("since"), now.timeout())) : wrong_kind;
}

template <class T, shm::u64 N>
std::string run(const shm::broadcast<T, N>& of, const step& now, kept& in) {
    if (now.op == "send") {
        return done(of.send(now.value<T>()));
    }
    if (now.op == "sent") {
        return "ok count=" + std::to_string(of.sent());
    }
    if (now.op == "subscribe") {
        using subscriber = typename shm::broadcast<T, N>::subscriber;
        return keep<subscriber>(in, now, of.subscribe(now.text("start") == "oldest"),
                                [](subscriber& at, const step& next, bool&) {
                                    const auto before = at.missed();
                                    const auto got = next.op == "receive" ? at.recv() : at.recv_wait(next.timeout());
                                    const auto lost = at.missed() - before;
                                    return lost > 0 ? "missed count=" + std::to_string(lost) : value(got);
                                });
    }
    return wrong_kind;
}

// ---- segments -------------------------------------------------------------------------------------------------------

/// What leads from a field's name to the member: specialised for each schema.
template <class Schema>
struct fields_of;

/// The segments of one case.
struct segments {
    virtual ~segments() = default;
    virtual std::string begin(const step& now) = 0;
    virtual std::string answer(const step& now) = 0;
};

template <class Schema>
struct segments_of : segments {
    std::map<std::string, shm::segment<Schema>> open;
    kept held_now;
    std::string name;

    std::string opened(const std::string& as, shm::result<shm::segment<Schema>>&& got) {
        if (!got) {
            const std::string why = got.error().message();
            const auto says = [&](const char* text) { return why.find(text) != std::string::npos; };
            if (says("does not exist")) {
                return "error not_found";
            }
            if (says("exists")) {
                return "error exists";
            }
            std::fprintf(stderr, "%s\n", why.c_str());
            return says("name") ? "error name" : "error other";
        }
        open.insert_or_assign(as, std::move(*got));
        return "ok";
    }

    std::string begin(const step& now) override {
        name = now.text("segment");
        handles.clear();
        return opened("", now.number("open") == 1 ? shm::segment<Schema>::open(name)
                                                  : shm::segment<Schema>::create(name));
    }

    std::string answer(const step& now) override {
        const std::string of = now.has("segment") ? now.text("segment") : name;
        if (now.op == "open") {
            shm::options how;
            how.read_only = now.number("read_only") == 1;
            return opened(now.text("as"), shm::segment<Schema>::open(of, how));
        }
        if (now.op == "create") {
            return opened(now.text("as"), shm::segment<Schema>::create(of));
        }
        if (now.op == "close") {
            return open.erase(now.text("via")) == 1 ? "ok" : "error closed";
        }
        if (now.op == "recover") {
            const auto done = open.at("").recover();
            return done ? "ok count=" + std::to_string(done->settled) + " later=" + std::to_string(done->later)
                        : "error other";
        }
        if (now.has("on")) {
            return on_held(now);
        }
        const auto via = open.find(now.text("via"));
        if (via == open.end()) {
            return "error closed";
        }
        return fields_of<Schema>::find(*via->second, now.text("field"),
                                       [&](const auto& field) { return run(field, now, held_now); });
    }

    std::string on_held(const step& now) {
        const auto at = held_now.find(now.text("on"));
        if (at == held_now.end()) {
            return "error over";
        }
        bool over = now.op == "drop";
        const std::string answer = over ? "ok" : at->second(now, over);
        if (over) {
            held_now.erase(at);
        }
        return answer;
    }
};

inline int drive(std::unique_ptr<segments> (*make)(const std::string&)) {
    std::unique_ptr<segments> now;
    for (std::string line; std::getline(std::cin, line);) {
        const step next(line);
        std::string answer = "error closed";
        if (next.op == "case" || next.op == "end") {
            now = nullptr;
            now = next.op == "case" ? make(next.text("schema")) : nullptr;
            answer = next.op == "end" ? "ok" : now ? now->begin(next) : "error other";
        } else if (now) {
            answer = now->answer(next);
        }
        std::cout << answer << std::endl;
    }
    return 0;
}
