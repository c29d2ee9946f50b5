/* Every function of the header, once as it is meant and once as it is not. argv[1]: the name of a segment. */

#include "check.h"

typedef struct event {
    double t;
    uint32_t cell;
    uint32_t kind;
} event;

static const char *const DESCRIPTION =
    "{\"schema\": {\"name\": \"Sim\"}, \"lanes\": 16, \"entries\": ["
    "{\"name\": \"grid\", \"kind\": \"Array\", \"capacity\": [4], \"element\": \"f32\"},"
    "{\"name\": \"count\", \"kind\": \"Atomic\", \"element\": \"u64\"},"
    "{\"name\": \"events\", \"kind\": \"Queue\", \"capacity\": [2], \"element\": {\"size\": 16, \"align\": 8, \"fields\": ["
    "{\"name\": \"t\", \"type\": \"f64\", \"offset\": 0}, {\"name\": \"cell\", \"type\": \"u32\", \"offset\": 8},"
    "{\"name\": \"kind\", \"type\": \"u32\", \"offset\": 12}]}},"
    "{\"name\": \"undo\", \"kind\": \"Stack\", \"capacity\": [2], \"element\": \"i32\"},"
    "{\"name\": \"audio\", \"kind\": \"Spsc\", \"capacity\": [2], \"element\": \"u16\"},"
    "{\"name\": \"gauges\", \"kind\": \"Map\", \"capacity\": [8], \"element\": {\"size\": 16, \"align\": 8, \"fields\": ["
    "{\"name\": \"key\", \"type\": \"u32\", \"offset\": 0}, {\"name\": \"value\", \"type\": \"u64\", \"offset\": 8}]}},"
    "{\"name\": \"wet\", \"kind\": \"Set\", \"capacity\": [4], \"element\": \"u32\"},"
    "{\"name\": \"objects\", \"kind\": \"Pool\", \"capacity\": [1], \"element\": \"u64\"},"
    "{\"name\": \"state\", \"kind\": \"Versioned\", \"element\": \"u64\"},"
    "{\"name\": \"frame\", \"kind\": \"VersionedArray\", \"capacity\": [3], \"element\": \"u16\"},"
    "{\"name\": \"ticks\", \"kind\": \"Broadcast\", \"capacity\": [2], \"element\": \"i64\"},"
    "{\"name\": \"ledger\", \"kind\": \"Mutex\", \"element\": \"i64\"},"
    "{\"name\": \"permits\", \"kind\": \"Semaphore\", \"capacity\": [1]},"
    "{\"name\": \"news\", \"kind\": \"Signal\"},"
    "{\"name\": \"setup\", \"kind\": \"Once\"},"
    "{\"name\": \"second\", \"kind\": \"Once\"}"
    "]}";

/* A moment, in nanoseconds. */
#define MOMENT UINT64_C(1000000)

static shm_options with(uint32_t flags) {
    shm_options options = SHM_OPTIONS_INIT;
    options.flags = flags;
    return options;
}

