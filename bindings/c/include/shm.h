/* Typed, lock-free, crash-proof data structures in POSIX shared memory, for C and for whatever calls C.
 *
 * A segment is a named piece of memory that processes share. It describes itself: this library opens one without
 * having been compiled for it, finds its fields by name, and works on them beside programs in Rust, C++ and
 * Python, by the same algorithms. Whoever is killed, at whatever instruction, leaves every structure usable, and
 * nothing that was acknowledged is lost.
 *
 *     shm_segment *segment;
 *     shm_field *events;
 *     uint64_t event = 7;
 *     if (shm_segment_open("sim", NULL, &segment) != SHM_OK
 *         || shm_field_open(segment, "events", &events) != SHM_OK) {
 *         fprintf(stderr, "%s\n", shm_last_error());
 *         return 1;
 *     }
 *     if (shm_queue_push(events, &event, sizeof event) == SHM_FULL)
 *         puts("full");
 *     shm_field_close(events);
 *     shm_segment_close(segment);
 *
 * RULES, which hold for every function below
 *
 * Statuses. Zero is success. A positive status is an answer: full, empty, absent. A negative one is an error: the
 *   call did nothing, and shm_last_error() says what was found, what was expected, and what to do.
 * Handles. What a function gives through a pointer to a pointer belongs to the caller, until the function named
 *   after its type closes it. Closing NULL does nothing. Handles may be closed in any order: a field keeps the
 *   segment open, and a guard keeps its field's structure. A null pointer and a handle of another type are
 *   errors. A closed one is recognised only by luck: do not use it.
 * Buffers. Each has its size in bytes behind it, and an element's bytes are those of the C structure with the
 *   same members: shm_field_describe() gives sizes, `shm gen c` writes the structures. A wrong size is an error.
 *   Buffers of one call do not overlap, and do not lie in the segment's own memory. A buffer called `before` may be
 *   NULL, and so may the place for a number of a call that gives something else as well.
 * Threads. Segments and fields may be used by any number of threads at a time. Loans, taken elements, producers,
 *   consumers, subscribers, leases, writers, locks and permits may move between threads, and are used by one at a
 *   time; another one gets SHM_ERROR_BUSY. Nobody else uses a handle while it is closed. shm_last_error() is the
 *   calling thread's own.
 * Time-outs. In nanoseconds; 0 is one attempt, UINT64_MAX is for ever. Signals do not end a wait.
 * Progress. Operations on Queue, Stack, Map, LargeMap, Set, Versioned and Broadcast are lock-free, those on
 *   Array, Atomic and Spsc wait-free, whoever else is killed or stopped. Functions whose names end in _wait or
 *   _wait_change, the locking ones of Mutex and Semaphore, shm_signal_wait() and shm_once_call() block.
 * Forks. A child may go on with the parent's segments and fields: it attaches by itself with its first operation.
 *   Loans, taken elements, roles, leases, locks and permits stay the parent's; in the child they are void and to
 *   be closed. Signal handlers call nothing here.
 * Callbacks. They return: they neither throw nor jump out, and call nothing on the same structure.
 * Panics. Nothing unwinds into C: a bug in the library is SHM_ERROR_PANIC, with its words in shm_last_error().
 */
