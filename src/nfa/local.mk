noinst_LTLIBRARIES += libnfa.la
libnfa_la_SOURCES =
