/* The driver of bindings/c: reads a step a line, does it through shm.h, and answers a line. The README has the words. */

#include <shm.h>

#include "line.h"

enum { NAMES = 16 };

/* What a step got and a later one uses. */
enum what { NOTHING, LOAN, TAKEN, PRODUCER, CONSUMER, LEASE, WRITER, SUBSCRIBER, LOCK, PERMIT };

struct held {
    char name[32];
    enum what what;
    void *it;
    uint64_t handle; /* of the object that a lease had */
    size_t size;     /* bytes of an element, or of a frame */
};

struct attached {
    char name[32];
    shm_segment *segment;
};

static struct held held[NAMES];
static struct attached attached[NAMES];
static char segment_name[256];

/* The word for a status; whether that is `ok`. */
static int answer(shm_status status) {
    switch (status) {
    case SHM_OK: printf("ok"); break;
    case SHM_FULL: printf("full"); break;
    case SHM_EMPTY: printf("empty"); break;
    case SHM_ABSENT: printf("absent"); break;
    case SHM_PRESENT: printf("present"); break;
    case SHM_DIFFERENT: printf("different"); break;
    case SHM_TIMEOUT: printf("timeout"); break;
    case SHM_TAKEN: printf("taken"); break;
    case SHM_MISSED: printf("missed"); break;
    case SHM_NO_LANE: printf("no_lane"); break;
    case SHM_ERROR_KIND: printf("error kind"); break;
    case SHM_ERROR_RANGE: printf("error range"); break;
    case SHM_ERROR_READ_ONLY: printf("error read_only"); break;
    case SHM_ERROR_NO_FIELD: printf("error no_field"); break;
    case SHM_ERROR_NOT_FOUND: printf("error not_found"); break;
    case SHM_ERROR_EXISTS: printf("error exists"); break;
    case SHM_ERROR_NAME: printf("error name"); break;
    case SHM_ERROR_OVER: printf("error over"); break;
    default: printf("error other"); fprintf(stderr, "%s: %s\n", words[0], shm_last_error());
    }
    return status == SHM_OK;
}

/* An answer with a value where it is `ok`, or where it says what was there. */
static void answer_value(shm_status status, const unsigned char *value, size_t size) {
    answer(status);
    if (status == SHM_OK || status == SHM_PRESENT || status == SHM_DIFFERENT)
        show("value", value, size);
}

static void answer_number(shm_status status, const char *name, uint64_t value) {
    if (answer(status) || status == SHM_MISSED)
        printf(" %s=%llu", name, (unsigned long long)value);
}

/* A batch that moved nothing is no failure. */
static void answer_count(shm_status status, size_t count) {
    answer_number(status == SHM_FULL ? SHM_OK : status, "count", count);
}

/* ---- what is held ---- */

static struct held *find(const char *name) {
    size_t i;
    for (i = 0; i < NAMES; i++)
        if (name != NULL && strcmp(held[i].name, name) == 0)
            return &held[i];
    return NULL;
}

/* A place for what the step gets; what has the name already is replaced. */
static struct held *place(void) {
    struct held *found = find(text("as"));
    if (found == NULL)
        found = find("");
    if (found == NULL)
        exit(2);
    snprintf(found->name, sizeof found->name, "%s", text("as"));
    found->what = NOTHING;
    return found;
}

static void keep(shm_status status, enum what what, void *it, size_t size) {
    if (answer(status)) {
        struct held *at = place();
        at->what = what;
        at->it = it;
        at->size = size;
        if (what == LEASE)
            shm_lease_handle(it, &at->handle);
    }
}

static shm_status drop(struct held *at) {
    enum what what = at->what;
    at->what = NOTHING; /* its name stays, and its object's handle */
    switch (what) {
    case LOAN: return shm_loan_close(at->it);
    case TAKEN: return shm_taken_close(at->it);
    case PRODUCER: return shm_producer_close(at->it);
    case CONSUMER: return shm_consumer_close(at->it);
    case LEASE: return shm_lease_close(at->it);
    case WRITER: return shm_writer_close(at->it);
    case SUBSCRIBER: return shm_subscriber_close(at->it);
    case LOCK: return shm_lock_close(at->it);
    case PERMIT: return shm_permit_close(at->it);
    default: return SHM_ERROR_OVER;
    }
}

