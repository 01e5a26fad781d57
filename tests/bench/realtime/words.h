/* What clients say: templates with words in braces, filled in for one client at one time. */
#ifndef WORDS_H
#define WORDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS_MAX 32768
#define MARK "@@" /* followed by DIGITS digits: nanoseconds of CLOCK_MONOTONIC */
#define DIGITS 20

static char *tokens[CLIENTS_MAX], *teams[CLIENTS_MAX];
static uint64_t published; /* events said so far */
static int modulo = 1;
static uint64_t positions[CLIENTS_MAX]; /* each client's place: up to here it has heard the log */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static char *unhex(const char *hex)
{
    size_t length = strcspn(hex, " \n") / 2;
    char *text = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        sscanf(hex + 2 * i, "%2hhx", (unsigned char *)text + i);
    text[length] = 0;
    return text;
}

static size_t word(char *out, const char *name, size_t length, int index)
{
    if (!strncmp(name, "token", length))
        return sprintf(out, "%s", tokens[index] ? tokens[index] : "");
    if (!strncmp(name, "team", length))
        return sprintf(out, "%s", teams[index] ? teams[index] : "");
    if (!strncmp(name, "position", length))
        return sprintf(out, "%llu", (unsigned long long)positions[index]);
    if (!strncmp(name, "time", length))
        return sprintf(out, MARK "%020llu", (unsigned long long)now_ns());
    if (!strncmp(name, "seq", length))
        return sprintf(out, "%08llu", (unsigned long long)published);
    if (*name == 'n')
        return sprintf(out, "%05llu", (unsigned long long)(published + strtoull(name + 1, NULL, 10)) % modulo);
    return 0;
}

/* Words in braces are filled in; a brace that opens no known word stands for itself. */
static size_t expand(const char *template, int index, char *out)
{
    size_t at = 0;
    while (*template) {
        size_t length = *template == '{' ? strcspn(template + 1, "}{\"\n ") : 0;
        size_t made = 0;
        if (length && template[1 + length] == '}')
            made = word(out + at, template + 1, length, index);
        if (made)
            template += length + 2;
        else
            out[at + made++] = *template++;
        at += made;
    }
    return at;
}

#endif
