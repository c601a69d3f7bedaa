#pragma once
/*
 * con_time -- timestamps as sources write them: the option `timestamp_format`.
 *
 *     iso8601   RFC 3339 and what base_parse_timestamp() takes (default)
 *     epoch_s, epoch_ms, epoch_us   a number since 1970, a fraction allowed
 *     anything with a %   as strptime(3), C locale, UTC unless %z: %Y %y %m %d %e %j %b %B %a %A %H %I %p %M %S %f
 *                         %z %Z %s %T %D %F %R %n %t %%; %f is a fraction of a second
 *
 * A format without a year (syslog) takes it from `timestamp_year`, or from the clock: the last such day that is not more
 * than a day ahead.
 */
#include "base/base_num.h"
#include "event/evt_type.h"
#include "plan/plan.h"

enum con_time_kind { CON_TIME_ISO = 0, CON_TIME_S, CON_TIME_MS, CON_TIME_US, CON_TIME_PATTERN, CON_TIME_MAX };

struct con_time {
    enum con_time_kind kind;
    const char *pattern; /* borrowed: the option's text, NUL-terminated copy in `text` */
    char text[128];
    int64_t year;   /* for patterns without one; 0 = from now_us */
    int64_t now_us; /* when the source was opened */
    char date[16];  /* the last date that was read, "2026-01-01": events come in bunches */
    int64_t date_us;
};

/* Reads the options timestamp_format and timestamp_year. Returns: CEP_EINVAL with the option's place. */
enum cep_rc con_time_init(
    struct con_time *t, const struct plan_opt *opts, uint32_t n_opts, int64_t now_us, struct cep_err *err);
/* Returns: false when the text is no time of that format. */
bool con_time_parse(struct con_time *t, struct base_str s, int64_t *out_us);

/* Lines for the lists of options. */
#define CON_TIME_OPTS                                                                                     \
    { .name = "timestamp_format",                                                                         \
        .kind = EVT_STRING,                                                                               \
        .default_text = "iso8601",                                                                        \
        .help = "iso8601, epoch_s, epoch_ms, epoch_us, or a strptime pattern such as '%b %d %H:%M:%S'" }, \
    {                                                                                                     \
        .name = "timestamp_year", .kind = EVT_INT, .min = 1, .max = 9999, .default_text = "this one",     \
        .help = "the year of timestamps whose format has none"                                            \
    }
