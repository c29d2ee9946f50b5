/* The third part of own.c: threads, forked children, the dead, and what a segment runs out of. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

void shared_and_forked(const shm_segment *segment);
void run_out(const char *name);

/* The child's status, once it has ended. */
static int ended(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

/* ---- an object belongs to one thread at a time ---- */

static void *waits(void *consumer) {
    uint16_t out = 0;
    shm_status status;
    while ((status = shm_consumer_pop_wait(consumer, &out, sizeof out, UINT64_MAX)) == SHM_ERROR_BUSY)
        sched_yield(); /* while the first thread is in its call */
    CHECK(status == SHM_OK && out == 7);
    return NULL;
}

static void one_thread_at_a_time(const shm_segment *segment) {
    shm_field *audio = field_of(segment, "audio");
    shm_producer *producer = NULL;
    shm_consumer *consumer = NULL;
    uint16_t seven = 7, out = 0;
    pthread_t thread;
    shm_status status;
    EXPECT(SHM_OK, shm_spsc_producer(audio, &producer));
    EXPECT(SHM_OK, shm_spsc_consumer(audio, &consumer));
    CHECK(pthread_create(&thread, NULL, waits, consumer) == 0);
    while ((status = shm_consumer_pop(consumer, &out, sizeof out)) == SHM_EMPTY)
        sched_yield(); /* until the other one is in its call, and stays there */
    CHECK(status == SHM_ERROR_BUSY && strstr(shm_last_error(), "another thread") != NULL);
    EXPECT(SHM_OK, shm_producer_push(producer, &seven, sizeof seven));
    CHECK(pthread_join(thread, NULL) == 0);
    EXPECT(SHM_EMPTY, shm_consumer_pop(consumer, &out, sizeof out));
    EXPECT(SHM_OK, shm_producer_close(producer));
    EXPECT(SHM_OK, shm_consumer_close(consumer));
    EXPECT(SHM_OK, shm_field_close(audio));
}

/* ---- a forked child goes on with segments and fields, and has none of the parent's guards ---- */

static void a_child_is_another_one(const shm_segment *segment) {
    shm_field *state = field_of(segment, "state"), *undo = field_of(segment, "undo"), *events = field_of(segment, "events");
    struct {
        double t;
        uint32_t cell, kind;
    } event = {1.0, 2, 3};
    uint64_t value = 77;
    int32_t popped = 0;
    shm_taken *taken = NULL;
    pid_t child;
    EXPECT(SHM_OK, shm_queue_push(events, &event, sizeof event));
    EXPECT(SHM_OK, shm_queue_take(events, &taken));
    child = fork();
    if (child == 0) {
        popped = -4;
        EXPECT(SHM_OK, shm_stack_push(undo, &popped, sizeof popped));
        EXPECT(SHM_OK, shm_versioned_store(state, &value, sizeof value));
        EXPECT(SHM_OK, shm_taken_done(taken)); /* void: it is the parent's */
        _exit(0);
    }
    CHECK(ended(child) == 0);
    EXPECT(SHM_OK, shm_stack_pop(undo, &popped, sizeof popped));
    value = 0;
    EXPECT(SHM_OK, shm_versioned_load(state, &value, sizeof value, NULL));
    CHECK(popped == -4 && value == 77);
    EXPECT(SHM_EMPTY, shm_queue_pop(events, &event, sizeof event));
    EXPECT(SHM_OK, shm_taken_close(taken)); /* so it comes back */
    EXPECT(SHM_OK, shm_queue_pop(events, &event, sizeof event));
    CHECK(event.cell == 2);
    EXPECT(SHM_OK, shm_field_close(state));
    EXPECT(SHM_OK, shm_field_close(undo));
    EXPECT(SHM_OK, shm_field_close(events));
}

/* ---- who dies with something gives it back ---- */

static void ends_here(int was_interrupted, void *context) {
    CHECK(!was_interrupted);
    (void)context;
    _exit(0);
}

static void is_told(int was_interrupted, void *context) {
    *(int *)context = was_interrupted;
}

static void the_dead_give_back(const shm_segment *segment) {
    shm_field *ledger = field_of(segment, "ledger"), *permits = field_of(segment, "permits");
    shm_field *objects = field_of(segment, "objects"), *setup = field_of(segment, "second");
    shm_lock *lock = NULL;
    shm_permit *permit = NULL;
    shm_lease *lease = NULL;
    int64_t half = 5;
    int doubtful = 0, interrupted = 0;
    pid_t child = fork();
    if (child == 0) {
        EXPECT(SHM_OK, shm_mutex_lock(ledger, &lock, UINT64_MAX));
        EXPECT(SHM_OK, shm_lock_write(lock, &half, sizeof half));
        EXPECT(SHM_OK, shm_semaphore_acquire(permits, &permit, UINT64_MAX));
        EXPECT(SHM_OK, shm_pool_acquire(objects, &lease));
        EXPECT(SHM_OK, shm_once_call(setup, ends_here, NULL, UINT64_MAX));
        _exit(1);
    }
    CHECK(ended(child) == 0);
    EXPECT(SHM_OK, shm_mutex_lock(ledger, &lock, UINT64_MAX));
    EXPECT(SHM_OK, shm_lock_is_doubtful(lock, &doubtful));
    CHECK(doubtful == 1);
    EXPECT(SHM_OK, shm_lock_mark_consistent(lock));
    EXPECT(SHM_OK, shm_lock_close(lock));
    EXPECT(SHM_OK, shm_mutex_lock(ledger, &lock, 0));
    EXPECT(SHM_OK, shm_lock_is_doubtful(lock, &doubtful));
    CHECK(doubtful == 0);
    EXPECT(SHM_OK, shm_lock_close(lock));
    EXPECT(SHM_OK, shm_semaphore_acquire(permits, &permit, UINT64_MAX));
    EXPECT(SHM_OK, shm_permit_close(permit));
    EXPECT(SHM_OK, shm_pool_acquire(objects, &lease));
    EXPECT(SHM_OK, shm_lease_close(lease));
    EXPECT(SHM_OK, shm_once_call(setup, is_told, &interrupted, UINT64_MAX));
    CHECK(interrupted == 1);
    EXPECT(SHM_OK, shm_field_close(ledger));
    EXPECT(SHM_OK, shm_field_close(permits));
    EXPECT(SHM_OK, shm_field_close(objects));
    EXPECT(SHM_OK, shm_field_close(setup));
}

/* ---- a signal does not end a wait ---- */

static volatile sig_atomic_t signals;

static void count_signal(int number) {
    (void)number;
    signals++;
}

static void a_wait_outlasts_signals(const shm_segment *segment) {
    shm_field *undo = field_of(segment, "undo"), *state = field_of(segment, "state");
    struct sigaction action;
    int32_t out = 0;
    pid_t child, parent = getpid();
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal; /* without SA_RESTART: system calls are interrupted */
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    child = fork();
    if (child == 0) {
        struct timespec moment = {0, 1000000};
        int i;
        for (i = 0; i < 20; i++) {
            CHECK(kill(parent, SIGUSR1) == 0);
            nanosleep(&moment, NULL);
        }
        out = 9;
        EXPECT(SHM_OK, shm_stack_push(undo, &out, sizeof out));
        _exit(0);
    }
    EXPECT(SHM_OK, shm_stack_pop_wait(undo, &out, sizeof out, UINT64_MAX));
    CHECK(out == 9 && signals > 0);
    CHECK(ended(child) == 0);
    EXPECT(SHM_OK, shm_field_close(undo));
    EXPECT(SHM_OK, shm_field_close(state));
}

void shared_and_forked(const shm_segment *segment) {
    one_thread_at_a_time(segment);
    a_child_is_another_one(segment);
    the_dead_give_back(segment);
    a_wait_outlasts_signals(segment);
}

/* ---- what a segment runs out of ---- */

void run_out(const char *name) {
    static const char narrow[] =
        "{\"lanes\": 2, \"entries\": [{\"name\": \"jobs\", \"kind\": \"Queue\", \"capacity\": [4], \"element\": \"u8\"}]}";
    static const char huge[] =
        "{\"entries\": [{\"name\": \"grid\", \"kind\": \"Array\", \"capacity\": [30000000000], \"element\": \"u64\"}]}";
    shm_segment *first = NULL, *second = NULL, *third = NULL;
    shm_field *jobs;
    shm_loan *loans[3] = {NULL, NULL, NULL};
    FILE *file;
    char other[256], path[300];
    int i, count = 0;
    snprintf(other, sizeof other, "%s-narrow", name);
    EXPECT(SHM_OK, shm_segment_create(other, narrow, NULL, &first));
    EXPECT(SHM_OK, shm_segment_open(other, NULL, &second));
    FAILS(SHM_ERROR_PARTICIPANTS, "2", shm_segment_open(other, NULL, &third));
    EXPECT(SHM_OK, shm_segment_close(second));
    jobs = field_of(first, "jobs");
    for (i = 0; i < 3; i++)
        count += shm_queue_loan(jobs, &loans[i]) == SHM_OK;
    CHECK(count < 3);
    EXPECT(SHM_NO_LANE, shm_queue_loan(jobs, &loans[2]));
    for (i = 0; i < 3; i++)
        EXPECT(SHM_OK, shm_loan_close(loans[i]));
    EXPECT(SHM_OK, shm_field_close(jobs));
    EXPECT(SHM_OK, shm_segment_close(first));
    FAILS(SHM_ERROR_NO_ROOM, "bytes", shm_segment_create(other, huge, NULL, &first));

    snprintf(path, sizeof path, "/dev/shm/%s", other);
    file = fopen(path, "w");
    CHECK(file != NULL && fputs("no segment", file) >= 0 && fclose(file) == 0);
    FAILS(SHM_ERROR_NOT_A_SEGMENT, other, shm_segment_open(other, NULL, &first));
    CHECK(unlink(path) == 0);
}
