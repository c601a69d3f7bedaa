/*
 * con_util -- small things every connector needs: the default environment, the log, paths and options.
 */
#include "connect/con_internal.h"
#include "time/clk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int64_t wall_clock_us(void *arg) {
    (void)arg;
    return clk_now(clk_system());
}

static int64_t mono_clock_us(void *arg) {
    (void)arg;
    return clk_mono(clk_system());
}

void con_env_init(struct con_env *env) {
    *env = (struct con_env){
        .now_us = wall_clock_us, .mono_us = mono_clock_us, .stdin_fd = 0, .stdout_fd = 1, .stderr_fd = 2
    };
}

void con_log(const struct con_env *env, enum con_level level, const char *fmt, ...) {
    if (!env->log)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    env->log(env->arg, level, text);
}

char *con_path(const struct con_env *env, struct base_str path) {
    if (!env->base_dir || !env->base_dir[0] || (path.len && path.p[0] == '/'))
        return base_strndup(path.p ? path.p : "", path.len);
    struct base_buf b = BASE_BUF_INIT;
    if (strcmp(env->base_dir, ".") != 0) {
        base_buf_puts(&b, env->base_dir);
        if (env->base_dir[strlen(env->base_dir) - 1] != '/')
            base_buf_putc(&b, '/');
    }
    base_buf_str(&b, path);
    char *out = base_strdup(base_buf_cstr(&b));
    base_buf_release(&b);
    return out;
}

char *con_opt_text(
    const struct plan_opt *opts, uint32_t n, const char *name, const char *fallback, char *to, size_t size) {
    const struct plan_opt *opt = plan_opt_find(opts, n, name);
    if (!opt && !fallback)
        return NULL;
    struct base_str s = plan_opt_str(opts, n, name, fallback);
    size_t len = s.len < size - 1 ? s.len : size - 1;
    if (len)
        memcpy(to, s.p, len);
    to[len] = '\0';
    return to;
}

enum cep_rc con_io_err(struct cep_err *err, int e, const char *fmt, ...) {
    char what[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    base_err_set(err, CEP_EIO, "%s: %s", what, strerror(e));
    bool lasting = e == EACCES || e == EPERM || e == EROFS || e == EEXIST || e == EISDIR || e == ELOOP ||
                   e == ENAMETOOLONG || e == EBADF;
    if (err)
        err->retriable = !lasting;
    if (e == ENOSPC || e == EDQUOT)
        base_err_hint(err, "free some room: it is tried again");
    return CEP_EIO;
}

DIR *con_opendir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0) {
        int why = errno;
        (void)close(fd); /* nothing was written to it */
        errno = why;
    }
    return dir;
}

enum cep_rc con_opt_err(struct cep_err *err, const struct plan_opt *opt, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    base_err_vset(err, CEP_EINVAL, fmt, ap);
    va_end(ap);
    if (err && opt)
        err->span = opt->span;
    return CEP_EINVAL;
}
