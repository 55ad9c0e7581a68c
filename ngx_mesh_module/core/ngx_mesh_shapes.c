
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The shapes of the App Mesh API v20190125 that a spec consists of, restated
 * from the published model: a shape here has the name, the members, the bounds
 * and the order of members that it has there.  A shape comes before those that
 * use it, resource by resource.  t/e2e/model.t compares this file with the
 * model, so a slip does not stay.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shapes.h"


static ngx_uint_t ngx_mesh_test_key(ngx_str_t *value);
static ngx_uint_t ngx_mesh_test_value(ngx_str_t *value);


/* ^[a-zA-Z0-9!-~]+$: "!" to "~" holds all others */

static ngx_uint_t
ngx_mesh_test_key(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < '!' || value->data[i] > '~') {
            return 0;
        }
    }

    return value->len != 0;
}


/* the same with blanks, but not at the start; or nothing */

static ngx_uint_t
ngx_mesh_test_value(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] > '~') {
            return 0;
        }
    }

    return value->len == 0 || value->data[0] != ' ';
}


/* Names of resources */


const ngx_mesh_shape_t  ngx_mesh_shape_resource_name =
    ngx_mesh_string_of("ResourceName", 1, 255);


const ngx_mesh_shape_t  ngx_mesh_shape_arn =
    ngx_mesh_string("Arn");


/* Meshes */


