# A trace that is cut or begun anew on its way, a header that a client must not
# send or an application needs, or a variable that is wrong in a log.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();

our $id = '5759e988bd862e3fe1be46a994272793';
our $root = '1-5759e988-bd862e3fe1be46a994272793';
our $parent = '53995c3f42cd8ad8';

our $mesh = <<'END';
    resource  virtualNode/me;

    include  nodes.conf;

    virtual_node me {
        listener  1990;
        endpoint  127.0.0.1:1990;
        backend   app.local;
    }

    virtual_service  app.local  virtual_node=me;
}
END

our $http = "include  mesh_params;\n" . <<'END';
server {
    listen  1990;

    location / {
        return  200 "xray=$http_x_amzn_trace_id;w3c=$http_traceparent;state=$http_tracestate;b3=$http_b3;id=$http_x_request_id;retry=$http_x_envoy_retry_on;expected=$http_x_envoy_expected_rq_timeout_ms\n";
    }

    location /404 {
        return  404;
    }
}
END

our $hex = '[0-9a-f]';

run_tests();

__DATA__

=== TEST 1: without tracing, headers of traces pass untouched
--- mesh eval: "mesh m {\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers
Host: app.local
X-Amzn-Trace-Id: Root=what;ever
traceparent: x
X-Request-Id: 7
--- response_body
xray=Root=what;ever;w3c=x;state=;b3=;id=7;retry=;expected=15000
--- response_headers_like
x-envoy-upstream-service-time: \d+



=== TEST 2: the headers of Envoy off
--- mesh eval: "mesh m {\n envoy_headers off;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers
Host: app.local
x-envoy-retry-on: 5xx
--- response_body
xray=;w3c=;state=;b3=;id=;retry=5xx;expected=
--- response_headers
x-envoy-upstream-service-time:



=== TEST 3: a request id is made, commands of clients are dropped
--- mesh eval: "mesh m {\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers
Host: app.local
x-envoy-retry-on: 5xx
x-envoy-expected-rq-timeout-ms: 1
--- response_body_like eval
qr/id=$::hex{8}-$::hex{4}-4$::hex{3}-[89ab]$::hex{3}-$::hex{12};retry=;expected=15000$/



=== TEST 4: one trace in all notations
--- mesh eval: "mesh m {\n trace_headers xray w3c b3;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers eval
"Host: app.local
X-Amzn-Trace-Id: Root=$::root;Parent=$::parent;Sampled=0"
--- response_body_like eval
qr/^xray=Root=$::root;Parent=($::hex{16});Sampled=0;w3c=00-$::id-\1-00;state=;b3=$::id-\1-0;/



=== TEST 5: tracestate goes on with its trace
--- mesh eval: "mesh m {\n trace_headers w3c;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers eval
"Host: app.local
traceparent: 00-$::id-$::parent-01
tracestate: a=1,b=2"
--- response_body_like eval
qr/w3c=00-$::id-(?!$::parent)$::hex{16}-01;state=a=1,b=2;/



=== TEST 6: and not with another one
--- mesh eval: "mesh m {\n trace_headers w3c;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers
Host: app.local
traceparent: garbage
tracestate: a=1
--- response_body_like eval
qr/w3c=00-(?!$::id)$::hex{32}-$::hex{16}-0[01];state=;/



=== TEST 7: B3 is read
--- mesh eval: "mesh m {\n trace_headers xray;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers eval
"Host: app.local
X-B3-TraceId: $::id
X-B3-SpanId: $::parent
X-B3-Sampled: 0"
--- response_body_like eval
qr/^xray=Root=$::root;Parent=(?!$::parent)$::hex{16};Sampled=0;/



=== TEST 8: server: envoy
--- mesh eval: "mesh m {\n server_header envoy;\n$::mesh"
--- http_config eval: $::http
--- request
GET /
--- more_headers
Host: app.local
--- response_headers
Server: envoy



=== TEST 9: variables, after an error_page too
--- mesh eval: "mesh m {\n trace_headers xray;\n$::mesh"
--- http_config eval: $::http
--- config
location / {
    mesh_pass               egress;
    proxy_intercept_errors  on;
    error_page  404  /page;
}

location /page {
    return  200 "$mesh_trace_id $mesh_parent_id $mesh_sampled $mesh_attempts $mesh_request_id $mesh_xray_header $mesh_traceparent $mesh_span_id $mesh_upstream_time\n";
}
--- request
GET /404
--- more_headers eval
"Host: app.local
X-Request-Id: 7
X-Amzn-Trace-Id: Root=$::root;Parent=$::parent;Sampled=1"
--- error_code: 404
--- response_body_like eval
qr/^$::id $::parent 1 1 7 Root=$::root;Parent=($::hex{16});Sampled=1 00-$::id-\1-01 \1 \d\.\d{3}$/



=== TEST 10: what a subrequest was is not told of its parent
--- mesh eval: "mesh m {\n trace_headers xray;\n$::mesh"
--- http_config eval: $::http
--- config
location / {
    error_page  404  /page;
    return      404;
}

location /page {
    auth_request  /auth;
    proxy_pass    http://127.0.0.1:1990/;
    add_header    X-Mesh "[$mesh_virtual_service$mesh_attempts]" always;
}

location = /auth {
    internal;
    mesh_pass                egress;
    proxy_pass_request_body  off;
}
--- request
GET /
--- more_headers
Host: app.local
--- error_code: 404
--- response_headers
X-Mesh: []



=== TEST 11: a rate out of range
--- mesh
mesh m {
    xray  127.0.0.1  rate=1.5;  # <-
}
--- emerg
"xray" directive must have a "rate" from 0 to 1



=== TEST 12: a name instead of an address
--- mesh
mesh m {
    xray  localhost:2000;  # <-
}
--- emerg
"xray" directive must have an IP address, with or without a port



=== TEST 13: a notation that does not exist
--- mesh
mesh m {
    trace_headers  jaeger;  # <-
}
--- emerg
invalid parameter "jaeger"
