# A variable that is wrong in a log or a header, or stops nginx where the mesh
# had no part in a request.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();

our @names = qw(name resource direction virtual_service virtual_router route
                virtual_node endpoint config_version response_flags
                proxy_host);

our $http = "include  mesh_params;\n" . backends() . <<'END';
log_format  vars  '$mesh_name|$mesh_resource|$mesh_direction|'
                  '$mesh_virtual_service|$mesh_virtual_router|$mesh_route|'
                  '$mesh_virtual_node|$mesh_endpoint|$mesh_config_version|'
                  '$mesh_response_flags|$mesh_proxy_host.';

server {
    listen  1990;

    location / {
        return  200 "$http_x_vars Host=$http_host Connection=$http_connection Upgrade=$http_upgrade\n";
    }
}

server {
    listen  1991;
    return  444;
}
END

our $vars = join '|', map { "\$mesh_$_" } @names;

our $mesh = <<'END';
mesh m {
    resource  virtualNode/me;

    include  nodes.conf;

    virtual_node me {
        listener  1990;
        dns       me.local;
        backend   app.local;
        backend   node.local;
        backend   none.local;
        backend   dead.local;
        backend   gone.local;
    }

    virtual_node back { listener 8080; endpoint 127.0.0.1:1990; }
    virtual_node dead { listener 8080; endpoint 127.0.0.1:1991; }
    virtual_node gone { listener 8080; dns gone.local; }

    virtual_router r {
        listener  8080;

        route one { match prefix=/x; target back; }
    }

    virtual_service  app.local   virtual_router=r;
    virtual_service  node.local  virtual_node=back;
    virtual_service  dead.local  virtual_node=dead;
    virtual_service  gone.local  virtual_node=gone;
    virtual_service  none.local;
}
END

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('mesh', $mesh) if !defined $block->main_config;
    $block->set_value('http_config', $http) if !defined $block->http_config;

    if (!defined $block->config) {
        my $direction = $block->name =~ /ingress/ ? 'ingress' : 'egress';

        $block->set_value('config', <<"END");
location / {
    mesh_pass   $direction;
    access_log  logs/access.log  vars;

    proxy_set_header  Host        \$mesh_proxy_host;
    proxy_set_header  Connection  "";
    proxy_set_header  Upgrade     "";
    proxy_set_header  X-Vars      "$vars";
    add_header        X-Vars      "$vars" always;
}
END
    }
});

run_tests();

__DATA__

=== TEST 1: egress by a router
In what is sent on, the endpoint is not chosen yet.
--- request
GET /x
--- more_headers
Host: App.local:8080
--- response_body
m|virtualNode/me|egress|app.local|r|one|back||nginx.conf|-|App.local:8080 Host=App.local:8080 Connection= Upgrade=
--- response_headers
X-Vars: m|virtualNode/me|egress|app.local|r|one|back|127.0.0.1:1990|nginx.conf|-|App.local:8080
--- access_log
m|virtualNode/me|egress|app.local|r|one|back|127.0.0.1:1990|nginx.conf|-|App.local:8080.



=== TEST 2: egress by a node
--- request
GET /
--- more_headers
Host: node.local
--- response_headers
X-Vars: m|virtualNode/me|egress|node.local|||back|127.0.0.1:1990|nginx.conf|-|node.local
--- access_log
m|virtualNode/me|egress|node.local|-|-|back|127.0.0.1:1990|nginx.conf|-|node.local.



=== TEST 3: ingress
--- request
GET /
--- more_headers
Host: anything.local
--- response_body
m|virtualNode/me|ingress||||me||nginx.conf|-|anything.local Host=anything.local Connection= Upgrade=
--- response_headers
X-Vars: m|virtualNode/me|ingress||||me|127.0.0.1:1990|nginx.conf|-|anything.local
--- access_log
m|virtualNode/me|ingress|-|-|-|me|127.0.0.1:1990|nginx.conf|-|anything.local.



=== TEST 4: egress, no virtual service
--- request
GET /
--- more_headers
Host: nowhere.local
--- error_code: 404
--- response_headers
X-Vars: m|virtualNode/me|egress||||||nginx.conf|NR|nowhere.local



=== TEST 5: egress, no route
--- request
GET /y
--- more_headers
Host: app.local
--- error_code: 404
--- response_headers
X-Vars: m|virtualNode/me|egress|app.local|r||||nginx.conf|NR|app.local



=== TEST 6: egress, no provider
--- request
GET /y
--- more_headers
Host: none.local
--- error_code: 404
--- response_headers
X-Vars: m|virtualNode/me|egress|none.local|||||nginx.conf|NR|none.local



