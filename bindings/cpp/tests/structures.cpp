// The binding's own tests of maps, stacks, the latest values and broadcasts: C++ alone, in one process.
#include "check.hpp"
#include "sim.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static void the_hash_has_the_vectors_of_the_format() {
    const auto hash = [](std::string_view bytes) {
        return shm::memory::hash(std::as_bytes(std::span(bytes.data(), bytes.size())));
    };
    check(hash("") == 0 && hash("hash map") == 0xf410a7ca01a1622a);
    check(hash("a key of 19 bytes..") == 0x156ce9088ee89f06 && hash(std::string(1, '\0')) == 0xe220a8397b1dcdaf);
}

// ---- maps -----------------------------------------------------------------------------------------------------------

/// Does the same by chance to a map of ours and to one of the standard library's.
template <class Map>
static void compare(const Map& ours, shm::u64 keys, shm::u64 seed) {
    using value = decltype(ours.get(1)->value());
    std::mt19937_64 random(seed);
    std::map<shm::u64, shm::u64> theirs;
    const auto number = [](const auto& found) {
        if constexpr (std::is_same_v<std::decay_t<value>, event>) {
            return found.cell;
        } else {
            return found;
        }
    };
    const auto made = [](shm::u64 of) {
        if constexpr (std::is_same_v<std::decay_t<value>, event>) {
            return event{0.5, static_cast<shm::u32>(of), 1};
        } else {
            return static_cast<std::decay_t<value>>(of);
        }
    };
    for (int i = 0; i < 4000; ++i) {
        const auto key = static_cast<shm::u32>(random() % keys);
        const shm::u64 next = random() % 1000;
        const auto there = theirs.find(key);
        const bool is_there = there != theirs.end();
        if (next % 3 == 0) {
            const auto removed = must(ours.remove(key));
            check(removed.has_value() == is_there && (!is_there || number(*removed) == there->second));
            theirs.erase(key);
        } else {
            const auto before = next % 3 == 1 ? ours.insert(key, made(next)) : ours.add(key, made(next));
            if (!before) {
                check(before.error() == shm::reason::full && !is_there && theirs.size() >= Map::capacity());
                continue;
            }
            check(before->has_value() == is_there && (!is_there || number(**before) == there->second));
            if (next % 3 == 1 || !is_there) {
                theirs[key] = next;
            }
        }
        const auto found = must(ours.get(key));
        check(found.has_value() == theirs.contains(key) && (!found || number(*found) == theirs[key]));
    }
    shm::u64 count = 0;
    for (const auto& [key, value_of_it] : ours) {
        check(theirs.contains(key) && theirs[key] == number(value_of_it));
        ++count;
    }
    check(count == theirs.size() && ours.size() == count);
}

static void a_map_is_a_map() {
    auto made = must(shm::segment<sim>::create(unique("cpp-map")));
    compare(made->gauges, 24, 1);
    compare(made->large, 48, 2);
    check(must(made->names.insert("main street", 11)) == std::nullopt);
    check(must(made->names.update("main street", [](shm::u64 v) { return v + 1; })) == 11);
    check(must(made->names.compare_exchange("main street", 11, 5)) == 12 && must(made->names.get("main street")) == 12);
    check(must(made->names.compare_exchange("main street", 12, 5)) == 12 && must(made->names.get("main street")) == 5);
    check(must(made->names.update("side street", [](shm::u64 v) { return v; })) == std::nullopt);
    for (shm::u32 i = 0; i < 16; ++i) {
        check(must(made->wet.insert(i)) && !must(made->wet.insert(i)) && made->wet.contains(i));
    }
    check(made->wet.insert(99).error() == shm::reason::full && must(made->wet.remove(3)) && !made->wet.contains(3));
    shm::u32 sum = 0;
    for (const shm::u32 key : made->wet) {
        sum += key;
    }
    check(sum == 15 * 16 / 2 - 3);
    made.close();
    check(made->names.get("x").error() == shm::reason::closed && made->wet.empty());
}

