/*
 * dsl_gram -- the grammar of .pattern files. dsl/README.md has it as EBNF.
 *
 * Actions only build AST nodes. The parser is pure and keeps nothing between calls; tokens come from dsl_lex.c.
 *
 * Keywords. Most are names too: `name` takes the free words. Where a name and a keyword could both follow, the
 * set of names is smaller: `var` (pattern variables) leaves out what may follow a variable in a sequence,
 * `expr_name` what begins an expression of its own. An alias always has its `as`; that is what keeps this possible.
 *
 * (Longer than other files: bison has no include, and the rules know each other.)
 *
 * Mistakes. With LAC the parser knows at the offending token exactly what could stand there; dsl_syntax.c makes the
 * message. Rules with `mistake` say where it goes on: the next item of a list, the next clause, the closing bracket, the
 * semicolon. dsl_lex.c guarantees that brackets are closed and statements end. RECOVERED stands in each such rule.
 * States with nothing but one reduction do it without looking at the next token (so a statement is over before anything
 * behind its `;` can be wrong); `mistake` is made so that it does look.
 * Whatever follows such a rule must be able to be empty up to the next `;` or closing bracket, or recovery runs over
 * it. That is why all clauses are optional here; dsl_stmt_end() asks for those that are not.
 */
%require "3.8"
%define api.pure full
%define api.prefix {dsl_yy}
%define api.token.prefix {TOK_}
%define api.location.type {struct cep_span}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction consistent
%locations
%param { struct dsl_parse *p }
%expect 0
%initial-action { @$ = (struct cep_span){ .file = p->file, .line = 1, .col = 1, .end_line = 1, .end_col = 1 }; }

%code requires {
#include "dsl/dsl_build.h"
}

%code {
/* Deep nesting is refused by the makers of nodes; this only has to be out of the way of long prefixes. */
#define YYMAXDEPTH 400000
#define YYSTACK_USE_ALLOCA 0
#define YYLLOC_DEFAULT(cur, rhs, n) \
    do { \
        if (n) \
            (cur) = dsl_span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)); \
        else { \
            (cur) = YYRHSLOC(rhs, 0); \
            (cur).line = (cur).end_line; \
            (cur).col = (cur).end_col; \
            (cur).off = (cur).end_off; \
        } \
    } while (0)
#define RECOVERED \
    do { \
        yyerrok; \
        p->recovering = false; \
        p->recovered_at = p->fed; \
        p->broken = true; \
    } while (0)
#define CUR (p->cur)
#define PAT (p->cur->pattern)
#define STREAM_ (p->cur->stream)
#define ALERT_ (p->cur->alert)
#define TEST_ (p->cur->test)
/* Moves a list into its node. */
#define TAKE(to_items, to_n, vec) \
    do { \
        (to_items) = (vec).items; \
        (to_n) = (vec).n; \
    } while (0)

static int dsl_yylex(DSL_YYSTYPE *val, DSL_YYLTYPE *loc, struct dsl_parse *p);
static void dsl_yyerror(const DSL_YYLTYPE *loc, struct dsl_parse *p, const char *msg);

#include "base/base_mem.h"
#define YYMALLOC base_alloc
#define YYFREE base_free
}

%union {
    struct dsl_token *tok;
    struct dsl_name name;
    struct dsl_path path;
    struct dsl_vec vec;
    struct dsl_expr *expr;
    struct dsl_type *type;
    struct dsl_column column;
    struct dsl_alias alias;
    struct dsl_option *option;
    struct dsl_endpoint *endpoint;
    struct dsl_label *label;
    struct dsl_case_when when;
    struct dsl_over *over;
    struct dsl_seq *seq;
    struct dsl_step *step;
    struct dsl_quant *quant;
    struct dsl_define *define;
    struct dsl_after *after;
    struct dsl_limit *limit;
    struct dsl_row *row;
    struct dsl_select *select;
    struct dsl_query *query;
    struct dsl_from *from;
    struct dsl_window *window;
    struct dsl_match_recognize *mr;
    struct dsl_args *args;
    struct dsl_process *process;
    struct dsl_emit emit;
    struct dsl_subset subset;
    const char *str;
    int i;
    bool b;
}

%token EOF_ 0 "the end of the file"
%token START_FILE START_EXPR NOTHING
/* Behind a path that may go on with a dot: a mistake there is one behind the path. */
%precedence NOTHING
%precedence error
%token <tok> IDENT "a name" QUOTED "a quoted name" STRING "a text in quotes" INT "a whole number" DOUBLE "a number"
%token <tok> DURATION "a duration"
%token <tok> ARROW "->" ARROW_ANY "->>" CONCAT "||" TYPECAST "::" LE "<=" GE ">=" NE "<>" GIVES "=>"
%token <tok> LPAREN "(" RPAREN ")" LBRACKET "[" RBRACKET "]" LBRACE "{" RBRACE "}" COMMA "," SEMI ";" DOT "."
%token <tok> EQ "=" LT "<" GT ">" PLUS "+" MINUS "-" STAR "*" SLASH "/" PERCENT "%" BAR "|" BANG "!" QUESTION "?"
%token <tok> CARET "^" DOLLAR "$"

/* Made of others by dsl_lex.c, which looks further ahead than one token. */
%token <tok> WITH_TIME "with time zone" UNIT "a unit of time" TRIM_SIDE "both, leading or trailing"
%token <tok> POSITION_IN "in (of position)" PLACING "placing" EXCLUDE "{-"
%token <tok> ACCUMULATING "accumulating" ADVANCE "advance" AFTER "after" AGGREGATE "aggregate"
%token <tok> ALERT "alert" ALL "all" FUNCTION "function"
%token <tok> ALLOWED "allowed" AND "and" ANY "any" ARRAY "array" AS "as" ASC "asc" ASCENDING "ascending"
%token <tok> AT "at" BETWEEN "between" BY "by" CASE "case" CAST "cast" COMBINATIONS "combinations"
%token <tok> CONSECUTIVE "consecutive" COUNT "count" CROSS "cross" CURRENT "current" DEFINE "define"
%token <tok> DELAY "delay" DELIVERY "delivery" DESC "desc" DISCARDING "discarding" DISTINCT "distinct"
%token <tok> DRIFT "drift" DROP "drop" EACH "each" ELSE "else" EMIT "emit" END "end" ERROR "error"
%token <tok> ESCAPE "escape" EVENT "event" EVENTS "events" EVERY "every" EXACTLY "exactly" EXCEPT "except"
%token <tok> EXISTS "exists" EXPECT "expect" FALSE_ "false" FILTER "filter" FINAL "final" FIRST "first"
%token <tok> FOLLOWING "following" FOR "for" FORMAT "format" FROM "from" FULL "full" GAP "gap" GIVEN "given"
%token <tok> GLOBAL "global" GREEDY "greedy" GROUP "group" HAVING "having" IDLE "idle"
%token <tok> ILIKE "ilike" IN_ "in"
%token <tok> INCLUDE "include" INNER "inner" INTERSECT "intersect" INTERVAL "interval" IS "is" JOIN "join"
%token <tok> KEY "key" LABELS "labels" LAST "last" LATENESS "lateness" LEAST "least" LEFT "left" LIKE "like"
%token <tok> LIMIT "limit" MATCH "match" MATCHES "matches" MATCH_RECOGNIZE "match_recognize"
%token <tok> MEASURES "measures" MESSAGE "message" MOST "most" NEW "new" NEXT "next" NO "no" NOT "not"
%token <tok> NULL_ "null" OFFSET "offset" OLDEST "oldest" ON "on" ONCE "once" ONE "one" OPEN "open" OR "or"
%token <tok> ORDER "order" OUTER "outer" OVER "over" PARAMETER "parameter" PARTITION "partition" PAST "past"
%token <tok> PATTERN "pattern" PER "per" PERMUTE "permute" PRECEDING "preceding" PRECISION "precision"
%token <tok> PROCESS "process" PROCESSING "processing" PUNCTUATED "punctuated" RANGE "range" REFUSE "refuse"
%token <tok> RESOLVE "resolve" RETRACTING "retracting" RIGHT "right" ROW "row" ROWS "rows" RUNNING "running"
%token <tok> SELECT "select" SESSION "session" SEVERITY "severity" SIMILAR "similar" SINK "sink" SKIP "skip"
%token <tok> SLIDING "sliding" STREAM "stream" SUBSET "subset" SUPPRESS "suppress" TABLE "table" TEST "test"
%token <tok> THEN "then" TIME "time" TIMESTAMP "timestamp" TO "to" TRUE_ "true" TRY_CAST "try_cast"
%token <tok> TUMBLING "tumbling" UNION "union" UNKNOWN "unknown" UNTIL "until" UPSERT "upsert" USING "using"
%token <tok> VARYING "varying" WATERMARK "watermark" WHEN "when" WHERE "where" WINDOW "window" WITH "with"
%token <tok> WITHIN "within" WITHOUT "without" ZONE "zone"

