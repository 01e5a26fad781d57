/* The physical floor of a fan-out: holds websockets, and sends every message it gets to all of them, as
 * one ready frame and one send() each. Nothing that delivers over TCP can be cheaper by much.
 *
 *     floor PORT         a send per message and socket
 *     floor PORT join    the messages of one turn of the loop joined: a send per turn and socket
 *
 * A message that begins "#NNNNN GGGGG " goes to the GGGGG sockets from NNNNN times GGGGG on, at once, in the
 * order in which they connected: a room instead of everybody.
 *
 * Says "ready" on standard output. Bounded by its tables: MESSAGE_BYTES_MAX, SOCKETS_MAX. */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define SOCKETS_MAX 65536
#define EVENTS_MAX 1024
#define OUTBOX_BYTES_MAX (16 * 1024 * 1024)

struct client {
    int open; /* upgraded: hears messages */
    struct rest rest;
};

static struct client clients[SOCKETS_MAX];
static int open_fds[SOCKETS_MAX], open_count;
static uint8_t input[READ_BYTES_MAX + MESSAGE_BYTES_MAX], outbox[OUTBOX_BYTES_MAX];
static size_t outbox_bytes;
static int polling, joining;

static const char ACCEPTED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static void forget(int fd)
{
    for (int i = 0; i < open_count; i++)
        if (open_fds[i] == fd) {
            open_fds[i] = open_fds[--open_count];
            break;
        }
    keep_rest(&clients[fd].rest, NULL, 0);
    clients[fd] = (struct client){0};
    close(fd);
}

static void flush_outbox(void)
{
    for (int i = 0; outbox_bytes && i < open_count; i++)
        send_all(open_fds[i], outbox, outbox_bytes);
    outbox_bytes = 0;
}

static void broadcast(const struct frame *message)
{
    if (outbox_bytes + HEADER_BYTES_MAX + message->length > sizeof outbox)
        flush_outbox();
    outbox_bytes += frame_header(outbox + outbox_bytes, OP_TEXT, message->length, 0);
    memcpy(outbox + outbox_bytes, message->payload, message->length);
    outbox_bytes += message->length;
    if (!joining)
        flush_outbox();
}

/* 0: the message does not name a room. */
static int to_room(const struct frame *message)
{
    char text[14] = {0};
    int room, size;
    if (message->length < 13 || message->payload[0] != '#')
        return 0;
    memcpy(text, message->payload, 13);
    if (sscanf(text, "#%5d %5d", &room, &size) != 2)
        return 0;
    size_t header = frame_header(outbox, OP_TEXT, message->length, 0);
    memcpy(outbox + header, message->payload, message->length);
    for (int i = room * size; i < (room + 1) * size && i < open_count; i++)
        send_all(open_fds[i], outbox, header + message->length);
    return 1;
}

static void upgrade(int fd)
{
    clients[fd].open = 1;
    open_fds[open_count++] = fd;
    send_all(fd, ACCEPTED, sizeof ACCEPTED - 1);
}

static void heard(int fd)
{
    struct client *client = &clients[fd];
    size_t have = client->rest.bytes, at = 0;
    if (have)
        memcpy(input, client->rest.data, have);
    ssize_t got = read(fd, input + have, READ_BYTES_MAX);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            forget(fd);
        return;
    }
    if (!client->open) { /* a request comes in one piece on loopback */
        upgrade(fd);
        return;
    }
    struct frame frame;
    for (have += got; parse_frame(input + at, have - at, &frame); at += frame.whole)
        if (frame.opcode == OP_TEXT && !to_room(&frame))
            broadcast(&frame);
    keep_rest(&client->rest, input + at, have - at);
}

static void accept_all(int listening)
{
    int fd, yes = 1;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(polling, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        die("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(polling, EPOLL_CTL_ADD, fd, &event);
    return fd;
}

int main(int count, char **arguments)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    joining = count > 2 && !strcmp(arguments[2], "join");
    polling = epoll_create1(0);
    int listening = listen_on(atoi(arguments[1]));
    puts("ready");
    fflush(stdout);
    static struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int ready = epoll_wait(polling, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listening)
                accept_all(listening);
            else
                heard(events[i].data.fd);
        }
        flush_outbox();
    }
}