#ifndef SHM_H
#define SHM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns. */
typedef enum shm_status {
    SHM_OK = 0,
    /* Answers. */
    SHM_FULL = 1,      /* no room: nothing went in, or not all */
    SHM_EMPTY = 2,     /* nothing is there to come out */
    SHM_ABSENT = 3,    /* the key is not there; the lease is over */
    SHM_PRESENT = 4,   /* the key was there already */
    SHM_DIFFERENT = 5, /* another value is there: nothing was exchanged */
    SHM_TIMEOUT = 6,   /* not in time */
    SHM_TAKEN = 7,     /* somebody alive has the role */
    SHM_MISSED = 8,    /* messages were overwritten before they were received */
    SHM_OUTRUN = 9,    /* writers were faster than the copy */
    SHM_NO_LANE = 10,  /* more operations, loans and taken elements at a time than the segment has lanes */
    /* Errors: mistakes of the caller. */
    SHM_ERROR_NULL = -1,      /* a null pointer */
    SHM_ERROR_HANDLE = -2,    /* a handle of another type, or closed */
    SHM_ERROR_KIND = -3,      /* the field is of another kind */
    SHM_ERROR_SIZE = -4,      /* a buffer of another size than expected */
    SHM_ERROR_RANGE = -5,     /* an index that is out of range */
    SHM_ERROR_READ_ONLY = -6, /* the segment is open without write access */
    SHM_ERROR_OVER = -7,      /* the guard or role is over, or a parent's */
    SHM_ERROR_BUSY = -8,      /* another thread is using the guard or role */
    SHM_ERROR_VALUE = -9,     /* an argument that is none of those allowed */
    SHM_ERROR_NO_FIELD = -10, /* the segment has no such field */
    /* Errors: the segment cannot be had. */
    SHM_ERROR_NOT_FOUND = -11,     /* no segment has the name, or nobody holds it any more */
    SHM_ERROR_EXISTS = -12,        /* the name is taken */
    SHM_ERROR_NAME = -13,          /* no segment can have the name */
    SHM_ERROR_DESCRIPTION = -14,   /* no segment can have the description */
    SHM_ERROR_MISMATCH = -15,      /* there is a segment of another schema */
    SHM_ERROR_FOREIGN = -16,       /* another user's */
    SHM_ERROR_NOT_A_SEGMENT = -17, /* another kind of file, another version, or damaged */
    SHM_ERROR_CLOSING = -18,       /* somebody is removing the name and does not come to an end */
    SHM_ERROR_PARTICIPANTS = -19,  /* as many are attached as it has lanes */
    SHM_ERROR_NO_ROOM = -20,       /* the file system has no room */
    SHM_ERROR_SYSTEM = -21,        /* a system call failed */
    SHM_ERROR_PANIC = -22          /* a bug in the library */
} shm_status;

/* What a field is. Zero is one that is newer than this library. */
typedef enum shm_kind {
    SHM_KIND_ARRAY = 1,
    SHM_KIND_ATOMIC = 2,
    SHM_KIND_QUEUE = 3,
    SHM_KIND_SPSC = 4,
    SHM_KIND_BROADCAST = 5,
    SHM_KIND_STACK = 6,
    SHM_KIND_MAP = 7,
    SHM_KIND_SET = 8,
    SHM_KIND_LARGE_MAP = 9,
    SHM_KIND_POOL = 10,
    SHM_KIND_VERSIONED = 11,
    SHM_KIND_VERSIONED_ARRAY = 12,
    SHM_KIND_MUTEX = 13,
    SHM_KIND_RW_LOCK = 14, /* described, but not operated on by this library */
    SHM_KIND_SEMAPHORE = 15,
    SHM_KIND_BARRIER = 16, /* described, but not operated on by this library */
    SHM_KIND_ONCE = 17,
    SHM_KIND_SIGNAL = 18
} shm_kind;

/* How shm_atomic_fetch() changes a number. Additions and subtractions wrap around; the last three take integers. */
typedef enum shm_fetch {
    SHM_FETCH_SWAP = 0,
    SHM_FETCH_ADD = 1,
    SHM_FETCH_SUB = 2,
    SHM_FETCH_MAX = 3,
    SHM_FETCH_MIN = 4,
    SHM_FETCH_AND = 5,
    SHM_FETCH_OR = 6,
    SHM_FETCH_XOR = 7
} shm_fetch;

/* Where a subscriber begins. */
typedef enum shm_start {
    SHM_NEWEST = 0, /* with the next message that is sent */
    SHM_OLDEST = 1  /* with the oldest that is still there */
} shm_start;

/* Flags of shm_options. */
#define SHM_READ_ONLY 1u    /* open without write access: no slot, no lane, and calls that change something fail */
#define SHM_PERSIST 2u      /* create one that stays when nobody is attached, until it is unlinked */
#define SHM_RESERVE 4u      /* allocate all memory now: an error now instead of a signal later */
#define SHM_ANY_OWNER 8u    /* open whoever's it is; otherwise, only the own user's */
#define SHM_GUARD_SIGBUS 16u /* where a peer truncates the file, read zeros, not die: a handler of the whole process */

/* How a segment is opened or created. Options of creation have no effect on an open. */
typedef struct shm_options {
    uint64_t size;    /* sizeof(shm_options) */
    uint64_t wait_ns; /* opening: how long to wait until there is one */
    uint32_t flags;
    uint32_t mode; /* creating: permission bits, 0 for 0600; opening: those that are accepted */
} shm_options;

