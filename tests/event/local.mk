check_PROGRAMS += tests/event/evt_batch_test
tests_event_evt_batch_test_LDADD = $(EVT_TEST_LIBS)
check_PROGRAMS += tests/event/evt_pack_test
tests_event_evt_pack_test_LDADD = $(EVT_TEST_LIBS)
check_PROGRAMS += tests/event/evt_val_test
tests_event_evt_val_test_LDADD = $(EVT_TEST_LIBS)
check_PROGRAMS += tests/event/evt_view_test
tests_event_evt_view_test_LDADD = $(EVT_TEST_LIBS)
