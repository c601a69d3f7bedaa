/*
 * dsl_lex -- the tokens of a file as the parser wants them.
 *
 * Ensures, whatever was written: brackets that the parser is given are balanced within a statement (what is missing
 * is made up, marked `synthetic`), and the last statement ends with a `;`. So error recovery, which throws tokens
 * away up to a closing bracket or a semicolon, cannot run away with the rest of the file.
 * A statement whose `;` is missing ends where the next one plainly begins: at a statement's first word at the
 * beginning of a line, or where the parser can do nothing with such a word.
 */
#include "dsl/dsl_build.h"

#include "dsl/dsl_gram.h"

static const struct keyword {
    const char *text;
    int token;
    bool reserved;
} keywords[] = {
#define RESERVED              true
#define FREE                  false
#define KW(name, text, class) { text, TOK_##name, class },
#include "dsl/dsl_kw.h"
#undef KW
#undef FREE
#undef RESERVED
};
enum { N_KEYWORDS = sizeof keywords / sizeof keywords[0], LONGEST_KEYWORD = 20 };

int dsl_keyword(struct base_str word) {
    if (word.len > LONGEST_KEYWORD)
        return 0;
    char lower[LONGEST_KEYWORD];
    for (size_t i = 0; i < word.len; i++)
        lower[i] = (char)(word.p[i] >= 'A' && word.p[i] <= 'Z' ? word.p[i] - 'A' + 'a' : word.p[i]);
    size_t lo = 0, hi = N_KEYWORDS;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = base_str_cmp((struct base_str){ lower, word.len }, base_str_of(keywords[mid].text));
        if (c == 0)
            return keywords[mid].token;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return 0;
}

const char *dsl_keyword_at(size_t i, int *token, bool *reserved) {
    if (i >= N_KEYWORDS)
        return NULL;
    *token = keywords[i].token;
    *reserved = keywords[i].reserved;
    return keywords[i].text;
}

bool dsl_token_starts_stmt(int kind) {
    return kind == TOK_PARAMETER || kind == TOK_INCLUDE || kind == TOK_STREAM || kind == TOK_TABLE ||
           kind == TOK_PROCESS || kind == TOK_PATTERN || kind == TOK_ALERT || kind == TOK_SINK ||
           kind == TOK_TEST;
}

bool dsl_token_is_ident(const struct dsl_token *t) {
    return t->kind == TOK_IDENT;
}

bool dsl_token_is_name(const struct dsl_token *t) {
    return t->kind == TOK_IDENT || t->kind == TOK_QUOTED || t->kind > TOK_EXCLUDE;
}

struct base_str dsl_token_text(const struct dsl_parse *p, const struct dsl_token *t) {
    const struct dsl_file *f = &p->diag->files[t->span.file];
    return (struct base_str){ f->text.p + t->span.off, t->span.end_off - t->span.off };
}

/* ---- before parsing ---- */

enum { SKIP = -2 };

static bool opens(int kind) {
    return kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_LBRACE || kind == TOK_EXCLUDE;
}

static int closer_of(int kind) {
    return kind == TOK_LPAREN ? TOK_RPAREN : kind == TOK_LBRACKET ? TOK_RBRACKET : TOK_RBRACE;
}

static bool closes(int kind) {
    return kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE;
}

/* Leaves nothing of a statement: everything from `from` to its `;`. */
static void drop_statement(struct dsl_tokens *t, size_t first, size_t from) {
    size_t end = from;
    while (end + 1 < t->n && t->items[end].kind != TOK_SEMI)
        end++;
    for (size_t i = first; i < end; i++)
        t->items[i].kind = SKIP;
}

void dsl_lex_stray(struct dsl_parse *p, const struct dsl_token *tok) {
    struct base_str text = dsl_token_text(p, tok);
    dsl_diag_error(p->diag, tok->span, CEP_ESYNTAX, "\"%.*s\" closes nothing", BASE_STR_FMT(text));
    p->broken = true;
}

