/* Loaded before the C library: makes calls that change files fail. FAIL_AT says which one, counted from 1, FAIL_WITH the number of
   the error, FAIL_ONCE whether those after it go on, and FAIL_MARK a file that appears when it has failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
/* Descriptors of files that were created: standard streams and pipes are none of our business. */
static atomic_char created[4096];

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int fails(void) {
    long call = atomic_fetch_add(&calls, 1) + 1, at = number("FAIL_AT");
    if (at == 0 || (number("FAIL_ONCE") ? call != at : call < at)) return 0;
    const char *mark = getenv("FAIL_MARK");
    if (mark) {
        long fd = syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0600);
        if (fd >= 0) syscall(SYS_close, fd);
    }
    errno = (int)number("FAIL_WITH");
    return 1;
}

static int is_created(int fd) { return fd >= 0 && fd < 4096 && created[fd]; }

#define NEXT(name, result, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & O_CREAT && fails()) return -1;
    int fd = NEXT("open64", int, const char *, int, ...)(path, flags, mode);
    if (fd >= 0 && fd < 4096) created[fd] = (flags & O_CREAT) != 0;
    return fd;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (is_created(fd) && fails()) return -1;
    return NEXT("write", ssize_t, int, const void *, size_t)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    if (is_created(fd) && fails()) return -1;
    return NEXT("pwrite64", ssize_t, int, const void *, size_t, off64_t)(fd, bytes, count, at);
}

int rename(const char *from, const char *to) {
    if (fails()) return -1;
    return NEXT("rename", int, const char *, const char *)(from, to);
}

int fsync(int fd) {
    if (fails()) return -1;
    return NEXT("fsync", int, int)(fd);
}

int fchmod(int fd, mode_t mode) {
    if (fails()) return -1;
    return NEXT("fchmod", int, int, mode_t)(fd, mode);
}

int mkdir(const char *path, mode_t mode) {
    if (fails()) return -1;
    return NEXT("mkdir", int, const char *, mode_t)(path, mode);
}
