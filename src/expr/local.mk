noinst_LTLIBRARIES += libexpr.la
libexpr_la_SOURCES = \
	src/expr/expr.c src/expr/expr.h \
	src/expr/expr_build.c src/expr/expr_build.h \
	src/expr/expr_cast.c src/expr/expr_cast.h \
	src/expr/expr_decimal.c src/expr/expr_decimal.h \
	src/expr/expr_eval.c src/expr/expr_eval.h \
	src/expr/expr_func.c src/expr/expr_func.h \
	src/expr/expr_func_core.c \
	src/expr/expr_row.c src/expr/expr_row.h \
	src/expr/expr_kern.h \
	src/expr/expr_kern_arith.c \
	src/expr/expr_kern_cmp.c \
	src/expr/expr_kern_str.c \
	src/expr/expr_vec.c src/expr/expr_vec.h src/expr/expr_vec_internal.h \
	src/expr/expr_vec_logic.c \
	src/expr/expr_vec_rows.c \
	src/expr/expr_write.c

# Function families and aggregates.
libexpr_la_SOURCES += \
	src/expr/expr_agg.c src/expr/expr_agg.h \
	src/expr/expr_calendar.c src/expr/expr_calendar.h \
	src/expr/expr_case.c src/expr/expr_case.h \
	src/expr/expr_digest.c src/expr/expr_digest.h \
	src/expr/expr_func_array.c \
	src/expr/expr_func_data.c \
	src/expr/expr_func_math.c \
	src/expr/expr_func_regex.c \
	src/expr/expr_func_string.c \
	src/expr/expr_func_time.c \
	src/expr/expr_func_util.c src/expr/expr_func_util.h \
	src/expr/expr_json.c src/expr/expr_json.h \
	src/expr/expr_like.c src/expr/expr_like.h \
	src/expr/expr_regex.c src/expr/expr_regex.h \
	src/expr/expr_timefmt.c src/expr/expr_timefmt.h \
	src/expr/expr_zone.c src/expr/expr_zone.h
