noinst_LTLIBRARIES += libsto.la
libsto_la_SOURCES =