#define SHM_OPTIONS_INIT {sizeof(shm_options), 0, 0, 0}

/* What a field is, and how large. */
typedef struct shm_field_info {
    uint32_t kind;        /* a shm_kind, or 0 */
    uint32_t align;       /* of an element */
    size_t capacity;      /* elements, entries, objects, permits; 1 where there is one value, 0 where there is none */
    size_t element_size;  /* bytes of an element: the stride of an array; of a map, of key, value and padding */
    size_t key_size;      /* of a map or set, else 0 */
    size_t value_offset;  /* of a map: where the value begins in an entry, else 0 */
    size_t value_size;    /* of a map, else 0 */
    size_t offset;        /* of the field, in the segment */
    size_t size;          /* bytes of the field, in the segment */
} shm_field_info;

/* What is wrong with a segment, as far as this process has seen: all zero where it is sound. */
typedef struct shm_health {
    uint64_t corrupt;   /* operations that ended early because what they met made no sense */
    uint32_t truncated; /* 1 where a page of the file was gone */
    uint32_t reserved;
} shm_health;

typedef struct shm_segment shm_segment;
typedef struct shm_field shm_field;
typedef struct shm_loan shm_loan;
typedef struct shm_taken shm_taken;
typedef struct shm_producer shm_producer;
typedef struct shm_consumer shm_consumer;
typedef struct shm_subscriber shm_subscriber;
typedef struct shm_lease shm_lease;
typedef struct shm_writer shm_writer;
typedef struct shm_lock shm_lock;
typedef struct shm_permit shm_permit;

/* Changes a value in place. May be called again, with another value, where another process was faster. */
typedef void (*shm_change)(void *value, size_t size, void *context);
/* Is shown an entry of a map, whose bytes it may keep only as a copy. */
typedef void (*shm_visit_entry)(const void *key, const void *value, void *context);
/* Is shown a key of a set. */
typedef void (*shm_visit_key)(const void *key, void *context);
/* Runs once for all processes; told whether another one died in the middle of it. */
typedef void (*shm_run_once)(int was_interrupted, void *context);

/* ---- What went wrong ---- */

/* Why this thread's last call that failed did so: what was found, what was expected, what to do. Empty where none
 * failed. Valid until the thread's next call that fails; never NULL. */
const char *shm_last_error(void);

/* The name of a status: "SHM_FULL". Never NULL. */
const char *shm_status_name(int status);

/* The library's version: "0.1.0". */
const char *shm_library_version(void);

/* ---- Segments ---- */

/* Opens a segment that another process created. `options` may be NULL. */
shm_status shm_segment_open(const char *name, const shm_options *options, shm_segment **segment);

/* Creates a segment of a description, which appears under its name complete or not at all. The description is
 * JSON: {"entries": [{"name": "grid", "kind": "Array", "capacity": [1000], "element": "f32"}, ...]}; what
 * shm_segment_description() gives is one. SHM_ERROR_EXISTS where somebody holds a segment of the name; a leftover
 * of the dead is replaced. */
shm_status shm_segment_create(const char *name, const char *description, const shm_options *options,
                              shm_segment **segment);

/* Opens a segment of the described schema, or creates it; any number of processes may do so at once. */
shm_status shm_segment_open_or_create(const char *name, const char *description, const shm_options *options,
                                      shm_segment **segment);

/* Closes the handle. The segment is left when the fields and guards are closed as well; the last one out removes
 * its name, unless it was created with SHM_PERSIST. */
shm_status shm_segment_close(shm_segment *segment);

/* Removes the segment's name, whoever is attached: they go on, and nobody finds it any more. */
shm_status shm_segment_unlink(shm_segment *segment);

/* The same by name, of a segment that is not open: for one that was created with SHM_PERSIST. */
shm_status shm_segments_unlink(const char *name);

/* Removes all segments of this user that nobody is attached to, and that are not to persist: how many. */
shm_status shm_segments_prune(size_t *count);

/* Its name; valid until it is closed, as the texts below. NULL where the handle is wrong. */
const char *shm_segment_name(const shm_segment *segment);