static void on_held(struct held *at) {
    static unsigned char out[MOST];
    const unsigned char *given;
    size_t len = bytes(text("values") == NULL ? "value" : "values", &given), count = 0;
    size_t most = number("most") == 0 ? 1 : (size_t)number("most");
    uint64_t seen = 0;
    shm_status status;
    if (is("drop"))
        answer(drop(at));
    else if (at->what == LOAN && is("write"))
        answer(shm_loan_write(at->it, given, len));
    else if (at->what == LOAN && is("commit")) {
        if (answer(shm_loan_commit(at->it)))
            at->what = NOTHING;
    } else if (at->what == TAKEN && is("read"))
        answer_value(shm_taken_read(at->it, out, at->size), out, at->size);
    else if (at->what == TAKEN && is("done")) {
        if (answer(shm_taken_done(at->it)))
            at->what = NOTHING;
    } else if (at->what == PRODUCER && is("push"))
        answer(shm_producer_push(at->it, given, len));
    else if (at->what == PRODUCER && is("push_wait"))
        answer(shm_producer_push_wait(at->it, given, len, timeout_ns()));
    else if (at->what == PRODUCER && is("push_many")) {
        status = shm_producer_push_many(at->it, given, len, &count);
        answer_count(status, count);
    } else if (at->what == CONSUMER && is("pop"))
        answer_value(shm_consumer_pop(at->it, out, at->size), out, at->size);
    else if (at->what == CONSUMER && is("pop_wait"))
        answer_value(shm_consumer_pop_wait(at->it, out, at->size, timeout_ns()), out, at->size);
    else if (at->what == CONSUMER && is("pop_many")) {
        status = shm_consumer_pop_many(at->it, out, most * at->size, &count);
        if (answer(status == SHM_EMPTY ? SHM_OK : status))
            show("values", out, count * at->size);
    } else if (at->what == LEASE && is("write"))
        answer(shm_lease_write(at->it, given, len));
    else if (at->what == LEASE && is("read"))
        answer_value(shm_lease_read(at->it, out, at->size), out, at->size);
    else if (at->what == WRITER && is("publish")) {
        status = shm_writer_publish(at->it, given, len, &seen);
        answer_number(status, "version", seen);
    } else if (at->what == SUBSCRIBER && (is("receive") || is("receive_wait"))) {
        status = is("receive") ? shm_subscriber_receive(at->it, out, at->size, &seen)
                               : shm_subscriber_receive_wait(at->it, out, at->size, &seen, timeout_ns());
        if (status == SHM_MISSED)
            answer_number(status, "count", seen);
        else
            answer_value(status, out, at->size);
    } else if (at->what == LOCK && is("read"))
        answer_value(shm_lock_read(at->it, out, at->size), out, at->size);
    else if (at->what == LOCK && is("write"))
        answer(shm_lock_write(at->it, given, len));
    else if (at->what == LOCK && is("doubtful")) {
        int doubtful = 0;
        status = shm_lock_is_doubtful(at->it, &doubtful);
        answer_number(status, "count", (uint64_t)doubtful);
    } else if (at->what == LOCK && is("settle"))
        answer(shm_lock_mark_consistent(at->it));
    else
        answer(at->what == NOTHING ? SHM_ERROR_OVER : SHM_ERROR_KIND);
}

/* ---- fields ---- */

static void on_list(const shm_field *field, const shm_field_info *info) {
    static unsigned char out[MOST];
    const unsigned char *given;
    size_t size = info->element_size, count = 0;
    size_t most = number("most") == 0 ? 1 : (size_t)number("most");
    size_t len = bytes(text("values") == NULL ? "value" : "values", &given);
    int queue = info->kind == SHM_KIND_QUEUE;
    shm_status status;
    if (is("push"))
        answer(queue ? shm_queue_push(field, given, len) : shm_stack_push(field, given, len));
    else if (is("push_wait"))
        answer(queue ? shm_queue_push_wait(field, given, len, timeout_ns())
                     : shm_stack_push_wait(field, given, len, timeout_ns()));
    else if (is("push_many")) {
        status = queue ? shm_queue_push_many(field, given, len, &count)
                       : shm_stack_push_many(field, given, len, &count);
        answer_count(status, count);
    } else if (is("pop"))
        answer_value(queue ? shm_queue_pop(field, out, size) : shm_stack_pop(field, out, size), out, size);
    else if (is("pop_wait"))
        answer_value(queue ? shm_queue_pop_wait(field, out, size, timeout_ns())
                           : shm_stack_pop_wait(field, out, size, timeout_ns()),
                     out, size);
    else if (is("peek"))
        answer_value(queue ? shm_queue_peek(field, out, size) : shm_stack_peek(field, out, size), out, size);
    else if (is("pop_many")) {
        status = queue ? shm_queue_pop_many(field, out, most * size, &count)
                       : shm_stack_pop_many(field, out, most * size, &count);
        if (answer(status == SHM_EMPTY ? SHM_OK : status))
            show("values", out, count * size);
    } else
        answer(SHM_ERROR_KIND);
}

