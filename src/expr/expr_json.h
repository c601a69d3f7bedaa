#pragma once
/*
 * expr_json -- one value out of JSON text, by a path, without building a tree: for columns that hold JSON.
 *
 * Paths: `$`, then `.name`, `["name"]` or `[n]` (from 0). Of a name that an object has twice the first counts. What is behind
 * the value that was looked for is not read.
 */
#include "base/base_arena.h"

enum expr_json_kind {
    EXPR_JSON_WRONG = 0, /* the text is no JSON */
    EXPR_JSON_MISSING,
    EXPR_JSON_NULL,
    EXPR_JSON_SCALAR, /* true, false, a number */
    EXPR_JSON_STRING,
    EXPR_JSON_NESTED, /* an object or an array */
};

/* Returns: NULL, or what is wrong with a path (static text). */
const char *expr_json_check_path(struct base_str path);
/* Requires: a path that is right. *raw is the value as it stands in `json`, a string with its quotes. */
enum expr_json_kind expr_json_find(
    struct base_arena *scratch, struct base_str json, struct base_str path, struct base_str *raw);
/* The characters of a raw string; *ok is false when an escape is wrong. Without escapes it borrows raw. */
struct base_str expr_json_text(struct base_arena *scratch, struct base_str raw, bool *ok);
/*
 * Each member of an object, in order; `name` decoded, `raw` as it stands. fn returns false to end the walk.
 * Returns: false when it is no object or no JSON, or fn ended it.
 */
typedef bool (*expr_json_member_fn)(
    void *arg, struct base_str name, enum expr_json_kind kind, struct base_str raw);
bool expr_json_each(struct base_arena *scratch, struct base_str json, expr_json_member_fn fn, void *arg);
