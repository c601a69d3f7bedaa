#pragma once
/*
 * fuzz_main -- what a fuzz target defines: libFuzzer's entry point.
 */
#include <stddef.h>
#include <stdint.h>

/* Returns: 0. Must not keep `data`, and must not crash whatever it holds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