static void on_array(const shm_field *field, const shm_field_info *info) {
    static unsigned char out[MOST];
    const unsigned char *given;
    size_t size = info->element_size, index = (size_t)number("index"), len;
    if (is("get"))
        answer_value(shm_array_read(field, index, out, size), out, size);
    else if (is("set")) {
        len = bytes("value", &given);
        answer(shm_array_write(field, index, given, len));
    } else if (is("read")) {
        len = size * (size_t)number("most");
        if (answer(shm_array_read(field, (size_t)number("first"), out, len)))
            show("values", out, len);
    } else {
        len = bytes("values", &given);
        answer(shm_array_write(field, (size_t)number("first"), given, len));
    }
}

static void on_number(const shm_field *field, const shm_field_info *info) {
    static const char *const fetches[] = {"swap",      "fetch_add", "fetch_sub", "fetch_max",
                                          "fetch_min", "fetch_and", "fetch_or",  "fetch_xor"};
    unsigned char out[16];
    const unsigned char *given, *current;
    size_t size = info->element_size, index = (size_t)number("index"), len = bytes("value", &given);
    int i;
    if (is("load"))
        answer_value(shm_atomic_load(field, index, out, size), out, size);
    else if (is("store"))
        answer(shm_atomic_store(field, index, given, len));
    else if (is("compare_exchange")) {
        shm_status status;
        bytes("current", &current);
        bytes("new", &given);
        status = shm_atomic_compare_exchange(field, index, current, given, out, size);
        answer(status);
        if (status == SHM_DIFFERENT)
            show("value", out, size);
    } else {
        for (i = 0; i < 8; i++)
            if (is(fetches[i])) {
                answer_value(shm_atomic_fetch(field, index, (shm_fetch)i, given, out, len), out, size);
                return;
            }
        answer(SHM_ERROR_KIND);
    }
}

/* Keys and values that were visited. */
static unsigned char keys[MOST], values[MOST];
static size_t visited, key_size, value_size;

static void visit(const void *key, const void *value, void *context) {
    (void)context;
    memcpy(keys + visited * key_size, key, key_size);
    memcpy(values + visited++ * value_size, value, value_size);
}

static void visit_key(const void *key, void *context) {
    (void)context;
    memcpy(values + visited++ * key_size, key, key_size);
}

static void on_map(const shm_field *field, const shm_field_info *info) {
    static unsigned char out[MOST];
    const unsigned char *key, *given, *current;
    size_t size = info->value_size, len = bytes("key", &key), given_len = bytes("value", &given);
    shm_status status;
    if (is("get"))
        answer_value(shm_map_get(field, key, len, out, size), out, size);
    else if (is("contains")) {
        status = shm_map_contains(field, key, len);
        answer(status == SHM_OK ? SHM_PRESENT : status);
    } else if (is("insert") || is("get_or_insert")) {
        status = is("insert") ? shm_map_insert(field, key, len, given, out, given_len)
                              : shm_map_get_or_insert(field, key, len, given, out, given_len);
        answer(status);
        if (status == SHM_PRESENT)
            show("value", out, size);
    } else if (is("remove"))
        answer_value(shm_map_remove(field, key, len, out, size), out, size);
    else if (is("compare_exchange")) {
        bytes("current", &current);
        bytes("new", &given);
        status = shm_map_compare_exchange(field, key, len, current, given, out, size);
        answer(status);
        if (status == SHM_DIFFERENT)
            show("value", out, size);
    } else if (is("entries")) {
        visited = 0;
        key_size = info->key_size;
        value_size = size;
        if (answer(shm_map_visit(field, visit, NULL))) {
            show("keys", keys, visited * key_size);
            show("values", values, visited * value_size);
        }
    } else
        answer(SHM_ERROR_KIND);
}

