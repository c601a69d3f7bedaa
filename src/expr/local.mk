noinst_LTLIBRARIES += libexpr.la
libexpr_la_SOURCES =
