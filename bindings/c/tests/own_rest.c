/* The second half of own.c: maps, pools, latest values, blocking primitives, segments without write access. */

#include <pthread.h>

#include "check.h"

#define MOMENT UINT64_C(1000000)

void latest(const shm_segment *segment);
void keyed(const shm_segment *segment);
void leased(const shm_segment *segment);
void blocking(const shm_segment *segment);
void read_only(const char *name);

static void add_three(void *value, size_t size, void *context) {
    uint64_t number;
    CHECK(size == sizeof number);
    memcpy(&number, value, size);
    number += 3;
    memcpy(value, &number, size);
    ++*(int *)context;
}

static void sum_entry(const void *key, const void *value, void *context) {
    uint32_t k;
    uint64_t v;
    memcpy(&k, key, sizeof k);
    memcpy(&v, value, sizeof v);
    *(uint64_t *)context += k * 100 + v;
}

static void sum_key(const void *key, void *context) {
    uint32_t k;
    memcpy(&k, key, sizeof k);
    *(uint64_t *)context += k;
}

void keyed(const shm_segment *segment) {
    shm_field *gauges = field_of(segment, "gauges"), *wet = field_of(segment, "wet");
    uint32_t key = 7, keys[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint64_t value = 10, before = 0, sum = 0, values[9] = {0};
    int calls = 0;
    size_t count = 0;
    EXPECT(SHM_ABSENT, shm_map_get(gauges, &key, 4, &before, 8));
    EXPECT(SHM_ABSENT, shm_map_contains(gauges, &key, 4));
    EXPECT(SHM_OK, shm_map_insert(gauges, &key, 4, &value, NULL, 8));
    value = 11;
    EXPECT(SHM_PRESENT, shm_map_insert(gauges, &key, 4, &value, &before, 8));
    CHECK(before == 10);
    EXPECT(SHM_PRESENT, shm_map_get_or_insert(gauges, &key, 4, &sum, &before, 8));
    CHECK(before == 11);
    EXPECT(SHM_OK, shm_map_update(gauges, &key, 4, add_three, &calls));
    EXPECT(SHM_OK, shm_map_get(gauges, &key, 4, &value, 8));
    CHECK(value == 14 && calls == 1);
    EXPECT(SHM_DIFFERENT, shm_map_compare_exchange(gauges, &key, 4, &sum, &sum, &before, 8));
    CHECK(before == 14);
    EXPECT(SHM_OK, shm_map_compare_exchange(gauges, &key, 4, &before, &sum, NULL, 8));
    EXPECT(SHM_OK, shm_map_remove(gauges, &key, 4, &before, 8));
    CHECK(before == 0);
    EXPECT(SHM_ABSENT, shm_map_remove(gauges, &key, 4, NULL, 8));
    EXPECT(SHM_ABSENT, shm_map_update(gauges, &key, 4, add_three, &calls));
    EXPECT(SHM_ABSENT, shm_map_compare_exchange(gauges, &key, 4, &before, &sum, NULL, 8));
    EXPECT(SHM_OK, shm_map_get_or_insert(gauges, &key, 4, &value, &before, 8));
    CHECK(before == 14);
    FAILS(SHM_ERROR_SIZE, "key has 3 bytes", shm_map_contains(gauges, &key, 3));
    FAILS(SHM_ERROR_SIZE, "value has 4 bytes", shm_map_insert(gauges, &key, 4, &value, NULL, 4));
    FAILS(SHM_ERROR_NULL, "function", shm_map_update(gauges, &key, 4, NULL, NULL));
    EXPECT(SHM_OK, shm_map_visit(gauges, sum_entry, &sum));
    CHECK(sum == 714);
    EXPECT(SHM_FULL, shm_map_insert_many(gauges, keys, sizeof keys, values, sizeof values, &count));
    CHECK(count == 8);
    FAILS(SHM_ERROR_SIZE, "row of values", shm_map_insert_many(gauges, keys, 8, values, 8, &count));
    EXPECT(SHM_OK, shm_field_len(gauges, &count));
    CHECK(count == 8);
    EXPECT(SHM_FULL, shm_map_insert(gauges, keys + 8, 4, values, NULL, 8));

    EXPECT(SHM_OK, shm_set_insert(wet, &key, 4));
    EXPECT(SHM_PRESENT, shm_set_insert(wet, &key, 4));
    EXPECT(SHM_OK, shm_set_contains(wet, &key, 4));
    sum = 0;
    EXPECT(SHM_OK, shm_set_visit(wet, sum_key, &sum));
    CHECK(sum == 7);
    EXPECT(SHM_OK, shm_set_remove(wet, &key, 4));
    EXPECT(SHM_ABSENT, shm_set_remove(wet, &key, 4));
    EXPECT(SHM_ABSENT, shm_set_contains(wet, &key, 4));
    for (key = 0; key < 4; key++)
        EXPECT(SHM_OK, shm_set_insert(wet, &key, 4));
    EXPECT(SHM_FULL, shm_set_insert(wet, &key, 4));
    EXPECT(SHM_OK, shm_field_close(gauges));
    EXPECT(SHM_OK, shm_field_close(wet));
}

void leased(const shm_segment *segment) {
    shm_field *objects = field_of(segment, "objects");
    shm_lease *lease = NULL, *other = NULL;
    uint64_t handle = 0, again = 0, value = 12, out = 0;
    size_t count = 0;
    EXPECT(SHM_OK, shm_pool_acquire(objects, &lease));
    EXPECT(SHM_EMPTY, shm_pool_acquire(objects, &other));
    EXPECT(SHM_TIMEOUT, shm_pool_acquire_wait(objects, &other, MOMENT));
    EXPECT(SHM_OK, shm_lease_write(lease, &value, 8));
    EXPECT(SHM_OK, shm_lease_read(lease, &out, 8));
    CHECK(out == 12);
    EXPECT(SHM_OK, shm_lease_handle(lease, &handle));
    EXPECT(SHM_OK, shm_pool_get(objects, handle, &out, 8));
    CHECK(out == 12);
    EXPECT(SHM_OK, shm_field_len(objects, &count));
    CHECK(count == 1);
    FAILS(SHM_ERROR_SIZE, "8 are expected", shm_lease_write(lease, &value, 7));
    EXPECT(SHM_OK, shm_lease_keep(lease, &again));
    CHECK(handle == again);
    EXPECT(SHM_OK, shm_pool_release(objects, handle));
    EXPECT(SHM_ABSENT, shm_pool_release(objects, handle));
    EXPECT(SHM_ABSENT, shm_pool_get(objects, handle, &out, 8));
    EXPECT(SHM_OK, shm_pool_acquire_wait(objects, &lease, 0));
    EXPECT(SHM_OK, shm_lease_close(lease));
    EXPECT(SHM_OK, shm_field_len(objects, &count));
    CHECK(count == 0);
    EXPECT(SHM_OK, shm_field_close(objects));
}

static void ones(void *frame, size_t size, void *context) {
    memset(frame, 1, size);
    *(size_t *)context = size;
}

void latest(const shm_segment *segment) {
    shm_field *state = field_of(segment, "state"), *frame = field_of(segment, "frame"), *ticks = field_of(segment, "ticks");
    uint64_t value = 5, out = 0, version = 9, missed = 0;
    uint16_t numbers[3] = {1, 2, 3}, read[3] = {0};
    int64_t tick = -1;
    int calls = 0;
    size_t size = 0;
    shm_writer *writer = NULL, *second = NULL;
    shm_subscriber *subscriber = NULL;
    EXPECT(SHM_OK, shm_versioned_load(state, &out, 8, &version));
    CHECK(out == 0 && version == 0);
    EXPECT(SHM_OK, shm_versioned_store(state, &value, 8));
    EXPECT(SHM_OK, shm_versioned_update(state, add_three, &calls));
    EXPECT(SHM_OK, shm_versioned_try_load(state, &out, 8, &version));
    CHECK(out == 8 && version == 2 && calls == 1);
    EXPECT(SHM_TIMEOUT, shm_versioned_wait_change(state, 2, &out, 8, &version, MOMENT));
    EXPECT(SHM_OK, shm_versioned_wait_change(state, 0, &out, 8, &version, UINT64_MAX));
    EXPECT(SHM_OK, shm_versioned_version(state, &version));
    CHECK(version == 2);
    FAILS(SHM_ERROR_SIZE, "8 are expected", shm_versioned_load(state, &out, 4, NULL));

    EXPECT(SHM_OK, shm_frames_writer(frame, &writer));
    EXPECT(SHM_TAKEN, shm_frames_writer(frame, &second));
    EXPECT(SHM_OK, shm_writer_publish(writer, numbers, sizeof numbers, &version));
    CHECK(version == 1);
    EXPECT(SHM_OK, shm_frames_read(frame, read, sizeof read, NULL));
    CHECK(read[2] == 3);
    EXPECT(SHM_OK, shm_frames_try_read(frame, 1, read, 2, &version));
    CHECK(read[0] == 2 && version == 1);
    FAILS(SHM_ERROR_RANGE, "there are 3", shm_frames_try_read(frame, 3, read, 2, &version));
    EXPECT(SHM_OK, shm_writer_edit(writer, ones, &size, &version));
    CHECK(size == sizeof numbers && version == 2);
    EXPECT(SHM_OK, shm_frames_wait_change(frame, 1, &version, 0));
    EXPECT(SHM_TIMEOUT, shm_frames_wait_change(frame, 2, &version, MOMENT));
    EXPECT(SHM_OK, shm_frames_version(frame, &version));
    CHECK(version == 2);
    EXPECT(SHM_OK, shm_writer_close(writer));

    EXPECT(SHM_OK, shm_broadcast_subscribe(ticks, SHM_NEWEST, &subscriber));
    EXPECT(SHM_EMPTY, shm_subscriber_receive(subscriber, &tick, 8, &missed));
    EXPECT(SHM_TIMEOUT, shm_subscriber_receive_wait(subscriber, &tick, 8, &missed, MOMENT));
    for (tick = 0; tick < 5; tick++)
        EXPECT(SHM_OK, shm_broadcast_send(ticks, &tick, 8));
    EXPECT(SHM_MISSED, shm_subscriber_receive(subscriber, &tick, 8, &missed));
    CHECK(missed == 3);
    EXPECT(SHM_OK, shm_subscriber_receive(subscriber, &tick, 8, NULL));
    CHECK(tick == 3);
    EXPECT(SHM_OK, shm_subscriber_receive_wait(subscriber, &tick, 8, NULL, 0));
    CHECK(tick == 4);
    EXPECT(SHM_OK, shm_subscriber_close(subscriber));
    EXPECT(SHM_OK, shm_broadcast_subscribe(ticks, SHM_OLDEST, &subscriber));
    EXPECT(SHM_OK, shm_subscriber_receive(subscriber, &tick, 8, NULL));
    CHECK(tick == 3);
    EXPECT(SHM_OK, shm_subscriber_close(subscriber));
    EXPECT(SHM_OK, shm_broadcast_sent(ticks, &missed));
    CHECK(missed == 5);
    FAILS(SHM_ERROR_VALUE, "SHM_OLDEST", shm_broadcast_subscribe(ticks, (shm_start)2, &subscriber));
    EXPECT(SHM_OK, shm_field_close(state));
    EXPECT(SHM_OK, shm_field_close(frame));
    EXPECT(SHM_OK, shm_field_close(ticks));
}

static void once(int was_interrupted, void *context) {
    CHECK(!was_interrupted);
    ++*(int *)context;
}

/* What another thread finds of a mutex that is locked. */
static void *locked_out(void *context) {
    shm_lock *lock = NULL;
    EXPECT(SHM_TIMEOUT, shm_mutex_lock((const shm_field *)context, &lock, MOMENT));
    CHECK(strcmp(shm_last_error(), "") == 0); /* this thread's own */
    return NULL;
}

void blocking(const shm_segment *segment) {
    shm_field *ledger = field_of(segment, "ledger"), *permits = field_of(segment, "permits");
    shm_field *news = field_of(segment, "news"), *setup = field_of(segment, "setup");
    shm_lock *lock = NULL;
    shm_permit *permit = NULL, *other = NULL;
    int64_t balance = -5, out = 0;
    uint64_t count = 9;
    int runs = 0, is_so = 9;
    pthread_t thread;
    EXPECT(SHM_OK, shm_mutex_lock(ledger, &lock, UINT64_MAX));
    CHECK(pthread_create(&thread, NULL, locked_out, ledger) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    EXPECT(SHM_OK, shm_lock_write(lock, &balance, 8));
    EXPECT(SHM_OK, shm_lock_read(lock, &out, 8));
    EXPECT(SHM_OK, shm_lock_is_doubtful(lock, &is_so));
    CHECK(out == -5 && is_so == 0);
    EXPECT(SHM_OK, shm_lock_mark_consistent(lock));
    EXPECT(SHM_OK, shm_lock_close(lock));
    EXPECT(SHM_OK, shm_mutex_lock(ledger, &lock, 0));
    EXPECT(SHM_OK, shm_lock_close(lock));

    EXPECT(SHM_OK, shm_semaphore_acquire(permits, &permit, 0));
    EXPECT(SHM_TIMEOUT, shm_semaphore_acquire(permits, &other, MOMENT));
    EXPECT(SHM_OK, shm_permit_close(permit));
    EXPECT(SHM_OK, shm_semaphore_acquire(permits, &permit, UINT64_MAX));
    EXPECT(SHM_OK, shm_permit_close(permit));

    EXPECT(SHM_OK, shm_signal_raise(news));
    EXPECT(SHM_OK, shm_signal_count(news, &count));
    CHECK(count == 1);
    EXPECT(SHM_OK, shm_signal_wait(news, 0, &count, UINT64_MAX));
    EXPECT(SHM_TIMEOUT, shm_signal_wait(news, 1, &count, MOMENT));

    EXPECT(SHM_OK, shm_once_is_completed(setup, &is_so));
    CHECK(is_so == 0);
    EXPECT(SHM_OK, shm_once_call(setup, once, &runs, UINT64_MAX));
    EXPECT(SHM_OK, shm_once_call(setup, once, &runs, 0));
    EXPECT(SHM_OK, shm_once_is_completed(setup, &is_so));
    CHECK(is_so == 1 && runs == 1);
    EXPECT(SHM_OK, shm_field_close(ledger));
    EXPECT(SHM_OK, shm_field_close(permits));
    EXPECT(SHM_OK, shm_field_close(news));
    EXPECT(SHM_OK, shm_field_close(setup));
}

/* A call on a field of a segment that is open read-only, which fails. */
#define REFUSES(field, call) \
    do { \
        shm_field *it = field_of(segment, field); \
        FAILS(SHM_ERROR_READ_ONLY, "SHM_READ_ONLY", call); \
        EXPECT(SHM_OK, shm_field_close(it)); \
    } while (0)

void read_only(const char *name) {
    shm_options options = SHM_OPTIONS_INIT;
    shm_segment *segment = NULL;
    shm_field *gauges, *state;
    uint64_t b[3] = {0};
    uint32_t key = 7;
    int calls = 0;
    size_t n;
    shm_loan *loan;
    shm_taken *taken;
    shm_producer *producer;
    shm_consumer *consumer;
    shm_lease *lease;
    shm_writer *writer;
    shm_lock *lock;
    shm_permit *permit;
    options.flags = SHM_READ_ONLY;
    EXPECT(SHM_OK, shm_segment_open(name, &options, &segment));
    gauges = field_of(segment, "gauges");
    state = field_of(segment, "state");
    EXPECT(SHM_OK, shm_map_get(gauges, &key, 4, b, 8));
    EXPECT(SHM_OK, shm_versioned_load(state, b, 8, NULL));
    EXPECT(SHM_TIMEOUT, shm_versioned_wait_change(state, 2, b, 8, NULL, MOMENT));
    CHECK(b[0] == 8);
    EXPECT(SHM_OK, shm_field_close(gauges));
    EXPECT(SHM_OK, shm_field_close(state));
    FAILS(SHM_ERROR_READ_ONLY, "SHM_READ_ONLY", shm_segment_recover(segment, NULL, NULL));
    REFUSES("grid", shm_array_write(it, 0, b, 4));
    REFUSES("count", shm_atomic_store(it, 0, b, 8));
    REFUSES("count", shm_atomic_fetch(it, 0, SHM_FETCH_ADD, b, NULL, 8));
    REFUSES("count", shm_atomic_compare_exchange(it, 0, b, b + 1, NULL, 8));
    REFUSES("events", shm_queue_push(it, b, 16));
    REFUSES("events", shm_queue_push_wait(it, b, 16, MOMENT));
    REFUSES("events", shm_queue_push_many(it, b, 16, &n));
    REFUSES("events", shm_queue_pop(it, b, 16));
    REFUSES("events", shm_queue_pop_wait(it, b, 16, MOMENT));
    REFUSES("events", shm_queue_pop_many(it, b, 16, &n));
    REFUSES("events", shm_queue_loan(it, &loan));
    REFUSES("events", shm_queue_take(it, &taken));
    REFUSES("events", shm_queue_take_wait(it, &taken, MOMENT));
    REFUSES("undo", shm_stack_push(it, b, 4));
    REFUSES("undo", shm_stack_pop(it, b, 4));
    REFUSES("audio", shm_spsc_producer(it, &producer));
    REFUSES("audio", shm_spsc_consumer(it, &consumer));
    REFUSES("gauges", shm_map_insert(it, &key, 4, b, NULL, 8));
    REFUSES("gauges", shm_map_get_or_insert(it, &key, 4, b, NULL, 8));
    REFUSES("gauges", shm_map_insert_many(it, &key, 4, b, 8, &n));
    REFUSES("gauges", shm_map_remove(it, &key, 4, NULL, 8));
    REFUSES("gauges", shm_map_compare_exchange(it, &key, 4, b, b + 1, NULL, 8));
    REFUSES("gauges", shm_map_update(it, &key, 4, add_three, &calls));
    REFUSES("wet", shm_set_insert(it, &key, 4));
    REFUSES("wet", shm_set_remove(it, &key, 4));
    REFUSES("objects", shm_pool_acquire(it, &lease));
    REFUSES("objects", shm_pool_acquire_wait(it, &lease, MOMENT));
    REFUSES("objects", shm_pool_release(it, 0));
    REFUSES("state", shm_versioned_store(it, b, 8));
    REFUSES("state", shm_versioned_update(it, add_three, &calls));
    REFUSES("frame", shm_frames_writer(it, &writer));
    REFUSES("ticks", shm_broadcast_send(it, b, 8));
    REFUSES("ledger", shm_mutex_lock(it, &lock, 0));
    REFUSES("permits", shm_semaphore_acquire(it, &permit, 0));
    REFUSES("news", shm_signal_raise(it));
    REFUSES("setup", shm_once_call(it, NULL, NULL, 0));
    CHECK(calls == 0);
    EXPECT(SHM_OK, shm_segment_close(segment));
}
