#pragma once
/*
 * expr_case -- upper and lower case of single characters, without a locale: Latin (Latin-1, Extended-A, parts of B, Extended
 * Additional, full width), Greek, Cyrillic, Armenian. Other characters have no case here, and no character becomes two.
 */
#include <stdbool.h>
#include <stdint.h>

uint32_t expr_lower_char(uint32_t c);
uint32_t expr_upper_char(uint32_t c);
/* Letters and digits, for the beginnings of words: ASCII ones, and everything beyond U+00BF but the two signs of Latin-1. */
bool expr_is_word_char(uint32_t c);
