/* What floor.c and load.c share: websocket frames (RFC 6455 5.2) and small socket helpers. */
#ifndef WIRE_H
#define WIRE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_BYTES_MAX (256 * 1024)
#define READ_BYTES_MAX (1024 * 1024) /* one read; a frame's rest from the read before stands in front */
#define HEADER_BYTES_MAX 14

enum { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct frame {
    int opcode;
    uint8_t *payload;
    size_t length;
    size_t whole; /* header and payload */
};

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

/* The frame at the start of `data`, unmasked in place. 0: not all of it is there yet. */
static inline int parse_frame(uint8_t *data, size_t have, struct frame *out)
{
    if (have < 2)
        return 0;
    size_t at = 2, length = data[1] & 127;
    int extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    int masked = data[1] >> 7;
    if (have < at + extra + (masked ? 4 : 0))
        return 0;
    if (extra)
        for (length = 0; extra; extra--)
            length = length << 8 | data[at++];
    uint8_t *mask = data + at;
    at += masked ? 4 : 0;
    if (length > have - at)
        return 0;
    *out = (struct frame){data[0] & 15, data + at, length, at + length};
    for (size_t i = 0; masked && i < length; i++)
        data[at + i] ^= mask[i & 3];
    return 1;
}

/* The start of a frame whose end has not come yet. */
struct rest {
    uint8_t *data;
    size_t bytes;
};

static inline void keep_rest(struct rest *rest, const uint8_t *data, size_t bytes)
{
    free(rest->data);
    *rest = (struct rest){bytes ? malloc(bytes) : NULL, bytes};
    if (bytes)
        memcpy(rest->data, data, bytes);
}

/* A final frame's header. Clients must mask; a mask of zeros is one, and costs the receiver the same. */
static inline size_t frame_header(uint8_t *out, int opcode, size_t length, int masked)
{
    size_t at = 2;
    out[0] = 0x80 | opcode;
    if (length < 126) {
        out[1] = length;
    } else {
        int bytes = length < 65536 ? 2 : 8;
        out[1] = bytes == 2 ? 126 : 127;
        for (int i = bytes - 1; i >= 0; i--)
            out[at++] = (uint64_t)length >> (8 * i);
    }
    if (masked) {
        out[1] |= 0x80;
        memset(out + at, 0, 4);
        at += 4;
    }
    return at;
}

/* Sends everything, waiting where the peer does not take it. -1: the connection is gone. */
static inline int send_all(int fd, const void *data, size_t length)
{
    const char *at = data;
    while (length) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            length -= sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            if (poll(&writable, 1, 10000) <= 0 || writable.revents & (POLLERR | POLLHUP))
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

#endif
