
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * START_TIME of access logs.  Formats are those of strftime(), with Envoy's
 * additions: %f and %1f to %9f are fractions of a second, %s is seconds since
 * 1970, %E0S to %E9S and %E*S are seconds with a fraction.  Times are UTC.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_log_format.h"


static u_char *ngx_mesh_log_time_default(u_char *p, int64_t ms);
static u_char *ngx_mesh_log_time_expand(u_char *p, u_char *last,
    ngx_str_t *format, struct tm *tm, int64_t ms);
static size_t ngx_mesh_log_time_own(u_char *p, u_char *s, u_char *end,
    struct tm *tm, int64_t ms, size_t *len);
static size_t ngx_mesh_log_time_extended(u_char *p, u_char *s, u_char *end,
    struct tm *tm, int64_t ms, size_t *len);
static u_char *ngx_mesh_log_time_fraction(u_char *p, ngx_uint_t digits,
    int64_t ms);


/* Envoy refuses a line feed only, whatever its flags: lines stay lines */

const char *
ngx_mesh_log_time_check(ngx_str_t *format)
{
    u_char  *p, *end;

    if (format->len > NGX_MESH_LOG_TIME_FORMAT_LEN) {
        return "too long a format";
    }

    p = format->data;
    end = p + format->len;

    while (p < end) {

        if (*p < ' ') {
            return "a control character in its format";
        }

        if (*p++ != '%') {
            continue;
        }

        while (p < end && *p && ngx_strchr("-_0^#123456789EO", *p)) {
            p++;
        }

        if (p < end) {
            if (*p == 'n') {
                return "a line feed in its format";
            }

            p++;
        }
    }

    return NULL;
}


u_char *
ngx_mesh_log_time_write(u_char *p, ngx_str_t *format, int64_t ms)
{
    u_char     expanded[NGX_MESH_LOG_TIME_LEN], *last;
    struct tm  tm;

    if (format->len == 0) {
        return ngx_mesh_log_time_default(p, ms);
    }

    /* unlike ngx_gmtime() it knows the day of the year */
    ngx_libc_gmtime((time_t) (ms / 1000), &tm);

    /* the room for a NUL and for the longest sequence is kept free */

    last = ngx_mesh_log_time_expand(expanded,
                                    expanded + sizeof(expanded) - 32,
                                    format, &tm, ms);
    *last = '\0';

    return p + strftime((char *) p, NGX_MESH_LOG_TIME_LEN, (char *) expanded,
                        &tm);
}


/* most requests of a moment begin in the same second */

static u_char *
ngx_mesh_log_time_default(u_char *p, int64_t ms)
{
    time_t    sec;
    uint32_t  fraction;
    ngx_tm_t  tm;

    static time_t  cached;      /* of this process */
    static u_char  text[sizeof("1970-01-01T00:00:00.")]
                       = "1970-01-01T00:00:00.";

    sec = (time_t) (ms / 1000);

    if (sec != cached) {
        ngx_gmtime(sec, &tm);

        (void) ngx_sprintf(text, "%4d-%02d-%02dT%02d:%02d:%02d.",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
        cached = sec;
    }

    fraction = (uint32_t) (ms % 1000);

    ngx_memcpy(p, text, sizeof(text) - 1);
    p += sizeof(text) - 1;

    *p++ = (u_char) ('0' + fraction / 100);
    *p++ = (u_char) ('0' + fraction / 10 % 10);
    *p++ = (u_char) ('0' + fraction % 10);
    *p++ = 'Z';

    return p;
}


/* puts what strftime() does not know, or knows of local time, in place */

static u_char *
ngx_mesh_log_time_expand(u_char *p, u_char *last, ngx_str_t *format,
    struct tm *tm, int64_t ms)
{
    u_char  *s, *end;
    size_t   len, n;

    s = format->data;
    end = s + format->len;

    while (s < end && p < last) {

        if (*s != '%' || end - s < 2) {
            *p++ = *s++;
            continue;
        }

        n = ngx_mesh_log_time_own(p, s + 1, end, tm, ms, &len);

        if (len) {
            p += n;
            s += len + 1;
            continue;
        }

        *p++ = *s++;
        *p++ = *s++;
    }

    return p;
}


/* writes a sequence of its own after the "%" and sets "len" to its length */

static size_t
ngx_mesh_log_time_own(u_char *p, u_char *s, u_char *end, struct tm *tm,
    int64_t ms, size_t *len)
{
    u_char  *start;

    start = p;
    *len = 1;

    switch (*s) {

    case 'f':
        return ngx_mesh_log_time_fraction(p, 9, ms) - start;

    case 's':
        return ngx_sprintf(p, "%L", ms / 1000) - start;

    case 'z':
        return ngx_sprintf(p, "+0000") - start;

    case 'Z':
        return ngx_sprintf(p, "UTC") - start;

    case 'E':
        return ngx_mesh_log_time_extended(p, s, end, tm, ms, len);

    default:
        if (end - s > 1 && *s >= '1' && *s <= '9' && s[1] == 'f') {
            *len = 2;
            return ngx_mesh_log_time_fraction(p, *s - '0', ms) - start;
        }

        *len = 0;
        return 0;
    }
}


/* %Ez, %ET, %E4Y, %E*S, %E0S to %E9S */

static size_t
ngx_mesh_log_time_extended(u_char *p, u_char *s, u_char *end, struct tm *tm,
    int64_t ms, size_t *len)
{
    u_char  *start;

    start = p;
    *len = 2;

    if (end - s > 1 && s[1] == 'z') {
        return ngx_sprintf(p, "+00:00") - start;
    }

    if (end - s > 1 && s[1] == 'T') {
        *p = 'T';
        return 1;
    }

    *len = 3;

    if (end - s > 2 && s[1] == '4' && s[2] == 'Y') {
        return ngx_sprintf(p, "%04d", tm->tm_year + 1900) - start;
    }

    if (end - s < 3
        || s[2] != 'S'
        || (s[1] != '*' && (s[1] < '0' || s[1] > '9')))
    {
        *len = 0;
        return 0;
    }

    p = ngx_sprintf(p, "%02d", tm->tm_sec);

    if (s[1] == '0') {
        return p - start;
    }

    *p++ = '.';

    if (s[1] != '*') {
        return ngx_mesh_log_time_fraction(p, s[1] - '0', ms) - start;
    }

    /* as many digits as there are */

    p = ngx_mesh_log_time_fraction(p, 3, ms);

    while (p[-1] == '0') {
        p--;
    }

    if (p[-1] == '.') {
        p--;
    }

    return p - start;
}


/* the first "digits" of a fraction of which milliseconds are known */

static u_char *
ngx_mesh_log_time_fraction(u_char *p, ngx_uint_t digits, int64_t ms)
{
    ngx_uint_t  i, fraction, unit;

    fraction = (ngx_uint_t) (ms % 1000);
    unit = 100;

    for (i = 0; i < digits; i++) {
        *p++ = (u_char) (unit ? '0' + fraction / unit % 10 : '0');
        unit /= 10;
    }

    return p;
}
