#pragma once
/*
 * dsl_test_catalog -- a small catalog for tests of the compiler: what messages say of options must not change when a
 * connector gains one.
 */
#include "plan/plan.h"

static const struct plan_opt_spec catalog_file_source[] = {
    { "path", EVT_STRING, true, NULL, NULL, 0, 0, "file, folder or pattern of names" },
    { "follow", EVT_BOOL, false, "false", NULL, 0, 0, "go on at the end of the file" },
    { "compression", EVT_STRING, false, "none", "none|gzip|zstd", 0, 0, "how the file is packed" },
    { .name = NULL },
};
static const struct plan_opt_spec catalog_file_sink[] = {
    { "path", EVT_STRING, true, NULL, NULL, 0, 0, "the file" },
    { "rotate_size", EVT_INT, false, NULL, NULL, 1, 1000000, "bytes" },
    { .name = NULL },
};
static const struct plan_opt_spec catalog_tcp[] = {
    { "port", EVT_INT, true, NULL, NULL, 1, 65535, "the port" },
    { "timeout", EVT_DURATION, false, NULL, NULL, 1, 60000000, "how long to wait" },
    { "share", EVT_DOUBLE, false, NULL, NULL, 0, 0, "a number" },
    { .name = NULL },
};
static const struct plan_opt_spec catalog_csv[] = {
    { "header", EVT_BOOL, false, "true", NULL, 0, 0, "the first line names the columns" },
    { .name = NULL },
};
static const struct plan_opt_spec catalog_text[] = {
    { "template", EVT_STRING, true, NULL, NULL, 0, 0, "text with {expressions}" },
    { .name = NULL },
};

/* The same path is the same file. */
static const struct plan_opt *catalog_meet(
    const struct plan_end *a, const struct plan_end *b, const struct plan_opt **of_a) {
    *of_a = plan_opt_find(a->opts, a->n_opts, "path");
    const struct plan_opt *to = plan_opt_find(b->opts, b->n_opts, "path");
    bool same = *of_a && to &&
                base_str_eq(plan_opt_str(a->opts, a->n_opts, "path", ""),
                    plan_opt_str(b->opts, b->n_opts, "path", ""));
    return same ? to : NULL;
}

static const struct plan_connector_spec catalog_file = { .name = "file",
    .is_source = true,
    .is_sink = true,
    .replayable = true,
    .exactly_once = true,
    .bounded = true,
    .source_opts = catalog_file_source,
    .sink_opts = catalog_file_sink,
    .meet = catalog_meet,
    .help = "files" };
static const struct plan_connector_spec catalog_stdout = {
    .name = "stdout", .is_sink = true, .default_format = "json", .help = "standard output"
};
static const struct plan_connector_spec catalog_tcp_spec = {
    .name = "tcp", .is_source = true, .source_opts = catalog_tcp, .help = "a port"
};
static const struct plan_connector_spec catalog_generate = { .name = "generate",
    .is_source = true,
    .replayable = true,
    .default_format = "",
    .open_opts = true,
    .help = "made-up rows" };
static const struct plan_connector_spec *const catalog_connectors[] = { &catalog_file, &catalog_stdout,
    &catalog_tcp_spec, &catalog_generate, NULL };

static const struct plan_format_spec catalog_json = {
    .name = "json", .decodes = true, .encodes = true, .open_opts = true
};
static const struct plan_format_spec catalog_csv_spec = {
    .name = "csv", .decodes = true, .encodes = true, .decode_opts = catalog_csv
};
static const struct plan_format_spec catalog_text_spec = {
    .name = "text", .encodes = true, .encode_opts = catalog_text
};
static const struct plan_format_spec *const catalog_formats[] = { &catalog_json, &catalog_csv_spec,
    &catalog_text_spec, NULL };

static const struct plan_catalog test_catalog = { catalog_connectors, catalog_formats };
