// What the files of this library share. Not for authors.
#ifndef TOLLGATE_INTERNAL_H
#define TOLLGATE_INTERNAL_H

#include <stdarg.h>

#include "tollgate.h"

// Memory, or the end of the run.
void *tg_alloc(size_t size);
// A part of a text as a text.
char *tg_copy(const char *text, size_t len);
// Whether a text is one JSON value, at most 128 deep. For text that no host has checked.
bool tg_is_json(const char *text);
char *tg_vformat(const char *format, va_list parts);
// What a CallToolResult means.
tg_result tg_result_of(const char *whole, size_t len);
// A failure, its message in the host's own words. `detail` is what the kind carries, as text, or null.
tg_result tg_failure_of(const char *kind, const char *server, const char *tool, uint32_t attempts, uint64_t elapsed_ms,
                        const char *detail, const void *raw);
// Why nothing of what is kept was read or changed. `detail` is what the kind carries, as text, or null.
tg_kept tg_kept_not(const char *kind, const char *detail, uint64_t version);

#endif
