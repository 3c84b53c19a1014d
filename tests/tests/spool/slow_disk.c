// A disk that takes a while to make something safe: CEKURA_TEST_FSYNC milliseconds for each call. Writes the name of what is safe
// as a line to the file CEKURA_TEST_SAFE.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int slow(const char *name, int file) {
    const char *wait = getenv("CEKURA_TEST_FSYNC"), *safe = getenv("CEKURA_TEST_SAFE");
    if (wait) usleep(atoi(wait) * 1000);
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
    if (safe && result == 0) {
        char link[64], path[4097];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        int out = open(safe, O_WRONLY | O_APPEND | O_CREAT, 0600);
        if (length > 0) {
            path[length++] = '\n';
            if (write(out, path, length) < 0) abort();
        }
        close(out);
    }
    return result;
}

int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }
