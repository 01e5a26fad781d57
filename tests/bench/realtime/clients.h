/* Many websocket clients on one epoll: how they come, what they hear, how they are lost and come back. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "tls.h"
#include "wire.h"
#include "words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 1024
#define STEPS_MAX 8
#define ETHERNET_SEGMENT 1400 /* loopback's of 64 KiB would let the kernel hold 2.8 MB for each */
#define BACKOFF_MS_MIN 500 /* as our clients wait: docs/protocol/client.md, section 7 */
#define BACKOFF_MS_MAX 20000
#define EVENT "\"t\":\"event\""
#define POSITION "\"position\":" /* of an event, near its beginning */
#define CURSOR "{\"t\":\"mark\",\"cursor\":\"" /* epoch and position follow */
#define HEAD_BYTES 64
#define LOOK_NS 10000000 /* between two looks at who may come back */

enum state { ABSENT, CONNECTING, SECURING, UPGRADING, GREETING, READY };

struct client {
    int fd;
    enum state state;
    int step, plain, stalled, failures;
    int heard, disordered; /* deliveries; events that do not stand behind the one before */
    struct rest rest;
    uint64_t retry_at; /* ns; 0: does not come back */
    SSL *tls;          /* NULL: not encrypted */
};

struct step {
    char *say, *hear;
    int opcode;
};

static struct client clients[CLIENTS_MAX];
static struct step steps[STEPS_MAX];
static int step_count;
static char *request, *complaint;
static int receive_bytes, port, addresses = 1, polling;
static int encrypting, surviving, keeping, used; /* clients beyond `used` were never opened */
static int making, ready_count, failed_count;
static uint64_t deliveries, frames, reads, refused, delivered_bytes, first_lost;
static uint32_t *latencies; /* us */
static size_t latency_room;
static uint8_t input[READ_BYTES_MAX + MESSAGE_BYTES_MAX];

static void (*when_greeted)(int index); /* NULL: nothing more */

/* -- bytes ------------------------------------------------------------------------------------------------ */

static int put(struct client *client, const void *data, size_t length)
{
    return client->tls ? write_tls(client->tls, data, length) : send_all(client->fd, data, length);
}

static ssize_t take(struct client *client, void *into, size_t room)
{
    return client->tls ? read_tls(client->tls, into, room) : read(client->fd, into, room);
}

static int say(int index, const char *template, int opcode)
{
    static char out[HEADER_BYTES_MAX + MESSAGE_BYTES_MAX];
    size_t length = expand(template, index, out + HEADER_BYTES_MAX);
    char *from = out + HEADER_BYTES_MAX;
    if (opcode && !clients[index].plain) {
        uint8_t header[HEADER_BYTES_MAX];
        size_t bytes = frame_header(header, opcode, length, 1);
        from -= bytes;
        memcpy(from, header, bytes);
        length += bytes;
    }
    return put(&clients[index], from, length);
}

/* -- one client's life ---------------------------------------------------------------------------------- */

static void listen_for(int index, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    epoll_ctl(polling, operation, clients[index].fd, &event);
}

/* Full jitter between half a second and 2 * 0.5 * 2**failures, at most 20 s. */
static uint64_t backoff_ns(int failures)
{
    uint64_t most = BACKOFF_MS_MIN * 2ull << (failures > 6 ? 6 : failures);
    if (most > BACKOFF_MS_MAX)
        most = BACKOFF_MS_MAX;
    uint64_t ms = BACKOFF_MS_MIN + (uint64_t)((most - BACKOFF_MS_MIN) * drand48());
    return ms * 1000000ull;
}

static void leave(int index)
{
    struct client *client = &clients[index];
    struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* no TIME_WAIT: its ports are needed again */
    if (client->state == ABSENT)
        return;
    if (client->state == READY)
        ready_count--;
    else
        making--;
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (client->tls)
        end_tls(client->tls);
    client->tls = NULL;
    close(client->fd);
    keep_rest(&client->rest, NULL, 0);
    client->state = ABSENT;
}

static void lost(int index)
{
    struct client *client = &clients[index];
    if (client->state != READY)
        client->failures++;
    leave(index);
    failed_count++;
    if (!first_lost)
        first_lost = now_ns();
    client->retry_at = surviving ? now_ns() + backoff_ns(client->failures) : 0;
}

static void enter(int index)
{
    struct client *client = &clients[index];
    int yes = 1, ethernet = ETHERNET_SEGMENT;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index % addresses);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        die("socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (receive_bytes) {
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
        setsockopt(client->fd, IPPROTO_TCP, TCP_MAXSEG, &ethernet, sizeof ethernet);
    }
    bind(client->fd, (struct sockaddr *)&from, sizeof from);
    client->state = CONNECTING;
    client->step = 0;
    if (!keeping)
        positions[index] = client->heard = client->disordered = 0;
    client->retry_at = 0;
    making++;
    used = index >= used ? index + 1 : used;
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
        lost(index);
        return;
    }
    listen_for(index, EPOLL_CTL_ADD, EPOLLOUT);
}

static void greeted(int index)
{
    clients[index].state = READY;
    clients[index].failures = 0;
    making--;
    ready_count++;
    if (when_greeted)
        when_greeted(index);
}

static void say_step(int index)
{
    struct client *client = &clients[index];
    client->state = GREETING;
    if (client->step == step_count) {
        greeted(index);
        return;
    }
    struct step *step = &steps[client->step];
    if (*step->say && say(index, step->say, step->opcode))
        lost(index);
}

static void ask_upgrade(int index)
{
    struct client *client = &clients[index];
    client->state = UPGRADING;
    if (client->plain)
        greeted(index);
    else if (say(index, request, 0))
        lost(index);
}

