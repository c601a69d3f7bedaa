# bison and flex run through automake's ylwrap. The grammar's header must exist before anything that includes
# it compiles: BUILT_SOURCES sees to that for all/check/install, the rule at the end for single targets.
noinst_LTLIBRARIES += libdsl.la
libdsl_la_SOURCES =
# libdsl_la_SOURCES = dsl/dsl_gram.y dsl/dsl_scan.l dsl/dsl_parse.c ...
# BUILT_SOURCES += dsl/dsl_gram.h
# dsl/dsl_scan.lo: dsl/dsl_gram.h
