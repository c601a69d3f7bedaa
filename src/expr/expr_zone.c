/*
 * expr_zone -- reading tz database files (TZif, RFC 8536) and asking them.
 */
#include "expr/expr_zone.h"

#include "base/base_buf.h"
#include "base/base_err.h"
#include "base/base_num.h"
#include "expr/expr_calendar.h"

#include <stdio.h>

enum { ZONE_NAME_MAX = 64, ZONE_FILE_MAX = 256 * 1024 };

/* One of the two changes of a closing rule: month, week (5 = last), day of week (0 = Sunday), second of the day. */
struct zone_change {
    int month, week, day;
    int64_t second;
};

struct expr_zone {
    uint32_t n;           /* transitions */
    const int64_t *at_s;  /* when, ascending */
    const int32_t *off_s; /* what the clock is ahead from then on; off_s[-1] does not exist: see before_s */
    int32_t before_s;     /* before the first transition, or always */
    bool has_rule;        /* after the last one */
    bool has_summer;
    int32_t std_s, summer_s;
    struct zone_change to_summer, to_std;
};

static int32_t zone_be32(const unsigned char *p) {
    return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static int64_t zone_be64(const unsigned char *p) {
    return (int64_t)((uint64_t)(uint32_t)zone_be32(p) << 32 | (uint32_t)zone_be32(p + 4));
}

/* -- the closing rule: CET-1CEST,M3.5.0,M10.5.0/3 -------------------------------------------------------------------------- */

static bool rule_name(const char **p) {
    const char *s = *p;
    if (*s == '<') {
        while (*s && *s != '>')
            s++;
        if (*s != '>')
            return false;
        *p = s + 1;
        return true;
    }
    while ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))
        s++;
    bool ok = s - *p >= 3;
    *p = s;
    return ok;
}

static bool rule_number(const char **p, int *out) {
    int n = 0, v = 0;
    for (; **p >= '0' && **p <= '9' && n < 4; (*p)++, n++)
        v = v * 10 + (**p - '0');
    *out = v;
    return n > 0;
}

/* [+-]h[:m[:s]] in seconds */
static bool rule_time(const char **p, int64_t *out) {
    int sign = **p == '-' ? -1 : 1, v;
    *p += **p == '-' || **p == '+';
    int64_t total = 0;
    for (int64_t unit = 3600; unit > 0; unit /= 60) {
        if (!rule_number(p, &v))
            return false;
        total += v * unit;
        if (**p != ':')
            break;
        (*p)++;
    }
    *out = total * sign;
    return true;
}

static bool rule_change(const char **p, struct zone_change *c) {
    c->second = 7200;
    if ((*p)[0] != ',' || (*p)[1] != 'M')
        return false;
    *p += 2;
    if (!rule_number(p, &c->month) || *(*p)++ != '.' || !rule_number(p, &c->week) || *(*p)++ != '.' ||
        !rule_number(p, &c->day))
        return false;
    if (c->month < 1 || c->month > 12 || c->week < 1 || c->week > 5 || c->day > 6)
        return false;
    if (**p != '/')
        return true;
    (*p)++;
    return rule_time(p, &c->second);
}

/* Leaves has_rule false when the rule has another form. */
static void zone_rule(struct expr_zone *z, const char *p) {
    int64_t behind;
    if (!rule_name(&p) || !rule_time(&p, &behind))
        return;
    z->std_s = (int32_t)-behind;
    if (*p == '\0') {
        z->has_rule = true;
        return;
    }
    behind -= 3600;
    if (!rule_name(&p) || (*p != ',' && !rule_time(&p, &behind)))
        return;
    z->summer_s = (int32_t)-behind;
    z->has_summer = rule_change(&p, &z->to_summer) && rule_change(&p, &z->to_std) && *p == '\0';
    z->has_rule = z->has_summer;
}

/* When a change happens in a year, on a clock that is ahead by off_s; in seconds of UTC. */
static int64_t rule_at(const struct zone_change *c, int64_t year, int32_t off_s) {
    struct base_civil first = { .year = year, .month = c->month, .day = 1 };
    int64_t us = base_civil_to_us(&first);
    int weekday = (int)(expr_field(EXPR_UNIT_ISODOW, us) % 7);
    int day = 1 + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    while (day > expr_days_of_month(year, c->month))
        day -= 7;
    return us / 1000000 + (day - 1) * INT64_C(86400) + c->second - off_s;
}

static int32_t rule_offset(const struct expr_zone *z, int64_t utc_s) {
    if (!z->has_summer)
        return z->std_s;
    int64_t year = base_civil_of((utc_s + z->std_s) * 1000000).year;
    int64_t begin = rule_at(&z->to_summer, year, z->std_s), end = rule_at(&z->to_std, year, z->summer_s);
    bool summer = begin < end ? utc_s >= begin && utc_s < end
                              : utc_s >= begin || utc_s < end; /* south of the equator */
    return summer ? z->summer_s : z->std_s;
}

/* -- the file ------------------------------------------------------------------------------------------------------------- */

enum { ZONE_HEADER = 44 };