/* What it says of itself, as JSON: every field with its kind, capacity, element and doc. */
const char *shm_segment_description(const shm_segment *segment);

/* Its bytes; 0 where the handle is wrong. */
size_t shm_segment_size(const shm_segment *segment);

/* How many fields it has. */
size_t shm_segment_field_count(const shm_segment *segment);

/* The name of one, counted from 0; NULL where there is none. */
const char *shm_segment_field_name(const shm_segment *segment, size_t index);

/* Settles what the dead left unfinished, which happens by itself where it matters: how many operations were
 * settled, and how many are to be tried again later. */
shm_status shm_segment_recover(const shm_segment *segment, size_t *settled, size_t *later);

/* Attaches a forked child now, and not with its first operation: for daemons, before the parent leaves. */
shm_status shm_segment_reattach(const shm_segment *segment);

/* How many are attached, this one included, but for those that may only read. */
shm_status shm_segment_participants(const shm_segment *segment, size_t *count);

/* What this process met that no program leaves. */
shm_status shm_segment_health(const shm_segment *segment, shm_health *health);

/* ---- Fields ---- */

/* Finds a field: of the schema ("events", "left.events", "shard[3]"), or registered at run time. */
shm_status shm_field_open(const shm_segment *segment, const char *name, shm_field **field);

shm_status shm_field_close(shm_field *field);

/* Its name; valid until it is closed. */
const char *shm_field_name(const shm_field *field);

/* Its kind, sizes and capacity. */
shm_status shm_field_describe(const shm_field *field, shm_field_info *info);

/* How many elements are there at the moment: of an Array or VersionedArray all, of a Queue, Spsc, Stack, Map or Set
 * those that are in it, of a Pool or Semaphore those on lease. */
shm_status shm_field_len(const shm_field *field, size_t *len);

/* ---- Array: memory. Elements of 1, 2, 4 or 8 bytes are read and written whole, others perhaps not ---- */

/* The address of the first element in this process, and the bytes of all. Valid while the field or the segment is
 * open. Not to be written through where the segment is open read-only. What other processes do at the same time
 * is for you to exclude, or to bear. */
shm_status shm_array_pointer(const shm_field *field, void **pointer, size_t *size);

/* Copies elements from `first` on, as many as the buffer has room for. */
shm_status shm_array_read(const shm_field *field, size_t first, void *elements, size_t size);

/* Overwrites elements from `first` on. */
shm_status shm_array_write(const shm_field *field, size_t first, const void *elements, size_t size);

/* ---- Atomic, and numbers of at most 8 bytes in an Array: each call is one step. `index` is 0 for an Atomic ---- */

shm_status shm_atomic_load(const shm_field *field, size_t index, void *number, size_t size);

shm_status shm_atomic_store(const shm_field *field, size_t index, const void *number, size_t size);

/* Changes the number; `before`, which may be NULL, gets what it was. */
shm_status shm_atomic_fetch(const shm_field *field, size_t index, shm_fetch how, const void *number, void *before,
                            size_t size);

/* Overwrites the number if it is `current`, bit for bit; SHM_DIFFERENT where it is not. `before`, which may be NULL,
 * gets what it was. All three have the size. */
shm_status shm_atomic_compare_exchange(const shm_field *field, size_t index, const void *current,
                                       const void *new_value, void *before, size_t size);

/* ---- Queue: first in, first out, any number of producers and consumers ---- */

/* Pushes an element, or says SHM_FULL. */
shm_status shm_queue_push(const shm_field *field, const void *element, size_t size);

/* Waits for room; SHM_FULL where there was none in time. */
shm_status shm_queue_push_wait(const shm_field *field, const void *element, size_t size, uint64_t timeout_ns);

/* Pushes a prefix of the elements, one after the other: how many. SHM_FULL where that is none. */
shm_status shm_queue_push_many(const shm_field *field, const void *elements, size_t size, size_t *count);

/* Pops the oldest element, or says SHM_EMPTY; the buffer may then be overwritten. */
shm_status shm_queue_pop(const shm_field *field, void *element, size_t size);

/* Waits for one; SHM_TIMEOUT. */
shm_status shm_queue_pop_wait(const shm_field *field, void *element, size_t size, uint64_t timeout_ns);

/* Pops as many as there are and the buffer has room for: how many. SHM_EMPTY where that is none. */
shm_status shm_queue_pop_many(const shm_field *field, void *elements, size_t size, size_t *count);

