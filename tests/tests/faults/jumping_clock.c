// The wall clock is read, and what is read is right, an hour ahead or an hour back. The other clocks are what they are.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    static int times;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += (__sync_fetch_and_add(&times, 1) % 3 - 1) * 3600;
    return result;
}