struct zone_counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool zone_counts(const unsigned char *p, size_t len, struct zone_counts *c) {
    if (len < ZONE_HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    uint32_t *to[] = { &c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars };
    for (int i = 0; i < 6; i++) {
        *to[i] = (uint32_t)zone_be32(p + 20 + 4 * i);
        if (*to[i] > ZONE_FILE_MAX)
            return false;
    }
    return true;
}

static size_t zone_block(const struct zone_counts *c, size_t time_size) {
    return c->time * (time_size + 1) + c->type * (size_t)6 + c->chars + c->leap * (time_size + 4) + c->isstd +
           c->isut;
}

/* The second block, with times of 64 bits, and the rule behind it. */
static bool zone_decode(struct base_arena *a, struct expr_zone *z, const unsigned char *p, size_t len) {
    struct zone_counts c;
    if (!zone_counts(p, len, &c) || p[4] < '2')
        return false;
    size_t skip = ZONE_HEADER + zone_block(&c, 4);
    if (skip > len || !zone_counts(p + skip, len - skip, &c) || c.type == 0)
        return false;
    p += skip;
    len -= skip;
    size_t size = ZONE_HEADER + zone_block(&c, 8);
    if (size > len)
        return false;
    const unsigned char *times = p + ZONE_HEADER, *index = times + c.time * (size_t)8,
                        *types = index + c.time;
    int64_t *at = BASE_ARENA_ARRAY(a, int64_t, c.time + 1);
    int32_t *off = BASE_ARENA_ARRAY(a, int32_t, c.time + 1);
    for (uint32_t i = 0; i < c.time; i++) {
        if (index[i] >= c.type)
            return false;
        at[i] = zone_be64(times + 8 * (size_t)i);
        off[i] = zone_be32(types + 6 * (size_t)index[i]);
        if ((i > 0 && at[i] <= at[i - 1]) || off[i] > 93600 || off[i] < -93600)
            return false;
    }
    z->n = c.time;
    z->at_s = at;
    z->off_s = off;
    z->before_s = zone_be32(types);
    const char *rule = (const char *)p + size;
    const char *end = len > size && rule[0] == '\n' ? memchr(rule + 1, '\n', len - size - 1) : NULL;
    if (end)
        zone_rule(z, base_arena_strndup(a, rule + 1, (size_t)(end - rule - 1)));
    return true;
}

/* A name may not lead out of the database's folder. */
static bool zone_name_ok(struct base_str name) {
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.p[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  strchr("_+-/", c);
        if (!ok || c == '\0')
            return false;
    }
    return true;
}

static bool zone_fixed(struct base_str name, int32_t *off_s) {
    *off_s = 0;
    if (base_str_ieq(name, BASE_STR("UTC")) || base_str_ieq(name, BASE_STR("Z")) ||
        base_str_ieq(name, BASE_STR("GMT")))
        return true;
    /* +02:00 is what a timestamp may end with */
    struct base_buf b = BASE_BUF_INIT;
    int64_t us;
    bool sign = name.len > 0 && (name.p[0] == '+' || name.p[0] == '-');
    base_buf_puts(&b, "2000-01-01T00:00:00");
    base_buf_str(&b, name);
    bool ok = sign && base_parse_timestamp(base_buf_view(&b), &us);
    base_buf_release(&b);
    if (ok)
        *off_s = (int32_t)(INT64_C(946684800) - us / 1000000);
    return ok;
}

enum cep_rc expr_zone_load(
    struct base_arena *a, struct base_str name, struct expr_zone **out, struct cep_err *err) {
    struct expr_zone *z = BASE_ARENA_NEW(a, struct expr_zone);
    *out = z;
    if (zone_fixed(name, &z->before_s))
        return CEP_OK;
    static const char folder[] = "/usr/share/zoneinfo";
    FILE *f = NULL;
    if (zone_name_ok(name))
        f = fopen(base_arena_printf(a, "%s/%.*s", folder, BASE_STR_FMT(name)), "rb");
    if (!f) {
        base_err_set(err, CEP_EINVAL, "there is no time zone \"%.*s\"", BASE_STR_FMT(name));
        base_err_hint(err, "zones are UTC, offsets such as +02:00, and the names in %s", folder);
        return CEP_EINVAL;
    }
    unsigned char *bytes = base_arena_alloc(a, ZONE_FILE_MAX);
    size_t len = fread(bytes, 1, ZONE_FILE_MAX, f);
    fclose(f);
    if (!zone_decode(a, z, bytes, len))
        return base_err_set(
            err, CEP_EDAMAGED, "the file of time zone \"%.*s\" is no tz database file", BASE_STR_FMT(name));
    return CEP_OK;
}

static int32_t zone_offset_s(const struct expr_zone *z, int64_t utc_s) {
    if (z->n == 0 || utc_s >= z->at_s[z->n - 1]) {
        if (z->has_rule)
            return rule_offset(z, utc_s);
        return z->n ? z->off_s[z->n - 1] : z->before_s;
    }
    if (utc_s < z->at_s[0])
        return z->before_s;
    uint32_t low = 0, high = z->n - 1; /* at_s[low] <= utc_s < at_s[high] */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (z->at_s[mid] <= utc_s)
            low = mid;
        else
            high = mid;
    }
    return z->off_s[low];
}

int64_t expr_zone_offset_us(const struct expr_zone *z, int64_t utc_us) {
    return zone_offset_s(z, expr_floor_to(utc_us, 1000000) / 1000000) * INT64_C(1000000);
}

int64_t expr_zone_to_utc(const struct expr_zone *z, int64_t local_us) {
    /* The offset of a day before holds unless a change came in between, that of a day after unless one is to come. */
    static const int64_t day = INT64_C(86400000000);
    int64_t before = expr_zone_offset_us(z, local_us - day), after = expr_zone_offset_us(z, local_us + day);
    if (before == after || expr_zone_offset_us(z, local_us - before) == before)
        return local_us - before;
    return expr_zone_offset_us(z, local_us - after) == after ? local_us - after : local_us - before;
}
