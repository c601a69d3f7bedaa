/*
 * clu_config -- see clu_config.h.
 */
#include "cluster/clu_config.h"

#include "base/base_arena.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_num.h"
#include "cluster/clu_tls.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

struct key_info {
    const char *name, *def, *unit, *help;
    bool works;
};
static const struct key_info keys[CLU_CFG_MAX] = {
#define CLU_CONFIG_ROW(id, n, d, u, w, h) \
    [CLU_CFG_##id] = { .name = n, .def = d, .unit = u, .help = h, .works = w },
    CLU_CONFIG_LIST(CLU_CONFIG_ROW)
#undef CLU_CONFIG_ROW
};

/* "batch.size" -> "batch-size" or "CEPD_BATCH_SIZE"; two options are shorter than their keys. */
static void option_name(int k, char *out, size_t cap) {
    const char *key = k == CLU_CFG_PARALLELISM ? "parallelism" : k == CLU_CFG_HTTP ? "http" : keys[k].name;
    size_t i = 0;
    for (; key[i] && i + 1 < cap; i++)
        out[i] = key[i] == '.' ? '-' : key[i];
    out[i] = '\0';
}

static void env_name(const char *key, char *out, size_t cap) {
    size_t i = (size_t)snprintf(out, cap, "CEPD_");
    for (; *key && i + 1 < cap; key++, i++)
        out[i] = *key == '.' || *key == '-' ? '_' : (char)toupper((unsigned char)*key);
    out[i] = '\0';
}

static enum cep_rc set_key(struct clu_config *c, const char *name, const char *value, const char *from,
    size_t line, struct cep_err *err) {
    for (int k = 0; k < CLU_CFG_MAX; k++) {
        if (strcmp(keys[k].name, name) != 0)
            continue;
        if (!keys[k].works)
            return line ? base_err_set(err, CEP_EUNSUPPORTED, "%s:%zu: key \"%s\" is not in this version",
                              from, line, name)
                        : base_err_set(
                              err, CEP_EUNSUPPORTED, "%s: key \"%s\" is not in this version", from, name);
        c->values[k] = value;
        c->from[k] = from;
        return CEP_OK;
    }
    const char *best = NULL;
    unsigned distance = 7;
    for (int k = 0; k < CLU_CFG_MAX; k++) {
        unsigned d = base_str_distance(base_str_of(name), base_str_of(keys[k].name), distance);
        if (d < distance) {
            distance = d;
            best = keys[k].name;
        }
    }
    enum cep_rc rc = line ? base_err_set(err, CEP_EINVAL, "%s:%zu: unknown key \"%s\"", from, line, name)
                          : base_err_set(err, CEP_EINVAL, "%s: unknown key \"%s\"", from, name);
    if (best)
        base_err_hint(err, "did you mean \"%s\"? cepd help config lists all keys", best);
    else
        base_err_hint(err, "cepd help config lists all keys");
    return rc;
}

enum { MAX_DEPTH = 8 };

/* Walks the events of a YAML stream of nested mappings of scalars. */
static enum cep_rc walk(struct clu_config *c, yaml_parser_t *parser, const char *path, struct cep_err *err) {
    const char *prefix[MAX_DEPTH + 1] = { "" };
    const char *key = NULL;
    int depth = 0;
    bool end = false;
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && !end) {
        yaml_event_t ev;
        if (!yaml_parser_parse(parser, &ev))
            return base_err_set(err, CEP_EINVAL, "%s:%zu: %s", path, parser->problem_mark.line + 1,
                parser->problem ? parser->problem : "not YAML");
        size_t line = ev.start_mark.line + 1;
        switch (ev.type) {
        case YAML_SCALAR_EVENT: {
            const char *text = base_arena_strdup(c->arena, (const char *)ev.data.scalar.value);
            if (depth == 0 && *text)
                rc = base_err_set(err, CEP_EINVAL, "%s:%zu: expected keys and values", path, line);
            else if (depth == 0)
                break;
            else if (!key)
                key = base_arena_printf(c->arena, "%s%s", prefix[depth], text);
            else {
                rc = set_key(c, key, text, path, line, err);
                key = NULL;
            }
            break;
        }
        case YAML_MAPPING_START_EVENT:
            if (depth == MAX_DEPTH) {
                rc = base_err_set(
                    err, CEP_ELIMIT, "%s:%zu: mappings nested more than %d deep", path, line, MAX_DEPTH);
                break;
            }
            prefix[++depth] = key ? base_arena_printf(c->arena, "%s.", key) : "";
            key = NULL;
            break;
        case YAML_MAPPING_END_EVENT: depth--; break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_ALIAS_EVENT:
            rc = base_err_set(err, CEP_EINVAL, "%s:%zu: lists and aliases mean nothing here", path, line);
            break;
        case YAML_STREAM_END_EVENT: end = true; break;
        case YAML_NO_EVENT:
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_SEQUENCE_END_EVENT: break;
        }
        yaml_event_delete(&ev);
    }
    return rc;
}