/* Copies the oldest element, which stays. */
shm_status shm_queue_peek(const shm_field *field, void *element, size_t size);

/* A place in the queue's memory for an element that is written in pieces, and pushed when it is ready. */
shm_status shm_queue_loan(const shm_field *field, shm_loan **loan);

/* Writes the element, as often as you like. */
shm_status shm_loan_write(shm_loan *loan, const void *element, size_t size);

/* Copies what is there now. */
shm_status shm_loan_read(shm_loan *loan, void *element, size_t size);

/* Pushes the element, and closes the loan; SHM_FULL leaves it open. */
shm_status shm_loan_commit(shm_loan *loan);

/* Gives the place back without pushing. */
shm_status shm_loan_close(shm_loan *loan);

/* Takes the oldest element, which comes back unless it is acknowledged: also where this process is killed. */
shm_status shm_queue_take(const shm_field *field, shm_taken **taken);

/* Waits for one; SHM_TIMEOUT. */
shm_status shm_queue_take_wait(const shm_field *field, shm_taken **taken, uint64_t timeout_ns);

/* Copies the element. */
shm_status shm_taken_read(shm_taken *taken, void *element, size_t size);

/* Acknowledges the element, and closes the handle: it does not come back. */
shm_status shm_taken_done(shm_taken *taken);

/* Closes the handle without acknowledging: the element comes back. */
shm_status shm_taken_close(shm_taken *taken);

/* ---- Stack: last in, first out. As the queue's ---- */

shm_status shm_stack_push(const shm_field *field, const void *element, size_t size);

shm_status shm_stack_push_wait(const shm_field *field, const void *element, size_t size, uint64_t timeout_ns);

shm_status shm_stack_push_many(const shm_field *field, const void *elements, size_t size, size_t *count);

shm_status shm_stack_pop(const shm_field *field, void *element, size_t size);

shm_status shm_stack_pop_wait(const shm_field *field, void *element, size_t size, uint64_t timeout_ns);

shm_status shm_stack_pop_many(const shm_field *field, void *elements, size_t size, size_t *count);

shm_status shm_stack_peek(const shm_field *field, void *element, size_t size);

/* ---- Spsc: first in, first out, one producer and one consumer, each of them a role that only the dead lose ---- */

/* Claims the role; SHM_TAKEN where somebody alive has it. */
shm_status shm_spsc_producer(const shm_field *field, shm_producer **producer);

shm_status shm_spsc_consumer(const shm_field *field, shm_consumer **consumer);

shm_status shm_producer_push(shm_producer *producer, const void *element, size_t size);

shm_status shm_producer_push_wait(shm_producer *producer, const void *element, size_t size, uint64_t timeout_ns);

/* The elements that there is room for become visible together. */
shm_status shm_producer_push_many(shm_producer *producer, const void *elements, size_t size, size_t *count);

/* Gives the role back. */
shm_status shm_producer_close(shm_producer *producer);

shm_status shm_consumer_pop(shm_consumer *consumer, void *element, size_t size);

shm_status shm_consumer_pop_wait(shm_consumer *consumer, void *element, size_t size, uint64_t timeout_ns);

shm_status shm_consumer_pop_many(shm_consumer *consumer, void *elements, size_t size, size_t *count);

shm_status shm_consumer_close(shm_consumer *consumer);

/* ---- Map and LargeMap. Keys are compared and hashed byte for byte ---- */

/* Copies the value of a key; SHM_ABSENT, and the buffer may then be overwritten. */
shm_status shm_map_get(const shm_field *field, const void *key, size_t key_size, void *value, size_t value_size);

/* SHM_OK or SHM_ABSENT. */
shm_status shm_map_contains(const shm_field *field, const void *key, size_t key_size);

/* Sets the value of a key. SHM_OK: it was absent. SHM_PRESENT: its value was replaced, and `before`, which may be
 * NULL, has that. SHM_FULL: it was absent, and is. */
shm_status shm_map_insert(const shm_field *field, const void *key, size_t key_size, const void *value, void *before,
                          size_t value_size);

/* Inserts a key that is absent: SHM_OK. SHM_PRESENT: nothing changed. `out`, which may be NULL, has the value that
 * the key has now. */
