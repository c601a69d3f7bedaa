/*
 * fault_shim -- system calls that fail when a test says so; preloaded (LD_PRELOAD) into cepd by fault_test.py.
 *
 * CEPD_FAULTS names a file of lines "CALL PATH ERRNO [once]": a call of that name on a path that holds PATH fails with that error
 * number. "once": one call in all fails; the file is removed by it. The file may come, change and go while the program runs. Calls by
 * descriptor look up its path. Nothing is cached, so that what the file says now holds for the next call.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The file's text, by system calls that are not replaced below. */
static bool read_faults(const char *path, char *text, size_t cap) {
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    long n = syscall(SYS_read, fd, text, cap - 1);
    (void)syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Returns: the error number that the call fails with; 0 = it goes on. */
static int fault(const char *call, const char *path) {
    const char *file = getenv("CEPD_FAULTS");
    char text[4096], *rest = text, *line;
    if (!file || !read_faults(file, text, sizeof text))
        return 0;
    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[32], part[256], once[8] = "";
        int number;
        if (sscanf(line, "%31s %255s %d %7s", name, part, &number, once) < 3 || strcmp(name, call) != 0 ||
            !strstr(path, part))
            continue;
        /* Of several threads the one that removes it has the fault. */
        if (once[0] && syscall(SYS_unlinkat, AT_FDCWD, file, 0) != 0)
            return 0;
        return number;
    }
    return 0;
}

static bool fails(const char *call, const char *path) {
    int saved = errno, number = fault(call, path);
    errno = number ? number : saved;
    return number != 0;
}

static bool fails_fd(const char *call, int fd) {
    char link[32], path[4096];
    int saved = errno;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = saved;
    path[n > 0 ? n : 0] = '\0';
    return fails(call, path);
}

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *p, size_t n) {
    return fails_fd("read", fd) ? -1 : NEXT(read)(fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n) {
    return fails_fd("write", fd) ? -1 : NEXT(write)(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    return fails_fd("write", fd) ? -1 : NEXT(pwrite)(fd, p, n, at);
}

int fsync(int fd) {
    return fails_fd("fsync", fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    return fails_fd("fsync", fd) ? -1 : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t n) {
    return fails_fd("ftruncate", fd) ? -1 : NEXT(ftruncate)(fd, n);
}

int rename(const char *from, const char *to) {
    return fails("rename", to) ? -1 : NEXT(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return fails("rename", to) ? -1 : NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to) {
    return fails("link", to) ? -1 : NEXT(link)(from, to);
}

int mkdir(const char *path, mode_t mode) {
    return fails("mkdir", path) ? -1 : NEXT(mkdir)(path, mode);
}

int open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return fails("open", path) ? -1 : NEXT(open)(path, flags, mode);
}