static enum cep_rc load_file(struct clu_config *c, const char *path, FILE *f, struct cep_err *err) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return base_err_set(err, CEP_EIO, "could not start the YAML parser");
    yaml_parser_set_input_file(&parser, f);
    enum cep_rc rc = walk(c, &parser, path, err);
    yaml_parser_delete(&parser);
    return rc;
}

static enum cep_rc load_first_file(struct clu_config *c, const char *given, struct cep_err *err) {
    if (!given)
        given = getenv("CEPD_CONFIG");
    const char *const places[] = { given, given ? NULL : "cepd.yaml", given ? NULL : "/etc/cepd/cepd.yaml" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!places[i])
            continue;
        FILE *f = fopen(places[i], "rb");
        if (!f && (given || errno != ENOENT))
            return base_err_set(
                err, CEP_EIO, "could not read configuration file \"%s\": %s", places[i], strerror(errno));
        if (!f)
            continue;
        enum cep_rc rc = load_file(c, places[i], f, err);
        if (fclose(f) != 0 && rc == CEP_OK)
            rc = base_err_set(
                err, CEP_EIO, "could not read configuration file \"%s\": %s", places[i], strerror(errno));
        return rc;
    }
    return CEP_OK;
}

void clu_config_init(struct clu_config *c, struct base_arena *a) {
    *c = (struct clu_config){ .arena = a };
    for (int k = 0; k < CLU_CFG_MAX; k++)
        c->values[k] = keys[k].def;
}

enum cep_rc clu_config_load(struct clu_config *c, const char *(*option)(void *arg, const char *name),
    void *arg, struct base_arena *a, struct cep_err *err) {
    clu_config_init(c, a);
    enum cep_rc rc = load_first_file(c, option(arg, "config"), err);
    for (int k = 0; k < CLU_CFG_MAX && rc == CEP_OK; k++) {
        char name[64];
        env_name(keys[k].name, name, sizeof name);
        const char *env = getenv(name);
        if (env)
            rc = set_key(c, keys[k].name, env, base_arena_strdup(a, name), 0, err);
        option_name(k, name, sizeof name);
        const char *opt = option(arg, name);
        if (opt && rc == CEP_OK)
            rc = set_key(c, keys[k].name, opt, base_arena_printf(a, "--%s", name), 0, err);
    }
    return rc;
}

enum cep_rc clu_config_set(
    struct clu_config *c, const char *name, const char *value, const char *from, struct cep_err *err) {
    return set_key(c, name, value, from, 0, err);
}

const char *clu_config_name(enum clu_config_key key) {
    return keys[key].name;
}

enum cep_rc clu_config_bad(
    const struct clu_config *c, enum clu_config_key key, const char *wants, struct cep_err *err) {
    return base_err_set(err, CEP_EINVAL, "%s%s\"%s\" takes %s, not \"%s\"", c->from[key] ? c->from[key] : "",
        c->from[key] ? ": " : "", keys[key].name, wants, c->values[key]);
}

enum cep_rc clu_config_int(const struct clu_config *c, enum clu_config_key key, int64_t min, int64_t max,
    int64_t *out, struct cep_err *err) {
    if (base_parse_i64(base_str_of(c->values[key]), out) && *out >= min && *out <= max)
        return CEP_OK;
    char wants[96];
    (void)snprintf(wants, sizeof wants, "a number from %lld to %lld (%s)", (long long)min, (long long)max,
        keys[key].unit);
    return clu_config_bad(c, key, wants, err);
}

enum cep_rc clu_config_choice(const struct clu_config *c, enum clu_config_key key, const char *a,
    const char *b, bool *second, struct cep_err *err) {
    *second = strcmp(c->values[key], b) == 0;
    if (*second || strcmp(c->values[key], a) == 0)
        return CEP_OK;
    char wants[96];
    (void)snprintf(wants, sizeof wants, "\"%s\" or \"%s\"", a, b);
    return clu_config_bad(c, key, wants, err);
}

