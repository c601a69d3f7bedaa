#pragma once
/*
 * dsl_token -- a .pattern file as a row of tokens.
 *
 * A file is scanned as a whole before it is parsed. That gives three things that a scanner called by the parser
 * could not: the parser's error recovery never runs over an unclosed bracket or into the next statement
 * (dsl_lex.c), messages may look around, and the formatter gets the tokens and comments as they were.
 */
#include "dsl/dsl_diag.h"

struct dsl_token {
    int kind; /* TOK_... of the grammar; 0 = end of file */
    struct cep_span span;
    bool name; /* a keyword that the grammar took for a name; set by the parser */
    bool bad;  /* reported by the scanner: its statement is broken */
    bool
        stray; /* a bracket that closes nothing, left out; told if nothing else is wrong with its statement */
    bool synthetic; /* was not written: the `;` of an unfinished statement, the `)` of an unclosed bracket */
    uint32_t partner; /* of brackets: index of the other one; UINT32_MAX: none */
    union {
        uint64_t u;        /* INT */
        double d;          /* DOUBLE */
        int64_t us;        /* DURATION */
        struct base_str s; /* names and strings: the value, without quotes */
    };
};

struct dsl_comment {
    uint32_t off, end_off; /* without the newline */
    uint32_t token;        /* index of the first token behind it */
    bool own_line;         /* nothing but blanks before it on its line */
};

struct dsl_tokens {
    struct dsl_token *items; /* the last one is the end of file */
    size_t n, cap;
    struct dsl_comment *comments;
    size_t n_comments, cap_comments;
};

/*
 * Where scanned bytes lie in the file: an expression inside a message is scanned apart, without the doubled quotes of
 * the literal, but its places are those in the file.
 */
struct dsl_origin {
    uint32_t file;
    uint32_t base; /* offset in the file of the first byte */
    const uint32_t
        *map; /* offset of each byte and of the end, when doubled quotes are in between; else NULL */
};

/*
 * Scans text, reports what is no token, and ends with an end-of-file token.
 * Owns: tokens live in the arena; names and strings too, or in `text`, which must live as long.
 */
void dsl_scan(struct base_str text, struct dsl_origin origin, struct base_arena *a, struct dsl_diag *diag,
    struct dsl_tokens *out);

/* Returns: the token's number for a word, whatever its case, or 0. */
int dsl_keyword(struct base_str word);
/* The words, in the alphabet's order, with their token's number; NULL behind the last. */
const char *dsl_keyword_at(size_t i, int *token, bool *reserved);

/* What a token is called in messages: `"within"`, `"->"`, `a name`, `the end of the file`. */
const char *dsl_token_name(int token);