static const char  *ngx_mesh_values_egress_filter_type[] = {
    "ALLOW_ALL", "DROP_ALL", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_egress_filter_type =
    ngx_mesh_enum("EgressFilterType", ngx_mesh_values_egress_filter_type);


static const ngx_mesh_member_t  ngx_mesh_members_egress_filter[] = {
    { "type", &ngx_mesh_shape_egress_filter_type, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_egress_filter =
    ngx_mesh_structure("EgressFilter", ngx_mesh_members_egress_filter);


static const char  *ngx_mesh_values_ip_preference[] = {
    "IPv6_PREFERRED", "IPv4_PREFERRED", "IPv4_ONLY", "IPv6_ONLY", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_ip_preference =
    ngx_mesh_enum("IpPreference", ngx_mesh_values_ip_preference);


static const ngx_mesh_member_t  ngx_mesh_members_mesh_service_discovery[] = {
    { "ipPreference", &ngx_mesh_shape_ip_preference, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_mesh_service_discovery =
    ngx_mesh_structure("MeshServiceDiscovery",
                       ngx_mesh_members_mesh_service_discovery);


static const ngx_mesh_member_t  ngx_mesh_members_mesh_spec[] = {
    { "egressFilter", &ngx_mesh_shape_egress_filter, 0 },
    { "serviceDiscovery", &ngx_mesh_shape_mesh_service_discovery, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_mesh_spec =
    ngx_mesh_structure("MeshSpec", ngx_mesh_members_mesh_spec);


/* Virtual nodes */


static const ngx_mesh_shape_t  ngx_mesh_shape_file_path =
    ngx_mesh_string_of("FilePath", 1, 255);


static const ngx_mesh_member_t
    ngx_mesh_members_listener_tls_file_certificate[] = {
    { "certificateChain", &ngx_mesh_shape_file_path, 1 },
    { "privateKey", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_file_certificate =
    ngx_mesh_structure("ListenerTlsFileCertificate",
                       ngx_mesh_members_listener_tls_file_certificate);


static const ngx_mesh_shape_t  ngx_mesh_shape_sds_secret_name =
    ngx_mesh_string("SdsSecretName");


static const ngx_mesh_member_t
    ngx_mesh_members_listener_tls_sds_certificate[] = {
    { "secretName", &ngx_mesh_shape_sds_secret_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_sds_certificate =
    ngx_mesh_structure("ListenerTlsSdsCertificate",
                       ngx_mesh_members_listener_tls_sds_certificate);


static const ngx_mesh_member_t  ngx_mesh_members_client_tls_certificate[] = {
    { "file", &ngx_mesh_shape_listener_tls_file_certificate, 0 },
    { "sds", &ngx_mesh_shape_listener_tls_sds_certificate, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_client_tls_certificate =
    ngx_mesh_union("ClientTlsCertificate",
                   ngx_mesh_members_client_tls_certificate);


static const ngx_mesh_shape_t  ngx_mesh_shape_boolean =
    ngx_mesh_boolean("Boolean");


static const ngx_mesh_shape_t  ngx_mesh_shape_port_number =
    ngx_mesh_integer_range("PortNumber", 1, 65535);


static const ngx_mesh_shape_t  ngx_mesh_shape_port_set =
    ngx_mesh_list("PortSet", &ngx_mesh_shape_port_number);


static const ngx_mesh_shape_t  ngx_mesh_shape_subject_alternative_name =
    ngx_mesh_string_of("SubjectAlternativeName", 1, 254);


static const ngx_mesh_shape_t  ngx_mesh_shape_subject_alternative_name_list =
    ngx_mesh_list("SubjectAlternativeNameList",
                  &ngx_mesh_shape_subject_alternative_name);


static const ngx_mesh_member_t
    ngx_mesh_members_subject_alternative_name_matchers[] = {
    { "exact", &ngx_mesh_shape_subject_alternative_name_list, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_subject_alternative_name_matchers =
    ngx_mesh_structure("SubjectAlternativeNameMatchers",
                       ngx_mesh_members_subject_alternative_name_matchers);


static const ngx_mesh_member_t
    ngx_mesh_members_subject_alternative_names[] = {
    { "match", &ngx_mesh_shape_subject_alternative_name_matchers, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_subject_alternative_names =
    ngx_mesh_structure("SubjectAlternativeNames",
                       ngx_mesh_members_subject_alternative_names);


static const ngx_mesh_shape_t  ngx_mesh_shape_certificate_authority_arns =
    ngx_mesh_bounded_list("CertificateAuthorityArns", 1, 3,
                          &ngx_mesh_shape_arn);


static const ngx_mesh_member_t
    ngx_mesh_members_tls_validation_context_acm_trust[] = {
    { "certificateAuthorityArns",
      &ngx_mesh_shape_certificate_authority_arns, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_tls_validation_context_acm_trust =
    ngx_mesh_structure("TlsValidationContextAcmTrust",
                       ngx_mesh_members_tls_validation_context_acm_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_tls_validation_context_file_trust[] = {
    { "certificateChain", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_tls_validation_context_file_trust =
    ngx_mesh_structure("TlsValidationContextFileTrust",
                       ngx_mesh_members_tls_validation_context_file_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_tls_validation_context_sds_trust[] = {
    { "secretName", &ngx_mesh_shape_sds_secret_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_tls_validation_context_sds_trust =
    ngx_mesh_structure("TlsValidationContextSdsTrust",
                       ngx_mesh_members_tls_validation_context_sds_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_tls_validation_context_trust[] = {
    { "acm", &ngx_mesh_shape_tls_validation_context_acm_trust, 0 },
    { "file", &ngx_mesh_shape_tls_validation_context_file_trust, 0 },
    { "sds", &ngx_mesh_shape_tls_validation_context_sds_trust, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tls_validation_context_trust =
    ngx_mesh_union("TlsValidationContextTrust",
                   ngx_mesh_members_tls_validation_context_trust);


static const ngx_mesh_member_t  ngx_mesh_members_tls_validation_context[] = {
    { "subjectAlternativeNames",
      &ngx_mesh_shape_subject_alternative_names, 0 },
    { "trust", &ngx_mesh_shape_tls_validation_context_trust, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tls_validation_context =
    ngx_mesh_structure("TlsValidationContext",
                       ngx_mesh_members_tls_validation_context);


static const ngx_mesh_member_t  ngx_mesh_members_client_policy_tls[] = {
    { "certificate", &ngx_mesh_shape_client_tls_certificate, 0 },
    { "enforce", &ngx_mesh_shape_boolean, 0 },
    { "ports", &ngx_mesh_shape_port_set, 0 },
    { "validation", &ngx_mesh_shape_tls_validation_context, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_client_policy_tls =
    ngx_mesh_structure("ClientPolicyTls", ngx_mesh_members_client_policy_tls);


static const ngx_mesh_member_t  ngx_mesh_members_client_policy[] = {
    { "tls", &ngx_mesh_shape_client_policy_tls, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_client_policy =
    ngx_mesh_structure("ClientPolicy", ngx_mesh_members_client_policy);


static const ngx_mesh_member_t  ngx_mesh_members_backend_defaults[] = {
    { "clientPolicy", &ngx_mesh_shape_client_policy, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_backend_defaults =
    ngx_mesh_structure("BackendDefaults", ngx_mesh_members_backend_defaults);


static const ngx_mesh_shape_t  ngx_mesh_shape_service_name =
    ngx_mesh_string("ServiceName");


static const ngx_mesh_member_t  ngx_mesh_members_virtual_service_backend[] = {
    { "clientPolicy", &ngx_mesh_shape_client_policy, 0 },
    { "virtualServiceName", &ngx_mesh_shape_service_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_service_backend =
    ngx_mesh_structure("VirtualServiceBackend",
                       ngx_mesh_members_virtual_service_backend);


static const ngx_mesh_member_t  ngx_mesh_members_backend[] = {
    { "virtualService", &ngx_mesh_shape_virtual_service_backend, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_backend =
    ngx_mesh_union("Backend", ngx_mesh_members_backend);


static const ngx_mesh_shape_t  ngx_mesh_shape_backends =
    ngx_mesh_list("Backends", &ngx_mesh_shape_backend);


static const ngx_mesh_shape_t  ngx_mesh_shape_max_requests =
    ngx_mesh_integer_from("MaxRequests", 1);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_grpc_connection_pool[] = {
    { "maxRequests", &ngx_mesh_shape_max_requests, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_node_grpc_connection_pool =
    ngx_mesh_structure("VirtualNodeGrpcConnectionPool",
                       ngx_mesh_members_virtual_node_grpc_connection_pool);


static const ngx_mesh_shape_t  ngx_mesh_shape_max_connections =
    ngx_mesh_integer_from("MaxConnections", 1);


static const ngx_mesh_shape_t  ngx_mesh_shape_max_pending_requests =
    ngx_mesh_integer_from("MaxPendingRequests", 1);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_http_connection_pool[] = {
    { "maxConnections", &ngx_mesh_shape_max_connections, 1 },
    { "maxPendingRequests", &ngx_mesh_shape_max_pending_requests, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_node_http_connection_pool =
    ngx_mesh_structure("VirtualNodeHttpConnectionPool",
                       ngx_mesh_members_virtual_node_http_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_http2_connection_pool[] = {
    { "maxRequests", &ngx_mesh_shape_max_requests, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_node_http2_connection_pool =
    ngx_mesh_structure("VirtualNodeHttp2ConnectionPool",
                       ngx_mesh_members_virtual_node_http2_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_tcp_connection_pool[] = {
    { "maxConnections", &ngx_mesh_shape_max_connections, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_node_tcp_connection_pool =
    ngx_mesh_structure("VirtualNodeTcpConnectionPool",
                       ngx_mesh_members_virtual_node_tcp_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_connection_pool[] = {
    { "grpc", &ngx_mesh_shape_virtual_node_grpc_connection_pool, 0 },
    { "http", &ngx_mesh_shape_virtual_node_http_connection_pool, 0 },
    { "http2", &ngx_mesh_shape_virtual_node_http2_connection_pool, 0 },
    { "tcp", &ngx_mesh_shape_virtual_node_tcp_connection_pool, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_node_connection_pool =
    ngx_mesh_union("VirtualNodeConnectionPool",
                   ngx_mesh_members_virtual_node_connection_pool);


static const ngx_mesh_shape_t  ngx_mesh_shape_health_check_threshold =
    ngx_mesh_integer_range("HealthCheckThreshold", 2, 10);


static const ngx_mesh_shape_t  ngx_mesh_shape_health_check_interval_millis =
    ngx_mesh_long_range("HealthCheckIntervalMillis", 5000, 300000);


static const ngx_mesh_shape_t  ngx_mesh_shape_string =
    ngx_mesh_string("String");


static const char  *ngx_mesh_values_port_protocol[] = {
    "http", "tcp", "http2", "grpc", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_port_protocol =
    ngx_mesh_enum("PortProtocol", ngx_mesh_values_port_protocol);


static const ngx_mesh_shape_t  ngx_mesh_shape_health_check_timeout_millis =
    ngx_mesh_long_range("HealthCheckTimeoutMillis", 2000, 60000);


static const ngx_mesh_member_t  ngx_mesh_members_health_check_policy[] = {
    { "healthyThreshold", &ngx_mesh_shape_health_check_threshold, 1 },
    { "intervalMillis", &ngx_mesh_shape_health_check_interval_millis, 1 },
    { "path", &ngx_mesh_shape_string, 0 },
    { "port", &ngx_mesh_shape_port_number, 0 },
    { "protocol", &ngx_mesh_shape_port_protocol, 1 },
    { "timeoutMillis", &ngx_mesh_shape_health_check_timeout_millis, 1 },
    { "unhealthyThreshold", &ngx_mesh_shape_health_check_threshold, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_health_check_policy =
    ngx_mesh_structure("HealthCheckPolicy",
                       ngx_mesh_members_health_check_policy);


static const char  *ngx_mesh_values_duration_unit[] = {
    "s", "ms", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_duration_unit =
    ngx_mesh_enum("DurationUnit", ngx_mesh_values_duration_unit);


static const ngx_mesh_shape_t  ngx_mesh_shape_duration_value =
    ngx_mesh_long_from("DurationValue", 0);


static const ngx_mesh_member_t  ngx_mesh_members_duration[] = {
    { "unit", &ngx_mesh_shape_duration_unit, 0 },
    { "value", &ngx_mesh_shape_duration_value, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_duration =
    ngx_mesh_structure("Duration", ngx_mesh_members_duration);


static const ngx_mesh_shape_t
    ngx_mesh_shape_outlier_detection_max_ejection_percent =
    ngx_mesh_integer_range("OutlierDetectionMaxEjectionPercent", 0, 100);


static const ngx_mesh_shape_t
    ngx_mesh_shape_outlier_detection_max_server_errors =
    ngx_mesh_long_from("OutlierDetectionMaxServerErrors", 1);


static const ngx_mesh_member_t  ngx_mesh_members_outlier_detection[] = {
    { "baseEjectionDuration", &ngx_mesh_shape_duration, 1 },
    { "interval", &ngx_mesh_shape_duration, 1 },
    { "maxEjectionPercent",
      &ngx_mesh_shape_outlier_detection_max_ejection_percent, 1 },
    { "maxServerErrors",
      &ngx_mesh_shape_outlier_detection_max_server_errors, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_outlier_detection =
    ngx_mesh_structure("OutlierDetection", ngx_mesh_members_outlier_detection);


static const ngx_mesh_member_t  ngx_mesh_members_port_mapping[] = {
    { "port", &ngx_mesh_shape_port_number, 1 },
    { "protocol", &ngx_mesh_shape_port_protocol, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_port_mapping =
    ngx_mesh_structure("PortMapping", ngx_mesh_members_port_mapping);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_timeout[] = {
    { "idle", &ngx_mesh_shape_duration, 0 },
    { "perRequest", &ngx_mesh_shape_duration, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_timeout =
    ngx_mesh_structure("GrpcTimeout", ngx_mesh_members_grpc_timeout);


static const ngx_mesh_member_t  ngx_mesh_members_http_timeout[] = {
    { "idle", &ngx_mesh_shape_duration, 0 },
    { "perRequest", &ngx_mesh_shape_duration, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_timeout =
    ngx_mesh_structure("HttpTimeout", ngx_mesh_members_http_timeout);


static const ngx_mesh_member_t  ngx_mesh_members_tcp_timeout[] = {
    { "idle", &ngx_mesh_shape_duration, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_timeout =
    ngx_mesh_structure("TcpTimeout", ngx_mesh_members_tcp_timeout);


static const ngx_mesh_member_t  ngx_mesh_members_listener_timeout[] = {
    { "grpc", &ngx_mesh_shape_grpc_timeout, 0 },
    { "http", &ngx_mesh_shape_http_timeout, 0 },
    { "http2", &ngx_mesh_shape_http_timeout, 0 },
    { "tcp", &ngx_mesh_shape_tcp_timeout, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_timeout =
    ngx_mesh_union("ListenerTimeout", ngx_mesh_members_listener_timeout);


static const ngx_mesh_member_t
    ngx_mesh_members_listener_tls_acm_certificate[] = {
    { "certificateArn", &ngx_mesh_shape_arn, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_acm_certificate =
    ngx_mesh_structure("ListenerTlsAcmCertificate",
                       ngx_mesh_members_listener_tls_acm_certificate);


static const ngx_mesh_member_t  ngx_mesh_members_listener_tls_certificate[] = {
    { "acm", &ngx_mesh_shape_listener_tls_acm_certificate, 0 },
    { "file", &ngx_mesh_shape_listener_tls_file_certificate, 0 },
    { "sds", &ngx_mesh_shape_listener_tls_sds_certificate, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_certificate =
    ngx_mesh_union("ListenerTlsCertificate",
                   ngx_mesh_members_listener_tls_certificate);


static const char  *ngx_mesh_values_listener_tls_mode[] = {
    "STRICT", "PERMISSIVE", "DISABLED", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_mode =
    ngx_mesh_enum("ListenerTlsMode", ngx_mesh_values_listener_tls_mode);


static const ngx_mesh_member_t
    ngx_mesh_members_listener_tls_validation_context_trust[] = {
    { "file", &ngx_mesh_shape_tls_validation_context_file_trust, 0 },
    { "sds", &ngx_mesh_shape_tls_validation_context_sds_trust, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_listener_tls_validation_context_trust =
    ngx_mesh_union("ListenerTlsValidationContextTrust",
                   ngx_mesh_members_listener_tls_validation_context_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_listener_tls_validation_context[] = {
    { "subjectAlternativeNames",
      &ngx_mesh_shape_subject_alternative_names, 0 },
    { "trust", &ngx_mesh_shape_listener_tls_validation_context_trust, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls_validation_context =
    ngx_mesh_structure("ListenerTlsValidationContext",
                       ngx_mesh_members_listener_tls_validation_context);


static const ngx_mesh_member_t  ngx_mesh_members_listener_tls[] = {
    { "certificate", &ngx_mesh_shape_listener_tls_certificate, 1 },
    { "mode", &ngx_mesh_shape_listener_tls_mode, 1 },
    { "validation", &ngx_mesh_shape_listener_tls_validation_context, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener_tls =
    ngx_mesh_structure("ListenerTls", ngx_mesh_members_listener_tls);


static const ngx_mesh_member_t  ngx_mesh_members_listener[] = {
    { "connectionPool", &ngx_mesh_shape_virtual_node_connection_pool, 0 },
    { "healthCheck", &ngx_mesh_shape_health_check_policy, 0 },
    { "outlierDetection", &ngx_mesh_shape_outlier_detection, 0 },
    { "portMapping", &ngx_mesh_shape_port_mapping, 1 },
    { "timeout", &ngx_mesh_shape_listener_timeout, 0 },
    { "tls", &ngx_mesh_shape_listener_tls, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_listener =
    ngx_mesh_structure("Listener", ngx_mesh_members_listener);


static const ngx_mesh_shape_t  ngx_mesh_shape_listeners =
    ngx_mesh_list("Listeners", &ngx_mesh_shape_listener);


static const ngx_mesh_shape_t  ngx_mesh_shape_json_key =
    ngx_mesh_string_of("JsonKey", 1, 100);


static const ngx_mesh_shape_t  ngx_mesh_shape_json_value =
    ngx_mesh_string_of("JsonValue", 1, 100);


static const ngx_mesh_member_t  ngx_mesh_members_json_format_ref[] = {
    { "key", &ngx_mesh_shape_json_key, 1 },
    { "value", &ngx_mesh_shape_json_value, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_json_format_ref =
    ngx_mesh_structure("JsonFormatRef", ngx_mesh_members_json_format_ref);


static const ngx_mesh_shape_t  ngx_mesh_shape_json_format =
    ngx_mesh_list("JsonFormat", &ngx_mesh_shape_json_format_ref);


static const ngx_mesh_shape_t  ngx_mesh_shape_text_format =
    ngx_mesh_string_of("TextFormat", 1, 1000);


static const ngx_mesh_member_t  ngx_mesh_members_logging_format[] = {
    { "json", &ngx_mesh_shape_json_format, 0 },
    { "text", &ngx_mesh_shape_text_format, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_logging_format =
    ngx_mesh_union("LoggingFormat", ngx_mesh_members_logging_format);


static const ngx_mesh_member_t  ngx_mesh_members_file_access_log[] = {
    { "format", &ngx_mesh_shape_logging_format, 0 },
    { "path", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_file_access_log =
    ngx_mesh_structure("FileAccessLog", ngx_mesh_members_file_access_log);


static const ngx_mesh_member_t  ngx_mesh_members_access_log[] = {
    { "file", &ngx_mesh_shape_file_access_log, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_access_log =
    ngx_mesh_union("AccessLog", ngx_mesh_members_access_log);


static const ngx_mesh_member_t  ngx_mesh_members_logging[] = {
    { "accessLog", &ngx_mesh_shape_access_log, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_logging =
    ngx_mesh_structure("Logging", ngx_mesh_members_logging);


static const ngx_mesh_shape_t
    ngx_mesh_shape_aws_cloud_map_instance_attribute_key =
    ngx_mesh_matching("AwsCloudMapInstanceAttributeKey", 1, 255,
        "^[a-zA-Z0-9!-~]+$",
        ngx_mesh_test_key);


static const ngx_mesh_shape_t
    ngx_mesh_shape_aws_cloud_map_instance_attribute_value =
    ngx_mesh_matching("AwsCloudMapInstanceAttributeValue", 1, 1024,
        "^([a-zA-Z0-9!-~][  a-zA-Z0-9!-~]*){0,1}[a-zA-Z0-9!-~]{0,1}$",
        ngx_mesh_test_value);


static const ngx_mesh_member_t
    ngx_mesh_members_aws_cloud_map_instance_attribute[] = {
    { "key", &ngx_mesh_shape_aws_cloud_map_instance_attribute_key, 1 },
    { "value", &ngx_mesh_shape_aws_cloud_map_instance_attribute_value, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_aws_cloud_map_instance_attribute =
    ngx_mesh_structure("AwsCloudMapInstanceAttribute",
                       ngx_mesh_members_aws_cloud_map_instance_attribute);


static const ngx_mesh_shape_t
    ngx_mesh_shape_aws_cloud_map_instance_attributes =
    ngx_mesh_list("AwsCloudMapInstanceAttributes",
                  &ngx_mesh_shape_aws_cloud_map_instance_attribute);


static const ngx_mesh_shape_t  ngx_mesh_shape_aws_cloud_map_name =
    ngx_mesh_string_of("AwsCloudMapName", 1, 1024);


static const ngx_mesh_member_t
    ngx_mesh_members_aws_cloud_map_service_discovery[] = {
    { "attributes", &ngx_mesh_shape_aws_cloud_map_instance_attributes, 0 },
    { "ipPreference", &ngx_mesh_shape_ip_preference, 0 },
    { "namespaceName", &ngx_mesh_shape_aws_cloud_map_name, 1 },
    { "serviceName", &ngx_mesh_shape_aws_cloud_map_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_aws_cloud_map_service_discovery =
    ngx_mesh_structure("AwsCloudMapServiceDiscovery",
                       ngx_mesh_members_aws_cloud_map_service_discovery);


static const ngx_mesh_shape_t  ngx_mesh_shape_hostname =
    ngx_mesh_string("Hostname");


static const char  *ngx_mesh_values_dns_response_type[] = {
    "LOADBALANCER", "ENDPOINTS", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_dns_response_type =
    ngx_mesh_enum("DnsResponseType", ngx_mesh_values_dns_response_type);


static const ngx_mesh_member_t  ngx_mesh_members_dns_service_discovery[] = {
    { "hostname", &ngx_mesh_shape_hostname, 1 },
    { "ipPreference", &ngx_mesh_shape_ip_preference, 0 },
    { "responseType", &ngx_mesh_shape_dns_response_type, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_dns_service_discovery =
    ngx_mesh_structure("DnsServiceDiscovery",
                       ngx_mesh_members_dns_service_discovery);


static const ngx_mesh_member_t  ngx_mesh_members_service_discovery[] = {
    { "awsCloudMap", &ngx_mesh_shape_aws_cloud_map_service_discovery, 0 },
    { "dns", &ngx_mesh_shape_dns_service_discovery, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_service_discovery =
    ngx_mesh_union("ServiceDiscovery", ngx_mesh_members_service_discovery);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_node_spec[] = {
    { "backendDefaults", &ngx_mesh_shape_backend_defaults, 0 },
    { "backends", &ngx_mesh_shape_backends, 0 },
    { "listeners", &ngx_mesh_shape_listeners, 0 },
    { "logging", &ngx_mesh_shape_logging, 0 },
    { "serviceDiscovery", &ngx_mesh_shape_service_discovery, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_virtual_node_spec =
    ngx_mesh_structure("VirtualNodeSpec", ngx_mesh_members_virtual_node_spec);


/* Virtual routers */


static const ngx_mesh_member_t  ngx_mesh_members_virtual_router_listener[] = {
    { "portMapping", &ngx_mesh_shape_port_mapping, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_router_listener =
    ngx_mesh_structure("VirtualRouterListener",
                       ngx_mesh_members_virtual_router_listener);


static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_router_listeners =
    ngx_mesh_list("VirtualRouterListeners",
                  &ngx_mesh_shape_virtual_router_listener);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_router_spec[] = {
    { "listeners", &ngx_mesh_shape_virtual_router_listeners, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_virtual_router_spec =
    ngx_mesh_structure("VirtualRouterSpec",
                       ngx_mesh_members_virtual_router_spec);


/* Routes */


static const ngx_mesh_shape_t  ngx_mesh_shape_listener_port =
    ngx_mesh_integer_range("ListenerPort", 1, 65535);


static const ngx_mesh_shape_t  ngx_mesh_shape_percent_int =
    ngx_mesh_integer_range("PercentInt", 0, 100);


static const ngx_mesh_member_t  ngx_mesh_members_weighted_target[] = {
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "virtualNode", &ngx_mesh_shape_resource_name, 1 },
    { "weight", &ngx_mesh_shape_percent_int, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_weighted_target =
    ngx_mesh_structure("WeightedTarget", ngx_mesh_members_weighted_target);


static const ngx_mesh_shape_t  ngx_mesh_shape_weighted_targets =
    ngx_mesh_bounded_list("WeightedTargets", 1, 10,
                          &ngx_mesh_shape_weighted_target);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_route_action[] = {
    { "weightedTargets", &ngx_mesh_shape_weighted_targets, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_route_action =
    ngx_mesh_structure("GrpcRouteAction", ngx_mesh_members_grpc_route_action);


static const ngx_mesh_shape_t  ngx_mesh_shape_header_match =
    ngx_mesh_string_of("HeaderMatch", 1, 255);


static const ngx_mesh_shape_t  ngx_mesh_shape_long =
    ngx_mesh_long("Long");


static const ngx_mesh_member_t  ngx_mesh_members_match_range[] = {
    { "end", &ngx_mesh_shape_long, 1 },
    { "start", &ngx_mesh_shape_long, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_match_range =
    ngx_mesh_structure("MatchRange", ngx_mesh_members_match_range);


static const ngx_mesh_member_t
    ngx_mesh_members_grpc_route_metadata_match_method[] = {
    { "exact", &ngx_mesh_shape_header_match, 0 },
    { "prefix", &ngx_mesh_shape_header_match, 0 },
    { "range", &ngx_mesh_shape_match_range, 0 },
    { "regex", &ngx_mesh_shape_header_match, 0 },
    { "suffix", &ngx_mesh_shape_header_match, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_grpc_route_metadata_match_method =
    ngx_mesh_union("GrpcRouteMetadataMatchMethod",
                   ngx_mesh_members_grpc_route_metadata_match_method);


static const ngx_mesh_shape_t  ngx_mesh_shape_header_name =
    ngx_mesh_string_of("HeaderName", 1, 50);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_route_metadata[] = {
    { "invert", &ngx_mesh_shape_boolean, 0 },
    { "match", &ngx_mesh_shape_grpc_route_metadata_match_method, 0 },
    { "name", &ngx_mesh_shape_header_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_route_metadata =
    ngx_mesh_structure("GrpcRouteMetadata",
                       ngx_mesh_members_grpc_route_metadata);


static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_route_metadata_list =
    ngx_mesh_bounded_list("GrpcRouteMetadataList", 1, 10,
                          &ngx_mesh_shape_grpc_route_metadata);


static const ngx_mesh_shape_t  ngx_mesh_shape_method_name =
    ngx_mesh_string_of("MethodName", 1, 50);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_route_match[] = {
    { "metadata", &ngx_mesh_shape_grpc_route_metadata_list, 0 },
    { "methodName", &ngx_mesh_shape_method_name, 0 },
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "serviceName", &ngx_mesh_shape_service_name, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_route_match =
    ngx_mesh_structure("GrpcRouteMatch", ngx_mesh_members_grpc_route_match);


static const char  *ngx_mesh_values_grpc_retry_policy_event[] = {
    "cancelled", "deadline-exceeded", "internal", "resource-exhausted",
    "unavailable", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_retry_policy_event =
    ngx_mesh_enum("GrpcRetryPolicyEvent",
                  ngx_mesh_values_grpc_retry_policy_event);


static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_retry_policy_events =
    ngx_mesh_bounded_list("GrpcRetryPolicyEvents", 1, 5,
                          &ngx_mesh_shape_grpc_retry_policy_event);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_retry_policy_event =
    ngx_mesh_string_of("HttpRetryPolicyEvent", 1, 25);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_retry_policy_events =
    ngx_mesh_bounded_list("HttpRetryPolicyEvents", 1, 25,
                          &ngx_mesh_shape_http_retry_policy_event);


static const ngx_mesh_shape_t  ngx_mesh_shape_max_retries =
    ngx_mesh_long_from("MaxRetries", 0);


static const char  *ngx_mesh_values_tcp_retry_policy_event[] = {
    "connection-error", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_retry_policy_event =
    ngx_mesh_enum("TcpRetryPolicyEvent",
                  ngx_mesh_values_tcp_retry_policy_event);


static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_retry_policy_events =
    ngx_mesh_bounded_list("TcpRetryPolicyEvents", 1, 1,
                          &ngx_mesh_shape_tcp_retry_policy_event);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_retry_policy[] = {
    { "grpcRetryEvents", &ngx_mesh_shape_grpc_retry_policy_events, 0 },
    { "httpRetryEvents", &ngx_mesh_shape_http_retry_policy_events, 0 },
    { "maxRetries", &ngx_mesh_shape_max_retries, 1 },
    { "perRetryTimeout", &ngx_mesh_shape_duration, 1 },
    { "tcpRetryEvents", &ngx_mesh_shape_tcp_retry_policy_events, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_retry_policy =
    ngx_mesh_structure("GrpcRetryPolicy", ngx_mesh_members_grpc_retry_policy);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_route[] = {
    { "action", &ngx_mesh_shape_grpc_route_action, 1 },
    { "match", &ngx_mesh_shape_grpc_route_match, 1 },
    { "retryPolicy", &ngx_mesh_shape_grpc_retry_policy, 0 },
    { "timeout", &ngx_mesh_shape_grpc_timeout, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_route =
    ngx_mesh_structure("GrpcRoute", ngx_mesh_members_grpc_route);


static const ngx_mesh_member_t  ngx_mesh_members_http_route_action[] = {
    { "weightedTargets", &ngx_mesh_shape_weighted_targets, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_route_action =
    ngx_mesh_structure("HttpRouteAction", ngx_mesh_members_http_route_action);


static const ngx_mesh_member_t  ngx_mesh_members_header_match_method[] = {
    { "exact", &ngx_mesh_shape_header_match, 0 },
    { "prefix", &ngx_mesh_shape_header_match, 0 },
    { "range", &ngx_mesh_shape_match_range, 0 },
    { "regex", &ngx_mesh_shape_header_match, 0 },
    { "suffix", &ngx_mesh_shape_header_match, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_header_match_method =
    ngx_mesh_union("HeaderMatchMethod", ngx_mesh_members_header_match_method);


static const ngx_mesh_member_t  ngx_mesh_members_http_route_header[] = {
    { "invert", &ngx_mesh_shape_boolean, 0 },
    { "match", &ngx_mesh_shape_header_match_method, 0 },
    { "name", &ngx_mesh_shape_header_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_route_header =
    ngx_mesh_structure("HttpRouteHeader", ngx_mesh_members_http_route_header);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_route_headers =
    ngx_mesh_bounded_list("HttpRouteHeaders", 1, 10,
                          &ngx_mesh_shape_http_route_header);


static const char  *ngx_mesh_values_http_method[] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE",
    "PATCH", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_method =
    ngx_mesh_enum("HttpMethod", ngx_mesh_values_http_method);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_path_exact =
    ngx_mesh_string_of("HttpPathExact", 1, 255);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_path_regex =
    ngx_mesh_string_of("HttpPathRegex", 1, 255);


static const ngx_mesh_member_t  ngx_mesh_members_http_path_match[] = {
    { "exact", &ngx_mesh_shape_http_path_exact, 0 },
    { "regex", &ngx_mesh_shape_http_path_regex, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_path_match =
    ngx_mesh_structure("HttpPathMatch", ngx_mesh_members_http_path_match);


static const ngx_mesh_member_t  ngx_mesh_members_query_parameter_match[] = {
    { "exact", &ngx_mesh_shape_string, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_query_parameter_match =
    ngx_mesh_structure("QueryParameterMatch",
                       ngx_mesh_members_query_parameter_match);


static const ngx_mesh_shape_t  ngx_mesh_shape_query_parameter_name =
    ngx_mesh_string("QueryParameterName");


static const ngx_mesh_member_t  ngx_mesh_members_http_query_parameter[] = {
    { "match", &ngx_mesh_shape_query_parameter_match, 0 },
    { "name", &ngx_mesh_shape_query_parameter_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_query_parameter =
    ngx_mesh_structure("HttpQueryParameter",
                       ngx_mesh_members_http_query_parameter);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_query_parameters =
    ngx_mesh_bounded_list("HttpQueryParameters", 1, 10,
                          &ngx_mesh_shape_http_query_parameter);


static const char  *ngx_mesh_values_http_scheme[] = {
    "http", "https", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_scheme =
    ngx_mesh_enum("HttpScheme", ngx_mesh_values_http_scheme);


static const ngx_mesh_member_t  ngx_mesh_members_http_route_match[] = {
    { "headers", &ngx_mesh_shape_http_route_headers, 0 },
    { "method", &ngx_mesh_shape_http_method, 0 },
    { "path", &ngx_mesh_shape_http_path_match, 0 },
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "prefix", &ngx_mesh_shape_string, 0 },
    { "queryParameters", &ngx_mesh_shape_http_query_parameters, 0 },
    { "scheme", &ngx_mesh_shape_http_scheme, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_route_match =
    ngx_mesh_structure("HttpRouteMatch", ngx_mesh_members_http_route_match);


static const ngx_mesh_member_t  ngx_mesh_members_http_retry_policy[] = {
    { "httpRetryEvents", &ngx_mesh_shape_http_retry_policy_events, 0 },
    { "maxRetries", &ngx_mesh_shape_max_retries, 1 },
    { "perRetryTimeout", &ngx_mesh_shape_duration, 1 },
    { "tcpRetryEvents", &ngx_mesh_shape_tcp_retry_policy_events, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_retry_policy =
    ngx_mesh_structure("HttpRetryPolicy", ngx_mesh_members_http_retry_policy);


static const ngx_mesh_member_t  ngx_mesh_members_http_route[] = {
    { "action", &ngx_mesh_shape_http_route_action, 1 },
    { "match", &ngx_mesh_shape_http_route_match, 1 },
    { "retryPolicy", &ngx_mesh_shape_http_retry_policy, 0 },
    { "timeout", &ngx_mesh_shape_http_timeout, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_route =
    ngx_mesh_structure("HttpRoute", ngx_mesh_members_http_route);


static const ngx_mesh_shape_t  ngx_mesh_shape_route_priority =
    ngx_mesh_integer_range("RoutePriority", 0, 1000);


static const ngx_mesh_member_t  ngx_mesh_members_tcp_route_action[] = {
    { "weightedTargets", &ngx_mesh_shape_weighted_targets, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_route_action =
    ngx_mesh_structure("TcpRouteAction", ngx_mesh_members_tcp_route_action);


static const ngx_mesh_member_t  ngx_mesh_members_tcp_route_match[] = {
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_route_match =
    ngx_mesh_structure("TcpRouteMatch", ngx_mesh_members_tcp_route_match);


static const ngx_mesh_member_t  ngx_mesh_members_tcp_route[] = {
    { "action", &ngx_mesh_shape_tcp_route_action, 1 },
    { "match", &ngx_mesh_shape_tcp_route_match, 0 },
    { "timeout", &ngx_mesh_shape_tcp_timeout, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_tcp_route =
    ngx_mesh_structure("TcpRoute", ngx_mesh_members_tcp_route);


static const ngx_mesh_member_t  ngx_mesh_members_route_spec[] = {
    { "grpcRoute", &ngx_mesh_shape_grpc_route, 0 },
    { "http2Route", &ngx_mesh_shape_http_route, 0 },
    { "httpRoute", &ngx_mesh_shape_http_route, 0 },
    { "priority", &ngx_mesh_shape_route_priority, 0 },
    { "tcpRoute", &ngx_mesh_shape_tcp_route, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_route_spec =
    ngx_mesh_structure("RouteSpec", ngx_mesh_members_route_spec);


/* Virtual services */


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_node_service_provider[] = {
    { "virtualNodeName", &ngx_mesh_shape_resource_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_node_service_provider =
    ngx_mesh_structure("VirtualNodeServiceProvider",
                       ngx_mesh_members_virtual_node_service_provider);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_router_service_provider[] = {
    { "virtualRouterName", &ngx_mesh_shape_resource_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_router_service_provider =
    ngx_mesh_structure("VirtualRouterServiceProvider",
                       ngx_mesh_members_virtual_router_service_provider);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_service_provider[] = {
    { "virtualNode", &ngx_mesh_shape_virtual_node_service_provider, 0 },
    { "virtualRouter", &ngx_mesh_shape_virtual_router_service_provider, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_service_provider =
    ngx_mesh_union("VirtualServiceProvider",
                   ngx_mesh_members_virtual_service_provider);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_service_spec[] = {
    { "provider", &ngx_mesh_shape_virtual_service_provider, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_virtual_service_spec =
    ngx_mesh_structure("VirtualServiceSpec",
                       ngx_mesh_members_virtual_service_spec);


/* Virtual gateways */


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_file_certificate[] = {
    { "certificateChain", &ngx_mesh_shape_file_path, 1 },
    { "privateKey", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_file_certificate =
    ngx_mesh_structure("VirtualGatewayListenerTlsFileCertificate",
        ngx_mesh_members_virtual_gateway_listener_tls_file_certificate);


static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_sds_secret_name =
    ngx_mesh_string("VirtualGatewaySdsSecretName");


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_sds_certificate[] = {
    { "secretName", &ngx_mesh_shape_virtual_gateway_sds_secret_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_sds_certificate =
    ngx_mesh_structure("VirtualGatewayListenerTlsSdsCertificate",
        ngx_mesh_members_virtual_gateway_listener_tls_sds_certificate);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_client_tls_certificate[] = {
    { "file",
      &ngx_mesh_shape_virtual_gateway_listener_tls_file_certificate, 0 },
    { "sds", &ngx_mesh_shape_virtual_gateway_listener_tls_sds_certificate, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_client_tls_certificate =
    ngx_mesh_union("VirtualGatewayClientTlsCertificate",
                   ngx_mesh_members_virtual_gateway_client_tls_certificate);


static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_certificate_authority_arns =
    ngx_mesh_bounded_list("VirtualGatewayCertificateAuthorityArns", 1, 3,
                          &ngx_mesh_shape_arn);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_tls_validation_context_acm_trust[] = {
    { "certificateAuthorityArns",
      &ngx_mesh_shape_virtual_gateway_certificate_authority_arns, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_tls_validation_context_acm_trust =
    ngx_mesh_structure("VirtualGatewayTlsValidationContextAcmTrust",
        ngx_mesh_members_virtual_gateway_tls_validation_context_acm_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_tls_validation_context_file_trust[] = {
    { "certificateChain", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_tls_validation_context_file_trust =
    ngx_mesh_structure("VirtualGatewayTlsValidationContextFileTrust",
        ngx_mesh_members_virtual_gateway_tls_validation_context_file_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_tls_validation_context_sds_trust[] = {
    { "secretName", &ngx_mesh_shape_virtual_gateway_sds_secret_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_tls_validation_context_sds_trust =
    ngx_mesh_structure("VirtualGatewayTlsValidationContextSdsTrust",
        ngx_mesh_members_virtual_gateway_tls_validation_context_sds_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_tls_validation_context_trust[] = {
    { "acm",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_acm_trust, 0 },
    { "file",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_file_trust, 0 },
    { "sds",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_sds_trust, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_tls_validation_context_trust =
    ngx_mesh_union("VirtualGatewayTlsValidationContextTrust",
        ngx_mesh_members_virtual_gateway_tls_validation_context_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_tls_validation_context[] = {
    { "subjectAlternativeNames",
      &ngx_mesh_shape_subject_alternative_names, 0 },
    { "trust",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_trust, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_tls_validation_context =
    ngx_mesh_structure("VirtualGatewayTlsValidationContext",
        ngx_mesh_members_virtual_gateway_tls_validation_context);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_client_policy_tls[] = {
    { "certificate",
      &ngx_mesh_shape_virtual_gateway_client_tls_certificate, 0 },
    { "enforce", &ngx_mesh_shape_boolean, 0 },
    { "ports", &ngx_mesh_shape_port_set, 0 },
    { "validation",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_client_policy_tls =
    ngx_mesh_structure("VirtualGatewayClientPolicyTls",
                       ngx_mesh_members_virtual_gateway_client_policy_tls);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_client_policy[] = {
    { "tls", &ngx_mesh_shape_virtual_gateway_client_policy_tls, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_client_policy =
    ngx_mesh_structure("VirtualGatewayClientPolicy",
                       ngx_mesh_members_virtual_gateway_client_policy);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_backend_defaults[] = {
    { "clientPolicy", &ngx_mesh_shape_virtual_gateway_client_policy, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_backend_defaults =
    ngx_mesh_structure("VirtualGatewayBackendDefaults",
                       ngx_mesh_members_virtual_gateway_backend_defaults);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_grpc_connection_pool[] = {
    { "maxRequests", &ngx_mesh_shape_max_requests, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_grpc_connection_pool =
    ngx_mesh_structure("VirtualGatewayGrpcConnectionPool",
                       ngx_mesh_members_virtual_gateway_grpc_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_http_connection_pool[] = {
    { "maxConnections", &ngx_mesh_shape_max_connections, 1 },
    { "maxPendingRequests", &ngx_mesh_shape_max_pending_requests, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_http_connection_pool =
    ngx_mesh_structure("VirtualGatewayHttpConnectionPool",
                       ngx_mesh_members_virtual_gateway_http_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_http2_connection_pool[] = {
    { "maxRequests", &ngx_mesh_shape_max_requests, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_http2_connection_pool =
    ngx_mesh_structure("VirtualGatewayHttp2ConnectionPool",
                       ngx_mesh_members_virtual_gateway_http2_connection_pool);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_connection_pool[] = {
    { "grpc", &ngx_mesh_shape_virtual_gateway_grpc_connection_pool, 0 },
    { "http", &ngx_mesh_shape_virtual_gateway_http_connection_pool, 0 },
    { "http2", &ngx_mesh_shape_virtual_gateway_http2_connection_pool, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_connection_pool =
    ngx_mesh_union("VirtualGatewayConnectionPool",
                   ngx_mesh_members_virtual_gateway_connection_pool);


static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_health_check_threshold =
    ngx_mesh_integer_range("VirtualGatewayHealthCheckThreshold", 2, 10);


static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_health_check_interval_millis =
    ngx_mesh_long_range("VirtualGatewayHealthCheckIntervalMillis", 5000,
                        300000);


static const char  *ngx_mesh_values_virtual_gateway_port_protocol[] = {
    "http", "http2", "grpc", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_port_protocol =
    ngx_mesh_enum("VirtualGatewayPortProtocol",
                  ngx_mesh_values_virtual_gateway_port_protocol);


static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_health_check_timeout_millis =
    ngx_mesh_long_range("VirtualGatewayHealthCheckTimeoutMillis", 2000, 60000);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_health_check_policy[] = {
    { "healthyThreshold",
      &ngx_mesh_shape_virtual_gateway_health_check_threshold, 1 },
    { "intervalMillis",
      &ngx_mesh_shape_virtual_gateway_health_check_interval_millis, 1 },
    { "path", &ngx_mesh_shape_string, 0 },
    { "port", &ngx_mesh_shape_port_number, 0 },
    { "protocol", &ngx_mesh_shape_virtual_gateway_port_protocol, 1 },
    { "timeoutMillis",
      &ngx_mesh_shape_virtual_gateway_health_check_timeout_millis, 1 },
    { "unhealthyThreshold",
      &ngx_mesh_shape_virtual_gateway_health_check_threshold, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_health_check_policy =
    ngx_mesh_structure("VirtualGatewayHealthCheckPolicy",
                       ngx_mesh_members_virtual_gateway_health_check_policy);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_port_mapping[] = {
    { "port", &ngx_mesh_shape_port_number, 1 },
    { "protocol", &ngx_mesh_shape_virtual_gateway_port_protocol, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_port_mapping =
    ngx_mesh_structure("VirtualGatewayPortMapping",
                       ngx_mesh_members_virtual_gateway_port_mapping);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_acm_certificate[] = {
    { "certificateArn", &ngx_mesh_shape_arn, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_acm_certificate =
    ngx_mesh_structure("VirtualGatewayListenerTlsAcmCertificate",
        ngx_mesh_members_virtual_gateway_listener_tls_acm_certificate);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_certificate[] = {
    { "acm", &ngx_mesh_shape_virtual_gateway_listener_tls_acm_certificate, 0 },
    { "file",
      &ngx_mesh_shape_virtual_gateway_listener_tls_file_certificate, 0 },
    { "sds", &ngx_mesh_shape_virtual_gateway_listener_tls_sds_certificate, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_certificate =
    ngx_mesh_union("VirtualGatewayListenerTlsCertificate",
                   ngx_mesh_members_virtual_gateway_listener_tls_certificate);


static const char  *ngx_mesh_values_virtual_gateway_listener_tls_mode[] = {
    "STRICT", "PERMISSIVE", "DISABLED", NULL
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_mode =
    ngx_mesh_enum("VirtualGatewayListenerTlsMode",
                  ngx_mesh_values_virtual_gateway_listener_tls_mode);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_validation_context_trust[] =
{
    { "file",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_file_trust, 0 },
    { "sds",
      &ngx_mesh_shape_virtual_gateway_tls_validation_context_sds_trust, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_validation_context_trust =
    ngx_mesh_union("VirtualGatewayListenerTlsValidationContextTrust",
       ngx_mesh_members_virtual_gateway_listener_tls_validation_context_trust);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls_validation_context[] = {
    { "subjectAlternativeNames",
      &ngx_mesh_shape_subject_alternative_names, 0 },
    { "trust",
      &ngx_mesh_shape_virtual_gateway_listener_tls_validation_context_trust,
      1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_virtual_gateway_listener_tls_validation_context =
    ngx_mesh_structure("VirtualGatewayListenerTlsValidationContext",
        ngx_mesh_members_virtual_gateway_listener_tls_validation_context);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_listener_tls[] = {
    { "certificate",
      &ngx_mesh_shape_virtual_gateway_listener_tls_certificate, 1 },
    { "mode", &ngx_mesh_shape_virtual_gateway_listener_tls_mode, 1 },
    { "validation",
      &ngx_mesh_shape_virtual_gateway_listener_tls_validation_context, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_listener_tls =
    ngx_mesh_structure("VirtualGatewayListenerTls",
                       ngx_mesh_members_virtual_gateway_listener_tls);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_gateway_listener[] = {
    { "connectionPool", &ngx_mesh_shape_virtual_gateway_connection_pool, 0 },
    { "healthCheck", &ngx_mesh_shape_virtual_gateway_health_check_policy, 0 },
    { "portMapping", &ngx_mesh_shape_virtual_gateway_port_mapping, 1 },
    { "tls", &ngx_mesh_shape_virtual_gateway_listener_tls, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_listener =
    ngx_mesh_structure("VirtualGatewayListener",
                       ngx_mesh_members_virtual_gateway_listener);


static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_listeners =
    ngx_mesh_list("VirtualGatewayListeners",
                  &ngx_mesh_shape_virtual_gateway_listener);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_file_access_log[] = {
    { "format", &ngx_mesh_shape_logging_format, 0 },
    { "path", &ngx_mesh_shape_file_path, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_file_access_log =
    ngx_mesh_structure("VirtualGatewayFileAccessLog",
                       ngx_mesh_members_virtual_gateway_file_access_log);


static const ngx_mesh_member_t
    ngx_mesh_members_virtual_gateway_access_log[] = {
    { "file", &ngx_mesh_shape_virtual_gateway_file_access_log, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_access_log =
    ngx_mesh_union("VirtualGatewayAccessLog",
                   ngx_mesh_members_virtual_gateway_access_log);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_gateway_logging[] = {
    { "accessLog", &ngx_mesh_shape_virtual_gateway_access_log, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_logging =
    ngx_mesh_structure("VirtualGatewayLogging",
                       ngx_mesh_members_virtual_gateway_logging);


static const ngx_mesh_member_t  ngx_mesh_members_virtual_gateway_spec[] = {
    { "backendDefaults", &ngx_mesh_shape_virtual_gateway_backend_defaults, 0 },
    { "listeners", &ngx_mesh_shape_virtual_gateway_listeners, 1 },
    { "logging", &ngx_mesh_shape_virtual_gateway_logging, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_virtual_gateway_spec =
    ngx_mesh_structure("VirtualGatewaySpec",
                       ngx_mesh_members_virtual_gateway_spec);


/* Gateway routes */


static const char  *ngx_mesh_values_default_gateway_route_rewrite[] = {
    "ENABLED", "DISABLED", NULL
};

static const ngx_mesh_shape_t  ngx_mesh_shape_default_gateway_route_rewrite =
    ngx_mesh_enum("DefaultGatewayRouteRewrite",
                  ngx_mesh_values_default_gateway_route_rewrite);


static const ngx_mesh_member_t
    ngx_mesh_members_gateway_route_hostname_rewrite[] = {
    { "defaultTargetHostname",
      &ngx_mesh_shape_default_gateway_route_rewrite, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_hostname_rewrite =
    ngx_mesh_structure("GatewayRouteHostnameRewrite",
                       ngx_mesh_members_gateway_route_hostname_rewrite);


static const ngx_mesh_member_t
    ngx_mesh_members_grpc_gateway_route_rewrite[] = {
    { "hostname", &ngx_mesh_shape_gateway_route_hostname_rewrite, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_gateway_route_rewrite =
    ngx_mesh_structure("GrpcGatewayRouteRewrite",
                       ngx_mesh_members_grpc_gateway_route_rewrite);


static const ngx_mesh_member_t
    ngx_mesh_members_gateway_route_virtual_service[] = {
    { "virtualServiceName", &ngx_mesh_shape_resource_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_virtual_service =
    ngx_mesh_structure("GatewayRouteVirtualService",
                       ngx_mesh_members_gateway_route_virtual_service);


static const ngx_mesh_member_t  ngx_mesh_members_gateway_route_target[] = {
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "virtualService", &ngx_mesh_shape_gateway_route_virtual_service, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_target =
    ngx_mesh_structure("GatewayRouteTarget",
                       ngx_mesh_members_gateway_route_target);


static const ngx_mesh_member_t
    ngx_mesh_members_grpc_gateway_route_action[] = {
    { "rewrite", &ngx_mesh_shape_grpc_gateway_route_rewrite, 0 },
    { "target", &ngx_mesh_shape_gateway_route_target, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_gateway_route_action =
    ngx_mesh_structure("GrpcGatewayRouteAction",
                       ngx_mesh_members_grpc_gateway_route_action);


static const ngx_mesh_shape_t  ngx_mesh_shape_exact_host_name =
    ngx_mesh_string_of("ExactHostName", 1, 253);


static const ngx_mesh_shape_t  ngx_mesh_shape_suffix_hostname =
    ngx_mesh_string_of("SuffixHostname", 1, 253);


static const ngx_mesh_member_t
    ngx_mesh_members_gateway_route_hostname_match[] = {
    { "exact", &ngx_mesh_shape_exact_host_name, 0 },
    { "suffix", &ngx_mesh_shape_suffix_hostname, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_hostname_match =
    ngx_mesh_structure("GatewayRouteHostnameMatch",
                       ngx_mesh_members_gateway_route_hostname_match);


static const ngx_mesh_member_t
    ngx_mesh_members_grpc_metadata_match_method[] = {
    { "exact", &ngx_mesh_shape_header_match, 0 },
    { "prefix", &ngx_mesh_shape_header_match, 0 },
    { "range", &ngx_mesh_shape_match_range, 0 },
    { "regex", &ngx_mesh_shape_header_match, 0 },
    { "suffix", &ngx_mesh_shape_header_match, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_metadata_match_method =
    ngx_mesh_union("GrpcMetadataMatchMethod",
                   ngx_mesh_members_grpc_metadata_match_method);


static const ngx_mesh_member_t
    ngx_mesh_members_grpc_gateway_route_metadata[] = {
    { "invert", &ngx_mesh_shape_boolean, 0 },
    { "match", &ngx_mesh_shape_grpc_metadata_match_method, 0 },
    { "name", &ngx_mesh_shape_header_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_gateway_route_metadata =
    ngx_mesh_structure("GrpcGatewayRouteMetadata",
                       ngx_mesh_members_grpc_gateway_route_metadata);


static const ngx_mesh_shape_t
    ngx_mesh_shape_grpc_gateway_route_metadata_list =
    ngx_mesh_bounded_list("GrpcGatewayRouteMetadataList", 1, 10,
                          &ngx_mesh_shape_grpc_gateway_route_metadata);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_gateway_route_match[] = {
    { "hostname", &ngx_mesh_shape_gateway_route_hostname_match, 0 },
    { "metadata", &ngx_mesh_shape_grpc_gateway_route_metadata_list, 0 },
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "serviceName", &ngx_mesh_shape_service_name, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_gateway_route_match =
    ngx_mesh_structure("GrpcGatewayRouteMatch",
                       ngx_mesh_members_grpc_gateway_route_match);


static const ngx_mesh_member_t  ngx_mesh_members_grpc_gateway_route[] = {
    { "action", &ngx_mesh_shape_grpc_gateway_route_action, 1 },
    { "match", &ngx_mesh_shape_grpc_gateway_route_match, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_grpc_gateway_route =
    ngx_mesh_structure("GrpcGatewayRoute",
                       ngx_mesh_members_grpc_gateway_route);


static const ngx_mesh_member_t
    ngx_mesh_members_http_gateway_route_path_rewrite[] = {
    { "exact", &ngx_mesh_shape_http_path_exact, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_path_rewrite =
    ngx_mesh_structure("HttpGatewayRoutePathRewrite",
                       ngx_mesh_members_http_gateway_route_path_rewrite);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_prefix =
    ngx_mesh_string_of("HttpGatewayRoutePrefix", 1, 255);


static const ngx_mesh_member_t
    ngx_mesh_members_http_gateway_route_prefix_rewrite[] = {
    { "defaultPrefix", &ngx_mesh_shape_default_gateway_route_rewrite, 0 },
    { "value", &ngx_mesh_shape_http_gateway_route_prefix, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t
    ngx_mesh_shape_http_gateway_route_prefix_rewrite =
    ngx_mesh_structure("HttpGatewayRoutePrefixRewrite",
                       ngx_mesh_members_http_gateway_route_prefix_rewrite);


static const ngx_mesh_member_t
    ngx_mesh_members_http_gateway_route_rewrite[] = {
    { "hostname", &ngx_mesh_shape_gateway_route_hostname_rewrite, 0 },
    { "path", &ngx_mesh_shape_http_gateway_route_path_rewrite, 0 },
    { "prefix", &ngx_mesh_shape_http_gateway_route_prefix_rewrite, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_rewrite =
    ngx_mesh_structure("HttpGatewayRouteRewrite",
                       ngx_mesh_members_http_gateway_route_rewrite);


static const ngx_mesh_member_t
    ngx_mesh_members_http_gateway_route_action[] = {
    { "rewrite", &ngx_mesh_shape_http_gateway_route_rewrite, 0 },
    { "target", &ngx_mesh_shape_gateway_route_target, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_action =
    ngx_mesh_structure("HttpGatewayRouteAction",
                       ngx_mesh_members_http_gateway_route_action);


static const ngx_mesh_member_t
    ngx_mesh_members_http_gateway_route_header[] = {
    { "invert", &ngx_mesh_shape_boolean, 0 },
    { "match", &ngx_mesh_shape_header_match_method, 0 },
    { "name", &ngx_mesh_shape_header_name, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_header =
    ngx_mesh_structure("HttpGatewayRouteHeader",
                       ngx_mesh_members_http_gateway_route_header);


static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_headers =
    ngx_mesh_bounded_list("HttpGatewayRouteHeaders", 1, 10,
                          &ngx_mesh_shape_http_gateway_route_header);


static const ngx_mesh_member_t  ngx_mesh_members_http_gateway_route_match[] = {
    { "headers", &ngx_mesh_shape_http_gateway_route_headers, 0 },
    { "hostname", &ngx_mesh_shape_gateway_route_hostname_match, 0 },
    { "method", &ngx_mesh_shape_http_method, 0 },
    { "path", &ngx_mesh_shape_http_path_match, 0 },
    { "port", &ngx_mesh_shape_listener_port, 0 },
    { "prefix", &ngx_mesh_shape_string, 0 },
    { "queryParameters", &ngx_mesh_shape_http_query_parameters, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route_match =
    ngx_mesh_structure("HttpGatewayRouteMatch",
                       ngx_mesh_members_http_gateway_route_match);


static const ngx_mesh_member_t  ngx_mesh_members_http_gateway_route[] = {
    { "action", &ngx_mesh_shape_http_gateway_route_action, 1 },
    { "match", &ngx_mesh_shape_http_gateway_route_match, 1 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  ngx_mesh_shape_http_gateway_route =
    ngx_mesh_structure("HttpGatewayRoute",
                       ngx_mesh_members_http_gateway_route);


static const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_priority =
    ngx_mesh_integer_range("GatewayRoutePriority", 0, 1000);


static const ngx_mesh_member_t  ngx_mesh_members_gateway_route_spec[] = {
    { "grpcRoute", &ngx_mesh_shape_grpc_gateway_route, 0 },
    { "http2Route", &ngx_mesh_shape_http_gateway_route, 0 },
    { "httpRoute", &ngx_mesh_shape_http_gateway_route, 0 },
    { "priority", &ngx_mesh_shape_gateway_route_priority, 0 },
    { NULL, NULL, 0 }
};

const ngx_mesh_shape_t  ngx_mesh_shape_gateway_route_spec =
    ngx_mesh_structure("GatewayRouteSpec",
                       ngx_mesh_members_gateway_route_spec);


const ngx_mesh_shape_t  *ngx_mesh_shapes[] = {
    &ngx_mesh_shape_mesh_spec,
    &ngx_mesh_shape_virtual_node_spec,
    &ngx_mesh_shape_virtual_router_spec,
    &ngx_mesh_shape_route_spec,
    &ngx_mesh_shape_virtual_service_spec,
    &ngx_mesh_shape_virtual_gateway_spec,
    &ngx_mesh_shape_gateway_route_spec,
    NULL
};
