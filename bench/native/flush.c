// Preloaded into the server: each flush takes FLUSH_US microseconds, and nothing else.
#include <stdlib.h>
#include <unistd.h>

static int wait_for_disk(void) {
  const char *us = getenv("FLUSH_US");
  if (us) usleep(atoi(us));
  return 0;
}
int fsync(int fd) { (void)fd; return wait_for_disk(); }
int fdatasync(int fd) { (void)fd; return wait_for_disk(); }