shm_status shm_map_get_or_insert(const shm_field *field, const void *key, size_t key_size, const void *value,
                                 void *out, size_t value_size);

/* Inserts a row of keys and a row of as many values, one after the other: how many. SHM_FULL where not all. */
shm_status shm_map_insert_many(const shm_field *field, const void *keys, size_t keys_size, const void *values,
                               size_t values_size, size_t *count);

/* Removes a key; `before`, which may be NULL, has the value that it had. SHM_ABSENT. */
shm_status shm_map_remove(const shm_field *field, const void *key, size_t key_size, void *before, size_t value_size);

/* Replaces the value of a key by `new_value` if it is `current`, byte for byte, in one step. SHM_DIFFERENT where it is
 * not, SHM_ABSENT. `before`, which may be NULL, has the value that the key had. All three have the value's size. */
shm_status shm_map_compare_exchange(const shm_field *field, const void *key, size_t key_size, const void *current,
                                    const void *new_value, void *before, size_t value_size);

/* Replaces the value of a key by what `change` makes of it, in one step. SHM_ABSENT. */
shm_status shm_map_update(const shm_field *field, const void *key, size_t key_size, shm_change change,
                          void *context);

/* Shows each entry, in no order; such as come and go meanwhile may be shown or not. */
shm_status shm_map_visit(const shm_field *field, shm_visit_entry visit, void *context);

/* ---- Set ---- */

/* SHM_OK or SHM_ABSENT. */
shm_status shm_set_contains(const shm_field *field, const void *key, size_t key_size);

/* SHM_OK: it was absent. SHM_PRESENT: it was there. SHM_FULL: it was absent, and is. */
shm_status shm_set_insert(const shm_field *field, const void *key, size_t key_size);

/* SHM_ABSENT where it was not there. */
shm_status shm_set_remove(const shm_field *field, const void *key, size_t key_size);

/* Shows each key, in no order. */
shm_status shm_set_visit(const shm_field *field, shm_visit_key visit, void *context);

/* ---- Pool: objects on lease; those of the dead come back ---- */

/* Leases an object, or says SHM_EMPTY. */
shm_status shm_pool_acquire(const shm_field *field, shm_lease **lease);

/* Waits for one; SHM_TIMEOUT. */
shm_status shm_pool_acquire_wait(const shm_field *field, shm_lease **lease, uint64_t timeout_ns);

/* Copies the object that a handle names, whoever has it on lease; SHM_ABSENT where the lease is over. */
shm_status shm_pool_get(const shm_field *field, uint64_t handle, void *object, size_t size);

/* Gives an object back whose lease this process kept; SHM_ABSENT where it has none. */
shm_status shm_pool_release(const shm_field *field, uint64_t handle);

shm_status shm_lease_read(shm_lease *lease, void *object, size_t size);

shm_status shm_lease_write(shm_lease *lease, const void *object, size_t size);

/* The object's handle: plain data, by which others find the object. */
shm_status shm_lease_handle(shm_lease *lease, uint64_t *handle);

/* Closes the lease and keeps the object, until shm_pool_release() or this process's end. */
shm_status shm_lease_keep(shm_lease *lease, uint64_t *handle);

/* Gives the object back. */
shm_status shm_lease_close(shm_lease *lease);

/* ---- Versioned: the latest value, whole, for any number of writers and readers ---- */

/* Replaces the value. */
shm_status shm_versioned_store(const shm_field *field, const void *value, size_t size);

/* Copies the value; its version is how often it was replaced. Begins again where writers were faster. */
shm_status shm_versioned_load(const shm_field *field, void *value, size_t size, uint64_t *version);

/* The same in one attempt: SHM_OUTRUN. */
shm_status shm_versioned_try_load(const shm_field *field, void *value, size_t size, uint64_t *version);

/* Replaces the value by what `change` makes of it, in one step. */
shm_status shm_versioned_update(const shm_field *field, shm_change change, void *context);

shm_status shm_versioned_version(const shm_field *field, uint64_t *version);

/* Waits until the version is another one than `since`, and copies the value; SHM_TIMEOUT. */
shm_status shm_versioned_wait_change(const shm_field *field, uint64_t since, void *value, size_t size,
                                     uint64_t *version, uint64_t timeout_ns);

/* ---- VersionedArray: whole frames, one writer and any number of readers ---- */