=== TEST 7: egress, no endpoint
--- request
GET /
--- more_headers
Host: gone.local
--- error_code: 503
--- response_headers
X-Vars: m|virtualNode/me|egress|gone.local|||gone||nginx.conf|UH|gone.local



=== TEST 8: egress, closed before an answer
--- request
GET /
--- more_headers
Host: dead.local
--- error_code: 503
--- response_headers
X-Vars: m|virtualNode/me|egress|dead.local|||dead|127.0.0.1:1991|nginx.conf|UC,URX|dead.local



=== TEST 9: egress, a WebSocket handshake
--- request
GET /x
--- more_headers
Host: app.local
Connection: close, Upgrade
Upgrade: WebSocket
--- response_body
m|virtualNode/me|egress|app.local|r|one|back||nginx.conf|-|app.local Host=app.local Connection=upgrade Upgrade=WebSocket



=== TEST 10: egress, another upgrade is not passed on
--- request
GET /x
--- more_headers
Host: app.local
Connection: close, Upgrade, HTTP2-Settings
Upgrade: h2c
HTTP2-Settings: AAMAAABkAAQAAP__
--- response_body
m|virtualNode/me|egress|app.local|r|one|back||nginx.conf|-|app.local Host=app.local Connection= Upgrade=



=== TEST 11: egress, a handshake in HTTP/1.0 is none
--- raw_request eval
"GET /x HTTP/1.0\r\nHost: app.local\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
--- response_body
m|virtualNode/me|egress|app.local|r|one|back||nginx.conf|-|app.local Host=app.local Connection= Upgrade=



=== TEST 12: egress, the authority of an absolute request target
--- request
GET http://App.local:8080/x
--- more_headers
Host: other.local
--- response_body
m|virtualNode/me|egress|app.local|r|one|back||nginx.conf|-|App.local:8080 Host=App.local:8080 Connection= Upgrade=



=== TEST 13: before the content phase, and in a location of nginx's own
--- config
location / {
    set         $early  "$mesh_name|$mesh_resource|$mesh_direction|$mesh_route|$mesh_response_flags|$mesh_config_version";
    add_header  X-Vars  "$mesh_name|$mesh_direction|$mesh_route|$mesh_endpoint|$mesh_response_flags|$mesh_proxy_host";
    return      200     "$early\n";
}
--- request
GET /
--- more_headers
Host: Any.local:80
--- response_headers
X-Vars: m|||||Any.local:80
--- response_body
m|virtualNode/me||||



=== TEST 14: a variable that was read too early is right afterwards
--- config
location / {
    set         $early  "$mesh_route$mesh_response_flags$mesh_virtual_node$mesh_endpoint$mesh_direction";
    mesh_pass   egress;
    add_header  X-Early  "<$early>";
    add_header  X-Late   "$mesh_direction $mesh_route $mesh_virtual_node $mesh_endpoint $mesh_response_flags";
}
--- request
GET /x
--- more_headers
Host: app.local
--- response_headers
X-Early: <>
X-Late: egress one back 127.0.0.1:1990 -



=== TEST 15: a request that nginx refuses itself
--- raw_request eval
"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n"
--- error_code: 400
--- no_error_log
[alert]
[emerg]



=== TEST 16: without a mesh all are empty
--- main_config
--- http_config
--- config
location / {
    return  200 "$mesh_name|$mesh_resource|$mesh_direction|$mesh_virtual_service|$mesh_virtual_router|$mesh_route|$mesh_virtual_node|$mesh_endpoint|$mesh_config_version|$mesh_response_flags\n";
}
--- request
GET /
--- response_body
|||||||||



=== TEST 17: a mesh without a resource
--- main_config
mesh other {
    virtual_service  app.local;
}
--- request
GET /
--- more_headers
Host: app.local
--- error_code: 404
--- response_headers
X-Vars: other||egress|app.local|||||nginx.conf|NR|app.local



=== TEST 18: counts of the route and of the node
Twice by the route, then by the node itself.  An attempt that opens a connection
counts when it has ended, as in Envoy it does when it is connected.
--- config
location / {
    mesh_pass   egress;
    add_header  X-Counts  "$mesh_route_requests $mesh_node_requests $mesh_node_active";
}
--- request eval
["GET /x", "GET /x", "GET /x"]
--- more_headers eval
["Host: app.local", "Host: app.local", "Host: node.local"]
--- response_headers eval
["X-Counts: 1 0 1", "X-Counts: 2 2 1", "X-Counts: 1 3 1"]
