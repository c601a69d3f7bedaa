# bison and flex run through automake's ylwrap. The grammar's header must exist before anything that includes
# it compiles: BUILT_SOURCES sees to that for all/check/install, the rule at the end for single targets.
noinst_LTLIBRARIES += libdsl.la
libdsl_la_SOURCES = \
	dsl/dsl_ast.c dsl/dsl_ast.h \
	dsl/dsl_build.c dsl/dsl_build.h \
	dsl/dsl_build_expr.c \
	dsl/dsl_build_query.c \
	dsl/dsl_build_seq.c \
	dsl/dsl_diag.c dsl/dsl_diag.h \
	dsl/dsl_diag_show.c \
	dsl/dsl_dump.c dsl/dsl_dump.h dsl/dsl_dump_internal.h \
	dsl/dsl_dump_expr.c \
	dsl/dsl_dump_query.c \
	dsl/dsl_fmt.c dsl/dsl_fmt.h dsl/dsl_fmt_internal.h \
	dsl/dsl_fmt_layout.c \
	dsl/dsl_gram.y \
	dsl/dsl_kw.h \
	dsl/dsl_lex.c \
	dsl/dsl_parse.c dsl/dsl_parse.h \
	dsl/dsl_scan.l \
	dsl/dsl_syntax.c dsl/dsl_table_fn.c \
	dsl/dsl_template.c \
	dsl/dsl_token.h \
	dsl/dsl_check_agg.c \
	dsl/dsl_check_call.c \
	dsl/dsl_check_expr.c \
	dsl/dsl_check_name.c \
	dsl/dsl_check_opt.c \
	dsl/dsl_check_recognize.c \
	dsl/dsl_check_rows.c \
	dsl/dsl_check_seq.c \
	dsl/dsl_check_type.c \
	dsl/dsl_checked.c \
	dsl/dsl_compile.c dsl/dsl_compile.h \
	dsl/dsl_fold.c \
	dsl/dsl_lower_alert.c \
	dsl/dsl_lower_changes.c \
	dsl/dsl_join_name.c \
	dsl/dsl_lower_from.c \
	dsl/dsl_lower_function.c \
	dsl/dsl_lower_group.c \
	dsl/dsl_lower_over.c \
	dsl/dsl_lower_pattern.c \
	dsl/dsl_lower_process.c \
	dsl/dsl_lower_recognize.c \
	dsl/dsl_lower_sink.c \
	dsl/dsl_lower_emit.c dsl/dsl_lower_select.c dsl/dsl_lower_stream.c dsl/dsl_lower_unnest.c \
	dsl/dsl_lower_table.c \
	dsl/dsl_lower_top.c \
	dsl/dsl_lower_test.c \
	dsl/dsl_resolve.c dsl/dsl_sem.h dsl/dsl_variant.h \
	dsl/dsl_template_text.c \
	dsl/dsl_warn.c
BUILT_SOURCES += dsl/dsl_gram.h
dsl/dsl_fmt.lo dsl/dsl_fmt_layout.lo dsl/dsl_lex.lo dsl/dsl_scan.lo dsl/dsl_syntax.lo: dsl/dsl_gram.h
