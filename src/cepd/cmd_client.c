/*
 * cmd_client -- see cmd_client.h. libcurl makes the requests.
 */
#include "cepd/cmd_client.h"
#include "cepd/cmd_config.h"

#include "base/base_err.h"
#include "base/base_num.h"
#include "expr/expr_json.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>

enum { CONNECT_MS = 5000, TOTAL_MS = 60000, BODY_MAX = 256 << 20 };

static const char *url_of(const struct cmd_args *args) {
    const char *url = cmd_args_get(args, "coordinator");
    if (!url)
        url = getenv("CEPD_COORDINATOR");
    return url && url[0] ? url : "http://127.0.0.1:8081";
}

/* -- requests --------------------------------------------------------------------------------------------------- */

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct base_buf *out = arg;
    if (out->len + size * n > BODY_MAX)
        return 0;
    base_buf_add(out, p, size * n);
    return size * n;
}

static int unreachable(const struct cmd_args *args, const char *url, const char *why) {
    struct cep_err err = CEP_ERR_INIT;
    (void)base_err_set(&err, CEP_EIO, "could not reach %s: %s", url, why);
    base_err_hint(&err, "is it running, with --http? --coordinator URL or CEPD_COORDINATOR say where");
    return cmd_fail(args, CMD_FAILED, &err);
}

static int refused(const struct cmd_args *args, long status, struct base_str body) {
    struct cep_err err = CEP_ERR_INIT;
    struct base_arena a;
    base_arena_init(&a, 0);
    const char *why = cmd_json_text(&a, body, "$.errors[0]");
    if (why[0])
        (void)base_err_set(&err, CEP_EIO, "%s", why);
    else
        (void)base_err_set(&err, CEP_EIO, "the answer was HTTP status %ld", status);
    base_arena_release(&a);
    if (status == 401)
        base_err_hint(&err, "--security-token or CEPD_SECURITY_TOKEN says it");
    /* 409: what was asked for is not possible as the job is. */
    bool mistake = status == 400 || status == 401 || status == 404 || status == 409;
    return cmd_fail(args, mistake ? CMD_MISTAKE : CMD_FAILED, &err);
}

/* What a coordinator with security.token wants to see. */
static struct curl_slist *add_token(struct curl_slist *headers, const char *token) {
    struct base_buf head = BASE_BUF_INIT;
    if (!token[0])
        return headers;
    base_buf_printf(&head, "Authorization: Bearer %s", token);
    headers = curl_slist_append(headers, base_buf_cstr(&head));
    base_buf_release(&head);
    return headers;
}

