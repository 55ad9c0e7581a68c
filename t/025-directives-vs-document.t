# A mesh that is another one when it is written as directives than as a
# document: clusters, endpoints and routing have to be the same.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();

our $config = <<'END';
location / {
    mesh_pass   egress;
    add_header  X-Flags  $mesh_response_flags  always;
}

location /admin/ {
    mesh_admin;
}
END

our $cases = <<'END';
GET /first                                           -> a
GET /x "X-Env: blue"                                 -> a
GET /x "X-Env: green"                                -> b
GET /x                                               -> c
GET /n "X-N: 7"                                      -> a
GET /n "X-N: 8"                                      -> c
GET /long/path                                       -> b
GET /long                                            -> c
GET /re/12                                           -> a
GET /re/1x                                           -> c
GET /q?q=1                                           -> b
GET /q?q=2                                           -> c
POST /post                                           -> a
GET /post                                            -> c
GET /zero                                            -> 503 UH
GET /none "Host: none.local"                         -> 404 NR
GET / "Host: node.local:8080"                        -> b
GET / "Host: node.local:8081"                        -> 404 NR
GET / "Host: hidden.local"                           -> 404 NR
POST /p.S/Get "Host: grpc.local" "Content-Type: application/grpc"  -> 200 UH
POST /p.S/Put "Host: grpc.local" "Content-Type: application/grpc"  -> 200 NR
END

our $clusters = <<'END';
cds_egress_m_me_http_8080::lb_policy::ROUND_ROBIN
cds_egress_m_me_http_8080::membership_total::0
cds_egress_m_b_http_8080::lb_policy::LEAST_REQUEST
cds_egress_m_b_http_8080::127.0.0.1:1986::zone::z
cds_egress_m_b_http_8080::127.0.0.2:8080::health_flags::/failed_eds_health
cds_egress_m_g_grpc_9090::membership_total::0
END

our $directives = <<'END';
mesh m {
    resource       virtualNode/me;
    egress_filter  DROP_ALL;
    ip_preference  IPv4_PREFERRED;

    virtual_node me {
        listener  8080;
        dns       me.local response_type=ENDPOINTS;
        backend   app.local;
        backend   node.local;
        backend   none.local;
        backend   grpc.local;
    }

    virtual_node a {
        listener  8080;
        endpoint  127.0.0.1:1985;
    }

    virtual_node b {
        listener   8080;
        lb_policy  least_request;
        endpoint   127.0.0.1:1986 zone=z;
        endpoint   127.0.0.2 health=UNHEALTHY;
    }

    virtual_node c {
        listener  1987;
        dns       127.0.0.1;
    }

    virtual_node g {
        listener  9090 grpc;
        dns       g.local;
    }

    virtual_router r {
        listener  8080;

        route rest  { match prefix=/;               target c; }
        route first { priority 0; match path=/first port=8080; target a; }
        route last  { priority 999; match prefix=/first;       target b; }
        route blue  { match prefix=/x; header x-env exact=blue;         target a; }
        route any   { match prefix=/x; header x-env exact=blue invert;  target b; }
        route n     { match prefix=/n; header x-n range=5-8;            target a; }
        route long  { match prefix=/long/;          target b; }
        route re    { match "regex=/re/[0-9]+";     target a; }
        route q     { match path=/q; query q exact=1; target b; }
        route post  { match prefix=/post method=POST; target a weight=7; }
        route zero  { match prefix=/zero; target a weight=0; }
    }

    virtual_router g {
        listener  9090 grpc;

        route get {
            match    service=p.S grpc_method=Get;
            target   g;
            timeout  per_request=2s idle=1m;
            retry    max=2 per_try_timeout=500ms events=unavailable,gateway-error;
        }
    }

    virtual_service  app.local     virtual_router=r;
    virtual_service  node.local    virtual_node=b;
    virtual_service  hidden.local  virtual_node=b;
    virtual_service  grpc.local    virtual_router=g;
    virtual_service  none.local;
}
END

