#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/jw.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int min_level = LOG_INFO;
static _Atomic int plain;
static const char *const names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    min_level = (int)level;
}

void log_set_plain(int on)
{
    plain = on;
}

void log_at(enum log_level level, const char *module, const char *fmt, ...)
{
    if ((int)level < min_level)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);

    struct buf line = BUF_INIT(16 << 10);
    if (plain) {
        buf_printf(&line, "%-5s %s: %s", names[level], module, text);
    } else {
        struct jw w = jw_new(&line);
        jw_obj(&w);
        jw_ki64(&w, "at", clock_now_ms());
        jw_kcstr(&w, "level", names[level]);
        jw_kcstr(&w, "module", module);
        jw_kcstr(&w, "text", text);
        jw_obj_end(&w);
    }
    buf_add_char(&line, '\n');
    /* One write per line, so that lines of several threads never mix. A log that cannot be
       written has nowhere to complain. */
    if (line.n && write(STDERR_FILENO, line.p, line.n) < 0)
        (void)0;
    buf_free(&line);
}
