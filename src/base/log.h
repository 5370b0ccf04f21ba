/* One JSON object per line on stderr (or the file given), safe from any thread. Never pass
   secrets: passwords, tokens, cookies, bodies. */
#ifndef PATRON_BASE_LOG_H
#define PATRON_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);
/* Lines for people instead of JSON, when stderr is a terminal. */
void log_set_plain(int on);
void log_at(enum log_level level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_at(LOG_DEBUG, LOG_MODULE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, LOG_MODULE, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, LOG_MODULE, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, LOG_MODULE, __VA_ARGS__)

#endif
