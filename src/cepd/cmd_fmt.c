/*
 * cmd_fmt -- `cepd fmt FILE...`: the one layout.
 */
#include "cepd/cmd_compile.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "dsl/dsl_fmt.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Writes beside the file and renames, so that a full disk costs nothing but the new layout. */
static enum cep_rc replace_file(const char *path, const struct base_buf *text, struct cep_err *err) {
    struct base_buf tmp = BASE_BUF_INIT;
    struct stat st;
    enum cep_rc rc = CEP_OK;
    base_buf_printf(&tmp, "%s.XXXXXX", path);
    int fd = mkstemp(tmp.p);
    if (fd < 0) {
        rc = base_err_set(err, CEP_EIO, "could not write beside \"%s\": %s", path, strerror(errno));
        base_buf_release(&tmp);
        return rc;
    }
    FILE *f = fdopen(fd, "wb");
    bool ok = f && fwrite(text->p, 1, text->len, f) == text->len && fflush(f) == 0 && fsync(fd) == 0;
    if (ok && stat(path, &st) == 0)
        ok = fchmod(fd, st.st_mode & 07777) == 0;
    int closed = f ? fclose(f) : close(fd);
    if (!ok || closed != 0 || rename(base_buf_cstr(&tmp), path) != 0) {
        rc = base_err_set(err, CEP_EIO, "could not write \"%s\": %s", path, strerror(errno));
        (void)unlink(base_buf_cstr(&tmp));
    }
    base_buf_release(&tmp);
    return rc;
}

static int format_file(const struct cmd_args *args, const char *path, struct cmd_log *log) {
    struct dsl_diag diag;
    struct base_arena a;
    struct base_buf out = BASE_BUF_INIT;
    struct base_str text;
    struct cep_err err = CEP_ERR_INIT;
    const char *id;
    int status = CMD_DONE;
    dsl_diag_init(&diag);
    base_arena_init(&a, 0);
    if (dsl_reader_files.read(dsl_reader_files.arg, path, &a, &text, &id, &err) != CEP_OK) {
        cmd_log_err(log, &err);
        status = CMD_MISTAKE;
    } else if (!dsl_fmt_text(path, text, &diag, &out)) {
        cmd_show_diag(&diag, log);
        status = CMD_MISTAKE;
    } else if (cmd_args_has(args, "check")) {
        if (!base_str_eq(base_buf_view(&out), text)) {
            cmd_log_printf(log, CON_LEVEL_ERROR, "\"%s\" is not formatted", path);
            status = CMD_MISTAKE;
        }
    } else if (!cmd_args_has(args, "write")) {
        status = cmd_print(stdout, &out);
    } else if (!base_str_eq(base_buf_view(&out), text) && replace_file(path, &out, &err) != CEP_OK) {
        cmd_log_err(log, &err);
        status = CMD_FAILED;
    }
    base_buf_release(&out);
    base_arena_release(&a);
    dsl_diag_release(&diag);
    return status;
}

int cmd_fmt(const struct cmd_args *args) {
    struct cmd_log log;
    int status = CMD_DONE;
    cmd_log_init(&log, args);
    for (size_t i = 0; i < args->n_operands; i++) {
        int s = format_file(args, args->operands[i], &log);
        if (s > status)
            status = s;
    }
    return status;
}
