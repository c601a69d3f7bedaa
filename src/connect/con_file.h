#pragma once
/*
 * con_file -- the connector `file`; its two halves are con_file_source.c and con_file_sink.c.
 */
#include "connect/con_internal.h"

extern const struct con_source_vt con_file_source;
extern const struct con_sink_vt con_file_sink;

/* The files that a path means: one, a glob's, a directory's. */
struct con_file_list {
    size_t n, cap;
    char **paths; /* owned, sorted by bytes */
    bool is_set;  /* a glob or a directory: there may be others later */
};

/* Returns: CEP_EIO when there is nothing of that name; not for globs and directories, which may be empty. */
enum cep_rc con_file_list(const char *path, struct con_file_list *out, struct cep_err *err);
/* con_file_meet.c: plan_connector_spec.meet */
const struct plan_opt *con_file_meet(
    const struct plan_end *a, const struct plan_end *b, const struct plan_opt **of_a);
void con_file_list_release(struct con_file_list *list);
