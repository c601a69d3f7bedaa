/*
 * dsl_syntax -- what is said about a syntax mistake.
 *
 * The parser says which token it cannot go on with and which ones it could. From these, and from the tokens around,
 * comes one message for people: the special cases first (a missing semicolon, a clause in the wrong place, a unit that
 * does not exist ...), then `expected X after Y` where there is one X, then `unexpected X, expected Y or Z`.
 * Here, too, it is decided to go on as if a `;` or a closing bracket had been written.
 */
#include "dsl/dsl_build.h"

#include "dsl/dsl_gram.h"

#include "base/base_check.h"

#include <stdio.h>

enum { N_TOKENS = 300, FIRST_TOKEN = 256, MAX_SHOWN = 6 };

struct situation {
    struct dsl_parse *p;
    bool can[N_TOKENS];                /* by token number - FIRST_TOKEN */
    bool can_end;                      /* the end of the file */
    const struct dsl_token *at, *prev; /* the offending token as written; the one before, or NULL */
    size_t at_index;
};

static bool can(const struct situation *s, int token) {
    return s->can[token - FIRST_TOKEN];
}

void dsl_mistake(struct dsl_parse *p, struct cep_span span, enum cep_rc rc, const char *fmt, ...) {
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dsl_diag_error(p->diag, span, rc, "%s", text);
    p->broken = true;
}

/* How a token is shown: as written, in quotes, not too long. */
static const char *shown(const struct situation *s, const struct dsl_token *t, char *buf, size_t size) {
    enum { CUT = 40 };
    if (t->kind == 0)
        return s->p->expr_only ? "the end of the expression" : "the end of the file";
    struct base_str text = dsl_token_text(s->p, t);
    size_t len = text.len < CUT ? text.len : CUT;
    while (len < text.len && len > 0 && ((unsigned char)text.p[len] & 0xc0) == 0x80)
        len--;
    const char *nl = memchr(text.p, '\n', len);
    if (nl)
        len = (size_t)(nl - text.p);
    const char *quote = t->kind == TOK_STRING || t->kind == TOK_QUOTED ? "" : "\"";
    snprintf(buf, size, "%s%.*s%s%s", quote, (int)len, text.p, len < text.len ? "..." : "", quote);
    return buf;
}

/* How an expected token is called: `"as"`, `a name`. */
static const char *called(int token, char *buf, size_t size) {
    if (token == TOK_EOF_ || token < TOK_ARROW)
        return dsl_token_name(token);
    snprintf(buf, size, "\"%s\"", dsl_token_name(token));
    return buf;
}

static void say(const struct situation *s, const char *what) {
    dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "%s", what);
}

static bool is_keyword(const struct dsl_token *t) {
    return t->kind > TOK_EXCLUDE;
}

/* ---- special cases: each returns true when it has said it all ---- */

static bool unknown_statement(const struct situation *s) {
    if (!can(s, TOK_PATTERN) || !can(s, TOK_SINK) || can(s, TOK_IDENT))
        return false;
    char buf[80];
    struct base_str word = dsl_token_text(s->p, s->at);
    struct dsl_nearest near;
    dsl_nearest_init(&near, word);
    for (int k = 0; k < DSL_STMT_MAX; k++)
        dsl_nearest_try(&near, base_str_of(dsl_stmt_word((enum dsl_stmt_kind)k)));
    dsl_mistake(
        s->p, s->at->span, CEP_ESYNTAX, "%s does not begin a statement", shown(s, s->at, buf, sizeof buf));
    if (s->at->kind == TOK_SELECT)
        dsl_diag_note(s->p->diag, "a query needs a name: stream NAME as select ...");
    else if (near.best.len)
        dsl_nearest_note(s->p->diag, &near);
    else
        dsl_diag_note(s->p->diag,
            "statements begin with parameter, include, stream, table, process, pattern, alert, sink or test");
    if (!s->p->cur)
        dsl_stmt_guess(s->p, s->at_index,
            near.best.len ? base_arena_strndup(s->p->arena, near.best.p, near.best.len) : NULL);
    return true;
}

