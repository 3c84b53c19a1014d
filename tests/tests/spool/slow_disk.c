// A disk that takes a while to make something safe: CEKURA_TEST_FSYNC milliseconds for each call.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slow(const char *name, int file) {
    const char *wait = getenv("CEKURA_TEST_FSYNC");
    if (wait) usleep(atoi(wait) * 1000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }
