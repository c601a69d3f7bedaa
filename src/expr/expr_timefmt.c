/*
 * expr_timefmt -- writing and reading timestamps by a pattern of letters.
 */
#include "expr/expr_timefmt.h"

#include "base/base_num.h"
#include "expr/expr_calendar.h"

static const char *const fmt_days[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    "Sunday" };
static const char *const fmt_months[] = { "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December" };

const char *expr_day_name(int day) {
    return fmt_days[day];
}

const char *expr_month_name(int month) {
    return fmt_months[month];
}

/* One piece of a pattern: a letter that is repeated, or text. */
struct fmt_piece {
    char letter; /* '\0': text */
    size_t n;    /* how often */
    struct base_str text;
};

static bool fmt_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Returns: false at the end. A quote that is not closed goes on to the end. */
static bool fmt_next(struct base_str p, size_t *off, struct fmt_piece *piece) {
    if (*off >= p.len)
        return false;
    size_t i = *off;
    *piece = (struct fmt_piece){ .letter = '\0' };
    if (fmt_is_letter(p.p[i])) {
        piece->letter = p.p[i];
        while (i < p.len && p.p[i] == piece->letter)
            i++;
        piece->n = i - *off;
    } else if (p.p[i] == '\'' && i + 1 < p.len && p.p[i + 1] == '\'') {
        piece->text = (struct base_str){ p.p + i, 1 };
        i += 2;
    } else if (p.p[i] == '\'') {
        size_t start = ++i;
        while (i < p.len && p.p[i] != '\'')
            i++;
        i += i < p.len;
        /* A quote that another follows is one of the text, which goes on with the next piece. */
        bool doubled = i < p.len && p.p[i] == '\'';
        piece->text = (struct base_str){ p.p + start,
            i - start - (i > start && p.p[i - 1] == '\'' && !doubled) };
    } else {
        piece->text = (struct base_str){ p.p + i, 1 };
        i++;
    }
    *off = i;
    return true;
}

const char *expr_timefmt_check(struct base_str pattern) {
    static const struct {
        char letter;
        uint8_t max;
    } known[] = { { 'y', 4 }, { 'u', 4 }, { 'M', 4 }, { 'd', 2 }, { 'D', 3 }, { 'H', 2 }, { 'h', 2 },
        { 'a', 1 }, { 'm', 2 }, { 's', 2 }, { 'S', 9 }, { 'E', 4 }, { 'X', 3 } };
    size_t n_quotes = 0;
    for (size_t i = 0; i < pattern.len; i++)
        n_quotes += pattern.p[i] == '\'';
    if (n_quotes % 2 != 0)
        return "a quote in the time pattern is not closed";
    struct fmt_piece piece;
    for (size_t off = 0; fmt_next(pattern, &off, &piece);) {
        size_t i = 0, n = sizeof known / sizeof *known;
        while (piece.letter && i < n && known[i].letter != piece.letter)
            i++;
        if (piece.letter && i == n)
            return "the time pattern has a letter of no meaning (y M d D H h a m s S E X have; others stand "
                   "in quotes)";
        if (piece.letter && piece.n > known[i].max)
            return "a letter of the time pattern is repeated too often";
    }
    return NULL;
}

static size_t fmt_digits(char *to, int64_t v, size_t width) {
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    while (n < width)
        digits[n++] = '0';
    for (size_t i = 0; i < n; i++)
        to[i] = digits[n - 1 - i];
    return n;
}

static size_t fmt_name(char *to, const char *name, bool whole) {
    size_t n = whole ? strlen(name) : 3;
    memcpy(to, name, n);
    return n;
}