/// Of threads that insert the same keys, each key has one entry, and one inserter was first.
static void of_two_inserters_one_is_first() {
    auto made = must(shm::segment<town>::create(unique("cpp-rivals")));
    for (int round = 0; round < 300; ++round) {
        std::atomic<int> first{0};
        std::vector<std::thread> threads;
        for (shm::u64 id = 0; id < 3; ++id) {
            threads.emplace_back([&, id] {
                for (shm::u64 key = 0; key < 6; ++key) {
                    first += must(made->crowd.add(key, item::of(key, id))).has_value() ? 0 : 1;
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        check(first == 6 && made->crowd.size() == 6, "a key has two entries, or none");
        for (shm::u64 key = 0; key < 6; ++key) {
            check(must(made->crowd.remove(key)).has_value() && !made->crowd.contains(key));
        }
    }
}

// ---- the others -----------------------------------------------------------------------------------------------------

static void a_stack_is_last_in_first_out() {
    auto made = must(shm::segment<sim>::create(unique("cpp-stack")));
    check(made->undo.pop().error() == shm::reason::empty && made->undo.empty());
    for (int lap = 0; lap < 50; ++lap) {
        const shm::i32 some[4] = {lap, lap + 1, lap + 2, lap + 3};
        check(must(made->undo.push_slice(some)) == 4 && made->undo.size() == 4);
        check(made->undo.push(9).error() == shm::reason::full && must(made->undo.peek()) == lap + 3);
        shm::i32 out[3];
        check(must(made->undo.pop_slice(out)) == 3 && out[0] == lap + 3 && out[2] == lap + 1);
        check(must(made->undo.pop_wait(1s)) == lap && made->undo.size() == 0);
    }
    check(made->undo.pop_wait(2ms).error() == shm::reason::timed_out);
    std::thread late([&] {
        std::this_thread::sleep_for(20ms);
        must(made->undo.push(-5));
    });
    check(must(made->undo.pop_wait(60s)) == -5);
    late.join();
}

static void a_versioned_value_is_the_latest_and_whole() {
    auto made = must(shm::segment<town>::create(unique("cpp-versioned")));
    check(made->total.version() == 0 && must(made->total.load()).number == 0);
    must(made->total.store(item::of(1, 0)));
    check(made->total.version() == 1);
    std::vector<std::thread> threads;
    for (int id = 0; id < 3; ++id) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                must(made->total.update([](const item& now) { return item::of(1, now.number + 1); }));
                check(must(made->total.load()).is_whole(), "torn");
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    check(must(made->total.load()).number == 6000 && made->total.version() == 6001);
    check(made->total.wait_change(6001, 2ms).error() == shm::reason::timed_out);
    check(must(made->total.wait_change(6000, 2ms)).number == 6000);
}

static void a_frame_is_whole_or_known_not_to_be() {
    auto made = must(shm::segment<town>::create(unique("cpp-frame")));
    auto writer = must(made->frame.writer());
    check(made->frame.writer().error() == shm::reason::role_taken);
    std::thread reader([&] {
        shm::u64 last = 0;
        while (last < 3000) {
            std::vector<shm::u64> out(600);
            last = must(made->frame.read_into(out));
            check(std::all_of(out.begin(), out.end(), [&](shm::u64 v) { return v == last; }), "a torn frame");
        }
    });
    std::vector<shm::u64> values(600);
    for (shm::u64 frame = 1; frame < 3000; ++frame) {
        std::fill(values.begin(), values.end(), frame);
        check(must(writer.publish(values)) == frame);
    }
    check(must(writer.edit([](const auto& cells) {
        for (shm::u64 i = 0; i < 600; ++i) {
            shm::u64 value = 0;
            check(cells.load(i, value) && value == 2999 && cells.store(i, value + 1));
        }
    })) == 3000);
    reader.join();
    values.pop_back();
    check_has(writer.publish(values).error().message(), "599 elements from 0 are out of range: it has 600 elements");
    check(must(made->frame.wait_change(1, 1s)) == 3000);
    check(made->frame.wait_change(3000, 2ms).error() == shm::reason::timed_out);
}

static void a_frame_is_read_where_it_lies() {
    auto made = must(shm::segment<sim>::create(unique("cpp-in-place")));
    auto writer = must(made->frame.writer());
    const float ones[6] = {1, 1, 1, 1, 1, 1};
    const float twos[6] = {2, 2, 2, 2, 2, 2};
    must(writer.publish(ones));
    const auto frame = must(made->frame.latest());
    float sum = 0;
    for (const float depth : frame) {
        sum += depth;
    }
    check(sum == 6 && must(frame.get(5)) == 1 && frame.version() == 1 && frame.age() == 0 && frame.still_valid());
    check_has(frame.get(6).error().message(), "index 6 is out of range: it has 6 elements");
    must(writer.publish(twos));
    check(frame.still_valid() && frame.age() == 1, "its buffer is not the next one's");
    float out[2] = {};
    must(frame.read_into(4, out));
    check(out[1] == 1 && frame.read_into(5, out).error() == shm::reason::out_of_range);
    must(writer.publish(twos));
    must(writer.publish(twos));
    check(!frame.still_valid() && frame.read_into(0, out).error() == shm::reason::outrun);
}

static void a_chunk_is_pushed_and_popped_at_once() {
    auto made = must(shm::segment<sim>::create(unique("cpp-chunk")));
    auto producer = must(made->audio.producer());
    auto consumer = must(made->audio.consumer());
    for (shm::u32 lap = 0; lap < 20; ++lap) {
        auto places = producer.chunk(3);
        check(places.size() == 3 && consumer.chunk(9).empty());
        for (shm::u32 i = 0; i < 3; ++i) {
            must(places.set(i, {0.5, lap, i}));
        }
        check_has(places.set(3, {}).error().message(), "index 3 is out of range: it has 3 elements");
        check(made->audio.empty() && places.commit(4).error() == shm::reason::out_of_range);
        must(places.commit(2));
        check(places.empty() && made->audio.size() == 2 && producer.chunk(9).size() == 2);
        auto elements = consumer.chunk(9);
        check(elements.size() == 2 && must(elements.get(1)) == event{0.5, lap, 1});
        must(elements.commit(1));
        check(made->audio.size() == 1 && elements.get(0).error() == shm::reason::out_of_range);
        check(must(consumer.pop()) == event{0.5, lap, 1});
    }
    in_child([&] {
        auto places = producer.chunk(3);
        check(places.empty() && places.commit(0).error() == shm::reason::not_held, "a role is its process's");
    });
}

static void a_broadcast_reaches_all_and_says_what_was_missed() {
    auto made = must(shm::segment<sim>::create(unique("cpp-broadcast")));
    auto first = must(made->ticks.subscribe());
    check(first.recv().error() == shm::reason::empty);
    for (shm::i64 i = 0; i < 3; ++i) {
        must(made->ticks.send(i));
    }
    auto second = first;
    for (shm::i64 i = 0; i < 3; ++i) {
        check(must(first.recv()) == i && must(second.recv_wait(1s)) == i);
    }
    for (shm::i64 i = 3; i < 20; ++i) {
        must(made->ticks.send(i));
    }
    check(first.recv().error() == shm::reason::outrun && first.missed() == 13 && must(first.recv()) == 16);
    auto late = must(made->ticks.subscribe(true));
    check(must(late.recv()) == 16 && made->ticks.sent() == 20 && late.position() == 17);
    auto waiting = must(made->ticks.subscribe());
    check(waiting.recv_wait(2ms).error() == shm::reason::timed_out);
    std::thread other([&] {
        std::this_thread::sleep_for(20ms);
        must(made->ticks.send(99));
    });
    check(must(waiting.recv_wait(60s)) == 99);
    other.join();
}

/// A map whose parts can be seen.
struct opened_map : shm::map<shm::u64, item, 16> {
    using handle::attached;
    using mapping::table;
    explicit opened_map(const shm::map<shm::u64, item, 16>& of) : map(of) {}

    /// Claims the first bucket of a key's home for it, as an insertion does, and is gone before that is decided.
    void claim_and_die(shm::u64 key) const {
        const auto on = table();
        const auto lane = attached().enter();
        const auto own = on.in.own(lane.index());
        const shm::memory::buckets pack(16);
        const shm::u64 hash = shm::memory::hash(std::as_bytes(std::span(&key, 1)));
        const shm::u64 slot = hash & 15;
        const shm::u64 spare = on.in.spare(own);
        own.record->enter(on.in.where);
        check(on.entries.store(spare, key, item::of(key, 1)));
        const shm::memory::target to{shm::memory::phase::insert, slot, slot, &on.in.words[slot], 0};
        const shm::u64 claimed =
            pack.put(0, shm::memory::bucket_state::inserting, pack.print(hash), on.in.name(slot, spare));
        check(on.in.swap_if(own, to, claimed, on.in.node_in(slot, 0), [] { return true; }));
        own.record->close(shm::memory::phase::inserted);
        ::_exit(0);
    }
    /// Buckets that are not empty.
    [[nodiscard]] shm::u64 occupied() const {
        shm::u64 count = 0;
        for (shm::u64 slot = 0; slot < 16; ++slot) {
            const shm::u64 word = shm::memory::look(table().in.words[slot]);
            count += shm::memory::buckets(16).state(word) != shm::memory::bucket_state::empty ? 1U : 0U;
        }
        return count;
    }
};

/// Who inserts the key that a dead process was inserting decides the dead one's entry; else recovery removes it.
static void a_dead_inserter_leaves_no_second_entry() {
    auto made = must(shm::segment<town>::create(unique("cpp-dead-insert")));
    const opened_map map(made->crowd);
    in_child([&] { map.claim_and_die(3); });
    check(map.occupied() == 1 && !made->crowd.contains(3), "what is undecided is absent");
    must(made->crowd.insert(3, item::of(3, 2)));
    check(map.occupied() == 1 && must(made->crowd.get(3))->number == 2, "one key, one bucket");
    check(must(made.recover()).settled == 1 && made->crowd.size() == 1);
    in_child([&] { map.claim_and_die(4); });
    check(must(made.recover()).settled == 1 && map.occupied() == 1 && !made->crowd.contains(4));
}

/// A value whose stamp is another's is not believed.
static void a_stamp_is_looked_at_behind_the_copy() {
    struct opened_value : shm::versioned<item> {
        explicit opened_value(const shm::versioned<item>& of) : versioned(of) {}
        void mark_all() const {
            const auto parts = extent(lane_count());
            for (shm::u64 i = 0; i < parts.count; ++i) {
                *part<shm::u64>(parts.cells + i * parts.stride) = ~shm::u64{0};
            }
        }
    };
    auto made = must(shm::segment<town>::create(unique("cpp-stamp")));
    must(made->total.store(item::of(1, 2)));
    check(must(made->total.try_load()).number == 2);
    opened_value(made->total).mark_all();
    const auto torn = made->total.try_load();
    check(!torn && torn.error() == shm::reason::corrupt);
}

static void objects_come_back() {
    auto made = must(shm::segment<sim>::create(unique("cpp-pool")));
    shm::u64 handle = 0;
    {
        auto first = must(made->objects.acquire());
        auto second = must(made->objects.acquire());
        check(made->objects.acquire().error() == shm::reason::empty && made->objects.available() == 0);
        check(made->objects.acquire_wait(2ms).error() == shm::reason::timed_out);
        must(first.write({1, 2, 3}));
        handle = first.handle();
        check(must(made->objects.get(handle)) == event{1, 2, 3} && must(made->objects.get(handle + 1)) != event{1, 2, 3});
        in_child([&] { check(first.get().error() == shm::reason::not_held, "a lease is its process's"); });
        auto moved = std::move(first);
        check(must(moved.get()) == event{1, 2, 3});
    }
    check(must(made->objects.get(handle)) == std::nullopt && made->objects.available() == 2);
    in_child([&] {
        auto one = must(made->objects.acquire());
        auto other = must(made->objects.acquire());
        must(one.write({7, 7, 7}));
        auto permit = must(made->permits.acquire());
        ::_exit(0);
    });
    check(made->objects.available() == 0 && made->permits.available() == 2);
    auto heir = must(made->objects.acquire());
    auto other = must(made->objects.acquire_wait(60s));
    check(must(heir.get()) == event{7, 7, 7} || must(other.get()) == event{7, 7, 7}, "what the dead wrote is there");
    auto one = must(made->permits.acquire());
    auto two = must(made->permits.acquire());
    auto three = must(made->permits.acquire_wait(60s));
    check(made->permits.acquire().error() == shm::reason::empty);
    std::thread late([last = std::move(three)]() mutable {
        std::this_thread::sleep_for(20ms);
        const auto gone = std::move(last);
    });
    must(made->permits.acquire_wait(60s));
    late.join();
}

int main() {
    a_dead_inserter_leaves_no_second_entry();
    a_stamp_is_looked_at_behind_the_copy();
    objects_come_back();
    the_hash_has_the_vectors_of_the_format();
    a_map_is_a_map();
    of_two_inserters_one_is_first();
    a_stack_is_last_in_first_out();
    a_versioned_value_is_the_latest_and_whole();
    a_frame_is_whole_or_known_not_to_be();
    a_broadcast_reaches_all_and_says_what_was_missed();
    a_frame_is_read_where_it_lies();
    a_chunk_is_pushed_and_popped_at_once();
    std::puts("ok");
}