static void segments(const char *name, shm_segment *segment) {
    shm_segment *other = NULL;
    size_t count = 0, later = 9;
    shm_health health;
    shm_options options = with(0);
    FAILS(SHM_ERROR_EXISTS, name, shm_segment_create(name, DESCRIPTION, NULL, &other));
    CHECK(other == NULL);
    FAILS(SHM_ERROR_NAME, "a segment's name", shm_segment_open("a/b", NULL, &other));
    FAILS(SHM_ERROR_NAME, "UTF-8", shm_segment_open("\xff", NULL, &other));
    FAILS(SHM_ERROR_NOT_FOUND, "shm-test-none", shm_segment_open("shm-test-none", NULL, &other));
    FAILS(SHM_ERROR_NULL, "name", shm_segment_open(NULL, NULL, &other));
    FAILS(SHM_ERROR_NULL, "shm_segment *", shm_segment_open(name, NULL, NULL));
    FAILS(SHM_ERROR_DESCRIPTION, "JSON", shm_segment_create("shm-test-none", "{", NULL, &other));
    FAILS(SHM_ERROR_MISMATCH, "grid",
          shm_segment_open_or_create(name, "{\"entries\": [{\"name\": \"grid\", \"kind\": \"Array\", \"capacity\": [5], "
                                           "\"element\": \"f32\"}]}",
                                     NULL, &other));
    options.size = 3;
    FAILS(SHM_ERROR_VALUE, "SHM_OPTIONS_INIT", shm_segment_open(name, &options, &other));
    options = with(1u << 31);
    FAILS(SHM_ERROR_VALUE, "flags", shm_segment_open(name, &options, &other));

    EXPECT(SHM_OK, shm_segment_open_or_create(name, DESCRIPTION, NULL, &other));
    EXPECT(SHM_OK, shm_segment_participants(segment, &count));
    CHECK(count == 2);
    EXPECT(SHM_OK, shm_segment_close(other));
    EXPECT(SHM_OK, shm_segment_close(NULL));
    CHECK(strcmp(shm_segment_name(segment), name) == 0);
    CHECK(strstr(shm_segment_description(segment), "\"Sim\"") != NULL);
    CHECK(shm_segment_size(segment) > 4096);
    CHECK(shm_segment_field_count(segment) == 16);
    CHECK(strcmp(shm_segment_field_name(segment, 14), "setup") == 0);
    CHECK(shm_segment_field_name(segment, 16) == NULL && strstr(shm_last_error(), "16") != NULL);
    CHECK(shm_segment_name(NULL) == NULL && strstr(shm_last_error(), "null") != NULL);
    EXPECT(SHM_OK, shm_segment_recover(segment, &count, &later));
    CHECK(count == 0 && later == 0);
    EXPECT(SHM_OK, shm_segment_reattach(segment));
    memset(&health, 0xff, sizeof health);
    EXPECT(SHM_OK, shm_segment_health(segment, &health));
    CHECK(health.corrupt == 0 && health.truncated == 0 && health.reserved == 0);
    EXPECT(SHM_OK, shm_segments_prune(NULL));
    FAILS(SHM_ERROR_NOT_FOUND, "shm-test-none", shm_segments_unlink("shm-test-none"));
}

/* A segment that persists until it is unlinked. */
static void persistent(const char *name) {
    shm_segment *segment = NULL;
    shm_options options = with(SHM_PERSIST | SHM_RESERVE);
    char other[256];
    snprintf(other, sizeof other, "%s-kept", name);
    options.mode = 0600;
    EXPECT(SHM_OK, shm_segment_create(other, DESCRIPTION, &options, &segment));
    EXPECT(SHM_OK, shm_segment_close(segment));
    options = with(SHM_READ_ONLY | SHM_ANY_OWNER);
    options.wait_ns = MOMENT;
    EXPECT(SHM_OK, shm_segment_open(other, &options, &segment));
    EXPECT(SHM_OK, shm_segment_close(segment));
    EXPECT(SHM_OK, shm_segments_unlink(other));
    FAILS(SHM_ERROR_NOT_FOUND, other, shm_segment_open(other, NULL, &segment));
}

static void handles(const shm_segment *segment) {
    shm_field *events = field_of(segment, "events"), *none = NULL;
    uint64_t number = 0;
    size_t len = 0;
    char misplaced[64] = {0};
    FAILS(SHM_ERROR_NO_FIELD, "evnts", shm_field_open(segment, "evnts", &none));
    FAILS(SHM_ERROR_HANDLE, "was given shm_segment", shm_queue_pop((const shm_field *)segment, &number, 8));
    FAILS(SHM_ERROR_HANDLE, "was given shm_field", shm_segment_close((shm_segment *)events));
    FAILS(SHM_ERROR_HANDLE, "none of this library's", shm_field_len((const shm_field *)(void *)&number, &len));
    FAILS(SHM_ERROR_HANDLE, "none of this library's", shm_field_len((const shm_field *)(void *)(misplaced + 1), &len));
    FAILS(SHM_ERROR_NULL, "shm_field *", shm_queue_pop(NULL, &number, 8));
    FAILS(SHM_ERROR_KIND, "`events` is of kind Queue", shm_stack_pop(events, &number, 8));
    FAILS(SHM_ERROR_KIND, "`events` is of kind Queue", shm_map_get(events, &number, 4, &number, 8));
    FAILS(SHM_ERROR_SIZE, "16 are expected", shm_queue_push(events, &number, 8));
    FAILS(SHM_ERROR_SIZE, "whole elements of 16", shm_queue_push_many(events, &number, 8, &len));
    FAILS(SHM_ERROR_SIZE, "negative", shm_queue_push_many(events, &number, (size_t)-16, &len));
    FAILS(SHM_ERROR_NULL, "element", shm_queue_push(events, NULL, 16));
    FAILS(SHM_ERROR_NULL, "place", shm_field_len(events, NULL));
    CHECK(strcmp(shm_field_name(events), "events") == 0);
    EXPECT(SHM_OK, shm_field_close(events));
    EXPECT(SHM_OK, shm_field_close(NULL));
}

