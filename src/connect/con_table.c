/*
 * con_table -- the connectors and formats of this version. To add one: its own file, and a line in each list here.
 */
#include "connect/con.h"
#include "connect/con_internal.h"

#include <assert.h>

static const struct con_connector *const connectors[] = { &con_file, &con_stdin, &con_stdout, &con_stderr,
    &con_tcp, &con_http, &con_generate };
static const struct con_format *const formats[] = { &con_json, &con_csv, &con_text, &con_raw };

/* The same rows as the compiler sees them. */
static const struct plan_connector_spec *const connector_specs[] = { &con_file.spec, &con_stdin.spec,
    &con_stdout.spec, &con_stderr.spec, &con_tcp.spec, &con_http.spec, &con_generate.spec, NULL };
static const struct plan_format_spec *const format_specs[] = { &con_json.spec, &con_csv.spec, &con_text.spec,
    &con_raw.spec, NULL };

static const struct plan_catalog catalog = { connector_specs, format_specs };

static_assert(CEP_COUNT_OF(connectors) + 1 == CEP_COUNT_OF(connector_specs), "both lists name the same rows");
static_assert(CEP_COUNT_OF(formats) + 1 == CEP_COUNT_OF(format_specs), "both lists name the same rows");

const struct plan_catalog *con_catalog(void) {
    return &catalog;
}

const struct con_connector *con_find_connector(const char *name) {
    for (size_t i = 0; i < CEP_COUNT_OF(connectors); i++)
        if (strcmp(connectors[i]->spec.name, name) == 0)
            return connectors[i];
    return NULL;
}

const struct con_format *con_find_format(const char *name) {
    for (size_t i = 0; i < CEP_COUNT_OF(formats); i++)
        if (strcmp(formats[i]->spec.name, name) == 0)
            return formats[i];
    return NULL;
}
