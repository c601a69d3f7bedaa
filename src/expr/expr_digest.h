#pragma once
/*
 * expr_digest -- MD5 (RFC 1321) and SHA-256 (FIPS 180-4) of bytes, for joining on hashed names; not for passwords.
 */
#include "base/base_str.h"

enum { EXPR_MD5_LEN = 16, EXPR_SHA256_LEN = 32 };

void expr_md5(struct base_str s, unsigned char out[EXPR_MD5_LEN]);
void expr_sha256(struct base_str s, unsigned char out[EXPR_SHA256_LEN]);