static void descriptions(const shm_segment *segment) {
    shm_field *gauges = field_of(segment, "gauges"), *wet = field_of(segment, "wet"), *news = field_of(segment, "news");
    shm_field_info info;
    EXPECT(SHM_OK, shm_field_describe(gauges, &info));
    CHECK(info.kind == SHM_KIND_MAP && info.capacity == 8 && info.element_size == 16 && info.align == 8);
    CHECK(info.key_size == 4 && info.value_offset == 8 && info.value_size == 8);
    CHECK(info.offset % 64 == 0 && info.size > 8 * 16);
    EXPECT(SHM_OK, shm_field_describe(wet, &info));
    CHECK(info.kind == SHM_KIND_SET && info.key_size == 4 && info.value_size == 0);
    EXPECT(SHM_OK, shm_field_describe(news, &info));
    CHECK(info.kind == SHM_KIND_SIGNAL && info.capacity == 0 && info.element_size == 0);
    EXPECT(SHM_OK, shm_field_close(gauges));
    EXPECT(SHM_OK, shm_field_close(wet));
    EXPECT(SHM_OK, shm_field_close(news));
}

static void arrays(const shm_segment *segment) {
    shm_field *grid = field_of(segment, "grid"), *count = field_of(segment, "count");
    float some[2] = {1.5f, -2.0f}, out[4];
    void *memory = NULL;
    size_t size = 0;
    uint64_t number = 5, before = 0, current = 5;
    EXPECT(SHM_OK, shm_array_write(grid, 2, some, sizeof some));
    EXPECT(SHM_OK, shm_array_read(grid, 0, out, sizeof out));
    CHECK(out[0] == 0.0f && out[2] == 1.5f && out[3] == -2.0f);
    FAILS(SHM_ERROR_RANGE, "there are 4", shm_array_write(grid, 3, some, sizeof some));
    FAILS(SHM_ERROR_RANGE, "there are 4", shm_array_read(grid, (size_t)-1, out, sizeof out));
    EXPECT(SHM_OK, shm_array_pointer(grid, &memory, &size));
    CHECK(size == sizeof out && ((float *)memory)[2] == 1.5f);
    EXPECT(SHM_OK, shm_field_len(grid, &size));
    CHECK(size == 4);
    EXPECT(SHM_OK, shm_atomic_fetch(grid, 2, SHM_FETCH_ADD, &some[1], &out[0], sizeof(float)));
    CHECK(out[0] == 1.5f && ((float *)memory)[2] == -0.5f);
    FAILS(SHM_ERROR_VALUE, "integers", shm_atomic_fetch(grid, 2, SHM_FETCH_AND, some, NULL, sizeof(float)));
    FAILS(SHM_ERROR_RANGE, "there are 4", shm_atomic_load(grid, 4, out, sizeof(float)));

    EXPECT(SHM_OK, shm_atomic_store(count, 0, &number, sizeof number));
    EXPECT(SHM_OK, shm_atomic_fetch(count, 0, SHM_FETCH_SWAP, &number, &before, sizeof number));
    CHECK(before == 5);
    number = 9;
    EXPECT(SHM_OK, shm_atomic_compare_exchange(count, 0, &current, &number, &before, sizeof number));
    EXPECT(SHM_DIFFERENT, shm_atomic_compare_exchange(count, 0, &current, &number, &before, sizeof number));
    CHECK(before == 9);
    EXPECT(SHM_OK, shm_atomic_fetch(count, 0, SHM_FETCH_XOR, &number, NULL, sizeof number));
    EXPECT(SHM_OK, shm_atomic_load(count, 0, &number, sizeof number));
    CHECK(number == 0);
    FAILS(SHM_ERROR_RANGE, "there are 1", shm_atomic_load(count, 1, &number, sizeof number));
    FAILS(SHM_ERROR_SIZE, "8 are expected", shm_atomic_load(count, 0, &number, 4));
    FAILS(SHM_ERROR_VALUE, "17", shm_atomic_fetch(count, 0, (shm_fetch)17, &number, NULL, sizeof number));
    EXPECT(SHM_OK, shm_field_close(grid));
    EXPECT(SHM_OK, shm_field_close(count));
}

