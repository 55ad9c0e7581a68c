
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * From the text of a format of access logs to a list of operations.  The
 * language is that of the Envoy App Mesh ended with, 1.29, and so is what it
 * refuses.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_log_format.h"
#include "ngx_mesh_log_operators.h"


#define NGX_MESH_LOG_ERROR_LEN      256


/* one operator, as it is written */

typedef struct {
    ngx_str_t                name;
    ngx_str_t                args;
    ngx_uint_t               has_args;
    ngx_uint_t               has_length;
    size_t                   length;
    size_t                   offset;        /* of its "%" */
} ngx_mesh_log_command_t;


typedef struct {
    ngx_pool_t              *pool;
    ngx_array_t              ops;           /* ngx_mesh_log_op_t */
    ngx_array_t              names;         /* ngx_str_t */
    ngx_str_t               *error;
} ngx_mesh_log_compile_t;


static ngx_int_t ngx_mesh_log_start(ngx_mesh_log_compile_t *lc,
    ngx_pool_t *pool, ngx_str_t *error);
static void ngx_mesh_log_end(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_format_t *format);
static ngx_int_t ngx_mesh_log_parse(ngx_mesh_log_compile_t *lc,
    ngx_str_t *text, ngx_mesh_log_style_e style);
static ngx_int_t ngx_mesh_log_command(ngx_mesh_log_compile_t *lc,
    ngx_str_t *text, size_t *at, ngx_mesh_log_command_t *cmd);
static ngx_uint_t ngx_mesh_log_command_args(ngx_str_t *text, size_t *at,
    ngx_mesh_log_command_t *cmd);
static ngx_uint_t ngx_mesh_log_command_length(ngx_str_t *text, size_t *at,
    ngx_mesh_log_command_t *cmd);
static ngx_int_t ngx_mesh_log_operator(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_mesh_log_op_t *op);
static ngx_int_t ngx_mesh_log_operator_check(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_operator_t *o, ngx_mesh_log_command_t *cmd);
static ngx_int_t ngx_mesh_log_headers(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_mesh_log_op_t *op);
static ngx_int_t ngx_mesh_log_header(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_str_t *name, ngx_mesh_log_op_e kind,
    ngx_mesh_log_operand_t *operand);
static ngx_int_t ngx_mesh_log_slot(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_operand_t *operand);
static ngx_mesh_log_op_e ngx_mesh_log_pseudo(ngx_str_t *name,
    ngx_mesh_log_op_e kind);
static ngx_uint_t ngx_mesh_log_equal(ngx_str_t *one, ngx_str_t *two);
static ngx_int_t ngx_mesh_log_start_time(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_mesh_log_op_t *op);
static ngx_int_t ngx_mesh_log_grpc(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_mesh_log_op_t *op);
static ngx_mesh_log_op_t *ngx_mesh_log_open(ngx_mesh_log_compile_t *lc);
static ngx_int_t ngx_mesh_log_literal(ngx_mesh_log_compile_t *lc,
    u_char *data, size_t len, ngx_mesh_log_style_e style);
static ngx_int_t ngx_mesh_log_member(ngx_mesh_log_compile_t *lc,
    ngx_keyval_t *member, ngx_uint_t first);
static ngx_uint_t ngx_mesh_log_is_single(ngx_str_t *text);
static ngx_int_t ngx_mesh_log_copy(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *src);
static ngx_int_t ngx_mesh_log_wrong(ngx_mesh_log_compile_t *lc,
    const char *fmt, ...);


