// Passes bytes on after a fixed time: latency SERVER_PORT ONE_WAY_US. Prints the port on which it listens.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { most_flows = 400, chunk_size = 65536 };

typedef struct Chunk {
  struct Chunk *next;
  long long due;
  ssize_t size, sent;  // a size of 0 is the end
  char bytes[];
} Chunk;

// One direction of a connection.
typedef struct { int from, to, ended; Chunk *first, *last; } Flow;

static Flow flows[most_flows];
static int flow_count;
static long long delay_ns;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int local(int port, int listening) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (listening ? bind(fd, (void *)&at, sizeof at) || listen(fd, 128) : connect(fd, (void *)&at, sizeof at)) exit(1);
  return fd;
}

static void ready(int fd) {
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void add(int client, int upstream) {
  if (flow_count + 2 > most_flows) exit(2);
  ready(client), ready(upstream);
  flows[flow_count++] = (Flow){.from = client, .to = upstream};
  flows[flow_count++] = (Flow){.from = upstream, .to = client};
}

static void receive(Flow *flow) {
  static char bytes[chunk_size];
  ssize_t size = read(flow->from, bytes, sizeof bytes);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) size = 0, flow->ended = 1;
  Chunk *chunk = calloc(1, sizeof *chunk + size);
  chunk->due = now() + delay_ns, chunk->size = size;
  memcpy(chunk->bytes, bytes, size);
  if (flow->first) flow->last->next = chunk; else flow->first = chunk;
  flow->last = chunk;
}

// Sends what is due; returns whether the receiver has no room for it.
static int send_due(Flow *flow) {
  for (Chunk *chunk; (chunk = flow->first) && chunk->due <= now();) {
    if (chunk->size == 0) shutdown(flow->to, SHUT_WR);
    ssize_t sent = send(flow->to, chunk->bytes + chunk->sent, chunk->size - chunk->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return 1;
    chunk->sent = sent < 0 ? chunk->size : chunk->sent + sent;
    if (chunk->sent < chunk->size) return 1;
    flow->first = chunk->next;
    free(chunk);
  }
  return 0;
}

// Both directions have ended and are empty.
static void close_ended(void) {
  for (int i = 0; i < flow_count; i += 2) {
    Flow *one = flows + i, *other = one + 1;
    if (!one->ended || !other->ended || one->first || other->first) continue;
    close(one->from), close(one->to);
    flow_count -= 2, one[0] = flows[flow_count], one[1] = flows[flow_count + 1], i -= 2;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  delay_ns = atoll(argv[2]) * 1000;
  prctl(PR_SET_TIMERSLACK, 1000UL);
  prctl(PR_SET_PDEATHSIG, 15);
  int listener = local(0, 1), port = atoi(argv[1]);
  struct sockaddr_in at;
  getsockname(listener, (void *)&at, &(socklen_t){sizeof at});
  printf("%d\n", ntohs(at.sin_port)), fflush(stdout);
  for (;;) {
    struct pollfd fds[1 + 2 * most_flows] = {{.fd = listener, .events = POLLIN}};
    long long due = -1;
    for (int i = 0; i < flow_count; i++) {
      int full = send_due(flows + i);
      Chunk *next = full ? NULL : flows[i].first;
      if (next && (due < 0 || next->due < due)) due = next->due;
      fds[1 + 2 * i] = (struct pollfd){.fd = flows[i].ended ? -1 : flows[i].from, .events = POLLIN};
      fds[2 + 2 * i] = (struct pollfd){.fd = full ? flows[i].to : -1, .events = POLLOUT};
    }
    long long left = due < 0 ? 0 : due - now();
    if (left < 0) left = 0;
    struct timespec wait = {left / 1000000000, left % 1000000000};
    int polled = flow_count;
    ppoll(fds, 1 + 2 * polled, due < 0 ? NULL : &wait, NULL);
    for (int i = 0; i < polled; i++)
      if (fds[1 + 2 * i].revents) receive(flows + i);
    if (fds[0].revents) add(accept(listener, NULL, NULL), local(port, 0));
    close_ended();
  }
}
