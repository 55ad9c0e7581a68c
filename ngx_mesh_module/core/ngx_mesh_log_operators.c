
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Envoy's command operators, those of 1.29, with which App Mesh ended.  Some
 * have no meaning in nginx, or none that it can tell; they are known all the
 * same and are missing in every line, so that a format keeps working.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_log_operators.h"


ngx_str_t  ngx_mesh_log_format_default = ngx_string(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% "
    "%PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% "
    "%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" "
    "\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n");


#define ngx_mesh_log_plain(name, op)                                          \
    { ngx_string(name), NGX_MESH_LOG_##op, NGX_MESH_LOG_NO_ARGS, NULL }

#define ngx_mesh_log_with(name, op, flags)                                    \
    { ngx_string(name), NGX_MESH_LOG_##op, flags, NULL }

#define ngx_mesh_log_tls(name, variable)                                      \
    { ngx_string(name), NGX_MESH_LOG_TLS, NGX_MESH_LOG_NO_ARGS, variable }


ngx_mesh_log_operator_t  ngx_mesh_log_operators[] = {

    ngx_mesh_log_with("START_TIME", START_TIME, NGX_MESH_LOG_MAY_ARGS),

    ngx_mesh_log_with("REQ", REQ, NGX_MESH_LOG_HEADER|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("REQ_WITHOUT_QUERY", REQ_WITHOUT_QUERY,
                      NGX_MESH_LOG_HEADER|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("RESP", RESP, NGX_MESH_LOG_HEADER|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("TRAILER", TRAILER,
                      NGX_MESH_LOG_HEADER|NGX_MESH_LOG_LENGTH),

    ngx_mesh_log_plain("PROTOCOL", PROTOCOL),
    ngx_mesh_log_plain("UPSTREAM_PROTOCOL", UPSTREAM_PROTOCOL),
    ngx_mesh_log_plain("RESPONSE_CODE", RESPONSE_CODE),
    ngx_mesh_log_plain("RESPONSE_CODE_DETAILS", RESPONSE_CODE_DETAILS),
    ngx_mesh_log_plain("RESPONSE_FLAGS", RESPONSE_FLAGS),
    ngx_mesh_log_plain("RESPONSE_FLAGS_LONG", RESPONSE_FLAGS_LONG),
    ngx_mesh_log_plain("CONNECTION_TERMINATION_DETAILS", NOTHING),
    ngx_mesh_log_plain("LOCAL_REPLY_BODY", LOCAL_REPLY_BODY),
    ngx_mesh_log_with("GRPC_STATUS", GRPC_STATUS, NGX_MESH_LOG_MAY_ARGS),
    ngx_mesh_log_plain("GRPC_STATUS_NUMBER", GRPC_STATUS_NUMBER),

    ngx_mesh_log_plain("BYTES_RECEIVED", BYTES_RECEIVED),
    ngx_mesh_log_plain("BYTES_SENT", BYTES_SENT),
    ngx_mesh_log_plain("BYTES_RETRANSMITTED", NOTHING),
    ngx_mesh_log_plain("PACKETS_RETRANSMITTED", NOTHING),
    ngx_mesh_log_plain("REQUEST_HEADERS_BYTES", REQUEST_HEADERS_BYTES),
    ngx_mesh_log_plain("RESPONSE_HEADERS_BYTES", RESPONSE_HEADERS_BYTES),
    ngx_mesh_log_plain("RESPONSE_TRAILERS_BYTES", NOTHING),
    ngx_mesh_log_plain("DOWNSTREAM_WIRE_BYTES_RECEIVED",
                       DOWNSTREAM_WIRE_RECEIVED),
    ngx_mesh_log_plain("DOWNSTREAM_WIRE_BYTES_SENT", DOWNSTREAM_WIRE_SENT),
    ngx_mesh_log_plain("DOWNSTREAM_HEADER_BYTES_RECEIVED",
                       REQUEST_HEADERS_BYTES),
    ngx_mesh_log_plain("DOWNSTREAM_HEADER_BYTES_SENT",
                       RESPONSE_HEADERS_BYTES),
    ngx_mesh_log_plain("UPSTREAM_WIRE_BYTES_RECEIVED",
                       UPSTREAM_WIRE_RECEIVED),
    ngx_mesh_log_plain("UPSTREAM_WIRE_BYTES_SENT", UPSTREAM_WIRE_SENT),
    ngx_mesh_log_plain("UPSTREAM_HEADER_BYTES_RECEIVED", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_HEADER_BYTES_SENT", NOTHING),

    ngx_mesh_log_plain("DURATION", DURATION),
    ngx_mesh_log_plain("REQUEST_DURATION", REQUEST_DURATION),
    ngx_mesh_log_plain("REQUEST_TX_DURATION", NOTHING),
    ngx_mesh_log_plain("RESPONSE_DURATION", RESPONSE_DURATION),
    ngx_mesh_log_plain("RESPONSE_TX_DURATION", RESPONSE_TX_DURATION),
    ngx_mesh_log_plain("DOWNSTREAM_HANDSHAKE_DURATION", NOTHING),
    ngx_mesh_log_plain("ROUNDTRIP_DURATION", NOTHING),

    ngx_mesh_log_plain("UPSTREAM_HOST", UPSTREAM_HOST),
    ngx_mesh_log_plain("UPSTREAM_REMOTE_ADDRESS", UPSTREAM_HOST),
    ngx_mesh_log_plain("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
                       UPSTREAM_ADDRESS),
    ngx_mesh_log_plain("UPSTREAM_REMOTE_PORT", UPSTREAM_PORT),
    ngx_mesh_log_plain("UPSTREAM_CLUSTER", UPSTREAM_CLUSTER),
    ngx_mesh_log_plain("UPSTREAM_REQUEST_ATTEMPT_COUNT", UPSTREAM_ATTEMPTS),
    ngx_mesh_log_plain("UPSTREAM_CONNECTION_ID", UPSTREAM_CONNECTION_ID),
    ngx_mesh_log_plain("UPSTREAM_LOCAL_ADDRESS", UPSTREAM_LOCAL),
    ngx_mesh_log_plain("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
                       UPSTREAM_LOCAL_ADDRESS),
    ngx_mesh_log_plain("UPSTREAM_LOCAL_PORT", UPSTREAM_LOCAL_PORT),
    ngx_mesh_log_plain("UPSTREAM_TRANSPORT_FAILURE_REASON", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_TLS_CIPHER", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_TLS_VERSION", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_TLS_SESSION_ID", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_PEER_ISSUER", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_PEER_CERT", NOTHING),
    ngx_mesh_log_plain("UPSTREAM_PEER_SUBJECT", NOTHING),

    ngx_mesh_log_plain("DOWNSTREAM_REMOTE_ADDRESS", REMOTE),
    ngx_mesh_log_plain("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
                       REMOTE_ADDRESS),
    ngx_mesh_log_plain("DOWNSTREAM_REMOTE_PORT", REMOTE_PORT),
    ngx_mesh_log_plain("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", DIRECT),
    ngx_mesh_log_plain("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
                       DIRECT_ADDRESS),
    ngx_mesh_log_plain("DOWNSTREAM_DIRECT_REMOTE_PORT", DIRECT_PORT),
    ngx_mesh_log_plain("DOWNSTREAM_LOCAL_ADDRESS", LOCAL),
    ngx_mesh_log_plain("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
                       LOCAL_ADDRESS),
    ngx_mesh_log_plain("DOWNSTREAM_LOCAL_PORT", LOCAL_PORT),
    ngx_mesh_log_plain("DOWNSTREAM_TRANSPORT_FAILURE_REASON", NOTHING),
    ngx_mesh_log_plain("CONNECTION_ID", CONNECTION_ID),

    ngx_mesh_log_tls("REQUESTED_SERVER_NAME", "ssl_server_name"),
    ngx_mesh_log_tls("DOWNSTREAM_TLS_VERSION", "ssl_protocol"),
    ngx_mesh_log_tls("DOWNSTREAM_TLS_CIPHER", "ssl_cipher"),
    ngx_mesh_log_tls("DOWNSTREAM_TLS_SESSION_ID", "ssl_session_id"),
    ngx_mesh_log_tls("DOWNSTREAM_PEER_SUBJECT", "ssl_client_s_dn"),
    ngx_mesh_log_tls("DOWNSTREAM_PEER_ISSUER", "ssl_client_i_dn"),
    ngx_mesh_log_tls("DOWNSTREAM_PEER_SERIAL", "ssl_client_serial"),
    ngx_mesh_log_tls("DOWNSTREAM_PEER_FINGERPRINT_1",
                     "ssl_client_fingerprint"),
    ngx_mesh_log_tls("DOWNSTREAM_PEER_CERT", "ssl_client_escaped_cert"),
    ngx_mesh_log_plain("DOWNSTREAM_PEER_FINGERPRINT_256",
                       PEER_FINGERPRINT_256),
    ngx_mesh_log_plain("DOWNSTREAM_PEER_URI_SAN", PEER_URI_SAN),
    ngx_mesh_log_plain("DOWNSTREAM_LOCAL_URI_SAN", LOCAL_URI_SAN),
    ngx_mesh_log_plain("DOWNSTREAM_LOCAL_SUBJECT", LOCAL_SUBJECT),
    ngx_mesh_log_with("DOWNSTREAM_PEER_CERT_V_START", PEER_CERT_START,
                      NGX_MESH_LOG_MAY_ARGS),
    ngx_mesh_log_with("DOWNSTREAM_PEER_CERT_V_END", PEER_CERT_END,
                      NGX_MESH_LOG_MAY_ARGS),
    ngx_mesh_log_plain("TLS_JA3_FINGERPRINT", NOTHING),

    ngx_mesh_log_plain("ROUTE_NAME", ROUTE_NAME),
    ngx_mesh_log_plain("VIRTUAL_CLUSTER_NAME", NOTHING),
    ngx_mesh_log_plain("FILTER_CHAIN_NAME", NOTHING),
    ngx_mesh_log_plain("TRACE_ID", TRACE_ID),
    ngx_mesh_log_plain("STREAM_ID", NOTHING),
    ngx_mesh_log_plain("HOSTNAME", HOSTNAME),
    ngx_mesh_log_plain("ACCESS_LOG_TYPE", TYPE),

    ngx_mesh_log_with("DYNAMIC_METADATA", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("CLUSTER_METADATA", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("UPSTREAM_METADATA", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("FILTER_STATE", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("UPSTREAM_FILTER_STATE", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),
    ngx_mesh_log_with("ENVIRONMENT", NOTHING,
                      NGX_MESH_LOG_ARGS|NGX_MESH_LOG_LENGTH),

    { ngx_null_string, NGX_MESH_LOG_LITERAL, 0, NULL }
};