static void queues(const shm_segment *segment) {
    shm_field *events = field_of(segment, "events");
    event some[3] = {{1.0, 2, 3}, {4.0, 5, 6}, {7.0, 8, 9}}, out[3];
    size_t count = 9;
    shm_loan *loan = NULL, *other = NULL;
    shm_taken *taken = NULL;
    EXPECT(SHM_EMPTY, shm_queue_pop(events, out, sizeof(event)));
    EXPECT(SHM_OK, shm_queue_push(events, some, sizeof(event)));
    EXPECT(SHM_OK, shm_queue_peek(events, out, sizeof(event)));
    CHECK(out[0].cell == 2);
    EXPECT(SHM_OK, shm_queue_push_many(events, some + 1, 2 * sizeof(event), &count));
    CHECK(count == 1);
    EXPECT(SHM_FULL, shm_queue_push(events, some, sizeof(event)));
    EXPECT(SHM_FULL, shm_queue_push_many(events, some, sizeof(event), &count));
    CHECK(count == 0);
    EXPECT(SHM_OK, shm_queue_push_many(events, NULL, 0, &count));
    EXPECT(SHM_FULL, shm_queue_push_wait(events, some, sizeof(event), MOMENT));
    EXPECT(SHM_OK, shm_field_len(events, &count));
    CHECK(count == 2);
    EXPECT(SHM_OK, shm_queue_pop_many(events, out, sizeof out, &count));
    CHECK(count == 2 && out[0].t == 1.0 && out[1].kind == 6);
    EXPECT(SHM_EMPTY, shm_queue_pop_many(events, out, sizeof out, &count));
    CHECK(count == 0);
    EXPECT(SHM_TIMEOUT, shm_queue_pop_wait(events, out, sizeof(event), 0));
    EXPECT(SHM_EMPTY, shm_queue_peek(events, out, sizeof(event)));

    EXPECT(SHM_OK, shm_queue_loan(events, &loan));
    EXPECT(SHM_OK, shm_loan_write(loan, some + 2, sizeof(event)));
    EXPECT(SHM_OK, shm_loan_read(loan, out, sizeof(event)));
    CHECK(out[0].cell == 8);
    FAILS(SHM_ERROR_SIZE, "16 are expected", shm_loan_write(loan, some, 3));
    EXPECT(SHM_OK, shm_loan_commit(loan));
    EXPECT(SHM_OK, shm_queue_loan(events, &loan));
    EXPECT(SHM_OK, shm_loan_close(loan));
    EXPECT(SHM_OK, shm_queue_push_wait(events, some, sizeof(event), 0));
    EXPECT(SHM_OK, shm_queue_loan(events, &other));
    EXPECT(SHM_FULL, shm_loan_commit(other));
    EXPECT(SHM_OK, shm_loan_close(other));
    EXPECT(SHM_OK, shm_queue_take(events, &taken));
    EXPECT(SHM_OK, shm_taken_read(taken, out, sizeof(event)));
    CHECK(out[0].cell == 8);
    EXPECT(SHM_OK, shm_taken_close(taken)); /* it comes back */
    EXPECT(SHM_OK, shm_queue_take_wait(events, &taken, UINT64_MAX));
    EXPECT(SHM_OK, shm_taken_read(taken, out, sizeof(event)));
    CHECK(out[0].cell == 8);
    EXPECT(SHM_OK, shm_taken_done(taken));
    EXPECT(SHM_OK, shm_queue_pop_wait(events, out, sizeof(event), UINT64_MAX));
    CHECK(out[0].cell == 2);
    EXPECT(SHM_EMPTY, shm_queue_take(events, &taken));
    EXPECT(SHM_TIMEOUT, shm_queue_take_wait(events, &taken, MOMENT));
    CHECK(taken == NULL);
    EXPECT(SHM_OK, shm_field_close(events));
}

