
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The statistics: names, kinds, and what they mean here.  Every output is made
 * of this table, and so is the list in docs/metrics.md.  A statistic that Envoy
 * has keeps its name only where it means the same.  Within a set they are in
 * the order of their text names.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats.h"


#define C  NGX_MESH_STATS_COUNTER
#define G  NGX_MESH_STATS_GAUGE
#define H  NGX_MESH_STATS_HISTOGRAM

#define ngx_mesh_stats_null  { 0, 0, NULL, NULL, NULL, NULL }


static ngx_mesh_stat_t  ngx_mesh_stats_appmesh[] = {

    { NGX_MESH_STATS_CX_ACTIVE, G, "ActiveConnectionCount", NULL, NULL,
      "Connections of clients to the node that are open" },

    { NGX_MESH_STATS_GRPC_REQUESTS, C, "GrpcRequestCount", NULL, NULL,
      "gRPC requests to the node" },

    { NGX_MESH_STATS_CX_NEW, C, "NewConnectionCount", NULL, NULL,
      "Connections of clients to the node" },

    { NGX_MESH_STATS_BYTES, C, "ProcessedBytes", NULL, NULL,
      "Bytes exchanged with clients of the node, both ways" },

    { NGX_MESH_STATS_REQUESTS, C, "RequestCount", NULL, NULL,
      "Requests to the node" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_appmesh_target[] = {

    { NGX_MESH_TARGET_RQ_2XX, C, "HTTPCode_Target_2XX_Count", NULL, NULL,
      "Requests that a target answered with 2xx" },

    { NGX_MESH_TARGET_RQ_3XX, C, "HTTPCode_Target_3XX_Count", NULL, NULL,
      "Requests that a target answered with 3xx" },

    { NGX_MESH_TARGET_RQ_4XX, C, "HTTPCode_Target_4XX_Count", NULL, NULL,
      "Requests that a target answered with 4xx" },

    { NGX_MESH_TARGET_RQ_5XX, C, "HTTPCode_Target_5XX_Count", NULL, NULL,
      "Requests that a target answered with 5xx" },

    { NGX_MESH_TARGET_RQ_TOTAL, C, "RequestCountPerTarget", NULL, NULL,
      "Requests sent to a target" },

    { NGX_MESH_TARGET_BYTES, C, "TargetProcessedBytes", NULL, NULL,
      "Bytes exchanged with a target, both ways" },

    { NGX_MESH_TARGET_RQ_TIME, H, "TargetResponseTime", NULL, NULL,
      "From sending a request to the end of its answer, ms" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_cluster[] = {

    { NGX_MESH_STATS_CX_OPEN, G, "circuit_breakers.default.cx_open", NULL, NULL,
      "Whether maxConnections of the listener is reached" },

    { NGX_MESH_STATS_RQ_OPEN, G, "circuit_breakers.default.rq_open", NULL, NULL,
      "Whether maxRequests of the listener is reached" },

    { NGX_MESH_STATS_PENDING_OPEN, G,
      "circuit_breakers.default.rq_pending_open", NULL, NULL,
      "Whether maxPendingRequests of the listener is reached" },

    { NGX_MESH_CLUSTER_HC_ATTEMPT, C, "health_check.attempt", NULL, NULL,
      "Health checks" },

    { NGX_MESH_CLUSTER_HC_FAILURE, C, "health_check.failure", NULL, NULL,
      "Health checks that failed" },

    { NGX_MESH_CLUSTER_HC_SUCCESS, C, "health_check.success", NULL, NULL,
      "Health checks that succeeded" },

    { NGX_MESH_CLUSTER_LB_PANIC, C, "lb_healthy_panic", NULL, NULL,
      "Attempts for which unhealthy endpoints counted as healthy, too few "
      "being so" },

    { NGX_MESH_STATS_MEMBERSHIP_HEALTHY, G, "membership_healthy", NULL, NULL,
      "Endpoints that may be used" },

    { NGX_MESH_STATS_MEMBERSHIP_TOTAL, G, "membership_total", NULL, NULL,
      "Endpoints" },

    { NGX_MESH_STATS_EJECTIONS_ACTIVE, G,
      "outlier_detection.ejections_active", NULL, NULL,
      "Endpoints that are ejected" },

    { NGX_MESH_CLUSTER_EJECTIONS, C,
      "outlier_detection.ejections_enforced_total", NULL, NULL,
      "Ejections" },

    { NGX_MESH_CLUSTER_CX_ACTIVE, G, "upstream_cx_active", NULL, NULL,
      "Connections in use" },

    { NGX_MESH_CLUSTER_CX_CONNECT_FAIL, C, "upstream_cx_connect_fail", NULL,
      NULL, "Connections that could not be established" },

    { NGX_MESH_CLUSTER_CX_CONNECT_TIMEOUT, C, "upstream_cx_connect_timeout",
      NULL, NULL, "Connections that were not established in time" },

    { NGX_MESH_CLUSTER_NONE_HEALTHY, C, "upstream_cx_none_healthy", NULL, NULL,
      "Requests that found no endpoint" },

    { NGX_MESH_CLUSTER_CX_RX_BYTES, C, "upstream_cx_rx_bytes_total", NULL, NULL,
      "Bytes received" },

    { NGX_MESH_CLUSTER_CX_TOTAL, C, "upstream_cx_total", NULL, NULL,
      "Connections opened" },

    { NGX_MESH_CLUSTER_CX_TX_BYTES, C, "upstream_cx_tx_bytes_total", NULL, NULL,
      "Bytes sent" },

    { NGX_MESH_CLUSTER_RQ_1XX, C, "upstream_rq_xx", "upstream_rq_1xx", "1",
      "Answers by the class of their status" },

    { NGX_MESH_CLUSTER_RQ_2XX, C, "upstream_rq_xx", "upstream_rq_2xx", "2",
      "Answers by the class of their status" },

    { NGX_MESH_CLUSTER_RQ_3XX, C, "upstream_rq_xx", "upstream_rq_3xx", "3",
      "Answers by the class of their status" },

    { NGX_MESH_CLUSTER_RQ_4XX, C, "upstream_rq_xx", "upstream_rq_4xx", "4",
      "Answers by the class of their status" },

    { NGX_MESH_CLUSTER_RQ_5XX, C, "upstream_rq_xx", "upstream_rq_5xx", "5",
      "Answers by the class of their status" },

    { NGX_MESH_CLUSTER_RQ_ACTIVE, G, "upstream_rq_active", NULL, NULL,
      "Attempts under way" },

    { NGX_MESH_CLUSTER_RQ_CANCELLED, C, "upstream_rq_cancelled", NULL, NULL,
      "Attempts whose client went away" },

    { NGX_MESH_CLUSTER_RQ_PENDING_ACTIVE, G, "upstream_rq_pending_active", NULL,
      NULL, "Requests that wait for a place in the connection pool" },

    { NGX_MESH_CLUSTER_RQ_PENDING_OVERFLOW, C, "upstream_rq_pending_overflow",
      NULL, NULL, "Requests refused since the connection pool was full" },

    { NGX_MESH_CLUSTER_RQ_PENDING_TOTAL, C, "upstream_rq_pending_total", NULL,
      NULL, "Requests that had to wait for a place in the connection pool" },

    { NGX_MESH_CLUSTER_RQ_PER_TRY_TIMEOUT, C, "upstream_rq_per_try_timeout",
      NULL, NULL, "Attempts that took longer than perRetryTimeout" },

    { NGX_MESH_CLUSTER_RQ_RETRY, C, "upstream_rq_retry", NULL, NULL,
      "Attempts beyond the first of a request" },

    { NGX_MESH_CLUSTER_RQ_RETRY_LIMIT, C, "upstream_rq_retry_limit_exceeded",
      NULL, NULL, "Requests not tried again: no retries were left" },

    { NGX_MESH_CLUSTER_RQ_RETRY_OVERFLOW, C, "upstream_rq_retry_overflow", NULL,
      NULL, "Requests not tried again: the budget was spent" },

    { NGX_MESH_CLUSTER_RQ_RETRY_SUCCESS, C, "upstream_rq_retry_success", NULL,
      NULL, "Retries that succeeded" },

    { NGX_MESH_CLUSTER_RQ_RX_RESET, C, "upstream_rq_rx_reset", NULL, NULL,
      "Attempts that got no answer, or not all of it" },

    { NGX_MESH_CLUSTER_RQ_TIME, H, "upstream_rq_time", NULL, NULL,
      "From sending a request to the end of its answer, ms" },

    { NGX_MESH_CLUSTER_RQ_TIMEOUT, C, "upstream_rq_timeout", NULL, NULL,
      "Requests that took longer than their timeout" },

    { NGX_MESH_CLUSTER_RQ_TOTAL, C, "upstream_rq_total", NULL, NULL,
      "Attempts that had a connection" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_cluster_manager[] = {

    { NGX_MESH_STATS_CLUSTERS, G, "active_clusters", NULL, NULL,
      "Clusters of the document in force" },

    { NGX_MESH_STATS_REJECTED, C, "cds.update_rejected", NULL, NULL,
      "Documents that were refused" },

    { NGX_MESH_STATS_APPLIED, C, "cds.update_success", NULL, NULL,
      "Documents that came into force" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_control_plane[] = {

    { NGX_MESH_STATS_CONNECTED, G, "connected_state", NULL, NULL,
      "Whether the control plane answers" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_http[] = {

    { NGX_MESH_HTTP_RX_BYTES, C, "downstream_cx_rx_bytes_total", NULL, NULL,
      "Bytes received from clients" },

    { NGX_MESH_HTTP_TX_BYTES, C, "downstream_cx_tx_bytes_total", NULL, NULL,
      "Bytes sent to clients" },

    { NGX_MESH_HTTP_RQ_1XX, C, "downstream_rq_xx", "downstream_rq_1xx", "1",
      "Answers to clients by the class of their status" },

    { NGX_MESH_HTTP_RQ_2XX, C, "downstream_rq_xx", "downstream_rq_2xx", "2",
      "Answers to clients by the class of their status" },

    { NGX_MESH_HTTP_RQ_3XX, C, "downstream_rq_xx", "downstream_rq_3xx", "3",
      "Answers to clients by the class of their status" },

    { NGX_MESH_HTTP_RQ_4XX, C, "downstream_rq_xx", "downstream_rq_4xx", "4",
      "Answers to clients by the class of their status" },

    { NGX_MESH_HTTP_RQ_5XX, C, "downstream_rq_xx", "downstream_rq_5xx", "5",
      "Answers to clients by the class of their status" },

    { NGX_MESH_HTTP_RQ_ACTIVE, G, "downstream_rq_active", NULL, NULL,
      "Requests under way" },

    { NGX_MESH_HTTP_RQ_RESET, C, "downstream_rq_rx_reset", NULL, NULL,
      "Requests whose client went away" },

    { NGX_MESH_HTTP_RQ_TIME, H, "downstream_rq_time", NULL, NULL,
      "From the first byte of a request to the last of its answer, ms" },

    { NGX_MESH_HTTP_RQ_TOTAL, C, "downstream_rq_total", NULL, NULL,
      "Requests" },

    { NGX_MESH_HTTP_NO_ROUTE, C, "no_route", NULL, NULL,
      "Requests that no route matched" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_listener[] = {

    { NGX_MESH_LISTENER_CX_ACTIVE, G, "downstream_cx_active", NULL, NULL,
      "Connections that are open and sent a request" },

    { NGX_MESH_LISTENER_CX_LENGTH, H, "downstream_cx_length_ms", NULL, NULL,
      "How long connections last, ms" },

    { NGX_MESH_LISTENER_CX_TOTAL, C, "downstream_cx_total", NULL, NULL,
      "Connections that sent a request" },

    { NGX_MESH_LISTENER_SSL_HANDSHAKE, C, "ssl.handshake", NULL, NULL,
      "TLS handshakes" },

    { NGX_MESH_LISTENER_SSL_REUSED, C, "ssl.session_reused", NULL, NULL,
      "TLS handshakes that resumed a session" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_listener_manager[] = {

    { NGX_MESH_STATS_REJECTED, C, "lds.update_rejected", NULL, NULL,
      "Documents that were refused" },

    { NGX_MESH_STATS_APPLIED, C, "lds.update_success", NULL, NULL,
      "Documents that came into force" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_info[] = {

    { NGX_MESH_STATS_ONE, G, "info", NULL, NULL,
      "1, what it is about being in the labels" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_own[] = {

    { NGX_MESH_STATS_AGE, G, "config_age_seconds", NULL, NULL,
      "How long the document has been in force" },

    { NGX_MESH_STATS_APPLIED_TIME, G, "config_applied_timestamp_seconds", NULL,
      NULL, "When the document came into force" },

    { NGX_MESH_STATS_APPLIED, C, "config_applied_total", NULL, NULL,
      "Documents that came into force" },

    { NGX_MESH_STATS_DOCUMENT_BYTES, G, "config_document_bytes", NULL, NULL,
      "Size of the document in force" },

    { NGX_MESH_STATS_LAST_KNOWN_GOOD, G, "config_last_known_good", NULL, NULL,
      "Whether the document in force is the last-known-good file" },

    { NGX_MESH_STATS_REJECTED, C, "config_rejections_total", NULL, NULL,
      "Documents that were refused" },

    { NGX_MESH_STATS_CONTACT_AGE, G, "control_plane_contact_age_seconds", NULL,
      NULL, "How long the last answer of the control plane is ago" },

    { NGX_MESH_STATS_FAILING, G, "control_plane_failing_seconds", NULL, NULL,
      "For how long the control plane, or the file, has failed; 0: it has "
      "not" },

    { NGX_MESH_SERVER_DRAINS, C, "drains_total", NULL, NULL,
      "Requests to drain the listeners" },

    { NGX_MESH_SERVER_EJECTIONS, C, "ejections_total", NULL, NULL,
      "Ejections of all clusters" },

    { NGX_MESH_SERVER_EMF_DROPPED, C, "emf_dropped_total", NULL, NULL,
      "Documents for CloudWatch that nobody took; their counts go into the "
      "next ones" },

    { NGX_MESH_STATS_ENDPOINTS, G, "endpoints", NULL, NULL,
      "Endpoints of all clusters" },

    { NGX_MESH_SERVER_LOG_DROPPED, C, "log_dropped_total", NULL, NULL,
      "Lines of access logs that were lost" },

    { NGX_MESH_SERVER_LOG_WRITTEN, C, "log_written_total", NULL, NULL,
      "Lines of access logs" },

    { NGX_MESH_SERVER_STATSD_DROPPED, C, "statsd_dropped_total", NULL, NULL,
      "Datagrams for StatsD that nobody took; their counts go into the next "
      "ones" },

    { NGX_MESH_SERVER_STATSD_SENT, C, "statsd_sent_total", NULL, NULL,
      "Datagrams for StatsD" },

    { NGX_MESH_SERVER_STATSD_SKIPPED, C, "statsd_skipped_total", NULL, NULL,
      "Lines for StatsD that are longer than a datagram or found no room, and "
      "are not told" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_target[] = {

    { NGX_MESH_TARGET_BYTES, C, "bytes_total", NULL, NULL,
      "Bytes exchanged with the target, both ways" },

    { NGX_MESH_TARGET_RQ_TIME, H, "request_duration_seconds", NULL, NULL,
      "From sending a request to the end of its answer" },

    { NGX_MESH_TARGET_RQ_1XX, C, "requests_total", "requests_total.1xx", "1xx",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_TARGET_RQ_2XX, C, "requests_total", "requests_total.2xx", "2xx",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_TARGET_RQ_3XX, C, "requests_total", "requests_total.3xx", "3xx",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_TARGET_RQ_4XX, C, "requests_total", "requests_total.4xx", "4xx",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_TARGET_RQ_5XX, C, "requests_total", "requests_total.5xx", "5xx",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_STATS_TARGET_NONE, C, "requests_total", "requests_total.none",
      "none",
      "Requests by the class of their status; none: there was no answer" },

    { NGX_MESH_TARGET_RETRIES, C, "retries_total", NULL, NULL,
      "Attempts beyond the first of a request" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_own_more[] = {

    { NGX_MESH_SERVER_TRACE_DROPPED, C, "trace_dropped_total", NULL, NULL,
      "Segments and spans that nobody took" },

    { NGX_MESH_SERVER_TRACE_SAMPLED, C, "trace_sampled_total", NULL, NULL,
      "Requests that were traced" },

    { NGX_MESH_SERVER_TRACE_SENT, C, "trace_sent_total", NULL, NULL,
      "Segments and spans sent" },

    { NGX_MESH_SERVER_WORKER_STARTS, C, "worker_starts_total", NULL, NULL,
      "Worker processes that were started" },

    ngx_mesh_stats_null
};


static ngx_mesh_stat_t  ngx_mesh_stats_server[] = {

    { NGX_MESH_STATS_CONCURRENCY, G, "concurrency", NULL, NULL,
      "Workers" },

    { NGX_MESH_STATS_CERT_DAYS, G, "days_until_first_cert_expiring", NULL, NULL,
      "Whole days until the first certificate expires that was loaded" },

    { NGX_MESH_STATS_LIVE, G, "live", NULL, NULL,
      "1 while there is a document in force and nothing drains" },

    { NGX_MESH_STATS_ALLOCATED, G, "memory_allocated", NULL, NULL,
      "Private memory of all processes, bytes" },

    { NGX_MESH_STATS_HEAP, G, "memory_heap_size", NULL, NULL,
      "The same, and what they share, counted once" },

    { NGX_MESH_STATS_STATE, G, "state", NULL, NULL,
      "0: live, 1: draining, 3: has no document yet" },

    { NGX_MESH_STATS_UPTIME, G, "uptime", NULL, NULL,
      "Seconds since the master started" },

    ngx_mesh_stats_null
};


ngx_mesh_stats_set_t  ngx_mesh_stats_sets[NGX_MESH_STATS_SETS] = {

    { "appmesh", "envoy", { "Mesh", "VirtualNode", NULL, NULL }, NULL,
      ngx_mesh_stats_appmesh },

    { "appmesh", "envoy",
      { "Mesh", "VirtualNode", "TargetVirtualService", "TargetVirtualNode" },
      NULL, ngx_mesh_stats_appmesh_target },

    { "cluster", "envoy", { "envoy.cluster_name", NULL, NULL, NULL },
      "envoy.response_code_class", ngx_mesh_stats_cluster },

    { "cluster_manager", "envoy", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_cluster_manager },

    { "control_plane", "envoy", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_control_plane },

    { "http", "envoy", { "envoy.http_conn_manager_prefix", NULL, NULL, NULL },
      "envoy.response_code_class", ngx_mesh_stats_http },

    { "listener", "envoy", { "envoy.listener_address", NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_listener },

    { "listener_manager", "envoy", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_listener_manager },

    { "nginx_mesh.build", "", { "version", "nginx", NULL, NULL }, NULL,
      ngx_mesh_stats_info },

    { "nginx_mesh.config", "", { "source", "version", NULL, NULL }, NULL,
      ngx_mesh_stats_info },

    { "nginx_mesh", "", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_own },

    { "nginx_mesh.target", "",
      { "virtual_service", "virtual_node", "virtual_router", "route" },
      "code_class", ngx_mesh_stats_target },

    { "nginx_mesh", "", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_own_more },

    { "server", "envoy", { NULL, NULL, NULL, NULL }, NULL,
      ngx_mesh_stats_server }
};