%type <tok> plain_word seq_word
%type <name> name var expr_name call_name frame_function
%type <path> path
%type <str> zoned
%type <vec> names table_keys paths type_args columns options option_list expr_list order_list args aliases whens sequence_list
%type <vec> row_pattern_list defines labels rows expect_rows select_items from_list subsets emits
%type <type> type
%type <column> column
%type <expr> expr and_expr not_expr is_expr comparison sum product unary postfix primary literal time_literal
%type <expr> duration number call frame_call arg plain_arg table_arg opt_else opt_filter opt_escape frame_bound order_item
%type <expr> signed_int zone
%type <args> call_args
%type <alias> alias select_item
%type <option> option
%type <endpoint> endpoint opt_format
%type <process> process_library process_body
%type <label> label
%type <when> when
%type <over> opt_over over_partition over_order over_frame
%type <seq> sequence chain element looped atom row_pattern row_concat row_looped row_atom
%type <step> joint bound
%type <quant> quantifier loop_words
%type <define> define
%type <after> skip_target after_match mr_skip
%type <limit> limit_item
%type <row> value_row expect_row
%type <select> select_from select_where select_group select_core
%type <query> query query_order query_limit union
%type <emit> emit_item
%type <from> from_item from_primary from_aliased from_bare join_on join_condition
%type <window> window
%type <mr> mr_partition mr_order mr_measures mr_rows mr_after mr_pattern mr_within mr_subset mr_body
%type <subset> subset
%type <i> compare_op join_word is_what accumulation skip_rows
%type <b> opt_not opt_not_null opt_distinct rows_or_range

%%

start:
    START_FILE statements
    | START_EXPR expr                           { p->single = $2; }
    ;

statements:
    %empty
    | statements statement ";"                  { dsl_stmt_end(p); }
    | statements ";"
    ;

statement:
    statement_body
    | mistake                                   { RECOVERED; }
    ;

statement_body:
    parameter
    | include
    | stream
    | table
    | process
    | function
    | pattern
    | alert
    | sink
    | test
    ;

/*
 * What bison threw away after a mistake. Complete only when a token is seen that can follow: NOTHING, which never
 * comes, is there so that bison has to look.
 */
mistake:
    error
    | error NOTHING
    ;

/* A clause is over only if what follows can follow: else the mistake is in it, and what was read of it says nothing. */
look:
    %empty
    | NOTHING
    ;

/* Behind a statement's name, or behind clauses that are whole: the clauses that follow are read all the same. */
lost:
    mistake                                     { RECOVERED; }
    ;

/* ---- names, types -------------------------------------------------------------------------------------------- */

name:
    IDENT                                       { $$ = dsl_mk_name($1, false); }
    | QUOTED                                    { $$ = dsl_mk_name($1, true); }
    | plain_word                                { $$ = dsl_mk_name($1, false); }
    | seq_word                                  { $$ = dsl_mk_name($1, false); }
    | "array"                                   { $$ = dsl_mk_name($1, false); }
    | "permute"                                 { $$ = dsl_mk_name($1, false); }
    ;

/* A pattern variable, where it stands in a sequence or is defined. */
var:
    IDENT                                       { $$ = dsl_mk_name($1, false); }
    | QUOTED                                    { $$ = dsl_mk_name($1, true); }
    | plain_word                                { $$ = dsl_mk_name($1, false); }
    | "array"                                   { $$ = dsl_mk_name($1, false); }
    ;

/* A name at the beginning of an expression. */
expr_name:
    IDENT                                       { $$ = dsl_mk_name($1, false); }
    | QUOTED                                    { $$ = dsl_mk_name($1, true); }
    | plain_word                                { $$ = dsl_mk_name($1, false); }
    | seq_word                                  { $$ = dsl_mk_name($1, false); }
    | "permute"                                 { $$ = dsl_mk_name($1, false); }
    ;

/* What cannot be a variable in a sequence, because it may follow one. */
seq_word:
    "define" | "within" | "after" | "limit" | "measures" | "all" | "consecutive" | "combinations" | "greedy"
    | "until" | "gap"
    ;

plain_word:
    "accumulating" | "advance" | "aggregate" | "alert" | "allowed" | "any" | "asc" | "ascending" | "at" | "by" | "count"
     | "cross" | "current" | "delay" | "delivery" | "desc" | "discarding" | "drift" | "drop" | "each"
     | "else" | "emit" | "end" | "error" | "escape" | "event" | "events" | "every" | "exactly" | "except"
     | "expect" | "filter" | "final" | "first" | "following" | "for" | "format" | "full" | "function" | "given"
     | "global" | "group" | "having" | "idle" | "ilike" | "include" | "inner" | "intersect" | "interval" | "join"
     | "key" | "labels" | "last" | "lateness" | "least" | "left" | "match" | "matches" | "match_recognize"
     | "message" | "most" | "new" | "next" | "no" | "offset" | "oldest" | "on" | "once" | "one" | "open"
     | "order" | "outer" | "over" | "parameter" | "partition" | "past" | "pattern" | "per" | "preceding"
     | "precision" | "process" | "processing" | "punctuated" | "range" | "refuse" | "resolve"
     | "retracting" | "right" | "row" | "rows" | "running" | "session" | "severity" | "sink" | "skip"
     | "sliding" | "stream" | "subset" | "suppress" | "test" | "then" | "time" | "timestamp" | "to"
     | "tumbling" | "union" | "unknown" | "upsert" | "using" | "varying" | "watermark" | "window" | "with"
     | "without" | "zone"
    ;