static size_t fmt_write_piece(char *to, const struct fmt_piece *f, const struct base_civil *c, int64_t us) {
    switch (f->letter) {
    case '\0': memcpy(to, f->text.p, f->text.len); return f->text.len;
    case 'y':
    case 'u': return fmt_digits(to, f->n == 2 ? c->year % 100 : c->year, f->n);
    case 'M':
        return f->n > 2 ? fmt_name(to, fmt_months[c->month - 1], f->n == 4) : fmt_digits(to, c->month, f->n);
    case 'd': return fmt_digits(to, c->day, f->n);
    case 'D': return fmt_digits(to, expr_field(EXPR_UNIT_DOY, us), f->n);
    case 'H': return fmt_digits(to, c->hour, f->n);
    case 'h': return fmt_digits(to, c->hour % 12 ? c->hour % 12 : 12, f->n);
    case 'a': memcpy(to, c->hour < 12 ? "AM" : "PM", 2); return 2;
    case 'm': return fmt_digits(to, c->minute, f->n);
    case 's': return fmt_digits(to, c->second, f->n);
    case 'S': {
        char nine[16];
        fmt_digits(nine, (int64_t)c->us * 1000, 9);
        memcpy(to, nine, f->n);
        return f->n;
    }
    case 'E': return fmt_name(to, fmt_days[expr_field(EXPR_UNIT_ISODOW, us) - 1], f->n == 4);
    case 'X': to[0] = 'Z'; return 1;
    default: return 0;
    }
}

size_t expr_timefmt_write(char *to, struct base_str pattern, int64_t us) {
    struct base_civil c = base_civil_of(us);
    struct fmt_piece piece;
    size_t n = 0;
    for (size_t off = 0; fmt_next(pattern, &off, &piece);)
        n += fmt_write_piece(to + n, &piece, &c, us);
    return n;
}

/* -- reading -------------------------------------------------------------------------------------------------------------- */

struct fmt_read {
    struct base_str s;
    size_t at;
    struct base_civil c;
    int64_t offset_us, day_of_year; /* 0: none */
    int half;                       /* 0 AM, 1 PM, -1 none */
};

static bool fmt_read_digits(struct fmt_read *r, size_t min, size_t max, int64_t *out) {
    size_t n = 0;
    int64_t v = 0;
    while (n < max && r->at < r->s.len && r->s.p[r->at] >= '0' && r->s.p[r->at] <= '9') {
        v = v * 10 + (r->s.p[r->at] - '0');
        r->at++;
        n++;
    }
    *out = v;
    return n >= min;
}

static bool fmt_read_int(struct fmt_read *r, size_t n, size_t max, int *out) {
    int64_t v;
    if (!fmt_read_digits(r, n > 1 ? n : 1, n > 1 ? n : max, &v))
        return false;
    *out = (int)v;
    return true;
}

static bool fmt_read_name(struct fmt_read *r, const char *const *names, int n, bool whole, int *out) {
    for (int i = 0; i < n; i++) {
        size_t len = whole ? strlen(names[i]) : 3;
        if (r->s.len - r->at < len)
            continue;
        struct base_str got = { r->s.p + r->at, len };
        if (base_str_ieq(got, (struct base_str){ names[i], len })) {
            r->at += len;
            *out = i;
            return true;
        }
    }
    return false;
}

static bool fmt_read_text(struct fmt_read *r, struct base_str text) {
    if (text.len == 1 && text.p[0] == ' ') {
        size_t start = r->at;
        while (r->at < r->s.len && r->s.p[r->at] == ' ')
            r->at++;
        return r->at > start;
    }
    if (r->s.len - r->at < text.len || memcmp(r->s.p + r->at, text.p, text.len) != 0)
        return false;
    r->at += text.len;
    return true;
}

/* Z, +01, +0100, +01:00 */
static bool fmt_read_offset(struct fmt_read *r) {
    if (r->at >= r->s.len)
        return false;
    char sign = r->s.p[r->at++];
    if (sign == 'Z')
        return true;
    int64_t hours, minutes = 0;
    if ((sign != '+' && sign != '-') || !fmt_read_digits(r, 2, 2, &hours))
        return false;
    bool colon = r->at < r->s.len && r->s.p[r->at] == ':';
    r->at += colon;
    size_t before = r->at;
    if (!fmt_read_digits(r, 2, 2, &minutes) && (colon || r->at != before))
        return false;
    if (hours > 18 || minutes > 59)
        return false;
    r->offset_us = (hours * 60 + minutes) * INT64_C(60000000) * (sign == '-' ? -1 : 1);
    return true;
}