/* The next statement begins here. */
static bool missing_semicolon(const struct situation *s) {
    const struct dsl_token *at = s->at;
    int next = s->at_index + 1 < s->p->toks->n ? s->p->toks->items[s->at_index + 1].kind : 0;
    bool named = next == TOK_IDENT || next == TOK_QUOTED || next == TOK_STRING || next > TOK_EXCLUDE;
    if (s->p->expr_only || !s->prev || !dsl_token_starts_stmt(at->kind) || !named)
        return false;
    bool new_line = at->span.line > s->prev->span.end_line;
    if (!can(s, TOK_SEMI) && !(new_line && at->span.col == 1))
        return false;
    s->p->insert_semi = true;
    s->p->pos = s->at_index;
    if (!can(s, TOK_SEMI))
        return false;
    struct cep_span behind = dsl_diag_span(
        s->p->diag, s->prev->span.file, s->prev->span.end_off, s->prev->span.end_off);
    dsl_mistake(s->p, behind, CEP_ESYNTAX, "expected \";\" at the end of the statement");
    return true;
}

/* Inside a bracket that is not closed, where it could be closed: go on as if it were. */
static bool missing_bracket(const struct situation *s) {
    struct dsl_parse *p = s->p;
    if (p->n_open == 0)
        return false;
    const struct dsl_token *open = &p->toks->items[p->open[p->n_open - 1]];
    int closer = open->kind == TOK_LPAREN     ? TOK_RPAREN
                 : open->kind == TOK_LBRACKET ? TOK_RBRACKET
                                              : TOK_RBRACE;
    if (open->partner != UINT32_MAX || !can(s, closer))
        return false;
    char buf[80];
    dsl_mistake(p, s->at->span, CEP_ESYNTAX, "expected \"%s\" before %s", dsl_token_name(closer),
        shown(s, s->at, buf, sizeof buf));
    dsl_diag_note_at(p->diag, open->span, "this \"%s\" is not closed", dsl_token_name(open->kind));
    p->insert_close = true;
    p->pos = s->at_index;
    return true;
}

/* The clauses of each statement, in order; 0 ends. */
static const struct clauses {
    int stmt;
    int words[12];
    const char *order;
} clause_orders[] = {
    { TOK_PATTERN,
        { TOK_FROM, TOK_PARTITION, TOK_MATCH, TOK_DEFINE, TOK_WITHIN, TOK_AFTER, TOK_LIMIT, TOK_MEASURES },
        "from, partition by, match, define, within, after match, limit, measures" },
    { TOK_ALERT,
        { TOK_ON, TOK_WHERE, TOK_SEVERITY, TOK_MESSAGE, TOK_LABELS, TOK_BY, TOK_SUPPRESS, TOK_RESOLVE,
            TOK_WITH },
        "on, where, severity, message, labels, by, suppress for, resolve, with events" },
    { TOK_SINK, { TOK_TO, TOK_FORMAT, TOK_DELIVERY, TOK_AS }, "to, format, delivery, as" },
    { TOK_STREAM, { TOK_FROM, TOK_FORMAT, TOK_EVENT },
        "columns, from, format, event time (or processing time)" },
};

static int rank_of(const struct clauses *c, int token) {
    for (int i = 0; c->words[i]; i++)
        if (c->words[i] == token)
            return i;
    return -1;
}

/* The index in the order of the last clause that has begun, at the level of the statement. */
static int last_clause(const struct situation *s, const struct clauses *c, int wanted, bool *seen) {
    int depth = 0, last = -1;
    for (size_t i = s->p->stmt_first + 2; i < s->at_index; i++) {
        const struct dsl_token *t = &s->p->toks->items[i];
        depth += t->kind == TOK_LPAREN || t->kind == TOK_LBRACE || t->kind == TOK_LBRACKET;
        depth -= t->kind == TOK_RPAREN || t->kind == TOK_RBRACE || t->kind == TOK_RBRACKET;
        int r = depth == 0 && !t->name ? rank_of(c, t->kind) : -1;
        if (r < 0 || r < last) /* "where" in a define, "as" in a measure */
            continue;
        *seen |= r == wanted;
        last = r;
    }
    return last;
}

