# What the tree as a whole promises: see each script's head.
TREE_TESTS = \
	tests/tree/no_mutable_globals.sh \
	tests/tree/headers_alone.sh \
	tests/tree/include_direction.py \
	tests/tree/layers_link.sh \
	tests/tree/vectorised.sh
TESTS += $(TREE_TESTS)
EXTRA_DIST += $(TREE_TESTS)
