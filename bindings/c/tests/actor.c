/* A process of tests/c/war.rs: argv is what to do, the segment's name, and the seat. It may be killed anywhere. */

#include "check.h"

enum { PRODUCERS = 4, KEYS = 16, LIMIT = 1 << 20 };

typedef struct item {
    uint64_t seat;
    uint64_t number;
    uint64_t check[3];
} item;

/* The fields of the segment. */
static shm_field *queue, *order, *next, *acknowledged, *seen, *torn, *sums;

static item item_of(uint64_t seat, uint64_t number) {
    uint64_t mixed = (seat * UINT64_C(1000003) + number) * UINT64_C(0x9E3779B97F4A7C15);
    item made = {seat, number, {mixed, ~mixed, mixed >> 7}};
    return made;
}

static uint32_t ordered(void) {
    uint32_t now;
    EXPECT(SHM_OK, shm_atomic_load(order, 0, &now, sizeof now));
    return now;
}

static void add(shm_field *field, size_t index, uint64_t much) {
    EXPECT(SHM_OK, shm_atomic_fetch(field, index, SHM_FETCH_ADD, &much, NULL, sizeof much));
}

static void produce(uint64_t seat) {
    uint64_t number;
    EXPECT(SHM_OK, shm_atomic_load(next, seat, &number, sizeof number));
    while (ordered() < 1 && number < LIMIT) {
        uint64_t after = number + 1;
        item made = item_of(seat, number);
        shm_status pushed;
        /* the number is the dead's from here on: whether its push took effect is not known to the successor */
        EXPECT(SHM_OK, shm_atomic_store(next, seat, &after, sizeof after));
        while ((pushed = shm_queue_push_wait(queue, &made, sizeof made, UINT64_C(100000000))) == SHM_FULL) {
            if (ordered() >= 1) {
                EXPECT(SHM_OK, shm_atomic_store(next, seat, &number, sizeof number));
                return;
            }
        }
        CHECK(pushed == SHM_OK);
        add(acknowledged, seat, 1);
        number = after;
    }
}

static void see(const item *got) {
    item right = item_of(got->seat, got->number);
    uint8_t one = 1;
    if (memcmp(&right, got, sizeof right) == 0 && got->seat < PRODUCERS && got->number < LIMIT)
        EXPECT(SHM_OK, shm_atomic_fetch(seen, got->seat * LIMIT + got->number, SHM_FETCH_ADD, &one, NULL, 1));
    else
        add(torn, 0, 1);
}

static void consume(int takes) {
    for (;;) {
        /* the order is read first: what was pushed before it was given is still popped */
        int is_last = ordered() >= 2;
        uint64_t wait = is_last ? 0 : UINT64_C(20000000);
        item got;
        shm_status status;
        if (takes) {
            shm_taken *taken;
            status = shm_queue_take_wait(queue, &taken, wait);
            if (status == SHM_OK) {
                EXPECT(SHM_OK, shm_taken_read(taken, &got, sizeof got));
                see(&got);
                EXPECT(SHM_OK, shm_taken_done(taken));
            }
        } else {
            status = shm_queue_pop_wait(queue, &got, sizeof got, wait);
            if (status == SHM_OK)
                see(&got);
        }
        CHECK(status == SHM_OK || status == SHM_TIMEOUT);
        if (is_last && status == SHM_TIMEOUT)
            return;
    }
}

static void one_more(void *value, size_t size, void *context) {
    uint64_t sum;
    (void)context;
    memcpy(&sum, value, size);
    sum++;
    memcpy(value, &sum, size);
}

/* Counts in a map, on keys that all share, and has a key of its own come and go. */
static void count(uint64_t seat) {
    uint32_t turn = 0;
    while (ordered() < 1) {
        uint32_t shared = turn++ % KEYS, own = 1000 + (uint32_t)seat;
        uint64_t before = 0;
        shm_status inserted;
        add(next, seat, 1);
        EXPECT(SHM_OK, shm_map_update(sums, &shared, sizeof shared, one_more, NULL));
        add(acknowledged, seat, 1);
        inserted = shm_map_insert(sums, &own, sizeof own, &before, NULL, sizeof before);
        CHECK(inserted == SHM_OK || inserted == SHM_PRESENT); /* a killed one's is still there */
        EXPECT(SHM_OK, shm_map_remove(sums, &own, sizeof own, NULL, sizeof before));
    }
}

int main(int argc, char **argv) {
    shm_segment *segment = NULL;
    uint64_t seat;
    CHECK(argc == 4);
    seat = strtoull(argv[3], NULL, 10);
    EXPECT(SHM_OK, shm_segment_open(argv[2], NULL, &segment));
    queue = field_of(segment, "queue");
    order = field_of(segment, "order");
    next = field_of(segment, "next");
    acknowledged = field_of(segment, "acknowledged");
    seen = field_of(segment, "seen");
    torn = field_of(segment, "torn");
    sums = field_of(segment, "sums");
    if (strcmp(argv[1], "produce") == 0)
        produce(seat);
    else if (strcmp(argv[1], "count") == 0)
        count(seat);
    else
        consume(strcmp(argv[1], "take") == 0);
    return 0;
}
