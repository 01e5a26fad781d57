/* The load: many websocket clients in one thread, driven by lines on standard input; one line of JSON
 * answers each. load.py is its other half and says what the commands mean.
 *
 *     target PORT ADDRESSES      clients come from 127.0.0.2 and so on: each has its own ports
 *     tls on                     from now on clients speak TLS and believe any certificate
 *     tokens FILE                line i is {token} and {team} of client i
 *     request HEX                the upgrade request
 *     greet HEX OPCODE HEX       a frame to say (may be empty), and what a frame heard must hold before
 *                                the next; `greet none` forgets all of them
 *     complaint HEX              frames with this text are counted as refused
 *     receive BYTES              SO_RCVBUF of clients opened from now on, with segments as on a real network;
 *                                0: the system's
 *     open FIRST COUNT WINDOW TIMEOUT_MS        at most WINDOW in the making
 *     close FIRST COUNT
 *     plain INDEX                client INDEX is a bare TCP connection: no upgrade, no frames
 *     message OPCODE MODULO HEX  what publishers say; {time}, {seq}, {n} and {n+100} (modulo MODULO)
 *     stride CLIENTS             how far apart the clients of the commands below are
 *     publish FIRST COUNT EVENTS INTERVAL_US DELIVERIES TIMEOUT_MS    by COUNT clients in turn
 *     stall FIRST COUNT                         they stop reading
 *     storm TOTAL FIRST COUNT WINDOW TIMEOUT_MS clients in turn: whoever is greeted leaves, the next comes
 *     survive on                                from now on lost clients come back
 *     keep on                                   what clients heard, and {position}, outlives their connections
 *     survive COUNT EACH TIMEOUT_MS             wait until so many are greeted and have heard EACH deliveries (-1:
 *                                               any) since they came, every event further on in the log; then
 *                                               the lost stay away again
 *     pass MS                                   only answer pings
 *
 * A delivery is one MARK with a time inside a frame, so a batch of several counts as several. */
#define _GNU_SOURCE
#include "clients.h"

#include <sys/resource.h>

#define LINE_BYTES_MAX (4 * MESSAGE_BYTES_MAX)

static char *message;
static int message_opcode, stride = 1, stdin_open = 1;
static uint64_t storm_left, storm_done;
static int storm_first, storm_count, storm_next;

static uint64_t deadline(int ms)
{
    return now_ns() + ms * 1000000ull;
}

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

static void storm_next_of(int index)
{
    storm_done++;
    leave(index);
    storm_one();
}

static void storm(uint64_t total, int first, int count, int window, int timeout_ms)
{
    uint64_t began = now_ns(), until = deadline(timeout_ms);
    when_greeted = storm_next_of;
    storm_done = deliveries = failed_count = 0;
    storm_left = total;
    storm_first = first;
    storm_count = count;
    for (int i = 0; i < window; i++)
        storm_one();
    while (storm_done + failed_count < total && now_ns() < until)
        turn(10);
    when_greeted = NULL;
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

static int whole_count(int each)
{
    int whole = 0;
    for (int i = 0; i < used; i++)
        whole += clients[i].state == READY && !clients[i].disordered &&
                 (each < 0 || clients[i].heard == each);
    return whole;
}

static void survive(int count, int each, int ms)
{
    uint64_t until = deadline(ms);
    while ((ready_count < count || whole_count(each) < count) && now_ns() < until)
        turn(10);
    printf("{\"ready\":%d,\"whole\":%d,\"lost\":%d,\"seconds\":%.6f}\n", ready_count,
           whole_count(each), failed_count, (now_ns() - first_lost) / 1e9);
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
    else if (!strncmp(line, "tls on", 6))
        encrypting = start_tls();
    else if (!strncmp(line, "greet ", 6))
        greet(line);
    else if (!strncmp(line, "survive on", 10))
        surviving = 1, first_lost = failed_count = 0;
    else if (!strncmp(line, "keep on", 7))
        keeping = 1;
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
    } else if (sscanf(line, "survive %d %d %d", &a, &b, &ms) == 3) {
        survive(a, b, ms);
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
        printf("{\"ready\":%d,\"failed\":%d,\"tls\":%d}\n", ready_count, failed_count, encrypting);
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
