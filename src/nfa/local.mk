noinst_LTLIBRARIES += libnfa.la
libnfa_la_SOURCES = \
	src/nfa/nfa.h src/nfa/nfa_int.h src/nfa/nfa_run.h \
	src/nfa/nfa_build.c src/nfa/nfa_build.h src/nfa/nfa_heads.c src/nfa/nfa_mood.c \
	src/nfa/nfa_calm.c \
	src/nfa/nfa_band.c \
	src/nfa/nfa_branch.c \
	src/nfa/nfa_cell.c \
	src/nfa/nfa_code.c \
	src/nfa/nfa_cold.c src/nfa/nfa_cold.h \
	src/nfa/nfa_cond.c \
	src/nfa/nfa_cost.c \
	src/nfa/nfa_cover.c \
	src/nfa/nfa_det.c src/nfa/nfa_det.h src/nfa/nfa_det_internal.h \
	src/nfa/nfa_det_save.c \
	src/nfa/nfa_dets.c \
	src/nfa/nfa_dominate.c \
	src/nfa/nfa_dump.c \
	src/nfa/nfa_emit.c \
	src/nfa/nfa_env.c \
	src/nfa/nfa_ev.c \
	src/nfa/nfa_first.c \
	src/nfa/nfa_fate.c src/nfa/nfa_fate.h \
	src/nfa/nfa_fate_end.c \
	src/nfa/nfa_fate_save.c \
	src/nfa/nfa_rank.c \
	src/nfa/nfa_rel.c \
	src/nfa/nfa_row.c \
	src/nfa/nfa_flat.c \
	src/nfa/nfa_graph.c src/nfa/nfa_graph.h \
	src/nfa/nfa_graph_end.c \
	src/nfa/nfa_graph_save.c \
	src/nfa/nfa_group.c \
	src/nfa/nfa_input.c \
	src/nfa/nfa_keep.c \
	src/nfa/nfa_key.c \
	src/nfa/nfa_later.c src/nfa/nfa_later.h \
	src/nfa/nfa_levels.c src/nfa/nfa_levels.h \
	src/nfa/nfa_load.c \
	src/nfa/nfa_look.c src/nfa/nfa_look.h src/nfa/nfa_look_internal.h src/nfa/nfa_look_sets.c \
	src/nfa/nfa_many.c src/nfa/nfa_many.h src/nfa/nfa_many_internal.h \
	src/nfa/nfa_many_batch.c \
	src/nfa/nfa_many_save.c \
	src/nfa/nfa_many_serve.c \
	src/nfa/nfa_many_stats.c \
	src/nfa/nfa_matcher.c \
	src/nfa/nfa_meaning.c \
	src/nfa/nfa_mem.c src/nfa/nfa_mem.h \
	src/nfa/nfa_meta.c \
	src/nfa/nfa_prog.c \
	src/nfa/nfa_recall.c \
	src/nfa/nfa_rows.c src/nfa/nfa_rows.h src/nfa/nfa_rows_int.h \
	src/nfa/nfa_rows_env.c \
	src/nfa/nfa_rows_hist.c \
	src/nfa/nfa_rows_keep.c \
	src/nfa/nfa_rows_prog.c \
	src/nfa/nfa_runs_load.c \
	src/nfa/nfa_save.c src/nfa/nfa_save.h \
	src/nfa/nfa_settle.c src/nfa/nfa_settle.h src/nfa/nfa_settled.c \
	src/nfa/nfa_settled_save.c \
	src/nfa/nfa_skip.c \
	src/nfa/nfa_slice.c \
	src/nfa/nfa_spill.c \
	src/nfa/nfa_sleep.c \
	src/nfa/nfa_span.c src/nfa/nfa_span.h \
	src/nfa/nfa_span_save.c \
	src/nfa/nfa_stack.c src/nfa/nfa_stack.h src/nfa/nfa_stack_plan.c src/nfa/nfa_stack_save.c \
	src/nfa/nfa_stack_tell.c \
	src/nfa/nfa_step.c \
	src/nfa/nfa_store.c \
	src/nfa/nfa_to_runs.c \
	src/nfa/nfa_window.c \
	src/nfa/nfa_to_sets.c \
	src/nfa/nfa_trace.c \
	src/nfa/nfa_tree.c \
	src/nfa/nfa_walk.c \
	src/nfa/nfa_words.c src/nfa/nfa_words.h
