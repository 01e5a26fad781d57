/* The load: many websocket clients in one thread, driven by lines on standard input; one line of JSON
 * answers each. load.py is its other half and says what the commands mean.
 *
 *     target PORT ADDRESSES      clients come from 127.0.0.2 and so on: each has its own ports
 *     tokens FILE                line i is {token} and {team} of client i
 *     request HEX                the upgrade request
 *     greet HEX OPCODE HEX       a frame to say (may be empty), and what a frame heard must hold before
 *                                the next; `greet none` forgets all of them
 *     complaint HEX              frames with this text are counted as refused
 *     receive BYTES              SO_RCVBUF of clients opened from now on; 0: the system's
 *     open FIRST COUNT WINDOW TIMEOUT_MS        at most WINDOW in the making
 *     close FIRST COUNT
 *     plain INDEX                client INDEX is a bare TCP connection: no upgrade, no frames
 *     message OPCODE MODULO HEX  what publishers say; {time}, {seq}, {n} and {n+100} (modulo MODULO)
 *     stride CLIENTS             how far apart the clients of the commands below are
 *     publish FIRST COUNT EVENTS INTERVAL_US DELIVERIES TIMEOUT_MS    by COUNT clients in turn
 *     stall FIRST COUNT                         they stop reading
 *     storm TOTAL FIRST COUNT WINDOW TIMEOUT_MS clients in turn: whoever is greeted leaves, the next comes
 *     survive on | survive COUNT TIMEOUT_MS     lost clients come back; wait until so many are greeted
 *     pass MS                                   only answer pings
 *
 * A delivery is one MARK with a time inside a frame, so a batch of several counts as several. */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 32768
#define EVENTS_MAX 1024
#define STEPS_MAX 8
#define LINE_BYTES_MAX (4 * MESSAGE_BYTES_MAX)
#define MARK "@@" /* followed by DIGITS digits: nanoseconds of CLOCK_MONOTONIC */
#define DIGITS 20
#define BACKOFF_MS_MIN 500 /* as our clients wait: docs/protocol/client.md, section 7 */
#define BACKOFF_MS_MAX 20000

enum state { ABSENT, CONNECTING, UPGRADING, GREETING, READY };

struct client {
    int fd;
    enum state state;
    int step, plain, stalled, failures;
    uint8_t *rest;
    size_t rest_bytes;
    uint64_t retry_at; /* ns; 0: does not come back */
};

struct step {
    char *say, *hear;
    int opcode;
};

static struct client clients[CLIENTS_MAX];
static char *tokens[CLIENTS_MAX], *teams[CLIENTS_MAX];
static struct step steps[STEPS_MAX];
static int step_count;
static char *request, *message, *complaint;
static int message_opcode, modulo = 1, stride = 1, receive_bytes, port, addresses = 1, polling, stdin_open = 1;
static int surviving, used; /* clients beyond `used` were never opened */
static int making, ready_count, failed_count;
static uint64_t published, deliveries, frames, reads, refused, delivered_bytes, first_lost;
static uint64_t storm_left, storm_done;
static int storming, storm_first, storm_count, storm_next;
static uint32_t *latencies; /* us */
static size_t latency_room;
static uint8_t input[READ_BYTES_MAX + MESSAGE_BYTES_MAX];