static bool wrong_clause(const struct situation *s) {
    int stmt = s->p->toks->items[s->p->stmt_first].kind;
    for (size_t i = 0; i < CEP_COUNT_OF(clause_orders); i++) {
        const struct clauses *c = &clause_orders[i];
        int wanted = c->stmt == stmt ? rank_of(c, s->at->kind) : -1;
        if (wanted < 0)
            continue;
        bool seen = false, boundary = can(s, TOK_SEMI);
        int last = last_clause(s, c, wanted, &seen);
        for (int k = 0; c->words[k]; k++)
            boundary |= can(s, c->words[k]);
        if (!boundary || last < 0)
            return false;
        char buf[80];
        const char *word = shown(s, s->at, buf, sizeof buf);
        if (seen)
            dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "%s is given twice", word);
        else if (wanted < last)
            dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "%s must come before \"%s\"", word,
                dsl_token_name(c->words[last]));
        else
            return false;
        dsl_diag_note(s->p->diag, "the order is: %s", c->order);
        return true;
    }
    return false;
}

static bool unknown_unit(const struct situation *s) {
    static const char *const units[] = { "ms", "s", "min", "h", "d", "us", "second", "seconds", "minute",
        "minutes", "hour", "hours", "day", "days", "millisecond", "milliseconds" };
    if (s->prev && s->prev->kind == TOK_STRING && s->at_index > 1 && s->at->kind == TOK_IDENT &&
        s->p->toks->items[s->at_index - 2].kind == TOK_INTERVAL) {
        dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "unknown unit of time \"%.*s\"", BASE_STR_FMT(s->at->s));
        dsl_diag_note(s->p->diag, "units of time are microsecond, millisecond, second, minute, hour and day");
        return true;
    }
    if (!s->prev || (s->prev->kind != TOK_INT && s->prev->kind != TOK_DOUBLE) || s->at->kind != TOK_IDENT)
        return false;
    struct dsl_nearest near;
    dsl_nearest_init(&near, s->at->s);
    for (size_t i = 0; i < CEP_COUNT_OF(units); i++)
        dsl_nearest_try(&near, base_str_of(units[i]));
    if (near.best.len == 0 || s->at->s.len < 2)
        return false;
    dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "unknown unit of time \"%.*s\"", BASE_STR_FMT(s->at->s));
    dsl_nearest_note(s->p->diag, &near);
    return true;
}

/* Is it the first word of a clause of the statement that is being read? */
static bool begins_clause(const struct situation *s, int token) {
    int stmt = s->p->toks->items[s->p->stmt_first].kind;
    if (stmt == TOK_TEST)
        return token == TOK_WITH || token == TOK_GIVEN || token == TOK_THEN || token == TOK_EXPECT;
    for (size_t i = 0; i < CEP_COUNT_OF(clause_orders); i++)
        if (clause_orders[i].stmt == stmt)
            return rank_of(&clause_orders[i], token) >= 0;
    return false;
}

/* `a, b, match ...`: a comma, and the next clause; whose first word may have been taken for one more item. */
static bool trailing_comma(const struct situation *s) {
    struct dsl_parse *p = s->p;
    if (!s->prev || s->at_index < p->stmt_first + 3)
        return false;
    bool taken = is_keyword(s->prev) && s->prev->name;
    const struct dsl_token *word = taken ? s->prev : s->at;
    const struct dsl_token *comma = &p->toks->items[s->at_index - (taken ? 2 : 1)];
    if (comma->kind != TOK_COMMA || !is_keyword(word) || !begins_clause(s, word->kind))
        return false;
    char buf[80];
    dsl_mistake(
        p, comma->span, CEP_ESYNTAX, "\",\" with nothing between it and %s", shown(s, word, buf, sizeof buf));
    if (taken) {
        p->pos = s->at_index - 1;
        p->toks->items[p->pos].name = false;
    }
    return true;
}

