/* What the tests in C share. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm.h"

/* Ends the program where something is not so. */
#define CHECK(is_so) \
    do { \
        if (!(is_so)) { \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #is_so, shm_last_error()); \
            exit(1); \
        } \
    } while (0)

/* Ends the program where a call gives another status. */
#define EXPECT(expected, call) \
    do { \
        shm_status found_ = (call); \
        if (found_ != (expected)) { \
            fprintf(stderr, "%s:%d: %s is %s, not %s (%s)\n", __FILE__, __LINE__, #call, shm_status_name(found_), \
                    #expected, shm_last_error()); \
            exit(1); \
        } \
    } while (0)

/* Ends the program where a call fails in another way, or its message has not these words. */
#define FAILS(expected, words, call) \
    do { \
        EXPECT(expected, call); \
        if (strstr(shm_last_error(), words) == NULL) { \
            fprintf(stderr, "%s:%d: %s says: %s\n", __FILE__, __LINE__, #call, shm_last_error()); \
            exit(1); \
        } \
    } while (0)

/* The field of a name; ends the program where there is none. */
static inline shm_field *field_of(const shm_segment *segment, const char *name) {
    shm_field *field = NULL;
    EXPECT(SHM_OK, shm_field_open(segment, name, &field));
    return field;
}

#endif