our $document = <<'END';
{"meshDocument": 1, "version": "nginx.conf",
 "mesh": {"meshName": "m", "spec": {
    "egressFilter": {"type": "DROP_ALL"},
    "serviceDiscovery": {"ipPreference": "IPv4_PREFERRED"}}},
 "virtualNodes": [
    {"virtualNodeName": "me", "spec": {
        "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}],
        "serviceDiscovery": {"dns": {"hostname": "me.local", "responseType": "ENDPOINTS"}},
        "backends": [
            {"virtualService": {"virtualServiceName": "app.local"}},
            {"virtualService": {"virtualServiceName": "node.local"}},
            {"virtualService": {"virtualServiceName": "none.local"}},
            {"virtualService": {"virtualServiceName": "grpc.local"}}]}},
    {"virtualNodeName": "a", "spec": {
        "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}]}},
    {"virtualNodeName": "b", "spec": {
        "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}]},
     "extensions": {"lbPolicy": "LEAST_REQUEST"}},
    {"virtualNodeName": "c", "spec": {
        "listeners": [{"portMapping": {"port": 1987, "protocol": "http"}}],
        "serviceDiscovery": {"dns": {"hostname": "127.0.0.1"}}}},
    {"virtualNodeName": "g", "spec": {
        "listeners": [{"portMapping": {"port": 9090, "protocol": "grpc"}}],
        "serviceDiscovery": {"dns": {"hostname": "g.local"}}}}],
 "virtualRouters": [
    {"virtualRouterName": "r", "spec": {
        "listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}]}},
    {"virtualRouterName": "g", "spec": {
        "listeners": [{"portMapping": {"port": 9090, "protocol": "grpc"}}]}}],
 "routes": [
    {"virtualRouterName": "r", "routeName": "rest", "spec": {"httpRoute": {
        "match": {"prefix": "/"},
        "action": {"weightedTargets": [{"virtualNode": "c", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "first", "spec": {"priority": 0, "httpRoute": {
        "match": {"path": {"exact": "/first"}, "port": 8080},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "last", "spec": {"priority": 999, "httpRoute": {
        "match": {"prefix": "/first"},
        "action": {"weightedTargets": [{"virtualNode": "b", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "blue", "spec": {"httpRoute": {
        "match": {"prefix": "/x", "headers": [{"name": "x-env", "match": {"exact": "blue"}}]},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "any", "spec": {"httpRoute": {
        "match": {"prefix": "/x", "headers": [{"name": "x-env", "invert": true, "match": {"exact": "blue"}}]},
        "action": {"weightedTargets": [{"virtualNode": "b", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "n", "spec": {"httpRoute": {
        "match": {"prefix": "/n", "headers": [{"name": "x-n", "match": {"range": {"start": 5, "end": 8}}}]},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "long", "spec": {"httpRoute": {
        "match": {"prefix": "/long/"},
        "action": {"weightedTargets": [{"virtualNode": "b", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "re", "spec": {"httpRoute": {
        "match": {"path": {"regex": "/re/[0-9]+"}},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "q", "spec": {"httpRoute": {
        "match": {"path": {"exact": "/q"}, "queryParameters": [{"name": "q", "match": {"exact": "1"}}]},
        "action": {"weightedTargets": [{"virtualNode": "b", "weight": 1}]}}}},
    {"virtualRouterName": "r", "routeName": "post", "spec": {"httpRoute": {
        "match": {"prefix": "/post", "method": "POST"},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 7}]}}}},
    {"virtualRouterName": "r", "routeName": "zero", "spec": {"httpRoute": {
        "match": {"prefix": "/zero"},
        "action": {"weightedTargets": [{"virtualNode": "a", "weight": 0}]}}}},
    {"virtualRouterName": "g", "routeName": "get", "spec": {"grpcRoute": {
        "match": {"serviceName": "p.S", "methodName": "Get"},
        "action": {"weightedTargets": [{"virtualNode": "g", "weight": 1}]},
        "timeout": {"perRequest": {"unit": "ms", "value": 2000}, "idle": {"unit": "ms", "value": 60000}},
        "retryPolicy": {"maxRetries": 2, "perRetryTimeout": {"unit": "ms", "value": 500},
            "grpcRetryEvents": ["unavailable"], "httpRetryEvents": ["gateway-error"]}}}}],
 "virtualServices": [
    {"virtualServiceName": "app.local", "spec": {"provider": {"virtualRouter": {"virtualRouterName": "r"}}}},
    {"virtualServiceName": "node.local", "spec": {"provider": {"virtualNode": {"virtualNodeName": "b"}}}},
    {"virtualServiceName": "hidden.local", "spec": {"provider": {"virtualNode": {"virtualNodeName": "b"}}}},
    {"virtualServiceName": "grpc.local", "spec": {"provider": {"virtualRouter": {"virtualRouterName": "g"}}}},
    {"virtualServiceName": "none.local", "spec": {}}],
 "endpoints": {
    "a": [{"ip": "127.0.0.1", "port": 1985}],
    "b": [{"ip": "127.0.0.1", "port": 1986, "zone": "z"},
          {"ip": "127.0.0.2", "healthStatus": "UNHEALTHY"}]}}
END

our $control_plane = <<"END";
mesh m {
    resource       virtualNode/me;
    control_plane  file:@{[server_root()]}/conf/mesh.json;
}
END

# what both answer has to be the same text

my %first;

add_response_body_check(sub {
    my ($block, $body) = @_;

    my $page = $block->same;
    return if !defined $page;

    $body = canonical($body) if $page =~ /document/;

    if (defined $first{$page}) {
        is($body, $first{$page}, "$page of the other one");
    }

    $first{$page} = $body;
});

sub canonical {
    my $dump = JSON::PP->new->decode(shift);

    return JSON::PP->new->canonical->pretty->encode($dump->{document});
}

add_block_preprocessor(sub {
    shift->set_value('config', $config);
});

use JSON::PP;

run_tests();

__DATA__

=== TEST 1: routing by directives
--- mesh eval: $main::directives
--- cases eval: $main::cases



=== TEST 2: routing by a document
--- mesh eval: $main::control_plane
--- document eval: $main::document
--- cases eval: $main::cases



=== TEST 3: clusters by directives
--- mesh eval: $main::directives
--- request
GET /admin/clusters
--- response_body_like eval
CORE::join '.*', map { quotemeta } split /\n/, $main::clusters
--- same: clusters



=== TEST 4: clusters by a document
--- mesh eval: $main::control_plane
--- document eval: $main::document
--- request
GET /admin/clusters
--- response_body_like eval
CORE::join '.*', map { quotemeta } split /\n/, $main::clusters
--- same: clusters



=== TEST 5: the document that directives make
--- mesh eval: $main::directives
--- request
GET /admin/config_dump
--- same: document



=== TEST 6: the document itself
--- mesh eval: $main::control_plane
--- document eval: $main::document
--- request
GET /admin/config_dump
--- same: document