static void on_set(const shm_field *field, const shm_field_info *info) {
    const unsigned char *key;
    size_t len = bytes("key", &key);
    shm_status status;
    if (is("contains")) {
        status = shm_set_contains(field, key, len);
        answer(status == SHM_OK ? SHM_PRESENT : status);
    } else if (is("insert"))
        answer(shm_set_insert(field, key, len));
    else if (is("remove"))
        answer(shm_set_remove(field, key, len));
    else if (is("entries")) {
        visited = 0;
        key_size = info->key_size;
        if (answer(shm_set_visit(field, visit_key, NULL)))
            show("values", values, visited * key_size);
    } else
        answer(SHM_ERROR_KIND);
}

static void on_latest(const shm_field *field, const shm_field_info *info) {
    static unsigned char out[MOST];
    const unsigned char *given;
    size_t size = info->element_size, len = bytes("value", &given);
    uint64_t version = 0, since = number("since");
    shm_status status;
    if (info->kind == SHM_KIND_VERSIONED_ARRAY) {
        size *= info->capacity;
        if (is("read")) {
            status = shm_frames_read(field, out, size, &version);
            answer_number(status, "version", version);
            show("values", out, size);
        } else if (is("version")) {
            status = shm_frames_version(field, &version);
            answer_number(status, "version", version);
        } else if (is("wait_change")) {
            status = shm_frames_wait_change(field, since, &version, timeout_ns());
            answer_number(status, "version", version);
        } else
            answer(SHM_ERROR_KIND);
    } else if (is("store"))
        answer(shm_versioned_store(field, given, len));
    else if (is("version")) {
        status = shm_versioned_version(field, &version);
        answer_number(status, "version", version);
    } else if (is("load") || is("wait_change")) {
        status = is("load") ? shm_versioned_load(field, out, size, &version)
                            : shm_versioned_wait_change(field, since, out, size, &version, timeout_ns());
        answer_value(status, out, size);
        if (status == SHM_OK)
            printf(" version=%llu", (unsigned long long)version);
    } else
        answer(SHM_ERROR_KIND);
}

/* Gets something that later steps use. */
#define GET(type, what, size, call) \
    do { \
        type *got = NULL; \
        shm_status status = call; \
        keep(status, what, got, size); \
    } while (0)

/* Steps that do; whether this was one. */
static int obtains(const shm_field *field, const shm_field_info *info) {
    size_t size = info->element_size;
    shm_start start = text("start") != NULL && strcmp(text("start"), "oldest") == 0 ? SHM_OLDEST : SHM_NEWEST;
    if (is("loan"))
        GET(shm_loan, LOAN, size, shm_queue_loan(field, &got));
    else if (is("take"))
        GET(shm_taken, TAKEN, size, shm_queue_take(field, &got));
    else if (is("producer"))
        GET(shm_producer, PRODUCER, size, shm_spsc_producer(field, &got));
    else if (is("consumer"))
        GET(shm_consumer, CONSUMER, size, shm_spsc_consumer(field, &got));
    else if (is("writer"))
        GET(shm_writer, WRITER, size * info->capacity, shm_frames_writer(field, &got));
    else if (is("subscribe"))
        GET(shm_subscriber, SUBSCRIBER, size, shm_broadcast_subscribe(field, start, &got));
    else if (is("lock"))
        GET(shm_lock, LOCK, size, shm_mutex_lock(field, &got, timeout_ns()));
    else if (is("acquire") && info->kind == SHM_KIND_SEMAPHORE)
        GET(shm_permit, PERMIT, size, shm_semaphore_acquire(field, &got, 0));
    else if (is("acquire"))
        GET(shm_lease, LEASE, size, shm_pool_acquire(field, &got));
    else
        return 0;
    return 1;
}