/* Does what stands at t go on a clause that begins with this word? */
static bool goes_on_clause(int word, const struct dsl_token *t) {
    int kind = t->kind, next = kind ? t[1].kind : 0;
    switch (word) {
    case TOK_PARTITION:
    case TOK_GROUP:
    case TOK_ORDER: return kind == TOK_BY;
    case TOK_MATCH: return dsl_token_is_name(t) || kind == TOK_LPAREN;
    case TOK_DEFINE: return dsl_token_is_name(t) && next == TOK_AS;
    case TOK_WITHIN: return kind == TOK_DURATION;
    case TOK_AFTER: return kind == TOK_MATCH;
    case TOK_LIMIT: return kind == TOK_INT;
    case TOK_MEASURES: return dsl_token_is_name(t) || kind == TOK_STAR;
    case TOK_SEVERITY: return dsl_token_is_name(t);
    case TOK_MESSAGE: return kind == TOK_STRING;
    case TOK_LABELS: return dsl_token_is_name(t) && next == TOK_EQ;
    case TOK_SUPPRESS: return kind == TOK_FOR;
    case TOK_RESOLVE: return kind == TOK_AFTER || kind == TOK_WHEN;
    case TOK_DELIVERY: return kind == TOK_AT || kind == TOK_EXACTLY;
    default: return false;
    }
}

/* `from partition by k`, `resolve after message 'x'`: the first word of a clause was taken for what the word before it wants. */
static bool nothing_between(const struct situation *s) {
    struct dsl_parse *p = s->p;
    if (!s->prev || !s->prev->name || !is_keyword(s->prev) || s->at_index < p->stmt_first + 3)
        return false;
    int word = s->prev->kind;
    bool of_query = word == TOK_GROUP || word == TOK_ORDER;
    const struct dsl_token *before = &p->toks->items[s->at_index - 2];
    if (!is_keyword(before) || before->name || !goes_on_clause(word, s->at) ||
        !(of_query || begins_clause(s, word)))
        return false;
    char buf[80];
    const char *by = s->at->kind == TOK_BY ? " by" : "";
    dsl_mistake(p, s->prev->span, CEP_ESYNTAX, "nothing between %s and \"%s%s\"",
        shown(s, before, buf, sizeof buf), dsl_token_name(word), by);
    p->pos = s->at_index - 1;
    p->toks->items[p->pos].name = false;
    return true;
}

/* `match a -> b defin a as ...`: a misspelt define was taken for a variable. */
static bool define_in_sequence(const struct situation *s) {
    struct dsl_parse *p = s->p;
    if (s->at->kind != TOK_AS || s->at_index < p->stmt_first + 3 || !dsl_token_is_name(s->prev) ||
        !begins_clause(s, TOK_DEFINE) || !can(s, TOK_DEFINE))
        return false;
    struct dsl_token *word = &p->toks->items[s->at_index - 2];
    if (word->kind != TOK_IDENT)
        return false;
    struct dsl_nearest near;
    dsl_nearest_init(&near, word->s);
    dsl_nearest_try(&near, BASE_STR("define"));
    if (near.best.len == 0)
        return false;
    char buf[80];
    dsl_mistake(p, word->span, CEP_ESYNTAX, "unexpected %s", shown(s, word, buf, sizeof buf));
    dsl_nearest_note(p->diag, &near);
    word->kind = TOK_DEFINE;
    p->pos = s->at_index - 2;
    return true;
}

static bool quotes(const struct situation *s) {
    if (s->at->kind == TOK_QUOTED && can(s, TOK_STRING)) {
        say(s, "expected a text in quotes, not a name");
        dsl_diag_note(s->p->diag, "text is written in single quotes: '%.*s'", BASE_STR_FMT(s->at->s));
        return true;
    }
    return false;
}

/* `x = 1 b as ...`: the next item of a list begins without a comma. */
static bool missing_comma(const struct situation *s) {
    int next = s->at_index + 1 < s->p->toks->n ? s->p->toks->items[s->at_index + 1].kind : 0;
    if (!can(s, TOK_COMMA) || !dsl_token_is_name(s->at) || (next != TOK_AS && next != TOK_EQ))
        return false;
    char buf[80];
    dsl_mistake(s->p, s->at->span, CEP_ESYNTAX, "expected \",\" before %s", shown(s, s->at, buf, sizeof buf));
    return true;
}

/* between without its and. */
static bool missing_and(const struct situation *s) {
    if (!can(s, TOK_AND) || can(s, TOK_OR) || can(s, TOK_SEMI))
        return false;
    char buf[80];
    dsl_mistake(
        s->p, s->at->span, CEP_ESYNTAX, "expected \"and\" before %s", shown(s, s->at, buf, sizeof buf));
    dsl_diag_note(s->p->diag, "a range is written: x between 1 and 2");
    return true;
}

