noinst_LTLIBRARIES += libclk.la
libclk_la_SOURCES = \
	src/time/clk.c src/time/clk.h \
	src/time/clk_reorder.c src/time/clk_reorder.h \
	src/time/clk_timer.c src/time/clk_timer.h \
	src/time/clk_watermark.c src/time/clk_watermark.h