/* Finds the partner of every bracket; one that closes nothing is left out. */
static void match_brackets(struct dsl_parse *p) {
    struct dsl_tokens *t = p->toks;
    uint32_t open[DSL_LIMIT_DEPTH];
    size_t n = 0, first = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct dsl_token *tok = &t->items[i];
        if (tok->kind == TOK_SEMI) {
            n = 0;
            first = i + 1;
        } else if (opens(tok->kind)) {
            if (n == DSL_LIMIT_DEPTH) {
                dsl_diag_error(
                    p->diag, tok->span, CEP_ELIMIT, "nested deeper than %d levels", DSL_LIMIT_DEPTH);
                drop_statement(t, first, i);
                n = 0;
                continue;
            }
            open[n++] = (uint32_t)i;
        } else if (closes(tok->kind)) {
            size_t k = n;
            while (k > 0 && closer_of(t->items[open[k - 1]].kind) != tok->kind)
                k--;
            if (k == 0) {
                tok->stray = true;
                if (p->expr_only)
                    dsl_lex_stray(p, tok);
                tok->kind = SKIP;
                continue;
            }
            tok->partner = open[k - 1];
            t->items[open[k - 1]].partner = (uint32_t)i;
            n = k - 1;
        }
    }
}

static bool is_unit(struct base_str s) {
    static const char *const units[] = { "us", "microsecond", "microseconds", "ms", "millisecond",
        "milliseconds", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "h",
        "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year", "years" };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (base_str_ieq(s, base_str_of(units[i])))
            return true;
    return false;
}

/* SQL's functions whose arguments have words between them. */
enum special { NO_SPECIAL = 0, SPECIAL_TRIM, SPECIAL_POSITION, SPECIAL_OVERLAY };

static enum special special_of(const struct dsl_token *t) {
    if (t->kind != TOK_IDENT)
        return NO_SPECIAL;
    return base_str_ieq(t->s, BASE_STR("trim"))       ? SPECIAL_TRIM
           : base_str_ieq(t->s, BASE_STR("position")) ? SPECIAL_POSITION
           : base_str_ieq(t->s, BASE_STR("overlay"))  ? SPECIAL_OVERLAY
                                                      : NO_SPECIAL;
}

static bool trim_side(const struct dsl_token *t) {
    return t[0].kind == TOK_IDENT && t[1].kind != TOK_COMMA && t[1].kind != TOK_RPAREN &&
           t[1].kind != TOK_DOT && t[1].kind != TOK_CONCAT &&
           (base_str_ieq(t->s, BASE_STR("both")) || base_str_ieq(t->s, BASE_STR("leading")) ||
               base_str_ieq(t->s, BASE_STR("trailing")));
}

/* `trim(both 'x' from s)`, `position('x' in s)`, `overlay(s placing 'x' from 2)`: these words are tokens of their own. */
static void special_forms(struct dsl_parse *p) {
    struct dsl_tokens *t = p->toks;
    unsigned char form[DSL_LIMIT_DEPTH];
    size_t n = 0;
    for (size_t i = 1; i + 1 < t->n; i++) {
        struct dsl_token *tok = &t->items[i];
        enum special in = n && n <= DSL_LIMIT_DEPTH ? (enum special)form[n - 1] : NO_SPECIAL;
        if (tok->kind == TOK_SEMI) {
            n = 0;
        } else if (tok->kind == TOK_LPAREN) {
            if (n < DSL_LIMIT_DEPTH)
                form[n] = (unsigned char)special_of(tok - 1);
            if (n < DSL_LIMIT_DEPTH && form[n] == SPECIAL_TRIM && trim_side(tok + 1))
                tok[1].kind = TOK_TRIM_SIDE;
            n++;
        } else if (tok->kind == TOK_RPAREN) {
            n -= n > 0;
        } else if (in == SPECIAL_POSITION && tok->kind == TOK_IN_) {
            tok->kind = TOK_POSITION_IN;
            form[n - 1] = NO_SPECIAL;
        } else if (in == SPECIAL_OVERLAY && tok->kind == TOK_IDENT && tok[-1].kind != TOK_LPAREN &&
                   tok[-1].kind != TOK_COMMA && base_str_ieq(tok->s, BASE_STR("placing"))) {
            tok->kind = TOK_PLACING;
            form[n - 1] = NO_SPECIAL;
        }
    }
}