/* ---- the general message ---- */

static bool drop(bool *set, const int *tokens) {
    bool all = true;
    for (const int *t = tokens; *t; t++)
        all &= set[*t - FIRST_TOKEN];
    if (all)
        for (const int *t = tokens; *t; t++)
            set[*t - FIRST_TOKEN] = false;
    return all;
}

static void forget(bool *set, const int *tokens) {
    for (const int *t = tokens; *t; t++)
        set[*t - FIRST_TOKEN] = false;
}

/* Takes out of the set what one phrase says. Returns: the number of phrases. */
static size_t phrases(bool *set, const char **out) {
    static const int operators[] = { TOK_PLUS, TOK_MINUS, TOK_STAR, TOK_SLASH, TOK_EQ, TOK_LT, 0 };
    static const int with_operators[] = { TOK_PERCENT, TOK_CONCAT, TOK_NE, TOK_LE, TOK_GT, TOK_GE, TOK_AND,
        TOK_OR, TOK_NOT, TOK_IN_, TOK_IS, TOK_BETWEEN, TOK_LIKE, TOK_ILIKE, TOK_SIMILAR, TOK_TYPECAST,
        TOK_DOT, TOK_LBRACKET, TOK_AT, TOK_OVER, TOK_FILTER, TOK_ESCAPE, TOK_LPAREN, TOK_GIVES, TOK_DURATION,
        TOK_INTERVAL, 0 };
    static const int starters[] = { TOK_INT, TOK_DOUBLE, TOK_STRING, TOK_IDENT, TOK_LPAREN, TOK_CASE,
        TOK_MINUS, 0 };
    static const int with_starters[] = { TOK_QUOTED, TOK_DURATION, TOK_LBRACKET, TOK_PLUS, TOK_NULL_,
        TOK_TRUE_, TOK_FALSE_, TOK_CAST, TOK_TRY_CAST, TOK_EXISTS, TOK_NOT, TOK_ARRAY, TOK_TABLE, TOK_SELECT,
        TOK_INTERVAL, 0 };
    static const int loops[] = { TOK_PLUS, TOK_STAR, TOK_QUESTION, TOK_LBRACE, 0 };
    static const int joints[] = { TOK_ARROW, TOK_ARROW_ANY, TOK_BAR, 0 };
    static const int durations[] = { TOK_DURATION, TOK_INTERVAL, TOK_INT, TOK_DOUBLE, TOK_MINUS, 0 };
    static const int types[] = { TOK_IDENT, TOK_ARRAY, TOK_ROW, TOK_TIMESTAMP, TOK_INTERVAL, 0 };
    static const int numbers[] = { TOK_INT, TOK_MINUS, 0 };
    static const int words[] = { TOK_DEFINE, TOK_WITHIN, TOK_AFTER, TOK_LIMIT, TOK_MEASURES, TOK_ALL,
        TOK_CONSECUTIVE, TOK_COMBINATIONS, TOK_GREEDY, TOK_UNTIL, TOK_GAP, 0 };
    static const int type_ends[] = { TOK_PRECISION, TOK_VARYING, TOK_ARRAY, TOK_LPAREN, TOK_NULL_, 0 };
    size_t n = 0;
    if (set[TOK_PRECISION - FIRST_TOKEN] && set[TOK_VARYING - FIRST_TOKEN] && !set[TOK_IDENT - FIRST_TOKEN])
        forget(set, type_ends);
    bool any_name = set[TOK_IDENT - FIRST_TOKEN] && set[TOK_QUOTED - FIRST_TOKEN];
    bool any_word = set[TOK_PERMUTE - FIRST_TOKEN], sequence = false, any_thing = false;
    if (drop(set, starters)) {
        out[n++] = "an expression";
        forget(set, with_starters);
    } else if (drop(set, operators)) {
        out[n++] = "an operator";
        forget(set, with_operators);
    } else if (drop(set, durations)) {
        out[n++] = "a duration";
        any_thing = true;
    } else if (any_name && drop(set, numbers)) {
        out[n++] = "a number";
        any_thing = true;
    } else if (!any_name && drop(set, types)) {
        out[n++] = "a type";
    }
    if (drop(set, joints)) {
        out[n++] = "->, ->>, |";
        set[TOK_LBRACKET - FIRST_TOKEN] = set[TOK_BANG - FIRST_TOKEN] = set[TOK_LPAREN - FIRST_TOKEN] = false;
        set[TOK_ALL - FIRST_TOKEN] = false;
        sequence = true;
    }
    if (drop(set, loops))
        out[n++] = "a quantifier";
    if (any_name) {
        if (set[TOK_IDENT - FIRST_TOKEN] && !any_thing)
            out[n++] = any_word ? "a name" : "a variable";
        set[TOK_IDENT - FIRST_TOKEN] = set[TOK_QUOTED - FIRST_TOKEN] = false;
        int token;
        bool reserved;
        for (size_t i = 0; dsl_keyword_at(i, &token, &reserved); i++) {
            bool word = false;
            for (const int *w = words; *w; w++)
                word |= *w == token;
            if (!reserved && (any_word || !word))
                set[token - FIRST_TOKEN] = false;
        }
        if (!any_word && !sequence) /* a variable, a group, all(...), !x */
            set[TOK_LPAREN - FIRST_TOKEN] = set[TOK_BANG - FIRST_TOKEN] = set[TOK_ALL - FIRST_TOKEN] =
                set[TOK_LBRACKET - FIRST_TOKEN] = false;
    }
    return n;
}