static bool fmt_read_piece(struct fmt_read *r, const struct fmt_piece *f) {
    static const char *const halves[] = { "AM ", "PM " };
    int64_t v = 0;
    int i = 0;
    switch (f->letter) {
    case '\0': return fmt_read_text(r, f->text);
    case 'y':
    case 'u':
        if (!fmt_read_digits(r, f->n > 1 ? f->n : 1, f->n > 1 ? f->n : 4, &v))
            return false;
        r->c.year = f->n == 2 ? 2000 + v : v;
        return true;
    case 'M':
        if (f->n < 3)
            return fmt_read_int(r, f->n, 2, &r->c.month);
        if (!fmt_read_name(r, fmt_months, 12, f->n == 4, &i))
            return false;
        r->c.month = i + 1;
        return true;
    case 'd': return fmt_read_int(r, f->n, 2, &r->c.day);
    case 'D': return fmt_read_digits(r, f->n > 1 ? f->n : 1, 3, &r->day_of_year) && r->day_of_year > 0;
    case 'H': return fmt_read_int(r, f->n, 2, &r->c.hour);
    case 'h': return fmt_read_int(r, f->n, 2, &r->c.hour) && r->c.hour >= 1 && r->c.hour <= 12;
    case 'a':
        for (i = 0; i < 2; i++)
            if (r->s.len - r->at >= 2 &&
                base_str_ieq((struct base_str){ r->s.p + r->at, 2 }, (struct base_str){ halves[i], 2 })) {
                r->half = i;
                r->at += 2;
                return true;
            }
        return false;
    case 'm': return fmt_read_int(r, f->n, 2, &r->c.minute);
    case 's': return fmt_read_int(r, f->n, 2, &r->c.second);
    case 'S': {
        size_t start = r->at;
        if (!fmt_read_digits(r, f->n > 1 ? f->n : 1, f->n > 1 ? f->n : 9, &v))
            return false;
        for (size_t n = r->at - start; n < 6; n++)
            v *= 10;
        for (size_t n = r->at - start; n > 6; n--)
            v /= 10;
        r->c.us = (int)v;
        return true;
    }
    case 'E': return fmt_read_name(r, fmt_days, 7, f->n == 4, &i);
    case 'X': return fmt_read_offset(r);
    default: return false;
    }
}

bool expr_timefmt_read(struct base_str pattern, struct base_str s, int64_t *us) {
    struct fmt_read r = { .s = s, .c = { .year = 1970, .month = 1, .day = 1 }, .half = -1 };
    struct fmt_piece piece;
    for (size_t off = 0; fmt_next(pattern, &off, &piece);)
        if (!fmt_read_piece(&r, &piece))
            return false;
    if (r.at != s.len)
        return false;
    if (r.half >= 0) {
        if (r.c.hour > 12)
            return false;
        r.c.hour = r.c.hour % 12 + 12 * r.half;
    }
    if (r.c.year < 1 || r.c.year > 9999 || r.c.month < 1 || r.c.month > 12 || r.c.day < 1 ||
        r.c.day > expr_days_of_month(r.c.year, r.c.month) || r.c.hour > 23 || r.c.minute > 59 ||
        r.c.second > 59)
        return false;
    if (r.day_of_year) {
        bool leap = expr_days_of_month(r.c.year, 2) == 29;
        if (r.day_of_year > (leap ? 366 : 365))
            return false;
        r.c.month = 1;
        r.c.day = 1;
    }
    *us = base_civil_to_us(&r.c) - r.offset_us;
    if (r.day_of_year)
        *us += (r.day_of_year - 1) * INT64_C(86400000000);
    return expr_timestamp_in_range(*us);
}
