check_PROGRAMS += tests/time/clk_watermark_test
tests_time_clk_watermark_test_LDADD = $(CLK_TEST_LIBS)