enum cep_rc clu_config_bytes(
    const struct clu_config *c, enum clu_config_key key, uint64_t *out, struct cep_err *err) {
    static const char units[] = "kmgt";
    struct base_str s = base_str_of(c->values[key]);
    unsigned shift = 0;
    const char *unit = s.len > 1 ? strchr(units, tolower((unsigned char)s.p[s.len - 1])) : NULL;
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        s.len--;
    }
    if (!base_parse_u64(s, out) || *out > UINT64_MAX >> shift)
        return clu_config_bad(c, key, "bytes such as \"512m\" or \"4g\"", err);
    *out <<= shift;
    return CEP_OK;
}

enum cep_rc clu_config_duration(
    const struct clu_config *c, enum clu_config_key key, int64_t *out_us, struct cep_err *err) {
    if (base_parse_duration(base_str_of(c->values[key]), out_us) && *out_us >= 0)
        return CEP_OK;
    return clu_config_bad(c, key, "a duration such as \"5 ms\"", err);
}

size_t clu_config_list(const struct clu_config *c, const char **names, const char **values) {
    size_t n = 0;
    for (int k = 0; k < CLU_CFG_MAX; k++) {
        if (!keys[k].works || !c->values[k][0])
            continue;
        names[n] = keys[k].name;
        values[n++] = k == CLU_CFG_TOKEN ? "***" : c->values[k]; /* who asks for it need not know it */
    }
    return n;
}

/* What tasks go by; the rest is for the processes and for who sees to the job. */
static bool is_of_tasks(enum clu_config_key k) {
    static const enum clu_config_key all[] = { CLU_CFG_BATCH_SIZE, CLU_CFG_BATCH_LINGER, CLU_CFG_BUFFER_ROWS,
        CLU_CFG_BUFFER_PATIENCE, CLU_CFG_SINK_DRAIN, CLU_CFG_STATE_BACKEND, CLU_CFG_STATE_MEMORY,
        CLU_CFG_CP_MODE, CLU_CFG_CP_ALIGN, CLU_CFG_CHANNEL };
    for (size_t i = 0; i < CEP_COUNT_OF(all); i++)
        if (all[i] == k)
            return true;
    return false;
}

size_t clu_config_of_tasks(const struct clu_config *c, const char **names, const char **values) {
    size_t n = 0;
    for (int k = 0; k < CLU_CFG_MAX; k++)
        if (c->from[k] && is_of_tasks((enum clu_config_key)k)) {
            names[n] = keys[k].name;
            values[n++] = c->values[k];
        }
    return n;
}

enum cep_rc clu_config_security(const struct clu_config *c, struct clu_security *out, struct cep_err *err) {
    static const enum clu_config_key from[] = { CLU_CFG_TLS_CERT, CLU_CFG_TLS_KEY, CLU_CFG_TLS_CA,
        CLU_CFG_TOKEN };
    *out = (struct clu_security){ .none = strcmp(c->values[CLU_CFG_SECURITY], "none") == 0 };
    const char **to[] = { &out->cert, &out->key, &out->ca, &out->token };
    for (size_t i = 0; i < CEP_COUNT_OF(from); i++)
        *to[i] = c->values[from[i]][0] ? c->values[from[i]] : NULL;
    if (c->values[CLU_CFG_SECURITY][0] && !out->none)
        return clu_config_bad(c, CLU_CFG_SECURITY, "none, or nothing at all", err);
    return CEP_OK;
}

void clu_config_write(struct base_buf *b) {
    base_buf_puts(b, "cepd.yaml: --config FILE, CEPD_CONFIG, ./cepd.yaml or /etc/cepd/cepd.yaml, the first "
                     "that is there.\n"
                     "Each key has an environment variable (CEPD_BATCH_SIZE) and an option (--batch-size); "
                     "the option wins.\n\n");
    for (int k = 0; k < CLU_CFG_MAX; k++)
        base_buf_printf(b, "  %-30s %s (%s; default %s)%s\n", keys[k].name, keys[k].help, keys[k].unit,
            keys[k].def[0] ? keys[k].def : "none", keys[k].works ? "" : " (not in this version)");
}