/* Copies the latest frame, whole; its version is its number, 0 before the first. Begins again where the writer was
 * faster. */
shm_status shm_frames_read(const shm_field *field, void *frame, size_t size, uint64_t *version);

/* Copies elements of the latest frame from `first` on, in one attempt: SHM_OUTRUN. */
shm_status shm_frames_try_read(const shm_field *field, size_t first, void *elements, size_t size, uint64_t *version);

shm_status shm_frames_version(const shm_field *field, uint64_t *version);

/* Waits until the latest frame is another one than `since`: its number. SHM_TIMEOUT. */
shm_status shm_frames_wait_change(const shm_field *field, uint64_t since, uint64_t *version, uint64_t timeout_ns);

/* Claims the writer's role; SHM_TAKEN where somebody alive has it. */
shm_status shm_frames_writer(const shm_field *field, shm_writer **writer);

/* Publishes a frame: its number. */
shm_status shm_writer_publish(shm_writer *writer, const void *frame, size_t size, uint64_t *version);

/* Publishes what `change` makes of a copy of the latest frame: its number. */
shm_status shm_writer_edit(shm_writer *writer, shm_change change, void *context, uint64_t *version);

/* Gives the role back. */
shm_status shm_writer_close(shm_writer *writer);

/* ---- Broadcast: every subscriber gets each message, in order; what one misses is counted ---- */

/* Sends a message, in the place of the oldest. */
shm_status shm_broadcast_send(const shm_field *field, const void *message, size_t size);

/* How many were sent so far. */
shm_status shm_broadcast_sent(const shm_field *field, uint64_t *count);

shm_status shm_broadcast_subscribe(const shm_field *field, shm_start start, shm_subscriber **subscriber);

/* Copies the next message. SHM_EMPTY where there is none; SHM_MISSED where `missed` were overwritten, and the next call
 * goes on with the oldest that is left. */
shm_status shm_subscriber_receive(shm_subscriber *subscriber, void *message, size_t size, uint64_t *missed);

/* Waits for one; SHM_TIMEOUT, SHM_MISSED. */
shm_status shm_subscriber_receive_wait(shm_subscriber *subscriber, void *message, size_t size, uint64_t *missed,
                                       uint64_t timeout_ns);

shm_status shm_subscriber_close(shm_subscriber *subscriber);

/* ---- Blocking primitives: an owner's death is an answer, not a hang ---- */

/* Locks; SHM_TIMEOUT where somebody who lives has it. */
shm_status shm_mutex_lock(const shm_field *field, shm_lock **lock, uint64_t timeout_ns);

/* Copies the value that the mutex guards. */
shm_status shm_lock_read(shm_lock *lock, void *value, size_t size);

shm_status shm_lock_write(shm_lock *lock, const void *value, size_t size);

/* 1 where an owner died with the lock, so that the value may be half changed, and nobody has said since that it is in
 * order; else 0. */
shm_status shm_lock_is_doubtful(shm_lock *lock, int *doubtful);

/* Says that the value is in order. */
shm_status shm_lock_mark_consistent(shm_lock *lock);

/* Unlocks. */
shm_status shm_lock_close(shm_lock *lock);

/* Takes a permit; SHM_TIMEOUT where none is free. */
shm_status shm_semaphore_acquire(const shm_field *field, shm_permit **permit, uint64_t timeout_ns);

/* Gives the permit back. */
shm_status shm_permit_close(shm_permit *permit);

/* Raises the count, and wakes all who wait. */
shm_status shm_signal_raise(const shm_field *field);

shm_status shm_signal_count(const shm_field *field, uint64_t *count);

/* Waits until the count is another one than `since`: the count. SHM_TIMEOUT. */
shm_status shm_signal_wait(const shm_field *field, uint64_t since, uint64_t *count, uint64_t timeout_ns);

/* Runs `run` unless somebody has; returns when it was run to its end, by whomever. SHM_TIMEOUT where another's run does
 * not end in time. If the one who runs it dies, the next runs it again. */
shm_status shm_once_call(const shm_field *field, shm_run_once run, void *context, uint64_t timeout_ns);

/* 1 where it was run to its end. */
shm_status shm_once_is_completed(const shm_field *field, int *completed);

#ifdef __cplusplus
}
#endif

#endif