static void stacks(const shm_segment *segment) {
    shm_field *undo = field_of(segment, "undo");
    int32_t some[3] = {-1, -2, -3}, out[3];
    size_t count = 0;
    EXPECT(SHM_OK, shm_stack_push(undo, some, 4));
    EXPECT(SHM_OK, shm_stack_push_many(undo, some + 1, 8, &count));
    CHECK(count == 1);
    EXPECT(SHM_FULL, shm_stack_push(undo, some, 4));
    EXPECT(SHM_FULL, shm_stack_push_wait(undo, some, 4, MOMENT));
    EXPECT(SHM_OK, shm_stack_peek(undo, out, 4));
    CHECK(out[0] == -2);
    EXPECT(SHM_OK, shm_stack_pop(undo, out, 4));
    EXPECT(SHM_OK, shm_stack_pop_many(undo, out, sizeof out, &count));
    CHECK(count == 1 && out[0] == -1);
    EXPECT(SHM_EMPTY, shm_stack_pop(undo, out, 4));
    EXPECT(SHM_TIMEOUT, shm_stack_pop_wait(undo, out, 4, MOMENT));
    EXPECT(SHM_OK, shm_field_close(undo));
}

static void roles(const shm_segment *segment) {
    shm_field *audio = field_of(segment, "audio"), *frame = field_of(segment, "frame");
    shm_producer *producer = NULL, *second = NULL;
    shm_consumer *consumer = NULL, *other = NULL;
    uint16_t some[3] = {1, 2, 3}, out[3];
    size_t count = 0;
    EXPECT(SHM_OK, shm_spsc_producer(audio, &producer));
    EXPECT(SHM_TAKEN, shm_spsc_producer(audio, &second));
    EXPECT(SHM_OK, shm_spsc_consumer(audio, &consumer));
    EXPECT(SHM_TAKEN, shm_spsc_consumer(audio, &other));
    CHECK(second == NULL && other == NULL);
    EXPECT(SHM_OK, shm_producer_push_many(producer, some, sizeof some, &count));
    CHECK(count == 2);
    EXPECT(SHM_FULL, shm_producer_push(producer, some, 2));
    EXPECT(SHM_FULL, shm_producer_push_wait(producer, some, 2, MOMENT));
    EXPECT(SHM_OK, shm_consumer_pop(consumer, out, 2));
    CHECK(out[0] == 1);
    FAILS(SHM_ERROR_HANDLE, "was given shm_producer", shm_consumer_pop((shm_consumer *)producer, out, 2));
    EXPECT(SHM_OK, shm_consumer_pop_many(consumer, out, sizeof out, &count));
    CHECK(count == 1 && out[0] == 2);
    EXPECT(SHM_EMPTY, shm_consumer_pop(consumer, out, 2));
    EXPECT(SHM_TIMEOUT, shm_consumer_pop_wait(consumer, out, 2, MOMENT));
    EXPECT(SHM_OK, shm_producer_close(producer));
    EXPECT(SHM_OK, shm_consumer_close(consumer));
    EXPECT(SHM_OK, shm_spsc_producer(audio, &producer));
    EXPECT(SHM_OK, shm_producer_close(producer));
    EXPECT(SHM_OK, shm_field_close(audio));
    EXPECT(SHM_OK, shm_field_close(frame));
}

void latest(const shm_segment *segment);
void keyed(const shm_segment *segment);
void leased(const shm_segment *segment);
void blocking(const shm_segment *segment);
void read_only(const char *name);
void shared_and_forked(const shm_segment *segment);
void run_out(const char *name);

int main(int argc, char **argv) {
    shm_segment *segment = NULL;
    const char *name = argv[1];
    CHECK(argc == 2);
    CHECK(strcmp(shm_last_error(), "") == 0);
    CHECK(strcmp(shm_status_name(SHM_FULL), "SHM_FULL") == 0 && strcmp(shm_status_name(77), "SHM_?") == 0);
    CHECK(shm_library_version()[0] != '\0');
    EXPECT(SHM_OK, shm_segment_create(name, DESCRIPTION, NULL, &segment));
    segments(name, segment);
    persistent(name);
    handles(segment);
    descriptions(segment);
    arrays(segment);
    queues(segment);
    stacks(segment);
    roles(segment);
    keyed(segment);
    leased(segment);
    latest(segment);
    blocking(segment);
    read_only(name);
    shared_and_forked(segment);
    run_out(name);
    EXPECT(SHM_OK, shm_segment_unlink(segment));
    EXPECT(SHM_OK, shm_segment_close(segment));
    puts("ok");
    return 0;
}