static void on_field(const shm_field *field) {
    static unsigned char out[MOST];
    const unsigned char *given;
    size_t len = 0;
    uint64_t count = 0;
    shm_field_info info;
    shm_status status = shm_field_describe(field, &info);
    if (status != SHM_OK)
        answer(status);
    else if (obtains(field, &info))
        return;
    else if (is("len")) {
        status = shm_field_len(field, &len);
        answer_number(status, "count", len);
    } else if (info.kind == SHM_KIND_QUEUE || info.kind == SHM_KIND_STACK)
        on_list(field, &info);
    else if (info.kind == SHM_KIND_ARRAY && (is("get") || is("set") || is("read") || is("write")))
        on_array(field, &info);
    else if (info.kind == SHM_KIND_ARRAY || info.kind == SHM_KIND_ATOMIC)
        on_number(field, &info);
    else if (info.kind == SHM_KIND_MAP || info.kind == SHM_KIND_LARGE_MAP)
        on_map(field, &info);
    else if (info.kind == SHM_KIND_SET)
        on_set(field, &info);
    else if (info.kind == SHM_KIND_VERSIONED || info.kind == SHM_KIND_VERSIONED_ARRAY)
        on_latest(field, &info);
    else if (is("get") && find(text("of")) != NULL)
        answer_value(shm_pool_get(field, find(text("of"))->handle, out, info.element_size), out, info.element_size);
    else if (is("send")) {
        len = bytes("value", &given);
        answer(shm_broadcast_send(field, given, len));
    } else if (is("sent")) {
        status = shm_broadcast_sent(field, &count);
        answer_number(status, "count", count);
    } else if (is("raise"))
        answer(shm_signal_raise(field));
    else if (is("count")) {
        status = shm_signal_count(field, &count);
        answer_number(status, "count", count);
    } else if (is("wait_change")) {
        status = shm_signal_wait(field, number("since"), &count, timeout_ns());
        answer_number(status, "count", count);
    } else
        answer(SHM_ERROR_KIND);
}

/* ---- segments ---- */

static struct attached *attachment(const char *name) {
    size_t i;
    for (i = 0; i < NAMES; i++)
        if (attached[i].segment != NULL && strcmp(attached[i].name, name) == 0)
            return &attached[i];
    return NULL;
}

static void attach(const char *name, shm_segment *segment) {
    size_t i = 0;
    while (i < NAMES && attached[i].segment != NULL)
        i++;
    if (i == NAMES)
        exit(2);
    snprintf(attached[i].name, sizeof attached[i].name, "%s", name);
    attached[i].segment = segment;
}

static void leave_all(void) {
    size_t i;
    for (i = 0; i < NAMES; i++) {
        drop(&held[i]);
        held[i].name[0] = '\0';
        shm_segment_close(attached[i].segment);
        attached[i].segment = NULL;
    }
}

static void begin(void) {
    const unsigned char *description;
    size_t len = bytes("description", &description);
    shm_segment *segment = NULL;
    char json[MOST + 1];
    leave_all();
    memcpy(json, description, len);
    json[len] = '\0';
    snprintf(segment_name, sizeof segment_name, "%s", text("segment"));
    if (answer(number("open") == 1 ? shm_segment_open(segment_name, NULL, &segment)
                                   : shm_segment_create(segment_name, json, NULL, &segment)))
        attach("", segment);
}

static void on_segment(void) {
    shm_segment *segment = NULL;
    shm_options options = SHM_OPTIONS_INIT;
    const char *name = text("segment") == NULL ? segment_name : text("segment");
    size_t settled = 0, later = 0;
    struct attached *at;
    shm_status status;
    if (number("read_only") == 1)
        options.flags = SHM_READ_ONLY;
    if (is("open") || is("create")) {
        const char *json = shm_segment_description(attachment("")->segment);
        status = is("open") ? shm_segment_open(name, &options, &segment)
                            : shm_segment_create(name, json, NULL, &segment);
        if (answer(status))
            attach(text("as"), segment);
    } else if (is("close")) {
        at = attachment(text("via"));
        if (at == NULL) {
            printf("error closed");
            return;
        }
        answer(shm_segment_close(at->segment));
        at->segment = NULL;
    } else {
        status = shm_segment_recover(attachment("")->segment, &settled, &later);
        answer_number(status, "count", settled);
        printf(" later=%llu", (unsigned long long)later);
    }
}

static void run(void) {
    shm_field *field = NULL;
    struct attached *at;
    shm_status status;
    if (is("case"))
        begin();
    else if (is("end")) {
        leave_all();
        answer(SHM_OK);
    } else if (is("open") || is("create") || is("close") || is("recover"))
        on_segment();
    else if (text("on") != NULL) {
        struct held *found = find(text("on"));
        if (found == NULL)
            answer(SHM_ERROR_OVER);
        else
            on_held(found);
    } else if ((at = attachment(text("via") == NULL ? "" : text("via"))) == NULL)
        printf("error closed");
    else {
        status = shm_field_open(at->segment, text("field"), &field);
        if (status == SHM_OK)
            on_field(field);
        else
            answer(status);
        shm_field_close(field);
    }
}

int main(void) {
    static char line[4 * MOST];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!take_line(line))
            continue;
        run();
        putchar('\n');
        fflush(stdout);
    }
    leave_all();
    return 0;
}