/* A word that is a name elsewhere. */
static void note_word(const struct situation *s) {
    struct base_str word = dsl_token_text(s->p, s->at);
    if (is_keyword(s->at) && can(s, TOK_QUOTED) && !can(s, s->at->kind))
        dsl_diag_note(s->p->diag,
            "\"%.*s\" is a word of the language: as a name it is written in double quotes",
            BASE_STR_FMT(word));
}

/* A word that is nearly one that could stand here. */
static void note_nearest(const struct situation *s) {
    if (s->at->kind != TOK_IDENT || can(s, TOK_IDENT) || can(s, TOK_PLUS))
        return;
    struct dsl_nearest near;
    const char *word;
    int token;
    bool reserved;
    dsl_nearest_init(&near, s->at->s);
    for (size_t i = 0; (word = dsl_keyword_at(i, &token, &reserved)); i++)
        if (can(s, token))
            dsl_nearest_try(&near, base_str_of(word));
    dsl_nearest_note(s->p->diag, &near);
    token = dsl_keyword(near.best);
    if (!token || !begins_clause(s, token))
        return;
    /* It is read as that word: the clause that it begins may have mistakes of its own. */
    s->p->toks->items[s->at_index].kind = token;
    s->p->pos = s->at_index;
}

static void notes(const struct situation *s) {
    struct dsl_diag *d = s->p->diag;
    bool wants_expr = can(s, TOK_CASE);
    int prev = s->prev ? s->prev->kind : 0;
    switch (s->at->kind) {
    case TOK_BANG:
        if (wants_expr)
            dsl_diag_note(d, "negation is written not");
        break;
    case TOK_BAR:
        if (can(s, TOK_OR))
            dsl_diag_note(d, "between conditions, write: or");
        break;
    case TOK_CONCAT:
        if (can(s, TOK_BAR))
            dsl_diag_note(d, "alternation is written |");
        break;
    case TOK_PLUS:
    case TOK_STAR:
    case TOK_QUESTION:
    case TOK_LBRACE:
        if (prev == TOK_PLUS || prev == TOK_STAR || prev == TOK_QUESTION || prev == TOK_RBRACE)
            dsl_diag_note(d, "a quantifier on a quantifier needs a group: (a+)?");
        break;
    case TOK_EQ:
    case TOK_LT:
    case TOK_LE:
    case TOK_GT:
    case TOK_GE:
    case TOK_NE:
        if (can(s, TOK_AND) && can(s, TOK_PLUS))
            dsl_diag_note(d, "comparisons do not chain: write a < b and b < c");
        break;
    case TOK_OR:
        if (can(s, TOK_BAR)) {
            dsl_diag_note(d, "alternation is written |");
            return;
        }
        break;
    case TOK_GIVES:
        if (can(s, TOK_ARROW))
            dsl_diag_note(d, "\"followed by\" is written ->");
        break;
    case TOK_COMMA:
        if (can(s, TOK_ARROW))
            dsl_diag_note(d, "one after the other is written a -> b, in any order all(a, b)");
        break;
    case TOK_AND:
        if (can(s, TOK_BANG) && can(s, TOK_ALL))
            dsl_diag_note(d, "events in any order are written all(a, b)");
        break;
    default: break;
    }
    note_word(s);
    note_nearest(s);
}