/* Returns: CURLE_OK when there was an answer. */
static CURLcode perform(CURL *easy, const char *url, const char *method, const char *body,
    struct curl_slist *headers, const char *ca, struct base_buf *out, long *status) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (ca[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    if (body)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    if (code == CURLE_OK)
        code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    return code;
}

static int ask(const struct cmd_args *args, const struct clu_config *config, const char *method,
    const char *path, const char *body, struct base_buf *out, long *status) {
    const char *base = url_of(args);
    struct base_buf url = BASE_BUF_INIT;
    char why[CURL_ERROR_SIZE] = "";
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    base_buf_printf(&url, "%.*s%s", (int)n, base, path);
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = code == CURLE_OK ? curl_easy_init() : NULL;
    struct curl_slist *headers = body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
    headers = add_token(headers, config->values[CLU_CFG_TOKEN]);
    if (easy) {
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
        code = perform(
            easy, base_buf_cstr(&url), method, body, headers, config->values[CLU_CFG_TLS_CA], out, status);
        curl_easy_cleanup(easy);
    } else if (code == CURLE_OK) {
        code = CURLE_FAILED_INIT;
    }
    curl_slist_free_all(headers);
    curl_global_cleanup();
    base_buf_release(&url);
    if (code != CURLE_OK)
        return unreachable(args, base, why[0] ? why : curl_easy_strerror(code));
    return CMD_DONE;
}

int cmd_client_ask(const struct cmd_args *args, const char *method, const char *path, const char *body,
    struct base_buf *out, long *status) {
    struct clu_config config;
    struct base_arena a;
    struct cep_err err = CEP_ERR_INIT;
    base_arena_init(&a, 0);
    int rc = cmd_config_load(&config, args, &a, &err) != CEP_OK
                 ? cmd_fail(args, CMD_MISTAKE, &err)
                 : ask(args, &config, method, path, body, out, status);
    base_arena_release(&a);
    return rc;
}

int cmd_client_judge(const struct cmd_args *args, long status, struct base_str body) {
    return status >= 200 && status < 300 ? CMD_DONE : refused(args, status, body);
}

int cmd_client_call(const struct cmd_args *args, const char *method, const char *path, const char *body,
    struct base_buf *out) {
    long status = 0;
    int rc = cmd_client_ask(args, method, path, body, out, &status);
    return rc == CMD_DONE ? cmd_client_judge(args, status, base_buf_view(out)) : rc;
}

/* -- finding a job ---------------------------------------------------------------------------------------------- */

static int no_such_job(const struct cmd_args *args, const char *typed, size_t n) {
    struct cep_err err = CEP_ERR_INIT;
    if (n == 0)
        (void)base_err_set(&err, CEP_ENAME, "there is no job \"%s\"", typed);
    else
        (void)base_err_set(&err, CEP_ENAME, "\"%s\" fits %zu jobs", typed, n);
    base_err_hint(&err, "cepd jobs lists them");
    return cmd_fail(args, CMD_MISTAKE, &err);
}

int cmd_client_find(const struct cmd_args *args, const char *typed, struct base_arena *a, const char **id) {
    struct base_buf body = BASE_BUF_INIT;
    size_t fits = 0;
    int status = cmd_client_call(args, "GET", "/jobs/overview", NULL, &body);
    for (size_t i = 0; status == CMD_DONE; i++) {
        const char *jid = cmd_json_text(a, base_buf_view(&body), "$.jobs[%zu].jid", i);
        if (!jid[0])
            break;
        const char *name = cmd_json_text(a, base_buf_view(&body), "$.jobs[%zu].name", i);
        if (strcmp(jid, typed) == 0) {
            *id = jid;
            fits = 1;
            break;
        }
        if (strncmp(jid, typed, strlen(typed)) == 0 || strcmp(name, typed) == 0) {
            *id = jid;
            fits++;
        }
    }
    base_buf_release(&body);
    return status != CMD_DONE || fits == 1 ? status : no_such_job(args, typed, fits);
}

/* -- values ------------------------------------------------------------------------------------------------------ */

static enum expr_json_kind find(
    struct base_arena *a, struct base_str json, struct base_str *raw, const char *fmt, va_list ap) {
    struct base_buf path = BASE_BUF_INIT;
    base_buf_vprintf(&path, fmt, ap);
    enum expr_json_kind kind = expr_json_find(a, json, base_buf_view(&path), raw);
    base_buf_release(&path);
    return kind;
}

/* A text or a number; "" = neither. */
static char *text_at(struct base_arena *a, struct base_str json, const char *path, va_list ap) {
    struct base_str raw = { "", 0 };
    enum expr_json_kind kind = find(a, json, &raw, path, ap);
    bool ok = true;
    if (kind == EXPR_JSON_STRING)
        raw = expr_json_text(a, raw, &ok);
    if (!ok || (kind != EXPR_JSON_STRING && kind != EXPR_JSON_SCALAR))
        raw = (struct base_str){ "", 0 };
    return base_arena_printf(a, "%.*s", BASE_STR_FMT(raw));
}

static void hide_controls(char *text, const char *but) {
    for (char *p = text; *p; p++)
        if (((unsigned char)*p < ' ' || *p == 0x7f) && !strchr(but, *p))
            *p = '?';
}

const char *cmd_json_text(struct base_arena *a, struct base_str json, const char *path, ...) {
    va_list ap;
    va_start(ap, path);
    char *text = text_at(a, json, path, ap);
    va_end(ap);
    hide_controls(text, "");
    return text;
}

const char *cmd_json_lines(struct base_arena *a, struct base_str json, const char *path, ...) {
    va_list ap;
    va_start(ap, path);
    char *text = text_at(a, json, path, ap);
    va_end(ap);
    hide_controls(text, "\n\t");
    return text;
}

bool cmd_json_num(struct base_arena *a, struct base_str json, int64_t *out, const char *path, ...) {
    struct base_str raw = { "", 0 };
    va_list ap;
    va_start(ap, path);
    enum expr_json_kind kind = find(a, json, &raw, path, ap);
    va_end(ap);
    return kind == EXPR_JSON_SCALAR && base_parse_i64(raw, out);
}

/* -- tables ------------------------------------------------------------------------------------------------------- */

void cmd_table_init(struct cmd_table *t, struct base_arena *a, const char *const *heads, size_t n) {
    *t = (struct cmd_table){ .arena = a, .n_cols = n };
    memcpy(t->heads, heads, n * sizeof *heads);
}

const char **cmd_table_row(struct cmd_table *t) {
    t->rows = base_arena_grow(t->arena, t->rows, t->n_rows, &t->cap_rows, sizeof *t->rows);
    const char **row = t->rows[t->n_rows++];
    for (size_t c = 0; c < t->n_cols; c++)
        row[c] = "";
    return row;
}

static size_t width_of(const char *text) {
    struct base_str s = base_str_of(text);
    return base_utf8_valid(s, NULL) ? base_utf8_len(s) : s.len;
}

static void write_cells(struct base_buf *b, const struct cmd_table *t, const char *const *cells, bool head,
    const size_t *widths) {
    for (size_t c = 0; c < t->n_cols; c++) {
        bool right = t->heads[c][0] == '>', last = c + 1 == t->n_cols;
        const char *text = head && right ? cells[c] + 1 : cells[c];
        size_t pad = widths[c] - width_of(text);
        if (c > 0)
            base_buf_puts(b, "  ");
        for (size_t i = 0; right && i < pad; i++)
            base_buf_putc(b, ' ');
        base_buf_puts(b, text);
        for (size_t i = 0; !right && !last && i < pad; i++)
            base_buf_putc(b, ' ');
    }
    while (b->len > 0 && b->p[b->len - 1] == ' ') /* the last cell is empty */
        b->len--;
    base_buf_putc(b, '\n');
}

void cmd_table_write(struct base_buf *b, const struct cmd_table *t) {
    size_t widths[CMD_TABLE_COLS];
    for (size_t c = 0; c < t->n_cols; c++) {
        widths[c] = width_of(t->heads[c]) - (t->heads[c][0] == '>');
        for (size_t r = 0; r < t->n_rows; r++)
            if (width_of(t->rows[r][c]) > widths[c])
                widths[c] = width_of(t->rows[r][c]);
    }
    write_cells(b, t, t->heads, true, widths);
    for (size_t r = 0; r < t->n_rows; r++)
        write_cells(b, t, t->rows[r], false, widths);
}