/* What takes more than one token of looking ahead. */
static void look_around(struct dsl_parse *p) {
    struct dsl_tokens *t = p->toks;
    special_forms(p);
    for (size_t i = 0; i < t->n; i++) {
        struct dsl_token *tok = &t->items[i];
        int next = i + 1 < t->n ? t->items[i + 1].kind : 0;
        int prev = i > 0 ? t->items[i - 1].kind : 0;
        int kw = tok->kind > TOK_EXCLUDE ? tok->kind : 0;
        if (kw && (next == TOK_DOT || prev == TOK_DOT)) {
            tok->kind = TOK_IDENT; /* next to a dot there are only names */
            tok->name = true;
        } else if (kw == TOK_WITH && next == TOK_TIME) {
            tok->kind = TOK_WITH_TIME;
        } else if (tok->kind == TOK_IDENT && prev == TOK_STRING && i > 1 &&
                   t->items[i - 2].kind == TOK_INTERVAL && is_unit(tok->s)) {
            tok->kind = TOK_UNIT;
        } else if (tok->kind == TOK_IDENT && next == TOK_STRING && base_str_ieq(tok->s, BASE_STR("date"))) {
            tok->kind = TOK_TIMESTAMP; /* date '2026-01-01': its midnight */
        } else if (tok->kind == TOK_LBRACE && next == TOK_MINUS && t->items[i + 2].kind != TOK_INT) {
            tok->kind = TOK_EXCLUDE;
            t->items[i + 1].kind = SKIP;
        }
    }
}

/* `1 h 30 min` is one duration: the first token takes in the others. */
static void join_durations(struct dsl_parse *p) {
    struct dsl_tokens *t = p->toks;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < t->n; i++) {
        struct dsl_token *tok = &t->items[i];
        if (tok->kind != TOK_DURATION) {
            first = SIZE_MAX;
            continue;
        }
        if (first == SIZE_MAX) {
            first = i;
            continue;
        }
        struct dsl_token *to = &t->items[first];
        to->bad |= tok->bad;
        if (__builtin_add_overflow(to->us, tok->us, &to->us) && !to->bad) {
            dsl_diag_error(
                p->diag, dsl_span_join(to->span, tok->span), CEP_EINVAL, "duration is out of range");
            to->bad = true;
            to->us = 0;
        }
        tok->kind = SKIP;
    }
}

void dsl_lex_prepare(struct dsl_parse *p) {
    look_around(p);
    match_brackets(p);
    join_durations(p);
    p->pos = 0;
    p->fed = p->unclosed_at = SIZE_MAX;
}

/* ---- while parsing ---- */

static struct dsl_token *made_up(struct dsl_parse *p, int kind, struct cep_span at) {
    struct dsl_token *t = BASE_ARENA_NEW(p->arena, struct dsl_token);
    t->kind = kind;
    t->synthetic = true;
    t->partner = UINT32_MAX;
    t->s = base_str_of(dsl_token_name(kind));
    at.end_line = at.line;
    at.end_col = at.col;
    at.end_off = at.off;
    t->span = at;
    return t;
}

static bool first_on_line(const struct dsl_parse *p, size_t i) {
    const struct dsl_token *t = &p->toks->items[i];
    return i > 0 && t->span.col == 1 && t->span.line > p->toks->items[i - 1].span.end_line;
}

/* The words that stand behind a statement's name (or text), for being sure that it is one. */
static bool goes_on_as(int stmt, int kind) {
    switch (stmt) {
    case TOK_PATTERN: return kind == TOK_FROM;
    case TOK_STREAM: return kind == TOK_LPAREN || kind == TOK_AS;
    case TOK_TABLE: return kind == TOK_AS;
    case TOK_ALERT: return kind == TOK_ON;
    case TOK_SINK: return kind == TOK_TO || kind == TOK_DOT;
    case TOK_TEST: return kind == TOK_GIVEN || kind == TOK_WITH;
    case TOK_PARAMETER: return kind == TOK_IDENT || kind == TOK_TIMESTAMP || kind == TOK_INTERVAL;
    case TOK_INCLUDE: return kind == TOK_SEMI;
    default: return false;
    }
}

/*
 * A statement plainly begins here although the one before has not ended: its first word begins a line, and either what
 * follows can only be a statement, or the parser is in trouble anyway.
 */