ngx_int_t
ngx_mesh_log_format_text(ngx_mesh_log_format_t *format, ngx_pool_t *pool,
    ngx_str_t *text, ngx_str_t *error)
{
    ngx_int_t               rc;
    ngx_mesh_log_compile_t  lc;

    if (ngx_mesh_log_start(&lc, pool, error) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_log_parse(&lc, text, NGX_MESH_LOG_TEXT);

    ngx_mesh_log_end(&lc, format);

    return rc;
}


/* of members with the same name the last one counts, as in Envoy's map */

ngx_int_t
ngx_mesh_log_format_json(ngx_mesh_log_format_t *format, ngx_pool_t *pool,
    ngx_keyval_t *members, ngx_uint_t n, ngx_uint_t *wrong, ngx_str_t *error)
{
    ngx_int_t               rc;
    ngx_uint_t              i, k, first;
    ngx_mesh_log_compile_t  lc;

    if (ngx_mesh_log_start(&lc, pool, error) != NGX_OK) {
        return NGX_ERROR;
    }

    first = 1;

    for (i = 0; i < n; i++) {
        *wrong = i;

        for (k = i + 1; k < n; k++) {
            if (ngx_mesh_log_equal(&members[k].key, &members[i].key)) {
                break;
            }
        }

        if (k < n) {
            continue;
        }

        rc = ngx_mesh_log_member(&lc, &members[i], first);
        if (rc != NGX_OK) {
            return rc;
        }

        first = 0;
    }

    if (ngx_mesh_log_literal(&lc, (u_char *) (first ? "{}\n" : "}\n"),
                             first ? 3 : 2, NGX_MESH_LOG_TEXT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_mesh_log_end(&lc, format);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_log_start(ngx_mesh_log_compile_t *lc, ngx_pool_t *pool,
    ngx_str_t *error)
{
    lc->pool = pool;
    lc->error = error;

    if (ngx_array_init(&lc->names, pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_array_init(&lc->ops, pool, 32, sizeof(ngx_mesh_log_op_t));
}


static void
ngx_mesh_log_end(ngx_mesh_log_compile_t *lc, ngx_mesh_log_format_t *format)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    format->ops = lc->ops.elts;
    format->nops = lc->ops.nelts;
    format->names = lc->names.elts;
    format->nnames = lc->names.nelts;
    format->mask = 0;
    format->attempts = 0;

    for (i = 0; i < format->nops; i++) {
        if (ngx_mesh_log_is_attempt(format->ops[i].value.op)) {
            format->attempts = 1;
        }
    }

    name = format->names;

    for (i = 0; i < format->nnames; i++) {
        if (name[i].len) {
            format->mask |= ngx_mesh_log_name_bit(name[i].data, name[i].len);
        }
    }
}


/*
 * A value that is one operator keeps its type: a number is a number, what is
 * missing is null.  Anything else becomes a string.
 */

static ngx_int_t
ngx_mesh_log_member(ngx_mesh_log_compile_t *lc, ngx_keyval_t *member,
    ngx_uint_t first)
{
    ngx_int_t   rc;
    ngx_uint_t  single;

    single = ngx_mesh_log_is_single(&member->value);

    if (ngx_mesh_log_literal(lc, (u_char *) (first ? "{\"" : ",\""), 2,
                             NGX_MESH_LOG_TEXT)
        != NGX_OK
        || ngx_mesh_log_literal(lc, member->key.data, member->key.len,
                                NGX_MESH_LOG_STRING)
           != NGX_OK
        || ngx_mesh_log_literal(lc, (u_char *) "\":\"", single ? 2 : 3,
                                NGX_MESH_LOG_TEXT)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_log_parse(lc, &member->value,
                            single ? NGX_MESH_LOG_JSON : NGX_MESH_LOG_STRING);

    if (rc != NGX_OK || single) {
        return rc;
    }

    return ngx_mesh_log_literal(lc, (u_char *) "\"", 1, NGX_MESH_LOG_TEXT);
}


/* what is wrong is found when it is parsed */

static ngx_uint_t
ngx_mesh_log_is_single(ngx_str_t *text)
{
    size_t                  at;
    ngx_str_t               error;
    ngx_mesh_log_command_t  cmd;
    ngx_mesh_log_compile_t  lc;

    if (text->len < 2 || text->data[0] != '%' || text->data[1] == '%') {
        return 0;
    }

    at = 0;
    lc.pool = NULL;
    lc.error = &error;

    return ngx_mesh_log_command(&lc, text, &at, &cmd) == NGX_OK
           && at == text->len;
}


static ngx_int_t
ngx_mesh_log_parse(ngx_mesh_log_compile_t *lc, ngx_str_t *text,
    ngx_mesh_log_style_e style)
{
    u_char                  *p, *last;
    size_t                   at;
    ngx_int_t                rc;
    ngx_mesh_log_op_t       *op;
    ngx_mesh_log_command_t   cmd;

    at = 0;

    while (at < text->len) {

        p = text->data + at;
        last = ngx_strlchr(p, text->data + text->len, '%');

        if (last == NULL) {
            last = text->data + text->len;

        } else if (last + 1 < text->data + text->len && last[1] == '%') {

            /* "%%" is a percent sign */

            rc = ngx_mesh_log_literal(lc, p, last + 1 - p, style);
            if (rc != NGX_OK) {
                return rc;
            }

            at = last + 2 - text->data;
            continue;
        }

        if (last != p) {
            rc = ngx_mesh_log_literal(lc, p, last - p, style);
            if (rc != NGX_OK) {
                return rc;
            }

            at = last - text->data;
            continue;
        }

        rc = ngx_mesh_log_command(lc, text, &at, &cmd);
        if (rc != NGX_OK) {
            return rc;
        }

        op = ngx_mesh_log_open(lc);
        if (op == NULL) {
            return NGX_ERROR;
        }

        op->style = style;

        rc = ngx_mesh_log_operator(lc, &cmd, op);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* %NAME%, %NAME(ARGS)%, %NAME(ARGS):LENGTH%, at the "%" */

static ngx_int_t
ngx_mesh_log_command(ngx_mesh_log_compile_t *lc, ngx_str_t *text, size_t *at,
    ngx_mesh_log_command_t *cmd)
{
    size_t  i;

    ngx_memzero(cmd, sizeof(ngx_mesh_log_command_t));

    cmd->offset = *at;
    cmd->name.data = text->data + *at + 1;

    for (i = *at + 1; i < text->len; i++) {
        if (!(text->data[i] >= 'A' && text->data[i] <= 'Z')
            && !(text->data[i] >= '0' && text->data[i] <= '9')
            && text->data[i] != '_')
        {
            break;
        }
    }

    cmd->name.len = text->data + i - cmd->name.data;

    if (cmd->name.len == 0) {
        return ngx_mesh_log_wrong(lc, "\"%%\" at offset %uz begins no "
                                  "operator, write \"%%%%\" for the sign",
                                  cmd->offset);
    }

    if (i < text->len && text->data[i] == '('
        && !ngx_mesh_log_command_args(text, &i, cmd))
    {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz has no "
                                  "end, \")%%\" is missing", &cmd->name,
                                  cmd->offset);
    }

    if (i < text->len && text->data[i] == ':'
        && !ngx_mesh_log_command_length(text, &i, cmd))
    {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz has an "
                                  "invalid length", &cmd->name, cmd->offset);
    }

    if (i == text->len || text->data[i] != '%') {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz has no "
                                  "end, \"%%\" is missing", &cmd->name,
                                  cmd->offset);
    }

    *at = i + 1;

    return NGX_OK;
}


/*
 * Arguments may hold "%" and ")": they end where "%" or ":LENGTH%" follows,
 * the first time.
 */

static ngx_uint_t
ngx_mesh_log_command_args(ngx_str_t *text, size_t *at,
    ngx_mesh_log_command_t *cmd)
{
    size_t                  i, k;
    ngx_mesh_log_command_t  scratch;

    for (i = *at + 1; i < text->len && text->data[i] != '\n'; i++) {

        if (text->data[i] != ')') {
            continue;
        }

        k = i + 1;

        if (k < text->len && text->data[k] == ':'
            && !ngx_mesh_log_command_length(text, &k, &scratch))
        {
            continue;
        }

        if (k < text->len && text->data[k] == '%') {
            cmd->has_args = 1;
            cmd->args.data = text->data + *at + 1;
            cmd->args.len = i - *at - 1;

            *at = i + 1;
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_mesh_log_command_length(ngx_str_t *text, size_t *at,
    ngx_mesh_log_command_t *cmd)
{
    size_t     i;
    ngx_int_t  n;

    for (i = *at + 1; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            break;
        }
    }

    n = ngx_atoi(text->data + *at + 1, i - *at - 1);

    if (n == NGX_ERROR) {
        return 0;
    }

    cmd->has_length = 1;
    cmd->length = n;
    *at = i;

    return 1;
}


static ngx_int_t
ngx_mesh_log_operator(ngx_mesh_log_compile_t *lc, ngx_mesh_log_command_t *cmd,
    ngx_mesh_log_op_t *op)
{
    ngx_int_t                 rc;
    ngx_mesh_log_operator_t  *o;

    for (o = ngx_mesh_log_operators; o->name.len; o++) {
        if (o->name.len == cmd->name.len
            && ngx_memcmp(o->name.data, cmd->name.data, o->name.len) == 0)
        {
            break;
        }
    }

    if (o->name.len == 0) {
        return ngx_mesh_log_wrong(lc, "unknown operator \"%V\" at offset %uz",
                                  &cmd->name, cmd->offset);
    }

    rc = ngx_mesh_log_operator_check(lc, o, cmd);
    if (rc != NGX_OK) {
        return rc;
    }

    op->value.op = o->op;

    op->length = cmd->has_length ? cmd->length : NGX_MAX_SIZE_T_VALUE;

    if (o->flags & NGX_MESH_LOG_HEADER) {
        return ngx_mesh_log_headers(lc, cmd, op);
    }

    switch (o->op) {

    case NGX_MESH_LOG_START_TIME:
    case NGX_MESH_LOG_PEER_CERT_START:
    case NGX_MESH_LOG_PEER_CERT_END:
        return ngx_mesh_log_start_time(lc, cmd, op);

    case NGX_MESH_LOG_GRPC_STATUS:
        return ngx_mesh_log_grpc(lc, cmd, op);

    case NGX_MESH_LOG_TLS:
        op->value.text.data = (u_char *) o->variable;
        op->value.text.len = ngx_strlen(o->variable);
        return NGX_OK;

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_mesh_log_operator_check(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_operator_t *o, ngx_mesh_log_command_t *cmd)
{
    if ((o->flags & (NGX_MESH_LOG_HEADER|NGX_MESH_LOG_ARGS))
        && cmd->args.len == 0)
    {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz needs a "
                                  "name in parentheses", &o->name,
                                  cmd->offset);
    }

    if ((o->flags & (NGX_MESH_LOG_HEADER|NGX_MESH_LOG_ARGS
                     |NGX_MESH_LOG_MAY_ARGS))
        == 0
        && cmd->has_args)
    {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz takes "
                                  "nothing in parentheses", &o->name,
                                  cmd->offset);
    }

    if ((o->flags & NGX_MESH_LOG_LENGTH) == 0 && cmd->has_length) {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz takes no "
                                  "length", &o->name, cmd->offset);
    }

    return NGX_OK;
}


/* NAME, or NAME?ALTERNATIVE */

static ngx_int_t
ngx_mesh_log_headers(ngx_mesh_log_compile_t *lc, ngx_mesh_log_command_t *cmd,
    ngx_mesh_log_op_t *op)
{
    u_char             *mark;
    ngx_int_t           rc;
    ngx_str_t           name;
    ngx_mesh_log_op_e   kind;

    kind = op->value.op;
    name = cmd->args;
    mark = ngx_strlchr(name.data, name.data + name.len, '?');

    if (mark) {
        name.len = mark - name.data;
    }

    rc = ngx_mesh_log_header(lc, cmd, &name, kind, &op->value);

    if (rc != NGX_OK || mark == NULL) {
        return rc;
    }

    name.data = mark + 1;
    name.len = cmd->args.data + cmd->args.len - name.data;

    if (ngx_strlchr(name.data, name.data + name.len, '?')) {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz has more "
                                  "than one alternative", &cmd->name,
                                  cmd->offset);
    }

    return ngx_mesh_log_header(lc, cmd, &name, kind, &op->other);
}


static ngx_int_t
ngx_mesh_log_header(ngx_mesh_log_compile_t *lc, ngx_mesh_log_command_t *cmd,
    ngx_str_t *name, ngx_mesh_log_op_e kind, ngx_mesh_log_operand_t *operand)
{
    size_t      i;
    u_char      c;
    ngx_str_t  *dst;

    dst = &operand->text;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        /* field names are tokens (RFC 9110), those of HTTP/2 may have ":" */

        if (c <= ' ' || c >= 0x7f || ngx_strchr("\"(),/;<=>?@[\\]{}", c)
            || (c == ':' && i))
        {
            return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz "
                                      "names a header that cannot be",
                                      &cmd->name, cmd->offset);
        }
    }

    if (ngx_mesh_log_copy(lc->pool, dst, name) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_strlow(dst->data, dst->data, dst->len);

    operand->op = ngx_mesh_log_pseudo(dst, kind);

    if (operand->op == NGX_MESH_LOG_REQ
        || operand->op == NGX_MESH_LOG_REQ_WITHOUT_QUERY)
    {
        return ngx_mesh_log_slot(lc, operand);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_log_slot(ngx_mesh_log_compile_t *lc, ngx_mesh_log_operand_t *operand)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = lc->names.elts;

    for (i = 0; i < lc->names.nelts; i++) {
        if (ngx_mesh_log_equal(&name[i], &operand->text)) {
            operand->slot = i;
            return NGX_OK;
        }
    }

    name = ngx_array_push(&lc->names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *name = operand->text;
    operand->slot = i;

    return NGX_OK;
}


static ngx_mesh_log_op_e
ngx_mesh_log_pseudo(ngx_str_t *name, ngx_mesh_log_op_e kind)
{
    ngx_uint_t  i;

    static struct {
        ngx_mesh_log_op_e  kind;
        ngx_str_t          name;
        ngx_mesh_log_op_e  op;
    } pseudo[] = {
        { NGX_MESH_LOG_REQ, ngx_string(":method"), NGX_MESH_LOG_METHOD },
        { NGX_MESH_LOG_REQ, ngx_string(":path"), NGX_MESH_LOG_PATH },
        { NGX_MESH_LOG_REQ_WITHOUT_QUERY, ngx_string(":path"),
          NGX_MESH_LOG_PATH_WITHOUT_QUERY },
        { NGX_MESH_LOG_REQ_WITHOUT_QUERY, ngx_string(":method"),
          NGX_MESH_LOG_METHOD },
        { NGX_MESH_LOG_REQ, ngx_string(":authority"),
          NGX_MESH_LOG_AUTHORITY },
        { NGX_MESH_LOG_REQ, ngx_string("host"), NGX_MESH_LOG_AUTHORITY },
        { NGX_MESH_LOG_REQ_WITHOUT_QUERY, ngx_string(":authority"),
          NGX_MESH_LOG_AUTHORITY },
        { NGX_MESH_LOG_REQ_WITHOUT_QUERY, ngx_string("host"),
          NGX_MESH_LOG_AUTHORITY },
        { NGX_MESH_LOG_REQ, ngx_string(":scheme"), NGX_MESH_LOG_SCHEME },
        { NGX_MESH_LOG_REQ_WITHOUT_QUERY, ngx_string(":scheme"),
          NGX_MESH_LOG_SCHEME },
        { NGX_MESH_LOG_REQ, ngx_string("x-request-id"),
          NGX_MESH_LOG_REQUEST_ID },
        { NGX_MESH_LOG_REQ, ngx_string("user-agent"),
          NGX_MESH_LOG_USER_AGENT },
        { NGX_MESH_LOG_REQ, ngx_string("x-forwarded-for"),
          NGX_MESH_LOG_FORWARDED_FOR },
        { NGX_MESH_LOG_RESP, ngx_string(":status"), NGX_MESH_LOG_STATUS },
        { NGX_MESH_LOG_RESP, ngx_string("x-envoy-upstream-service-time"),
          NGX_MESH_LOG_SERVICE_TIME },
        { NGX_MESH_LOG_LITERAL, ngx_null_string, NGX_MESH_LOG_LITERAL }
    };

    for (i = 0; pseudo[i].name.len; i++) {
        if (pseudo[i].kind == kind
            && ngx_mesh_log_equal(&pseudo[i].name, name))
        {
            return pseudo[i].op;
        }
    }

    return kind;
}


static ngx_uint_t
ngx_mesh_log_equal(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && ngx_memcmp(one->data, two->data, one->len) == 0;
}


static ngx_int_t
ngx_mesh_log_start_time(ngx_mesh_log_compile_t *lc,
    ngx_mesh_log_command_t *cmd, ngx_mesh_log_op_t *op)
{
    const char  *wrong;

    if (cmd->args.len == 0) {
        return NGX_OK;
    }

    wrong = ngx_mesh_log_time_check(&cmd->args);

    if (wrong) {
        return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz has %s",
                                  &cmd->name, cmd->offset, wrong);
    }

    return ngx_mesh_log_copy(lc->pool, &op->value.text, &cmd->args);
}


static ngx_int_t
ngx_mesh_log_grpc(ngx_mesh_log_compile_t *lc, ngx_mesh_log_command_t *cmd,
    ngx_mesh_log_op_t *op)
{
    ngx_uint_t  i;

    static struct {
        ngx_str_t          name;
        ngx_mesh_log_op_e  op;
    } kinds[] = {
        { ngx_string(""), NGX_MESH_LOG_GRPC_STATUS },
        { ngx_string("CAMEL_STRING"), NGX_MESH_LOG_GRPC_STATUS },
        { ngx_string("SNAKE_STRING"), NGX_MESH_LOG_GRPC_STATUS_SNAKE },
        { ngx_string("NUMBER"), NGX_MESH_LOG_GRPC_STATUS_NUMBER }
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (cmd->args.len == kinds[i].name.len
            && ngx_strncmp(cmd->args.data, kinds[i].name.data, cmd->args.len)
               == 0)
        {
            op->value.op = kinds[i].op;
            return NGX_OK;
        }
    }

    return ngx_mesh_log_wrong(lc, "operator \"%V\" at offset %uz takes "
                              "CAMEL_STRING, SNAKE_STRING or NUMBER",
                              &cmd->name, cmd->offset);
}


/* the last operation while it has no value, otherwise a new one */

static ngx_mesh_log_op_t *
ngx_mesh_log_open(ngx_mesh_log_compile_t *lc)
{
    ngx_mesh_log_op_t  *op;

    if (lc->ops.nelts) {
        op = (ngx_mesh_log_op_t *) lc->ops.elts + lc->ops.nelts - 1;

        if (op->value.op == NGX_MESH_LOG_LITERAL) {
            return op;
        }
    }

    op = ngx_array_push(&lc->ops);

    if (op) {
        ngx_memzero(op, sizeof(ngx_mesh_log_op_t));
    }

    return op;
}


/* joins a literal that follows another one, in one style or escaped */

static ngx_int_t
ngx_mesh_log_literal(ngx_mesh_log_compile_t *lc, u_char *data, size_t len,
    ngx_mesh_log_style_e style)
{
    u_char             *p;
    size_t              size, whole;
    ngx_str_t          *text;
    uintptr_t           escape;
    ngx_mesh_log_op_t  *op;

    escape = (style == NGX_MESH_LOG_TEXT)
             ? 0 : ngx_escape_json(NULL, data, len);
    size = len + escape;

    op = ngx_mesh_log_open(lc);
    if (op == NULL) {
        return NGX_ERROR;
    }

    text = &op->before;
    whole = ngx_align(text->len + size, NGX_MESH_LOG_STEP);

    p = ngx_pcalloc(lc->pool, whole);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);

    if (escape) {
        ngx_escape_json(p + text->len, data, len);

    } else {
        ngx_memcpy(p + text->len, data, len);
    }

    text->data = p;
    text->len += size;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_log_copy(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = ngx_pnalloc(pool, src->len);

    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, src->data, src->len);

    return NGX_OK;
}


/* without a pool nobody wants to know */

static ngx_int_t
ngx_mesh_log_wrong(ngx_mesh_log_compile_t *lc, const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    if (lc->pool == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(lc->pool, NGX_MESH_LOG_ERROR_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    va_start(args, fmt);
    last = ngx_vslprintf(p, p + NGX_MESH_LOG_ERROR_LEN, fmt, args);
    va_end(args);

    lc->error->data = p;
    lc->error->len = last - p;

    return NGX_DECLINED;
}
