check_PROGRAMS += tests/time/clk_watermark_test
tests_time_clk_watermark_test_LDADD = $(CLK_TEST_LIBS)
check_PROGRAMS += tests/time/clk_reorder_test
tests_time_clk_reorder_test_LDADD = $(CLK_TEST_LIBS)
check_PROGRAMS += tests/time/clk_timer_test
tests_time_clk_timer_test_LDADD = $(CLK_TEST_LIBS)
