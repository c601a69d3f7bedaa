/*
 * cmd_svg -- see cmd_svg.h. The graph goes through a temporary file, so that no pipe can fill up while the other waits.
 */
#include "cepd/cmd_svg.h"

#include "base/base_err.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static enum cep_rc read_all(int fd, struct base_buf *out, struct cep_err *err) {
    for (;;) {
        char *to = base_buf_reserve(out, 65536);
        ssize_t n = read(fd, to, 65536);
        if (n < 0)
            return base_err_set(err, CEP_EIO, "could not read from dot: %s", strerror(errno));
        if (n == 0)
            return CEP_OK;
        out->len += (size_t)n;
        out->p[out->len] = '\0';
    }
}

static enum cep_rc spawn_dot(
    const char *path, const char *format, int out_fd, int close_fd, pid_t *pid, struct cep_err *err) {
    posix_spawn_file_actions_t actions;
    char type[16];
    (void)snprintf(type, sizeof type, "-T%s", format);
    const char *argv[] = { "dot", type, path, NULL };
    if (posix_spawn_file_actions_init(&actions) != 0)
        return base_err_set(err, CEP_EIO, "could not start dot");
    int rc = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclose(&actions, close_fd);
    if (rc == 0)
        rc = posix_spawnp(pid, "dot", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc == 0)
        return CEP_OK;
    enum cep_rc e = base_err_set(err, CEP_EIO, "could not start the program \"dot\": %s", strerror(rc));
    base_err_hint(err, "install graphviz, or take --format dot");
    return e;
}

enum cep_rc cmd_dot_to(
    const struct base_buf *graph, const char *format, struct base_buf *out, struct cep_err *err) {
    char path[] = "/tmp/cepd-XXXXXX";
    int fds[2] = { -1, -1 }, status = 0;
    pid_t pid;
    enum cep_rc rc = CEP_OK;
    int fd = mkstemp(path);
    if (fd < 0)
        return base_err_set(err, CEP_EIO, "could not make a temporary file: %s", strerror(errno));
    if (write(fd, graph->p, graph->len) != (ssize_t)graph->len || pipe(fds) != 0)
        rc = base_err_set(err, CEP_EIO, "could not hand the graph to dot: %s", strerror(errno));
    if (rc == CEP_OK)
        rc = spawn_dot(path, format, fds[1], fds[0], &pid, err);
    if (fds[1] >= 0)
        (void)close(fds[1]);
    if (rc == CEP_OK) {
        rc = read_all(fds[0], out, err);
        if (waitpid(pid, &status, 0) < 0 || (rc == CEP_OK && status != 0))
            rc = base_err_set(err, CEP_EIO, "dot failed");
    }
    if (fds[0] >= 0)
        (void)close(fds[0]);
    (void)close(fd);
    (void)unlink(path);
    return rc;
}
