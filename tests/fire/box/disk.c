/* A disk that fails on request: preloaded, it answers for the C library on files below SICK_DISK. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

enum { HANG = -1, KILL = -2 };

static int error_of(const char *word)
{
    if (!strcmp(word, "HANG"))
        return HANG;
    if (!strcmp(word, "KILL"))
        return KILL;
    return !strcmp(word, "EROFS") ? EROFS : !strcmp(word, "ENOSPC") ? ENOSPC : !strcmp(word, "EDQUOT") ? EDQUOT : EIO;
}

/* The error that this call is to fail with; 0 for none. Read anew each time: the orders change while we run. */
static int looked_up(const char *call)
{
    const char *orders = getenv("SICK_ORDERS");
    char name[16], error[16];
    int share, found = 0;
    static __typeof__(&fopen) open_file;
    if (!open_file)
        open_file = (__typeof__(&fopen))dlsym(RTLD_NEXT, "fopen");
    FILE *file = orders ? open_file(orders, "re") : NULL;
    if (!file)
        return 0;
    while (fscanf(file, "%15s %15s %d", name, error, &share) == 3)
        if (!strcmp(name, call) && rand() % 100 < share)
            found = error_of(error);
    fclose(file);
    return found;
}

/* The same; a call that is to hang does so until the orders change, and one that is to kill never returns. */
static int ordered(const char *call)
{
    int found;
    while ((found = looked_up(call)) == HANG)
        usleep(20000);
    if (found == KILL)
        raise(SIGKILL);
    return found;
}

static int is_sick_path(const char *path)
{
    const char *below = getenv("SICK_DISK");
    return below && !strncmp(path, below, strlen(below));
}

static int is_sick(int descriptor)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_sick_path(path);
}

static int fails(int descriptor, const char *call)
{
    int error = is_sick(descriptor) ? ordered(call) : 0;
    if (error)
        errno = error;
    return error;
}

#define GUARD(result, name, call, parameters, arguments)                                                             \
    result name parameters                                                                                            \
    {                                                                                                                 \
        REAL(name);                                                                                                   \
        return fails(fd, call) ? -1 : real arguments;                                                                 \
    }

GUARD(ssize_t, write, "write", (int fd, const void *data, size_t size), (fd, data, size))
GUARD(ssize_t, pwrite, "write", (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
GUARD(ssize_t, pwrite64, "write", (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
GUARD(ssize_t, writev, "write", (int fd, const struct iovec *parts, int count), (fd, parts, count))
GUARD(int, ftruncate, "write", (int fd, off_t size), (fd, size))
GUARD(int, ftruncate64, "write", (int fd, off64_t size), (fd, size))
GUARD(int, fsync, "fsync", (int fd), (fd))
GUARD(int, fdatasync, "fsync", (int fd), (fd))

int posix_fallocate(int fd, off_t at, off_t size)
{
    REAL(posix_fallocate);
    int error = is_sick(fd) ? ordered("write") : 0;
    return error ? error : real(fd, at, size);
}

static int writes(const char *path, int flags)
{
    if (!(flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) || !is_sick_path(path))
        return 0;
    int error = ordered("open");
    if (error)
        errno = error;
    return error;
}

#define OPEN(name)                                                                                                    \
    int name(const char *path, int flags, ...)                                                                        \
    {                                                                                                                 \
        REAL(name);                                                                                                   \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                                                     \
        va_end(more);                                                                                                 \
        return writes(path, flags) ? -1 : real(path, flags, mode);                                                    \
    }

OPEN(open)
OPEN(open64)