names:
    name                                        { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | names "," name                            { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

path:
    name                                        { $$ = dsl_mk_path(p, @$, NULL, $1); }
    | path "." name                             { $$ = dsl_mk_path(p, @$, &$1, $3); }
    ;

paths:
    path                                        { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | paths "," path                            { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

type:
    IDENT                                       { $$ = dsl_mk_named_type(p, @$, $1, NULL, NULL); }
    | IDENT "(" type_args ")"                   { $$ = dsl_mk_named_type(p, @$, $1, NULL, &$3); }
    | IDENT "precision"                         { $$ = dsl_mk_named_type(p, @$, $1, "precision", NULL); }
    | IDENT "varying"                           { $$ = dsl_mk_named_type(p, @$, $1, "varying", NULL); }
    | IDENT "varying" "(" type_args ")"         { $$ = dsl_mk_named_type(p, @$, $1, "varying", &$4); }
    | "timestamp"                               { $$ = dsl_mk_named_type(p, @$, $1, NULL, NULL); }
    | "timestamp" "(" type_args ")"             { $$ = dsl_mk_named_type(p, @$, $1, NULL, &$3); }
    | "timestamp" zoned                         { $$ = dsl_mk_named_type(p, @$, $1, $2, NULL); }
    | "timestamp" "(" type_args ")" zoned       { $$ = dsl_mk_named_type(p, @$, $1, $5, &$3); }
    | "interval"                                { $$ = dsl_mk_named_type(p, @$, $1, NULL, NULL); }
    | "array" "(" type ")"                      { $$ = dsl_mk_array_type(p, @$, $3); }
    | type "array"                              { $$ = dsl_mk_array_type(p, @$, $1); }
    | "row" "(" columns ")"                     { $$ = dsl_mk_row_type(p, @$, &$3); }
    ;

zoned:
    WITH_TIME "time" "zone"                     { $$ = "with time zone"; }
    | "without" "time" "zone"                   { $$ = "without time zone"; }
    ;

type_args:
    INT                                         { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | type_args "," INT                         { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

columns:
    column                                      { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | columns "," column                        { $$ = $1; DSL_ADD(p, &$$, $3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | columns "," mistake                         { RECOVERED; $$ = $1; }
    ;

column:
    name type opt_not_null
        { $$ = (struct dsl_column){ .name = $1, .type = $2, .not_null = $3, .span = @$ }; }
    ;

opt_not_null:
    %empty                                      { $$ = false; }
    | "not" "null"                              { $$ = true; }
    | "null"                                    { $$ = false; }
    ;

/* ---- options ------------------------------------------------------------------------------------------------- */

endpoint:
    name options                                { $$ = dsl_mk_endpoint(p, @$, $1, &$2); }
    ;

opt_format:
    %empty                                      { $$ = NULL; }
    | "format" endpoint                         { $$ = $2; $$->span = @$; }
    | "format" mistake                            { RECOVERED; $$ = NULL; }
    ;

options:
    %empty                                      { $$ = (struct dsl_vec){ 0 }; }
    | "(" ")"                                   { $$ = (struct dsl_vec){ 0 }; }
    | "(" option_list ")"                       { $$ = $2; }
    ;

option_list:
    option                                      { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, *$1); }
    | option_list "," option                    { $$ = $1; DSL_ADD(p, &$$, *$3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | option_list "," mistake                     { RECOVERED; $$ = $1; }
    ;

option:
    path "=" expr                               { $$ = dsl_mk_option(p, @$, &$1, NULL, $3); }
    | STRING "=" expr                           { $$ = dsl_mk_option(p, @$, NULL, $1, $3); }
    ;

/* ---- expressions --------------------------------------------------------------------------------------------- */

expr:
    and_expr
    | expr "or" and_expr                        { $$ = dsl_mk_logic(p, DSL_EXPR_OR, $1, $3); }
    ;

and_expr:
    not_expr
    | and_expr "and" not_expr                   { $$ = dsl_mk_logic(p, DSL_EXPR_AND, $1, $3); }
    ;

not_expr:
    is_expr
    | "not" not_expr                            { $$ = dsl_mk_unary(p, @$, DSL_UNARY_NOT, $2); }
    ;

is_expr:
    comparison
    | is_expr "is" opt_not is_what              { $$ = dsl_mk_is(p, @$, $1, (enum dsl_is_what)$4, $3); }
    | is_expr "is" opt_not "distinct" "from" sum
        {
            $$ = dsl_mk_binary(p, @$, $3 ? DSL_BINARY_NOT_DISTINCT : DSL_BINARY_DISTINCT,
                dsl_span_join(@2, @5), $1, $6);
        }
    ;

opt_not:
    %empty                                      { $$ = false; }
    | "not"                                     { $$ = true; }
    ;

is_what:
    "null"                                      { $$ = DSL_IS_NULL; }
    | "true"                                    { $$ = DSL_IS_TRUE; }
    | "false"                                   { $$ = DSL_IS_FALSE; }
    | "unknown"                                 { $$ = DSL_IS_UNKNOWN; }
    ;

comparison:
    sum
    | sum compare_op sum                        { $$ = dsl_mk_binary(p, @$, (enum dsl_binary_op)$2, @2, $1, $3); }
    | sum "between" sum "and" sum               { $$ = dsl_mk_between(p, @$, $1, $3, $5, false); }
    | sum "not" "between" sum "and" sum         { $$ = dsl_mk_between(p, @$, $1, $4, $6, true); }
    | sum "in" "(" expr_list ")"                { $$ = dsl_mk_in(p, @$, $1, &$4, NULL, false); }
    | sum "not" "in" "(" expr_list ")"          { $$ = dsl_mk_in(p, @$, $1, &$5, NULL, true); }
    | sum "in" "(" query ")"                    { $$ = dsl_mk_in(p, @$, $1, NULL, $4, false); }
    | sum "not" "in" "(" query ")"              { $$ = dsl_mk_in(p, @$, $1, NULL, $5, true); }
    | sum "like" sum opt_escape                 { $$ = dsl_mk_like(p, @$, DSL_LIKE_LIKE, $1, $3, $4, false); }
    | sum "not" "like" sum opt_escape           { $$ = dsl_mk_like(p, @$, DSL_LIKE_LIKE, $1, $4, $5, true); }
    | sum "ilike" sum opt_escape                { $$ = dsl_mk_like(p, @$, DSL_LIKE_ILIKE, $1, $3, $4, false); }
    | sum "not" "ilike" sum opt_escape          { $$ = dsl_mk_like(p, @$, DSL_LIKE_ILIKE, $1, $4, $5, true); }
    | sum "similar" "to" sum opt_escape         { $$ = dsl_mk_like(p, @$, DSL_LIKE_SIMILAR, $1, $4, $5, false); }
    | sum "not" "similar" "to" sum opt_escape   { $$ = dsl_mk_like(p, @$, DSL_LIKE_SIMILAR, $1, $5, $6, true); }
    ;

compare_op:
    "="                                         { $$ = DSL_BINARY_EQ; }
    | "<>"                                      { $$ = DSL_BINARY_NE; }
    | "<"                                       { $$ = DSL_BINARY_LT; }
    | "<="                                      { $$ = DSL_BINARY_LE; }
    | ">"                                       { $$ = DSL_BINARY_GT; }
    | ">="                                      { $$ = DSL_BINARY_GE; }
    ;

opt_escape:
    %empty                                      { $$ = NULL; }
    | "escape" sum                              { $$ = $2; }
    ;

sum:
    product
    | sum "+" product                           { $$ = dsl_mk_binary(p, @$, DSL_BINARY_ADD, @2, $1, $3); }
    | sum "-" product                           { $$ = dsl_mk_binary(p, @$, DSL_BINARY_SUB, @2, $1, $3); }
    | sum "||" product                          { $$ = dsl_mk_binary(p, @$, DSL_BINARY_CONCAT, @2, $1, $3); }
    ;

product:
    unary
    | product "*" unary                         { $$ = dsl_mk_binary(p, @$, DSL_BINARY_MUL, @2, $1, $3); }
    | product "/" unary                         { $$ = dsl_mk_binary(p, @$, DSL_BINARY_DIV, @2, $1, $3); }
    | product "%" unary                         { $$ = dsl_mk_binary(p, @$, DSL_BINARY_MOD, @2, $1, $3); }
    ;

unary:
    postfix
    | "-" unary                                 { $$ = dsl_mk_unary(p, @$, DSL_UNARY_MINUS, $2); }
    | "+" unary                                 { $$ = dsl_mk_unary(p, @$, DSL_UNARY_PLUS, $2); }
    ;

postfix:
    primary
    | postfix "." name                          { $$ = dsl_mk_field(p, @$, $1, $3); }
    | postfix "." "*"                           { $$ = dsl_mk_star_of(p, @$, $1); }
    | postfix "[" expr "]"                      { $$ = dsl_mk_index(p, @$, $1, $3); }
    | postfix "::" type                         { $$ = dsl_mk_cast(p, @$, $1, $3, false); }
    | postfix "at" "time" "zone" zone           { $$ = dsl_mk_at_zone(p, @$, $1, @2, $5); }
    ;

/* A text, or a parameter that is one. */
zone:
    STRING                                      { $$ = dsl_mk_lit(p, DSL_LIT_STRING, @$, $1); }
    | IDENT                                     { $$ = dsl_mk_name_expr(p, dsl_mk_name($1, false)); }
    ;

primary:
    literal
    | expr_name                                 { $$ = dsl_mk_name_expr(p, $1); }
    | call
    | "final" frame_call                        { $$ = $2; $$->call.final = true; $$->span = @$; }
    | "running" frame_call                      { $$ = $2; $$->call.running = true; $$->span = @$; }
    | "(" expr ")"                              { $$ = dsl_mk_parens($2); }
    | "(" mistake ")"                             { RECOVERED; $$ = dsl_mk_expr(p, DSL_EXPR_ERROR, @$); }
    | "(" query ")"                             { $$ = dsl_mk_query_expr(p, @$, $2, false); }
    | "exists" "(" query ")"                    { $$ = dsl_mk_query_expr(p, @$, $3, true); }
    | "case" whens opt_else "end"               { $$ = dsl_mk_case(p, @$, NULL, &$2, $3); }
    | "case" expr whens opt_else "end"          { $$ = dsl_mk_case(p, @$, $2, &$3, $4); }
    | "cast" "(" expr "as" type ")"             { $$ = dsl_mk_cast(p, @$, $3, $5, false); }
    | "cast" "(" mistake ")"                      { RECOVERED; $$ = dsl_mk_expr(p, DSL_EXPR_ERROR, @$); }
    | "try_cast" "(" expr "as" type ")"         { $$ = dsl_mk_cast(p, @$, $3, $5, true); }
    | "try_cast" "(" mistake ")"                  { RECOVERED; $$ = dsl_mk_expr(p, DSL_EXPR_ERROR, @$); }
    | "array" "[" expr_list "]"                 { $$ = dsl_mk_array(p, @$, &$3); }
    | "array" "[" "]"                           { $$ = dsl_mk_array(p, @$, NULL); }
    | "[" expr_list "]"                         { $$ = dsl_mk_array(p, @$, &$2); }
    | "[" "]"                                   { $$ = dsl_mk_array(p, @$, NULL); }
    ;

whens:
    when                                        { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | whens when                                { $$ = $1; DSL_ADD(p, &$$, $2); }
    ;

when:
    "when" expr "then" expr                     { $$ = (struct dsl_case_when){ $2, $4 }; }
    ;

opt_else:
    %empty                                      { $$ = NULL; }
    | "else" expr                               { $$ = $2; }
    ;

literal:
    "null"                                      { $$ = dsl_mk_lit(p, DSL_LIT_NULL, @$, $1); }
    | "true"                                    { $$ = dsl_mk_lit(p, DSL_LIT_BOOL, @$, $1); $$->lit.b = true; }
    | "false"                                   { $$ = dsl_mk_lit(p, DSL_LIT_BOOL, @$, $1); }
    | INT                                       { $$ = dsl_mk_lit(p, DSL_LIT_INT, @$, $1); }
    | DOUBLE                                    { $$ = dsl_mk_lit(p, DSL_LIT_DOUBLE, @$, $1); }
    | STRING                                    { $$ = dsl_mk_lit(p, DSL_LIT_STRING, @$, $1); }
    | "timestamp" STRING                        { $$ = dsl_mk_timestamp(p, @$, $1, $2); }
    | time_literal
    ;

time_literal:
    DURATION                                    { $$ = dsl_mk_lit(p, DSL_LIT_DURATION, @$, $1); }
    | "interval" STRING                         { $$ = dsl_mk_interval(p, @$, $2, NULL); }
    | "interval" STRING UNIT                    { $$ = dsl_mk_interval(p, @$, $2, $3); }
    ;

/* D: a literal or a parameter. */
duration:
    time_literal
    | name                                      { $$ = dsl_mk_name_expr(p, $1); }
    | "-" time_literal                          { $$ = dsl_mk_unary(p, @$, DSL_UNARY_MINUS, $2); }
    | INT                                       { $$ = dsl_mk_unitless(p, @$, $1); }
    | DOUBLE                                    { $$ = dsl_mk_unitless(p, @$, $1); }
    ;

/* A number: a literal or a parameter. */
number:
    INT                                         { $$ = dsl_mk_lit(p, DSL_LIT_INT, @$, $1); }
    | "-" INT
        { $$ = dsl_mk_unary(p, @$, DSL_UNARY_MINUS, dsl_mk_lit(p, DSL_LIT_INT, @2, $2)); }
    | name                                      { $$ = dsl_mk_name_expr(p, $1); }
    ;

call:
    call_name call_args opt_filter opt_over     { $$ = dsl_mk_call(p, @$, $1, $2, $3, $4); }
    ;

/* match_recognize: which rows an aggregate speaks of. */
frame_call:
    frame_function call_args                    { $$ = dsl_mk_call(p, @$, $1, $2, NULL, NULL); }
    ;

frame_function:
    IDENT                                       { $$ = dsl_mk_name($1, false); }
    | "first"                                   { $$ = dsl_mk_name($1, false); }
    | "last"                                    { $$ = dsl_mk_name($1, false); }
    | "count"                                   { $$ = dsl_mk_name($1, false); }
    ;

call_name:
    expr_name
    | "array"                                   { $$ = dsl_mk_name($1, false); }
    ;

call_args:
    "(" ")"                                     { $$ = dsl_mk_args(p, NULL, false, false); }
    | "(" "*" ")"                               { $$ = dsl_mk_args(p, NULL, false, true); }
    | "(" args ")"                              { $$ = dsl_mk_args(p, &$2, false, false); }
    | "(" args "within" duration ")" /* prev(column, n within D) */
        {
            struct dsl_expr *d = dsl_mk_named_arg(p, @3, dsl_mk_name($3, false), $4);
            DSL_ADD(p, &$2, d);
            $$ = dsl_mk_args(p, &$2, false, false);
        }
    | "(" "distinct" args ")"                   { $$ = dsl_mk_args(p, &$3, true, false); }
    | "(" expr "from" expr ")"                  { $$ = dsl_mk_args_from(p, $2, $4, NULL); }
    | "(" expr "from" expr "for" expr ")"       { $$ = dsl_mk_args_from(p, $2, $4, $6); }
    | "(" TRIM_SIDE expr "from" expr ")"        { $$ = dsl_mk_args_trim(p, $2, $3, $5); }
    | "(" TRIM_SIDE "from" expr ")"             { $$ = dsl_mk_args_trim(p, $2, NULL, $4); }
    | "(" sum POSITION_IN sum ")"               { $$ = dsl_mk_args_from(p, $2, $4, NULL); }
    | "(" expr PLACING expr "from" expr ")"     { $$ = dsl_mk_args_from(p, $2, $4, $6); }
    | "(" expr PLACING expr "from" expr "for" expr ")"
        { $$ = dsl_mk_args_from(p, $2, $4, $6); DSL_ADD(p, &$$->args, $8); }
    | "(" mistake ")"
        { RECOVERED; $$ = dsl_mk_args(p, NULL, false, false); $$->lost = true; }
    ;

args:
    arg                                         { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | args "," arg                              { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

arg:
    expr
    | expr_name time_literal                    { $$ = dsl_mk_named_arg(p, @$, $1, $2); }
    | expr_name "=>" plain_arg                  { $$ = dsl_mk_named_arg(p, @$, $1, $3); }
    | table_arg
    ;

plain_arg:
    expr
    | table_arg
    ;

table_arg:
    "table" path                                { $$ = dsl_mk_table_arg(p, @$, &$2, NULL); }
    | "table" path "partition" "by" table_keys  { $$ = dsl_mk_table_arg(p, @$, &$2, &$5); }
    ;

table_keys:
    name                                        { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | "(" names ")"                             { $$ = $2; }
    ;

opt_filter:
    %empty                                      { $$ = NULL; }
    | "filter" "(" "where" expr ")"             { $$ = $4; }
    ;

opt_over:
    %empty                                      { $$ = NULL; }
    | "over" "(" over_frame ")"                 { $$ = $3; $$->span = @$; }
    ;

over_partition:
    %empty                                      { $$ = dsl_mk_over(p); }
    | "partition" "by" expr_list                { $$ = dsl_mk_over(p); TAKE($$->partition, $$->n_partition, $3); }
    ;

over_order:
    over_partition
    | over_partition "order" "by" order_list    { $$ = $1; TAKE($$->order, $$->n_order, $4); }
    ;

over_frame:
    over_order
    | over_order rows_or_range frame_bound      { $$ = $1; $$->rows = $2; $$->range = !$2; $$->preceding = $3; }
    | over_order rows_or_range "between" frame_bound "and" "current" "row"
        { $$ = $1; $$->rows = $2; $$->range = !$2; $$->preceding = $4; }
    ;

rows_or_range:
    "rows"                                      { $$ = true; }
    | "range"                                   { $$ = false; }
    ;

frame_bound:
    INT "preceding"                             { $$ = dsl_mk_lit(p, DSL_LIT_INT, @1, $1); }
    | time_literal "preceding"
    | IDENT "preceding"                         { $$ = dsl_mk_frame_name(p, $1); }
    ;

expr_list:
    expr                                        { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | expr_list "," expr                        { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

order_list:
    order_item                                  { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | order_list "," order_item                 { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

order_item:
    expr
    | expr "asc"
    | expr "desc"                               { $$ = $1; $$->desc = true; }
    ;

aliases:
    alias                                       { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | aliases "," alias                         { $$ = $1; DSL_ADD(p, &$$, $3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | aliases "," mistake                         { RECOVERED; $$ = $1; }
    ;

alias:
    expr                                        { $$ = (struct dsl_alias){ .expr = $1, .span = @$ }; }
    | expr "as" name                            { $$ = (struct dsl_alias){ $1, $3, @$ }; }
    ;

/* ---- sequences of events ------------------------------------------------------------------------------------- */

sequence:
    chain
    | sequence "|" chain                        { $$ = dsl_mk_alt(p, @$, $1, $3); }
    ;

chain:
    element                                     { $$ = dsl_mk_chain(p, @$, NULL, NULL, $1); }
    | chain joint element                       { $$ = dsl_mk_chain(p, @$, $1, $2, $3); }
    ;

joint:
    %empty                                      { $$ = dsl_mk_step(p, DSL_JOIN_NEXT, NULL, (struct cep_span){ 0 }); }
    | bound                                     { $$ = dsl_mk_step(p, DSL_JOIN_NEXT, $1, @$); }
    | "->"                                      { $$ = dsl_mk_step(p, DSL_JOIN_FOLLOWED, NULL, @$); }
    | "->" bound                                { $$ = dsl_mk_step(p, DSL_JOIN_FOLLOWED, $2, @$); }
    | "->>"                                     { $$ = dsl_mk_step(p, DSL_JOIN_FOLLOWED_ANY, NULL, @$); }
    | "->>" bound                               { $$ = dsl_mk_step(p, DSL_JOIN_FOLLOWED_ANY, $2, @$); }
    ;

bound:
    "[" duration "]"                            { $$ = dsl_mk_bound(p, @$, NULL, $2); }
    | "[" duration "to" duration "]"            { $$ = dsl_mk_bound(p, @$, $2, $4); }
    | "[" mistake "]"                             { RECOVERED; $$ = dsl_mk_bound(p, @$, NULL, NULL); }
    ;

element:
    looped
    | "!" looped                                { $$ = dsl_mk_not(p, @$, $2); }
    ;

looped:
    atom
    | atom loop_words                           { $$ = dsl_mk_loop(p, @$, $1, $2); }
    ;

atom:
    var                                         { $$ = dsl_mk_var(p, @$, $1); }
    | "(" sequence ")"                          { $$ = dsl_mk_group($2); }
    | "(" mistake ")"                             { RECOVERED; $$ = dsl_mk_leaf(p, DSL_SEQ_EMPTY, @$); }
    | "all" "(" sequence_list ")"               { $$ = dsl_mk_list(p, DSL_SEQ_ALL, @$, &$3); }
    | "all" "(" mistake ")"                       { RECOVERED; $$ = dsl_mk_leaf(p, DSL_SEQ_EMPTY, @$); }
    ;

sequence_list:
    sequence                                    { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | sequence_list "," sequence                { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

loop_words:
    quantifier
    | loop_words "consecutive"                  { $$ = $1; dsl_quant_inner(p, $$, DSL_INNER_STRICT, @2); }
    | loop_words "combinations"                 { $$ = $1; dsl_quant_inner(p, $$, DSL_INNER_ANY, @2); }
    | loop_words "greedy"                       { $$ = $1; dsl_quant_greedy(p, $$, @2); }
    | loop_words "until" "(" expr ")"
        { $$ = $1; dsl_quant_until(p, $$, $4, dsl_span_join(@2, @5)); }
    | loop_words "until" "(" mistake ")"          { RECOVERED; $$ = $1; }
    | loop_words "gap" duration                 { $$ = $1; dsl_quant_gap(p, $$, $3, dsl_span_join(@2, @3)); }
    ;

quantifier:
    "+"                                         { $$ = dsl_mk_quant(p, @$, 1, -1); }
    | "*"                                       { $$ = dsl_mk_quant(p, @$, 0, -1); }
    | "?"                                       { $$ = dsl_mk_quant(p, @$, 0, 1); }
    | "{" signed_int "}"                        { $$ = dsl_mk_braces(p, @$, $2, false, NULL); }
    | "{" signed_int "," "}"                    { $$ = dsl_mk_braces(p, @$, $2, true, NULL); }
    | "{" "," signed_int "}"                    { $$ = dsl_mk_braces(p, @$, NULL, true, $3); }
    | "{" signed_int "," signed_int "}"         { $$ = dsl_mk_braces(p, @$, $2, true, $4); }
    | "{" mistake "}"                           { RECOVERED; $$ = dsl_mk_quant(p, @$, 1, 1); }
    ;

signed_int:
    INT                                         { $$ = dsl_mk_lit(p, DSL_LIT_INT, @$, $1); }
    | "-" INT
        { $$ = dsl_mk_unary(p, @$, DSL_UNARY_MINUS, dsl_mk_lit(p, DSL_LIT_INT, @2, $2)); }
    ;

/* ---- parameter, include -------------------------------------------------------------------------------------- */

parameter_head:
    "parameter" name                            { dsl_stmt_begin(p, DSL_STMT_PARAMETER, $2); }
    ;

parameter:
    parameter_head type                         { CUR->parameter.type = $2; }
    | parameter_head type "=" expr              { CUR->parameter.type = $2; CUR->parameter.value = $4; }
    | "parameter" mistake                           { RECOVERED; dsl_stmt_lost(p, DSL_STMT_PARAMETER); }
    ;

include:
    "include" STRING
        {
            dsl_stmt_begin(p, DSL_STMT_INCLUDE, (struct dsl_name){ 0 });
            CUR->include.path = $2->s;
            CUR->include.path_span = @2;
        }
    | "include" mistake                             { RECOVERED; dsl_stmt_lost(p, DSL_STMT_INCLUDE); }
    ;

/* ---- stream, table, process ---------------------------------------------------------------------------------- */

stream_head:
    "stream" name                               { dsl_stmt_begin(p, DSL_STMT_STREAM, $2); }
    ;

stream_columns:
    stream_head "(" columns ")"
        {
            TAKE(STREAM_.columns, STREAM_.n_columns, $3);
            STREAM_.columns_span = dsl_span_join(@2, @4);
            STREAM_.columns_whole = !p->broken;
        }
    ;

stream:
    stream_columns stream_from stream_format stream_time
    | stream_head "as" query                    { dsl_stmt_turn(p, DSL_STMT_SELECT); CUR->select = $3; }
    | stream_head "as" process_body             { dsl_stmt_turn(p, DSL_STMT_PROCESS); CUR->process = *$3; }
    | stream_columns "as" process_body          { dsl_process_columns(p, $3); }
    | "stream" mistake                              { RECOVERED; dsl_stmt_lost(p, DSL_STMT_STREAM); }
    ;

stream_from:
    %empty
    | stream_source
    | lost
    | lost stream_source
    ;

stream_source:
    "from" endpoint                             { STREAM_.source = *$2; STREAM_.source.span = @$; }
    | "from" mistake                              { RECOVERED; }
    ;

stream_format:
    opt_format
        {
            if ($1)
                STREAM_.format = *$1;
        }
    ;

stream_time:
    %empty
    | "processing" "time"                       { STREAM_.time = DSL_TIME_PROCESSING; STREAM_.time_span = @$; }
    | event_time                                { STREAM_.time_span = @$; }
    | "processing" mistake                        { RECOVERED; }
    | "event" mistake                             { RECOVERED; }
    ;

event_column:
    "event" "time" name                         { STREAM_.time = DSL_TIME_EVENT; STREAM_.time_column = $3; }
    ;

event_time:
    event_column "watermark" "delay" duration   { STREAM_.watermark = DSL_WM_DELAY; STREAM_.delay = $4; }
    | event_column "watermark" "ascending"      { STREAM_.watermark = DSL_WM_ASCENDING; }
    | event_column "watermark" "punctuated" "when" expr
        { STREAM_.watermark = DSL_WM_PUNCTUATED; STREAM_.when = $5; }
    | event_time "idle" "after" duration
        { dsl_twice(p, @2, STREAM_.idle, "idle after"); STREAM_.idle = $4; }
    | event_time "emit" "every" duration
        { dsl_twice(p, @2, STREAM_.emit_every, "emit every"); STREAM_.emit_every = $4; }
    | event_time "drift" "at" "most" duration
        { dsl_twice(p, @2, STREAM_.drift, "drift at most"); STREAM_.drift = $5; }
    ;

table:
    table_head "as" query                       { CUR->select = $3; }
    | "table" mistake                               { RECOVERED; dsl_stmt_lost(p, DSL_STMT_TABLE); }
    ;

table_head:
    "table" name                                { dsl_stmt_begin(p, DSL_STMT_TABLE, $2); }
    ;

process:
    process_body
        {
            dsl_stmt_begin(p, DSL_STMT_PROCESS, (struct dsl_name){ 0 });
            CUR->process = *$1;
        }
    | "process" mistake                             { RECOVERED; dsl_stmt_lost(p, DSL_STMT_PROCESS); }
    ;

process_body:
    process_library
    | process_library "from" paths              { $$ = $1; TAKE($$->inputs, $$->n_inputs, $3); }
    | process_library "from" paths "partition" "by" expr_list
        { $$ = $1; TAKE($$->inputs, $$->n_inputs, $3); TAKE($$->partition, $$->n_partition, $6); }
    ;

process_library:
    "process" STRING options                    { $$ = dsl_mk_process(p, $2, &$3); }
    ;

/* ---- function, aggregate ------------------------------------------------------------------------------------- */

function_head:
    "function" name                             { dsl_stmt_begin(p, DSL_STMT_FUNCTION, $2); }
    | "aggregate" name                          { dsl_stmt_begin(p, DSL_STMT_AGGREGATE, $2); }
    ;

function_args:
    function_head "(" ")"                       { CUR->function.args_span = dsl_span_join(@2, @3); }
    | function_head "(" columns ")"
        {
            TAKE(CUR->function.args, CUR->function.n_args, $3);
            CUR->function.args_span = dsl_span_join(@2, @4);
        }
    ;

function:
    function_args type "from" STRING
        {
            CUR->function.result = $2;
            CUR->function.library = $4->s;
            CUR->function.library_span = @4;
        }
    | "function" mistake                        { RECOVERED; dsl_stmt_lost(p, DSL_STMT_FUNCTION); }
    | "aggregate" mistake                       { RECOVERED; dsl_stmt_lost(p, DSL_STMT_AGGREGATE); }
    ;

/* ---- queries ------------------------------------------------------------------------------------------------- */

select_from:
    "select" opt_distinct select_items
        { $$ = dsl_mk_select(p, @$, $2, @2, &$3, NULL, @3); }
    | "select" opt_distinct select_items "from" from_list
        { $$ = dsl_mk_select(p, @$, $2, @2, &$3, &$5, dsl_span_join(@4, @5)); }
    | "select" opt_distinct select_items "from" mistake
        { RECOVERED; $$ = dsl_mk_select(p, @$, $2, @2, &$3, NULL, @4); }
    ;

opt_distinct:
    %empty                                      { $$ = false; }
    | "distinct"                                { $$ = true; }
    ;

select_where:
    select_from
    | select_from "where" expr                  { $$ = dsl_select_where(p, $1, @$, $3, NULL, @2, @3); }
    | select_from "where" expr window           { $$ = dsl_select_where(p, $1, @$, $3, $4, @2, @3); }
    | select_from "where" mistake                 { RECOVERED; $$ = $1; }
    ;

select_group:
    select_where
    | select_where "group" "by" expr_list       { $$ = dsl_select_group(p, $1, @$, &$4, NULL, @2, @4); }
    | select_where "group" "by" expr_list window
        { $$ = dsl_select_group(p, $1, @$, &$4, $5, @2, @4); }
    | select_where "group" mistake                { RECOVERED; $$ = $1; }
    ;

select_core:
    select_group
    | select_group "having" expr                { $$ = dsl_select_having(p, $1, @$, $3, NULL, @2, @3); }
    | select_group "having" expr window         { $$ = dsl_select_having(p, $1, @$, $3, $4, @2, @3); }
    | select_group "having" mistake               { RECOVERED; $$ = $1; }
    ;

select_items:
    select_item                                 { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | select_items "," select_item              { $$ = $1; DSL_ADD(p, &$$, $3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | select_items "," mistake                    { RECOVERED; $$ = $1; }
    ;

select_item:
    expr                                        { $$ = (struct dsl_alias){ .expr = $1, .span = @$ }; }
    | expr "as" name                            { $$ = (struct dsl_alias){ $1, $3, @$ }; }
    | "*"
        {
            $$ = (struct dsl_alias){ .expr = dsl_mk_expr(p, DSL_EXPR_STAR, @$), .span = @$ };
        }
    ;

from_list:
    from_item                                   { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | from_list "," from_item                   { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

from_item:
    from_primary
    | from_item join_word from_primary          { $$ = dsl_mk_join(p, @$, $2, $1, $3); }
    | from_item join_word from_primary join_on  { $$ = dsl_mk_join(p, @$, $2, $1, $3); dsl_join_on($$, $4); }
    ;

join_word:
    "join"                                      { $$ = DSL_SQLJOIN_INNER; }
    | "inner" "join"                            { $$ = DSL_SQLJOIN_INNER; }
    | "left" opt_outer "join"                   { $$ = DSL_SQLJOIN_LEFT; }
    | "right" opt_outer "join"                  { $$ = DSL_SQLJOIN_RIGHT; }
    | "full" opt_outer "join"                   { $$ = DSL_SQLJOIN_FULL; }
    | "cross" "join"                            { $$ = DSL_SQLJOIN_CROSS; }
    ;

opt_outer:
    %empty
    | "outer"
    ;

join_on:
    join_condition
    | join_condition "within" duration          { $$ = $1; $$->join.within = $3; }
    | join_condition window                     { $$ = $1; $$->window = $2; }
    ;

join_condition:
    "on" expr                                   { $$ = dsl_mk_from(p, DSL_FROM_JOIN, @$); $$->join.on = $2; }
    | "using" "(" names ")"
        { $$ = dsl_mk_from(p, DSL_FROM_JOIN, @$); TAKE($$->join.using_, $$->join.n_using, $3); }
    ;

from_primary:
    from_aliased
    | from_aliased window                       { $$ = $1; $$->window = $2; }
    ;

from_aliased:
    from_bare
    | from_bare "as" name                       { $$ = $1; $$->alias = $3; $$->span = @$; }
    | from_bare "as" name "(" names ")"
        { $$ = $1; $$->alias = $3; TAKE($$->columns, $$->n_columns, $5); $$->span = @$; }
    ;

from_bare:
    path                                        { $$ = dsl_mk_from(p, DSL_FROM_NAME, @$); $$->path = $1; }
    | "table" path
        { $$ = dsl_mk_from(p, DSL_FROM_NAME, @$); $$->path = $2; $$->table = true; }
    | name call_args                            { $$ = dsl_mk_from_call(p, @$, $1, $2); }
    | "table" "(" name call_args ")"            { $$ = dsl_mk_from_call(p, @$, $3, $4); }
    | "(" query ")"                             { $$ = dsl_mk_from_query(p, @$, $2); }
    | from_aliased "match_recognize" "(" mr_body ")"
        { $$ = dsl_mk_from_match(p, @$, $1, $4); }
    | from_aliased "match_recognize" "(" mistake ")"
        { RECOVERED; $$ = $1; }
    ;

window:
    "window" "tumbling" duration
        { $$ = dsl_mk_window(p, DSL_WINDOW_TUMBLING, @$, $3, NULL, NULL); }
    | "window" "tumbling" duration "offset" duration
        { $$ = dsl_mk_window(p, DSL_WINDOW_TUMBLING, @$, $3, NULL, $5); }
    | "window" "sliding" duration "every" duration
        { $$ = dsl_mk_window(p, DSL_WINDOW_SLIDING, @$, $3, $5, NULL); }
    | "window" "sliding" duration "every" duration "offset" duration
        { $$ = dsl_mk_window(p, DSL_WINDOW_SLIDING, @$, $3, $5, $7); }
    | "window" "session" "gap" duration
        { $$ = dsl_mk_window(p, DSL_WINDOW_SESSION, @$, $4, NULL, NULL); }
    | "window" "count" number                   { $$ = dsl_mk_window(p, DSL_WINDOW_COUNT, @$, $3, NULL, NULL); }
    | "window" "count" number "every" number    { $$ = dsl_mk_window(p, DSL_WINDOW_COUNT, @$, $3, $5, NULL); }
    | "window" "global"                         { $$ = dsl_mk_window(p, DSL_WINDOW_GLOBAL, @$, NULL, NULL, NULL); }
    ;

union:
    select_core                                 { $$ = dsl_mk_query(p, $1); }
    | union "union" "all" select_core           { $$ = $1; dsl_query_add(p, $$, $4, @2, true); }
    | union "union" select_core                 { $$ = $1; dsl_query_add(p, $$, $3, @2, false); }
    | union "union" "distinct" select_core      { $$ = $1; dsl_query_add(p, $$, $4, @2, false); }
    | union "intersect" select_core             { $$ = $1; dsl_query_add(p, $$, $3, @2, false); }
    | union "except" select_core                { $$ = $1; dsl_query_add(p, $$, $3, @2, false); }
    ;

query_order:
    union
    | union "order" "by" order_list
        { $$ = $1; TAKE($$->order, $$->n_order, $4); $$->order_span = dsl_span_join(@2, @4); }
    | union "order" mistake                       { RECOVERED; $$ = $1; }
    ;

query_limit:
    query_order
    | query_order "limit" number                { $$ = $1; $$->limit = $3; $$->limit_span = dsl_span_join(@2, @3); }
    | query_order "limit" mistake                 { RECOVERED; $$ = $1; }
    ;

query:
    query_limit                                 { $$ = $1; $$->span = @$; }
    | query "allowed" "lateness" duration
        {
            $$ = $1;
            dsl_twice(p, @2, $$->lateness, "allowed lateness");
            $$->lateness = $4;
            $$->lateness_span = dsl_span_join(@2, @4);
            $$->span = @$;
        }
    | query "emit" emits                        { $$ = $1; dsl_query_emits(p, $$, &$3); $$->span = @$; }
    | query accumulation
        {
            $$ = $1;
            dsl_twice(p, @2, $$->accumulation, "accumulating, discarding, retracting, upsert");
            $$->accumulation = (enum dsl_accumulation)$2;
            $$->accumulation_span = @2;
            $$->span = @$;
        }
    ;

emits:
    emit_item                                   { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | emits "," emit_item                       { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

emit_item:
    "on" "watermark"                            { $$ = (struct dsl_emit){ DSL_EMIT_WATERMARK, NULL, @$ }; }
    | "every" duration                          { $$ = (struct dsl_emit){ DSL_EMIT_EVERY, $2, @$ }; }
    | "each" "event"                            { $$ = (struct dsl_emit){ DSL_EMIT_EACH, NULL, @$ }; }
    | "after" number "events"                   { $$ = (struct dsl_emit){ DSL_EMIT_AFTER, $2, @$ }; }
    ;

accumulation:
    "accumulating"                              { $$ = DSL_ACC_ACCUMULATING; }
    | "discarding"                              { $$ = DSL_ACC_DISCARDING; }
    | "retracting"                              { $$ = DSL_ACC_RETRACTING; }
    | "upsert"                                  { $$ = DSL_ACC_UPSERT; }
    ;

/* ---- match_recognize ----------------------------------------------------------------------------------------- */

mr_partition:
    %empty                                      { $$ = dsl_mk_mr(p); }
    | "partition" "by" expr_list                { $$ = dsl_mk_mr(p); TAKE($$->partition, $$->n_partition, $3); }
    ;

mr_order:
    mr_partition
    | mr_partition "order" "by" order_list      { $$ = $1; TAKE($$->order, $$->n_order, $4); }
    ;

mr_measures:
    mr_order
    | mr_order "measures" aliases               { $$ = $1; TAKE($$->measures, $$->n_measures, $3); }
    ;

mr_rows:
    mr_measures
    | mr_measures "one" "row" "per" "match"
    | mr_measures "all" "rows" "per" "match"    { $$ = $1; $$->all_rows = true; }
    ;

mr_after:
    mr_rows
    | mr_rows after_match                       { $$ = $1; $$->after = *$2; }
    | mr_rows mr_skip                           { $$ = $1; $$->after = *$2; }
    | mr_rows mr_skip "or" "error"              { $$ = $1; $$->after = *$2; $$->after.or_error = true; }
    ;

/* The last one is meant. */
mr_skip:
    "after" "match" "skip" "to" IDENT
        { $$ = dsl_mk_after(p, DSL_SKIP_TO_LAST, dsl_mk_name($5, false)); $$->span = @$; }
    | "after" "match" "skip" "to" QUOTED
        { $$ = dsl_mk_after(p, DSL_SKIP_TO_LAST, dsl_mk_name($5, true)); $$->span = @$; }
    ;

mr_pattern:
    mr_after
    | mr_after "pattern" "(" row_pattern ")"      { $$ = $1; $$->pattern = $4; }
    ;

mr_within:
    mr_pattern
    | mr_pattern "within" duration              { $$ = $1; $$->within = $3; }
    ;

mr_subset:
    mr_within
    | mr_within "subset" subsets                { $$ = $1; TAKE($$->subsets, $$->n_subsets, $3); }
    ;

mr_body:
    mr_subset
    | mr_subset "define" defines                { $$ = $1; TAKE($$->defines, $$->n_defines, $3); }
    ;

subsets:
    subset                                      { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | subsets "," subset                        { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

subset:
    name "=" "(" names ")"
        {
            $$ = (struct dsl_subset){ .name = $1, .span = @$ };
            TAKE($$.vars, $$.n_vars, $4);
        }
    ;

row_pattern:
    row_concat
    | row_pattern "|" row_concat                { $$ = dsl_mk_alt(p, @$, $1, $3); }
    ;

row_concat:
    row_looped                                  { $$ = dsl_mk_chain(p, @$, NULL, NULL, $1); }
    | row_concat row_looped
        { $$ = dsl_mk_chain(p, @$, $1, dsl_mk_step(p, DSL_JOIN_NEXT, NULL, (struct cep_span){ 0 }), $2); }
    ;

row_looped:
    row_atom
    | row_atom quantifier                       { $$ = dsl_mk_loop(p, @$, $1, $2); }
    | row_atom quantifier "?"                   { $2->reluctant = true; $$ = dsl_mk_loop(p, @$, $1, $2); }
    ;

row_atom:
    var                                         { $$ = dsl_mk_var(p, @$, $1); }
    | "(" row_pattern ")"                       { $$ = dsl_mk_group($2); }
    | "(" ")"                                   { $$ = dsl_mk_leaf(p, DSL_SEQ_EMPTY, @$); }
    | "^"                                       { $$ = dsl_mk_leaf(p, DSL_SEQ_START, @$); }
    | "$"                                       { $$ = dsl_mk_leaf(p, DSL_SEQ_END, @$); }
    | "{-" row_pattern "-" "}"
        {
            struct dsl_vec one = { 0 };
            DSL_ADD(p, &one, $2);
            $$ = dsl_mk_list(p, DSL_SEQ_EXCLUDE, @$, &one);
        }
    | "permute" "(" row_pattern_list ")"        { $$ = dsl_mk_list(p, DSL_SEQ_ALL, @$, &$3); }
    ;

row_pattern_list:
    row_pattern                                 { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, $1); }
    | row_pattern_list "," row_pattern          { $$ = $1; DSL_ADD(p, &$$, $3); }
    ;

/* ---- pattern ------------------------------------------------------------------------------------------------- */

pattern_head:
    "pattern" name                              { dsl_stmt_begin(p, DSL_STMT_PATTERN, $2); }
    ;

pattern:
    pattern_head pattern_from pattern_partition pattern_match pattern_define pattern_within pattern_after
        pattern_limit pattern_measures
    | "pattern" mistake                             { RECOVERED; dsl_stmt_lost(p, DSL_STMT_PATTERN); }
    ;

pattern_from:
    %empty
    | pattern_inputs
    | lost
    | lost pattern_inputs
    ;

pattern_inputs:
    "from" paths                                { TAKE(PAT.from, PAT.n_from, $2); PAT.from_span = @$; }
    | "from" mistake                              { RECOVERED; }
    ;

pattern_partition:
    %empty
    | "partition" "by" expr_list
        { TAKE(PAT.partition, PAT.n_partition, $3); PAT.partition_span = @$; }
    | "partition" mistake                       { RECOVERED; PAT.partition_span = @$; }
    ;

pattern_match:
    %empty
    | "match" sequence                          { PAT.match = $2; PAT.match_span = @$; }
    | "match" mistake                             { RECOVERED; }
    ;

pattern_define:
    %empty
    | "define" defines                          { TAKE(PAT.defines, PAT.n_defines, $2); PAT.define_span = @$; }
    ;

defines:
    define                                      { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, *$1); }
    | defines "," define                        { $$ = $1; DSL_ADD(p, &$$, *$3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | defines "," mistake                         { RECOVERED; $$ = $1; }
    ;

define:
    var "as" expr                               { $$ = dsl_mk_define(p, @$, $1, $3, NULL); }
    | var "as" expr "where" expr                { $$ = dsl_mk_define(p, @$, $1, $3, $5); }
    ;

pattern_within:
    %empty
    | "within" duration                         { PAT.within = $2; PAT.within_span = @$; }
    | "within" duration "between" "events"
        { PAT.within = $2; PAT.between_events = true; PAT.within_span = @$; }
    | "within" mistake                            { RECOVERED; }
    ;

pattern_after:
    %empty
    | after_match                               { PAT.after = *$1; }
    ;

after_match:
    "after" "match" skip_target                 { $$ = $3; $$->span = @$; }
    | "after" "match" skip_target "or" "error"  { $$ = $3; $$->or_error = true; $$->span = @$; }
    | "after" mistake
        { RECOVERED; $$ = dsl_mk_after(p, DSL_SKIP_DEFAULT, (struct dsl_name){ 0 }); }
    ;

skip_target:
    "skip" "past" "last" skip_rows              { $$ = dsl_mk_after(p, DSL_SKIP_PAST_LAST, (struct dsl_name){ 0 }); }
    | "no" "skip"                               { $$ = dsl_mk_after(p, DSL_SKIP_NONE, (struct dsl_name){ 0 }); }
    | "skip" "to" "next" skip_rows              { $$ = dsl_mk_after(p, DSL_SKIP_TO_NEXT, (struct dsl_name){ 0 }); }
    | "skip" "to" "first" var                   { $$ = dsl_mk_after(p, DSL_SKIP_TO_FIRST, $4); }
    | "skip" "to" "last" var                    { $$ = dsl_mk_after(p, DSL_SKIP_TO_LAST, $4); }
    ;

skip_rows:
    "event"                                     { $$ = 0; }
    | "row"                                     { $$ = 1; }
    ;

pattern_limit:
    %empty
    | pattern_limit "limit" limits
    ;

limits:
    limit_item                                  { dsl_add_limit(p, $1); }
    | limits "," limit_item                     { dsl_add_limit(p, $3); }
    | mistake                                     { RECOVERED; }
    ;

limit_item:
    number "open" "per" "key"                   { $$ = dsl_mk_limit(p, @$, $1, false, false); }
    | number "open" "per" "key" "drop" "oldest" { $$ = dsl_mk_limit(p, @$, $1, false, false); }
    | number "open" "per" "key" "refuse" "new"  { $$ = dsl_mk_limit(p, @$, $1, false, true); }
    | number "matches"                          { $$ = dsl_mk_limit(p, @$, $1, true, false); }
    ;

pattern_measures:
    %empty
    | "measures" "*"                            { PAT.measures_star = true; PAT.measures_span = @$; }
    | "measures" aliases                        { TAKE(PAT.measures, PAT.n_measures, $2); PAT.measures_span = @$; }
    ;

/* ---- alert --------------------------------------------------------------------------------------------------- */

alert_head:
    "alert" name                                { dsl_stmt_begin(p, DSL_STMT_ALERT, $2); }
    ;

alert:
    alert_head alert_on alert_where alert_severity alert_message alert_labels alert_by alert_suppress alert_resolve
        alert_with
    | "alert" mistake                               { RECOVERED; dsl_stmt_lost(p, DSL_STMT_ALERT); }
    ;

alert_on:
    %empty
    | alert_input
    | lost
    | lost alert_input
    ;

alert_input:
    "on" path                                   { ALERT_.on = $2; ALERT_.on_span = @$; }
    | "on" mistake                                { RECOVERED; }
    ;

alert_where:
    %empty
    | "where" expr                              { ALERT_.where = $2; ALERT_.where_span = @$; }
    | "where" mistake                             { RECOVERED; }
    ;

alert_severity:
    %empty
    | "severity" name look                      { dsl_set_severity(p, @$, $2); }
    | "severity" mistake                          { RECOVERED; }
    ;

alert_message:
    %empty
    | "message" STRING                          { dsl_set_message(p, @$, $2); }
    | "message" mistake                           { RECOVERED; }
    ;

alert_labels:
    %empty
    | "labels" labels                           { TAKE(ALERT_.labels, ALERT_.n_labels, $2); ALERT_.labels_span = @$; }
    ;

labels:
    label                                       { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, *$1); }
    | labels "," label                          { $$ = $1; DSL_ADD(p, &$$, *$3); }
    | mistake                                     { RECOVERED; $$ = (struct dsl_vec){ 0 }; }
    | labels "," mistake                          { RECOVERED; $$ = $1; }
    ;

label:
    name "=" expr                               { $$ = dsl_mk_label(p, @$, $1, $3); }
    ;

alert_by:
    %empty
    | "by" expr_list                            { TAKE(ALERT_.by, ALERT_.n_by, $2); ALERT_.by_span = @$; }
    | "by" mistake                                { RECOVERED; ALERT_.by_span = @$; }
    ;

alert_suppress:
    %empty
    | "suppress" "for" duration look            { ALERT_.suppress = $3; ALERT_.suppress_span = @$; }
    | "suppress" mistake                          { RECOVERED; }
    ;

alert_resolve:
    %empty
    | "resolve" "after" duration look
        { ALERT_.resolve = DSL_RESOLVE_AFTER; ALERT_.resolve_after = $3; ALERT_.resolve_span = @$; }
    | "resolve" "when" path
        { ALERT_.resolve = DSL_RESOLVE_WHEN; ALERT_.resolve_when = $3; ALERT_.resolve_span = @$; }
    | "resolve" "when" path "where" expr
        {
            ALERT_.resolve = DSL_RESOLVE_WHEN;
            ALERT_.resolve_when = $3;
            ALERT_.resolve_where = $5;
            ALERT_.resolve_span = @$;
        }
    | "resolve" mistake                           { RECOVERED; }
    ;

alert_with:
    %empty
    | "with" "events"                           { ALERT_.with_events = true; ALERT_.with_span = @$; }
    | "with" mistake                              { RECOVERED; }
    ;

/* ---- sink ---------------------------------------------------------------------------------------------------- */

sink_head:
    "sink" path %prec NOTHING
        { dsl_stmt_begin(p, DSL_STMT_SINK, (struct dsl_name){ 0 }); CUR->sink.from = $2; }
    | "sink" path lost
        { dsl_stmt_begin(p, DSL_STMT_SINK, (struct dsl_name){ 0 }); CUR->sink.from = $2; }
    ;

sink:
    sink_head sink_to sink_format sink_delivery sink_as
    | "sink" mistake                                { RECOVERED; dsl_stmt_lost(p, DSL_STMT_SINK); }
    ;

sink_to:
    %empty
    | sink_endpoint
    | lost
    | lost sink_endpoint
    ;

sink_endpoint:
    "to" endpoint                               { CUR->sink.to = *$2; CUR->sink.to.span = @$; }
    | "to" mistake                                { RECOVERED; }
    ;

sink_format:
    opt_format
        {
            if ($1)
                CUR->sink.format = *$1;
        }
    ;

sink_delivery:
    %empty
    | "delivery" "at" "least" "once"
        { CUR->sink.delivery = DSL_DELIVERY_AT_LEAST_ONCE; CUR->sink.delivery_span = @$; }
    | "delivery" "exactly" "once"
        { CUR->sink.delivery = DSL_DELIVERY_EXACTLY_ONCE; CUR->sink.delivery_span = @$; }
    | "delivery" mistake                          { RECOVERED; }
    ;

sink_as:
    %empty
    | "as" name                                 { CUR->name = $2; }
    | "as" mistake                                { RECOVERED; }
    ;

/* ---- test ---------------------------------------------------------------------------------------------------- */

test_head:
    "test" STRING
        {
            dsl_stmt_begin(p, DSL_STMT_TEST, (struct dsl_name){ 0 });
            TEST_.title = $2->s;
            TEST_.title_span = @2;
        }
    ;

test:
    test_head test_with test_steps test_expects
    | "test" mistake                                { RECOVERED; dsl_stmt_lost(p, DSL_STMT_TEST); }
    ;

test_with:
    %empty
    | test_parameters
    | lost
    | lost test_parameters
    ;

test_parameters:
    "with" "parameter" labels
        { TAKE(TEST_.parameters, TEST_.n_parameters, $3); TEST_.with_span = @$; }
    | "with" mistake                              { RECOVERED; }
    ;

test_steps:
    %empty
    | test_steps test_step
    ;

test_step:
    "given" path rows                           { dsl_add_given(p, @$, &$2, &$3); }
    | "then" "given" path rows                  { dsl_add_given(p, @$, &$3, &$4); }
    | "then" "advance" "to" expr                { dsl_add_advance(p, @$, $4); }
    | "given" mistake                             { RECOVERED; }
    | "then" mistake                              { RECOVERED; }
    ;

rows:
    value_row                                   { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, *$1); }
    | rows "," value_row                        { $$ = $1; DSL_ADD(p, &$$, *$3); }
    ;

value_row:
    "(" expr_list ")"                           { $$ = dsl_mk_row(p, @$, NULL, &$2); }
    | "(" mistake ")"                             { RECOVERED; $$ = dsl_mk_row(p, @$, NULL, NULL); }
    ;

test_expects:
    %empty
    | test_expects test_expect
    ;

test_expect:
    "expect" path expect_rows                   { dsl_add_expect(p, @$, &$2, &$3); }
    | "expect" "no" path                        { dsl_add_expect(p, @$, &$3, NULL); }
    | "expect" mistake                            { RECOVERED; }
    ;

expect_rows:
    expect_row                                  { $$ = (struct dsl_vec){ 0 }; DSL_ADD(p, &$$, *$1); }
    | expect_rows "," expect_row                { $$ = $1; DSL_ADD(p, &$$, *$3); }
    ;

expect_row:
    "(" labels ")"                              { $$ = dsl_mk_row(p, @$, &$2, NULL); }
    | "(" ")"                                   { $$ = dsl_mk_row(p, @$, NULL, NULL); }
    ;

%%

static int dsl_yylex(DSL_YYSTYPE *val, DSL_YYLTYPE *loc, struct dsl_parse *p) {
    int kind;
    val->tok = dsl_lex_next(p, &kind);
    *loc = val->tok->span;
    return kind;
}

/* Only for what bison itself finds: a stack that is too deep. */
static void dsl_yyerror(const DSL_YYLTYPE *loc, struct dsl_parse *p, const char *msg) {
    (void)msg;
    dsl_mistake(p, *loc, CEP_ELIMIT, "nested deeper than %d levels", DSL_LIMIT_DEPTH);
}

static int yyreport_syntax_error(const yypcontext_t *ctx, struct dsl_parse *p) {
    yysymbol_kind_t kinds[YYNTOKENS];
    bool can[YYNTOKENS] = { false };
    p->broken = true;
    if (p->diag->n_errors >= DSL_LIMIT_ERRORS) { /* nobody reads on; what is left is skipped fast */
        p->recovering = true;
        return 0;
    }
    int expected[YYNTOKENS], n_expected = 0;
    int n = yypcontext_expected_tokens(ctx, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++)
        can[kinds[i]] = true;
    for (int t = TOK_IDENT; t <= TOK_ZONE /* the last one declared */; t++)
        if (can[YYTRANSLATE(t)] && t != TOK_TRIM_SIDE && t != TOK_POSITION_IN && t != TOK_PLACING)
            expected[n_expected++] = t;
    if (can[YYSYMBOL_YYEOF])
        expected[n_expected++] = TOK_EOF_;
    dsl_syntax_error(p, expected, (size_t)n_expected);
    return 0;
}

const char *dsl_token_name(int token) {
    return yysymbol_name(YYTRANSLATE(token));
}

int dsl_gram_run(struct dsl_parse *p) {
    return dsl_yyparse(p);
}
