/* A resolver that never answers. */
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const void *hints, void **found) {
    (void)node, (void)service, (void)hints, (void)found;
    for (;;) pause();
}
