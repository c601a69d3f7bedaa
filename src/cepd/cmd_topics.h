#pragma once
/*
 * cmd_topics -- what `cepd help` knows beside commands: connectors, formats, functions, config.
 */
#include "base/base_buf.h"

/* Appends the topic's text: "connectors", "formats", "functions", "config", or the name of one connector, format or
 * function. Returns: false when there is none of that name. */
bool cmd_write_topic(struct base_buf *b, const char *name);
