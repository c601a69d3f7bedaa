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
	src/expr/expr_vec.h \
	src/expr/expr_write.c

# Function families and aggregates.
libexpr_la_SOURCES += \
	src/expr/expr_agg.c src/expr/expr_agg.h
