noinst_LTLIBRARIES += libcon.la
libcon_la_SOURCES =