static void secure(int index)
{
    int shaken = shake_hands(clients[index].tls);
    if (shaken > 0)
        ask_upgrade(index);
    else if (shaken < 0)
        lost(index);
}

static void connected(int index)
{
    struct client *client = &clients[index];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        lost(index);
        return;
    }
    listen_for(index, EPOLL_CTL_MOD, EPOLLIN);
    if (!encrypting) {
        ask_upgrade(index);
        return;
    }
    client->tls = new_tls(client->fd);
    client->state = SECURING;
    secure(index);
}

/* -- what is heard --------------------------------------------------------------------------------------- */

static void keep_latency(uint64_t ns)
{
    if (deliveries == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 65536;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies)
            die("realloc");
    }
    latencies[deliveries] = ns / 1000;
}

static int count_marks(const struct frame *frame, uint64_t now)
{
    uint8_t *at = frame->payload, *end = at + frame->length;
    int found = 0;
    while ((at = memmem(at, end - at, MARK, 2)) && end - at >= 2 + DIGITS) {
        if (isdigit(at[2])) {
            uint64_t then = strtoull((char *)at + 2, NULL, 10);
            keep_latency(now > then ? now - then : 0);
            deliveries++;
            found++;
        }
        at += 2;
    }
    return found;
}

static uint8_t *in_head(const struct frame *frame, const char *text)
{
    size_t most = frame->length < HEAD_BYTES ? frame->length : HEAD_BYTES;
    uint8_t *at = memmem(frame->payload, most, text, strlen(text));
    return at ? at + strlen(text) : NULL;
}

/* Each event stands further on in the log than the one before, and than a mark that said how far all was
 * heard: a repeat would not, nor one out of order. */
static void keep_place(int index, const struct frame *frame)
{
    uint8_t *at = in_head(frame, EVENT) ? in_head(frame, POSITION) : NULL;
    if (at) {
        uint64_t position = strtoull((char *)at, NULL, 10);
        clients[index].disordered += position <= positions[index];
        positions[index] = position;
    } else if ((at = in_head(frame, CURSOR)) && (at = memchr(at, '.', HEAD_BYTES / 2))) {
        uint64_t position = strtoull((char *)at + 1, NULL, 10);
        positions[index] = position > positions[index] ? position : positions[index];
    }
}

static int holds(const struct frame *frame, const char *text)
{
    return text && memmem(frame->payload, frame->length, text, strlen(text)) != NULL;
}

static void hear_message(int index, const struct frame *frame, uint64_t now)
{
    struct client *client = &clients[index];
    frames++;
    int marks = count_marks(frame, now);
    keep_place(index, frame);
    if (marks) {
        client->heard += marks;
        delivered_bytes += frame->whole;
        return;
    }
    if (holds(frame, complaint) && !refused++)
        fprintf(stderr, "refused: %.*s\n", (int)frame->length, frame->payload);
    if (client->state == GREETING && holds(frame, steps[client->step].hear)) {
        client->step++;
        say_step(index);
    }
}

/* 0: the connection is over. */
static int hear_frame(int index, const struct frame *frame, uint64_t now)
{
    uint8_t pong[6];
    switch (frame->opcode) {
    case OP_PING:
        frame_header(pong, OP_PONG, 0, 1);
        return !put(&clients[index], pong, sizeof pong);
    case OP_CLOSE:
        return 0;
    case OP_PONG:
        return 1;
    default:
        hear_message(index, frame, now);
        return 1;
    }
}

static size_t hear_upgrade(int index, uint8_t *data, size_t have)
{
    uint8_t *end = memmem(data, have, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (!memmem(data, 16, " 101 ", 5)) {
        fprintf(stderr, "not upgraded: %.*s\n", (int)have, data);
        lost(index);
        return 0;
    }
    say_step(index);
    return end + 4 - data;
}

static void heard_once(int index)
{
    struct client *client = &clients[index];
    size_t have = client->rest.bytes, at = 0;
    int fd = client->fd;
    if (have)
        memcpy(input, client->rest.data, have);
    ssize_t got = take(client, input + have, READ_BYTES_MAX);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            lost(index);
        return;
    }
    reads++;
    if (client->plain)
        return;
    have += got;
    uint64_t now = now_ns();
    if (client->state == UPGRADING)
        at = hear_upgrade(index, input, have);
    struct frame frame;
    /* A client that left (and perhaps came again) has nothing more to hear here. */
    while (client->state >= GREETING && client->fd == fd &&
           parse_frame(input + at, have - at, &frame)) {
        at += frame.whole;
        if (!hear_frame(index, &frame, now)) {
            lost(index);
            return;
        }
    }
    if (client->state >= UPGRADING && client->fd == fd)
        keep_rest(&client->rest, input + at, have - at);
}

static void heard(int index)
{
    do
        heard_once(index);
    while (clients[index].state >= UPGRADING && more_in_tls(clients[index].tls));
}

/* -- turns ----------------------------------------------------------------------------------------------- */

static void bring_back(void)
{
    uint64_t now = now_ns();
    for (int i = 0; surviving && i < used; i++)
        if (clients[i].state == ABSENT && clients[i].retry_at && clients[i].retry_at <= now)
            enter(i);
}

static void turn(int timeout_ms)
{
    static struct epoll_event events[EVENTS_MAX];
    static uint64_t brought;
    int found = epoll_wait(polling, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < found; i++) {
        int index = events[i].data.u32;
        if (clients[index].state == CONNECTING)
            connected(index);
        else if (clients[index].state == SECURING)
            secure(index);
        else if (clients[index].state != ABSENT && !clients[index].stalled)
            heard(index);
    }
    if (surviving && now_ns() - brought > LOOK_NS) {
        bring_back();
        brought = now_ns();
    }
}

#endif