static void opened_one(int index);

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* -- templates ----------------------------------------------------------------------------------------- */

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
    return send_all(clients[index].fd, from, length);
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
    close(client->fd);
    free(client->rest);
    client->rest = NULL;
    client->rest_bytes = 0;
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
    int yes = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + index % addresses);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        die("socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (receive_bytes)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    bind(client->fd, (struct sockaddr *)&from, sizeof from);
    client->state = CONNECTING;
    client->step = 0;
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
    if (storming)
        opened_one(index);
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
    client->state = UPGRADING;
    if (client->plain)
        greeted(index);
    else if (say(index, request, 0))
        lost(index);
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

static int holds(const struct frame *frame, const char *text)
{
    return text && memmem(frame->payload, frame->length, text, strlen(text)) != NULL;
}

static void hear_message(int index, const struct frame *frame, uint64_t now)
{
    struct client *client = &clients[index];
    frames++;
    if (count_marks(frame, now)) {
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
        return !send_all(clients[index].fd, pong, sizeof pong);
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

static void keep_rest(struct client *client, const uint8_t *data, size_t bytes)
{
    free(client->rest);
    client->rest = bytes ? malloc(bytes) : NULL;
    client->rest_bytes = bytes;
    if (bytes)
        memcpy(client->rest, data, bytes);
}

static void heard(int index)
{
    struct client *client = &clients[index];
    size_t have = client->rest_bytes, at = 0;
    int fd = client->fd;
    if (have)
        memcpy(input, client->rest, have);
    ssize_t got = read(fd, input + have, READ_BYTES_MAX);
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
        keep_rest(client, input + at, have - at);
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
        else if (clients[index].state != ABSENT && !clients[index].stalled)
            heard(index);
    }
    if (surviving && now_ns() - brought > 10000000) {
        bring_back();
        brought = now_ns();
    }
}

static uint64_t deadline(int ms)
{
    return now_ns() + ms * 1000000ull;
}

/* -- commands ---------------------------------------------------------------------------------------------- */

static void open_range(int first, int count, int window, int timeout_ms)
{
    uint64_t began = now_ns(), until = deadline(timeout_ms);
    int next = 0, before = ready_count;
    failed_count = 0;
    while (ready_count - before + failed_count < count && now_ns() < until) {
        while (next < count && making < window)
            enter(first + next++ * stride);
        turn(10);
    }
    printf("{\"ready\":%d,\"failed\":%d,\"seconds\":%.6f}\n", ready_count - before, failed_count,
           (now_ns() - began) / 1e9);
}

static void storm_one(void)
{
    if (!storm_left)
        return;
    storm_left--;
    while (clients[storm_first + storm_next % storm_count].state != ABSENT)
        storm_next++;
    enter(storm_first + storm_next++ % storm_count);
}

static void opened_one(int index)
{
    storm_done++;
    leave(index);
    storm_one();
}

static void storm(uint64_t total, int first, int count, int window, int timeout_ms)
{
    uint64_t began = now_ns(), until = deadline(timeout_ms);
    storming = 1;
    storm_done = deliveries = failed_count = 0;
    storm_left = total;
    storm_first = first;
    storm_count = count;
    for (int i = 0; i < window; i++)
        storm_one();
    while (storm_done + failed_count < total && now_ns() < until)
        turn(10);
    storming = 0;
    printf("{\"done\":%llu,\"failed\":%d,\"deliveries\":%llu,\"seconds\":%.6f}\n",
           (unsigned long long)storm_done, failed_count, (unsigned long long)deliveries,
           (now_ns() - began) / 1e9);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t quantile(double share)
{
    return deliveries ? latencies[(size_t)((deliveries - 1) * share)] : 0;
}

static void tell_published(uint64_t began)
{
    double seconds = (now_ns() - began) / 1e9;
    qsort(latencies, deliveries, sizeof *latencies, by_size);
    printf("{\"deliveries\":%llu,\"frames\":%llu,\"reads\":%llu,\"refused\":%llu,\"bytes\":%llu,"
           "\"seconds\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
           (unsigned long long)deliveries, (unsigned long long)frames, (unsigned long long)reads,
           (unsigned long long)refused, (unsigned long long)delivered_bytes, seconds,
           quantile(0.5) / 1e3, quantile(0.99) / 1e3, quantile(1) / 1e3);
}

static void publish(int first, int count, int events, int interval_us, uint64_t expected, int ms)
{
    uint64_t began = now_ns(), until = deadline(ms), said = 0;
    deliveries = frames = reads = refused = delivered_bytes = 0;
    while ((deliveries < expected || said < (uint64_t)events) && now_ns() < until) {
        while (said < (uint64_t)events && now_ns() >= began + said * interval_us * 1000ull) {
            say(first + published % count * stride, message, message_opcode);
            published++;
            said++;
        }
        turn(said < (uint64_t)events ? 1 : 10);
    }
    tell_published(began);
}

static void stall_range(int first, int count)
{
    for (int i = first; i < first + count * stride; i += stride) {
        clients[i].stalled = 1;
        listen_for(i, EPOLL_CTL_DEL, 0);
    }
}

static void survive(int count, int ms)
{
    uint64_t until = deadline(ms);
    while (ready_count < count && now_ns() < until)
        turn(10);
    printf("{\"ready\":%d,\"seconds\":%.6f}\n", ready_count, (now_ns() - first_lost) / 1e9);
    surviving = 0;
}

static void pass(int ms)
{
    uint64_t until = deadline(ms);
    while (now_ns() < until)
        turn(100);
}

static void read_tokens(const char *path)
{
    static char line[1024], token[512], team[512];
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    for (int i = 0; i < CLIENTS_MAX && fgets(line, sizeof line, file); i++) {
        if (sscanf(line, "%511s %511s", token, team) != 2)
            continue;
        tokens[i] = strdup(token);
        teams[i] = strdup(team);
    }
    fclose(file);
}

static void greet(char *line)
{
    static char first[LINE_BYTES_MAX], last[LINE_BYTES_MAX];
    int opcode;
    if (sscanf(line, "greet %s %d %s", first, &opcode, last) != 3) {
        step_count = 0;
        return;
    }
    steps[step_count++] = (struct step){unhex(*first == '-' ? "" : first), unhex(last), opcode};
}

/* Commands that only set something; 0 when the line is none of them. */
static int set(char *line)
{
    static char text[LINE_BYTES_MAX];
    if (sscanf(line, "target %d %d", &port, &addresses) == 2)
        return 1;
    if (sscanf(line, "receive %d", &receive_bytes) == 1 || sscanf(line, "stride %d", &stride) == 1)
        return 1;
    if (sscanf(line, "tokens %1000s", text) == 1)
        read_tokens(text);
    else if (sscanf(line, "request %s", text) == 1)
        request = unhex(text);
    else if (sscanf(line, "complaint %s", text) == 1)
        complaint = unhex(text);
    else if (sscanf(line, "message %d %d %s", &message_opcode, &modulo, text) == 3)
        message = unhex(text);
    else if (!strncmp(line, "greet ", 6))
        greet(line);
    else if (!strncmp(line, "survive on", 10))
        surviving = 1, first_lost = 0;
    else
        return 0;
    return 1;
}

static void obey(char *line)
{
    int a, b, c, d, ms;
    unsigned long long big;
    if (sscanf(line, "open %d %d %d %d", &a, &b, &c, &ms) == 4) {
        open_range(a, b, c, ms);
    } else if (sscanf(line, "publish %d %d %d %d %llu %d", &a, &b, &c, &d, &big, &ms) == 6) {
        publish(a, b, c, d, big, ms);
    } else if (sscanf(line, "storm %llu %d %d %d %d", &big, &a, &b, &c, &ms) == 5) {
        storm(big, a, b, c, ms);
    } else if (sscanf(line, "survive %d %d", &a, &ms) == 2) {
        survive(a, ms);
    } else {
        if (sscanf(line, "close %d %d", &a, &b) == 2)
            for (int i = a; i < a + b * stride; i += stride)
                leave(i), clients[i].stalled = 0;
        else if (sscanf(line, "plain %d", &a) == 1)
            clients[a].plain = 1;
        else if (sscanf(line, "stall %d %d", &a, &b) == 2)
            stall_range(a, b);
        else if (sscanf(line, "pass %d", &ms) == 1)
            pass(ms);
        else if (!set(line))
            fprintf(stderr, "unknown command: %.60s\n", line), exit(2);
        printf("{\"ready\":%d,\"failed\":%d}\n", ready_count, failed_count);
    }
    fflush(stdout);
}

static void obey_input(void)
{
    static char line[LINE_BYTES_MAX];
    static size_t have;
    ssize_t got = read(0, line + have, sizeof line - have - 1);
    stdin_open = got > 0;
    have += got > 0 ? got : 0;
    line[have] = 0;
    char *end = strchr(line, '\n');
    if (end) { /* one line at a time: the driver waits for its answer */
        obey(line);
        have = 0;
    }
}

int main(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    polling = epoll_create1(0);
    struct pollfd both[2] = {{.fd = 0, .events = POLLIN}, {.fd = polling, .events = POLLIN}};
    while (stdin_open) {
        poll(both, 2, 100);
        if (both[0].revents)
            obey_input();
        turn(0);
    }
}
