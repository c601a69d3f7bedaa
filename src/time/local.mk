noinst_LTLIBRARIES += libclk.la
libclk_la_SOURCES =