static bool begins_anew(const struct dsl_parse *p, size_t i) {
    const struct dsl_token *t = &p->toks->items[i];
    if (!dsl_token_starts_stmt(t->kind) || i == p->stmt_first || !first_on_line(p, i) || t[1].kind == 0)
        return false;
    bool text = t[1].kind == TOK_STRING && (t->kind == TOK_TEST || t->kind == TOK_INCLUDE);
    if (text || dsl_token_is_name(&t[1]))
        return p->recovering || goes_on_as(t->kind, t[2].kind);
    return p->recovering && t[1].kind == TOK_STRING;
}

/*
 * A bracket is closed although nothing was written: reported, unless the statement is in trouble already. That alone does not
 * break the statement: if the bracket belongs here, all of it was read.
 */
static void report_unclosed(struct dsl_parse *p, const struct dsl_token *open) {
    if (p->recovering)
        return;
    const struct dsl_token *prev = &p->toks->items[p->fed];
    struct cep_span behind = dsl_diag_span(p->diag, prev->span.file, prev->span.end_off, prev->span.end_off);
    dsl_diag_error(p->diag, behind, CEP_ESYNTAX, "expected \"%s\"", dsl_token_name(closer_of(open->kind)));
    p->unclosed_at = p->pos;
    dsl_diag_note_at(p->diag, open->span, "this \"%s\" is not closed", dsl_token_name(open->kind));
    p->recovering = true;
}

static struct dsl_token *feed(struct dsl_parse *p, size_t i) {
    struct dsl_token *t = &p->toks->items[i];
    if (t->kind == TOK_SEMI) {
        p->semi_first = p->stmt_first;
        p->semi_last = p->fed == SIZE_MAX ? i : p->fed;
        p->stmt_first = i + 1;
    }
    p->fed = i;
    if (t->kind != 0)
        p->pos = i + 1; /* the end comes for ever */
    if (t->bad)
        p->broken = true;
    if (opens(t->kind) && p->n_open < DSL_LIMIT_DEPTH)
        p->open[p->n_open++] = (uint32_t)i;
    else if (closes(t->kind) && p->n_open)
        p->n_open--;
    return t;
}

static struct dsl_token *next(struct dsl_parse *p) {
    struct dsl_tokens *t = p->toks;
    while (t->items[p->pos].kind == SKIP)
        p->pos++;
    size_t i = p->pos;
    const struct dsl_token *at = &t->items[i];
    bool stop = p->insert_semi || at->kind == 0 || at->kind == TOK_SEMI || begins_anew(p, i);
    uint32_t top = p->n_open ? p->open[p->n_open - 1] : UINT32_MAX;
    if (top != UINT32_MAX && (stop || p->insert_close || (closes(at->kind) && at->partner != top))) {
        report_unclosed(p, &t->items[top]);
        p->n_open--;
        p->insert_close = false;
        return made_up(p, closer_of(t->items[top].kind), at->span);
    }
    p->insert_close = false;
    if (stop && at->kind != TOK_SEMI && !p->expr_only && p->fed != SIZE_MAX && i != p->stmt_first) {
        p->insert_semi = false;
        p->semi_first = p->stmt_first;
        p->semi_last = p->fed;
        p->stmt_first = i;
        return made_up(p, TOK_SEMI, at->span);
    }
    p->insert_semi = false;
    return feed(p, i);
}

/*
 * Parsing begins with a start token, and a file's with a `;` behind it: the parser has then reduced the empty list of
 * statements, and can recover from a mistake in the very first token.
 */
struct dsl_token *dsl_lex_next(struct dsl_parse *p, int *kind) {
    if (p->begun == 0) {
        p->last = made_up(p, TOK_SEMI, p->toks->items[0].span);
        p->last->kind = p->expr_only ? TOK_START_EXPR : TOK_START_FILE;
        p->begun = p->expr_only ? 2 : 1;
    } else if (p->begun == 1) {
        p->last = made_up(p, TOK_SEMI, p->toks->items[0].span);
        p->begun = 2;
    } else {
        p->last = next(p);
    }
    *kind = p->last->kind;
    return p->last;
}
