noinst_LTLIBRARIES += libexpr.la
libexpr_la_SOURCES =

# Function families and aggregates.
libexpr_la_SOURCES += \
	src/expr/expr_agg.c src/expr/expr_agg.h