static void general(const struct situation *s) {
    bool set[N_TOKENS];
    const char *list[MAX_SHOWN + 8];
    char names[MAX_SHOWN + 2][64], at[80], prev[80], text[400];
    memcpy(set, s->can, sizeof set);
    size_t n = phrases(set, list), kept = 0;
    for (int t = 1; t < N_TOKENS && n <= MAX_SHOWN; t++)
        if (set[t])
            list[n++] = called(t + FIRST_TOKEN, names[kept], sizeof names[0]), kept++;
    if (n <= MAX_SHOWN && s->can_end && n == 0)
        list[n++] = s->p->expr_only ? "the end of the expression" : "the end of the file";
    shown(s, s->at, at, sizeof at);
    if (can(s, TOK_AS) && can(s, TOK_PLUS) && s->at->kind == TOK_IDENT) {
        snprintf(text, sizeof text, "expected \"as\" before %s", shown(s, s->at, at, sizeof at));
    } else if (n == 1 && s->prev) {
        snprintf(text, sizeof text, "expected %s after %s, not %s", list[0],
            shown(s, s->prev, prev, sizeof prev), shown(s, s->at, at, sizeof at));
    } else if (n == 0 || n > MAX_SHOWN) {
        snprintf(text, sizeof text, "unexpected %s", shown(s, s->at, at, sizeof at));
        if (s->prev)
            snprintf(text, sizeof text, "unexpected %s after %s", shown(s, s->at, at, sizeof at),
                shown(s, s->prev, prev, sizeof prev));
    } else {
        size_t len = (size_t)snprintf(
            text, sizeof text, "unexpected %s, expected ", shown(s, s->at, at, sizeof at));
        for (size_t i = 0; i < n && len < sizeof text; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
                i == 0       ? ""
                : i + 1 == n ? " or "
                             : ", ",
                list[i]);
    }
    say(s, text);
    notes(s);
}

void dsl_syntax_error(struct dsl_parse *p, const int *expected, size_t n_expected) {
    struct situation s = { .p = p };
    /* The missing bracket was reported; or it is no token; or the same trouble, seen again one token on. */
    bool quiet = p->last->bad || (p->recovering && p->last->synthetic) ||
                 (p->n_reported && p->fed == p->reported + 1);
    for (size_t i = 0; i < n_expected; i++) {
        if (expected[i] == TOK_NOTHING)
            continue;
        if (expected[i] >= FIRST_TOKEN)
            s.can[expected[i] - FIRST_TOKEN] = true;
        else
            s.can_end = true;
    }
    s.at_index = p->last->synthetic ? p->pos : p->fed;
    s.at = &p->toks->items[s.at_index];
    size_t before = s.at_index;
    while (before > 0 && p->toks->items[before - 1].kind < 0)
        before--;
    s.prev = before > 0 ? &p->toks->items[before - 1] : NULL;
    /* Went on behind a comma and was wrong at once, twice: these are no items of the list that is being read. */
    bool at_once = p->n_reported && s.prev && s.prev->kind == TOK_COMMA && before - 1 == p->recovered_at;
    quiet |= (at_once && p->wrong_at_once) || s.at_index == p->unclosed_at;
    p->wrong_at_once = at_once;
    if (!quiet && !unknown_statement(&s) && !missing_semicolon(&s) && !missing_bracket(&s) &&
        !wrong_clause(&s) && !unknown_unit(&s) && !trailing_comma(&s) && !nothing_between(&s) &&
        !define_in_sequence(&s) && !quotes(&s) && !missing_comma(&s) && !missing_and(&s))
        general(&s);
    p->reported = s.at_index;
    p->n_reported++;
    p->recovering = true;
}
