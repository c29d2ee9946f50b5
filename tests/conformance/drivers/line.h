/* Lines of steps taken apart, and answers put together: nothing here knows of segments. */
#ifndef LINE_H
#define LINE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };

static char *words[32]; /* of the line: the operation, and `name=value` */
static size_t word_count;

/* Takes a line apart; whether there is an operation on it. */
static int take_line(char *line) {
    char *word = strtok(line, " \n");
    word_count = 0;
    for (; word != NULL && word_count < 32; word = strtok(NULL, " \n"))
        words[word_count++] = word;
    return word_count > 0;
}

static const char *text(const char *name) {
    size_t i, len = strlen(name);
    for (i = 1; i < word_count; i++)
        if (strncmp(words[i], name, len) == 0 && words[i][len] == '=')
            return words[i] + len + 1;
    return NULL;
}

static uint64_t number(const char *name) {
    const char *found = text(name);
    return found == NULL ? 0 : strtoull(found, NULL, 10);
}

static uint64_t timeout_ns(void) {
    return number("timeout_ms") * 1000000;
}

static int is(const char *op) {
    return strcmp(words[0], op) == 0;
}

/* The bytes of a value, in one of a few buffers that are used in turn: how many. */
static size_t bytes(const char *name, const unsigned char **out) {
    static unsigned char buffers[4][MOST];
    static unsigned turn;
    unsigned char *buffer = buffers[turn++ % 4];
    const char *digits = text(name);
    size_t len = 0;
    for (; digits != NULL && digits[0] != '\0' && digits[1] != '\0' && len < MOST; digits += 2) {
        char pair[3] = {digits[0], digits[1], '\0'};
        buffer[len++] = (unsigned char)strtoul(pair, NULL, 16);
    }
    *out = buffer;
    return len;
}

static void show(const char *name, const unsigned char *of, size_t len) {
    size_t i;
    printf(" %s=", name);
    for (i = 0; i < len; i++)
        printf("%02x", of[i]);
}

#endif
