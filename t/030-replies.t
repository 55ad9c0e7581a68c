# A client that gets another status, body or header from the proxy itself than
# from Envoy, or an application whose own answer is taken for one of these.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

our %port = (
    mute   => mute_port(),
    full   => full_port(),
    closed => closed_port(),
);

mesh_defaults();

# what goes wrong, each behind a virtual service of its own

our $mesh = <<"END";
mesh m {
    include  nodes.conf;

    virtual_node closes  { listener 8080; endpoint 127.0.0.1:1990; }
    virtual_node resets  { listener 8080; endpoint 127.0.0.1:1991; }
    virtual_node garbage { listener 8080; endpoint 127.0.0.1:1992; }
    virtual_node mute    { listener 8080; endpoint 127.0.0.1:$port{mute}; }
    virtual_node full    { listener 8080; endpoint 127.0.0.1:$port{full}; }
    virtual_node closed  { listener 8080; endpoint 127.0.0.1:$port{closed}; }
    virtual_node nobody  { listener 8080; dns nobody.local; }

    virtual_node half {
        listener  8080;
        endpoint  127.0.0.1:$port{closed};
        endpoint  127.0.0.1:1985;
    }

    virtual_node most {
        listener  8080;
        endpoint  127.0.0.1:$port{closed};
        endpoint  127.0.0.2:$port{closed};
        endpoint  127.0.0.1:1985;
    }

    virtual_node three {
        listener  8080;
        endpoint  127.0.0.1:$port{closed};
        endpoint  127.0.0.2:$port{closed};
        endpoint  127.0.0.3:$port{closed};
    }

    virtual_node busy {
        lb_policy  least_request;
        listener   8080;
        endpoint   127.0.0.1:$port{closed};
        endpoint   127.0.0.2:$port{closed};
        endpoint   127.0.0.3:$port{closed};
    }

    virtual_node four {
        listener  8080;
        endpoint  127.0.0.1:$port{closed};
        endpoint  127.0.0.2:$port{closed};
        endpoint  127.0.0.3:$port{closed};
        endpoint  127.0.0.4:$port{closed};
    }

    virtual_node app     { listener 8080; endpoint 127.0.0.1:1993; }

    virtual_router zero {
        listener  8080;

        route all { target a weight=0; }
    }

    virtual_router empty {
        listener  8080;
    }

    virtual_router mute {
        listener  8080;

        route all { target mute; timeout per_request=200ms; }
    }

    virtual_service  a.local        virtual_node=a;
    virtual_service  closes.local   virtual_node=closes;
    virtual_service  resets.local   virtual_node=resets;
    virtual_service  garbage.local  virtual_node=garbage;
    virtual_service  mute.local     virtual_router=mute;
    virtual_service  full.local     virtual_node=full;
    virtual_service  closed.local   virtual_node=closed;
    virtual_service  nobody.local   virtual_node=nobody;
    virtual_service  half.local     virtual_node=half;
    virtual_service  most.local     virtual_node=most;
    virtual_service  three.local    virtual_node=three;
    virtual_service  busy.local     virtual_node=busy;
    virtual_service  four.local     virtual_node=four;
    virtual_service  app.local      virtual_node=app;
    virtual_service  zero.local     virtual_router=zero;
    virtual_service  empty.local    virtual_router=empty;
}
END

our $http = "include  mesh_params;\n" . backends() . <<'END';
log_format  flags  '$status $mesh_response_flags $upstream_addr .';

server {
    listen  1990;
    return  444;
}

server {
    listen                      1991;
    reset_timedout_connection   on;
    return                      444;
}

server {
    listen  1993;

    add_header  X-App  yes  always;

    location = /404 { return 404 "app 404\n"; }
    location = /500 { return 500 "app 500\n"; }
    location = /502 { return 502 "app 502\n"; }
    location = /503 { return 503 "app 503\n"; }
    location = /504 { return 504 "app 504\n"; }
    location = /204 { return 204; }
    location = /301 { return 301 /elsewhere; }
    location = /grpc {
        default_type  application/grpc;
        add_header    grpc-status  5;
        add_header    X-App        yes;
        return 200 "";
    }
}
END

our $config = <<'END';
location / {
    mesh_pass   egress;
    access_log  logs/access.log flags;
    add_header  X-Flags     $mesh_response_flags always;
    add_header  X-Upstream  $upstream_addr       always;
}
END

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('mesh', $mesh) if !defined $block->mesh;
    $block->set_value('http_config', $http);
    $block->set_value('config', $config) if !defined $block->config;

    if (defined $block->reply) {
        reply($block, split /\n/, $block->reply);
    }
});

# The replies to one service, in all forms: HTTP/1.1, HEAD and gRPC.

sub reply {
    my ($block, $host, $status, $flags, $grpc, $text) = @_;

    my $len = defined $text ? length $text : 0;
    my $type = $len ? "text/plain" : "";
    my $plain = "X-Flags: $flags\nContent-Type: $type\nContent-Length: $len\n!grpc-status\n"
                . "!Location\n!ETag\n!Last-Modified";
    my $message = $len ? "\ngrpc-message: $text" : "\n!grpc-message";

    $plain =~ s/^Content-Type: $/!Content-Type/m;

    $block->set_value('request', ['GET /', 'HEAD /', "POST /\nbody", 'POST /']);
    $block->set_value('more_headers', [
        "Host: $host", "Host: $host", "Host: $host",
        "Host: $host\nContent-Type: application/grpc"
    ]);
    $block->set_value('error_code', [$status, $status, $status, 200]);
    $block->set_value('response_body', [$text // '', '', $text // '', '']);
    $block->set_value('response_headers', [
        $plain, $plain, $plain,
        "X-Flags: $flags\nContent-Type: application/grpc\nContent-Length: 0\n"
        . "grpc-status: $grpc$message"
    ]);
    $block->set_value('access_log', [qr/^$status \Q$flags\E /]);
}

run_tests();

__DATA__

=== TEST 1: no virtual service of this name
--- reply
nowhere.local
404
NR
12



=== TEST 2: no route
--- reply
empty.local
404
NR
12



=== TEST 3: no endpoint
--- reply
nobody.local
503
UH
14
no healthy upstream



=== TEST 4: all weights are 0
--- reply
zero.local
503
UH
14
no healthy upstream



=== TEST 5: the port is closed
--- reply
closed.local
503
UF,URX
14
upstream connect error or disconnect/reset before headers. reset reason: connection failure



=== TEST 6: connecting takes too long, three times a second
--- timeout: 10
--- reply
full.local
503
UF,URX
14
upstream connect error or disconnect/reset before headers. reset reason: connection failure



=== TEST 7: closed before an answer
--- reply
closes.local
503
UC,URX
14
upstream connect error or disconnect/reset before headers. reset reason: connection termination



=== TEST 8: reset before an answer
--- reply
resets.local
503
UC,URX
14
upstream connect error or disconnect/reset before headers. reset reason: connection termination



=== TEST 9: no answer in time
--- reply
mute.local
504
UT
14
upstream request timeout



=== TEST 10: ALLOW_ALL and no original destination
--- mesh
mesh m {
    egress_filter    ALLOW_ALL;
    virtual_service  a.local;
}
--- request
GET /
--- more_headers
Host: nowhere.local
--- error_code: 502
--- response_headers
Content-Type: text/plain
--- response_body
no virtual service of this name; ALLOW_ALL needs interception, which this listener does not have
--- access_log eval
qr/^502 NC - /



=== TEST 11: ALLOW_ALL and no original destination, gRPC
--- mesh
mesh m {
    egress_filter    ALLOW_ALL;
    virtual_service  a.local;
}
--- request
POST /
--- more_headers
Host: nowhere.local
Content-Type: application/grpc
--- response_headers
Content-Type: application/grpc
Content-Length: 0
grpc-status: 14
grpc-message: no virtual service of this name; ALLOW_ALL needs interception, which this listener does not have
--- response_body



=== TEST 12: no document yet
--- mesh
mesh m {
    control_plane  file:/nowhere/mesh.json;
}
--- request
GET /
--- error_code: 503
--- response_headers
Content-Type: text/plain
--- response_body
no mesh configuration yet
--- access_log eval
qr/^503 NC - /



=== TEST 13: no document yet, gRPC
--- mesh
mesh m {
    control_plane  file:/nowhere/mesh.json;
}
--- request
POST /
--- more_headers
Content-Type: application/grpc
--- response_headers
Content-Type: application/grpc
Content-Length: 0
grpc-status: 14
grpc-message: no mesh configuration yet
--- response_body



=== TEST 14: an answer of the application is no failure, whatever its status
--- request eval
[map { "GET /$_" } 404, 500, 502, 503, 504]
--- more_headers
Host: app.local
--- error_code eval
[404, 500, 502, 503, 504]
--- response_headers eval
[map { "X-App: yes\nX-Flags: $_\nContent-Type: text/plain\nContent-Length: 8" }
 "-", "-", "-", "URX", "-"]
--- response_body eval
[map { "app $_\n" } 404, 500, 502, 503, 504]



=== TEST 15: an answer of the application without a body
--- request eval
["GET /204", "HEAD /503", "GET /301"]
--- more_headers
Host: app.local
--- error_code eval
[204, 503, 301]
--- response_headers eval
["X-App: yes", "X-App: yes\nContent-Length: 8",
 "X-App: yes\nLocation: /elsewhere"]
--- response_body_like eval
[qr/^$/, qr/^$/, qr/301/]



=== TEST 16: gRPC, the application's own status
--- request
POST /grpc
--- more_headers
Host: app.local
Content-Type: application/grpc
--- response_headers
grpc-status: 5
X-App: yes
--- response_body



=== TEST 17: gRPC, an answer of the application that is not gRPC
--- request
POST /503
--- more_headers
Host: app.local
Content-Type: application/grpc
--- error_code: 503
--- response_headers
X-App: yes
!grpc-status
--- response_body
app 503



=== TEST 18: the other endpoint is tried, and every request succeeds
--- pipelined_requests eval
["GET /", "GET /", "GET /", "GET /", "POST /\nbody", "POST /\nbody"]
--- more_headers
Host: half.local
--- error_code eval
[(200) x 6]
--- response_body eval
[("a /\n") x 6]
--- response_headers_like eval
[("X-Flags: -\nX-Upstream: (127\\.0\\.0\\.1:\\d+, )?127\\.0\\.0\\.1:1985") x 6]
--- access_log eval
qr/^200 - 127\.0\.0\.1:\d+, 127\.0\.0\.1:1985 /



=== TEST 19: two attempts that fail before one that does not
--- pipelined_requests eval
[("GET /") x 6]
--- more_headers
Host: most.local
--- error_code eval
[(200) x 6]
--- response_body eval
[("a /\n") x 6]
--- response_headers_like eval
[("X-Flags: -\nX-Upstream: (127\\.0\\.0\\.\\d:\\d+, ){0,2}127\\.0\\.0\\.1:1985")
 x 6]
--- access_log eval
qr/^200 - 127\.0\.0\.\d:\d+, 127\.0\.0\.\d:\d+, 127\.0\.0\.1:1985 /



=== TEST 20: each of three endpoints is tried once
--- request
GET /
--- more_headers
Host: three.local
--- error_code: 503
--- response_body_like: connection failure$
--- access_log eval
qr/^503 UF,URX 127\.0\.0\.(\d):\d+, 127\.0\.0\.(?!\1)(\d):\d+, 127\.0\.0\.(?!\1|\2)\d:\d+ \.$/



=== TEST 21: and under least_request, where chance alone would try one again
--- pipelined_requests eval
[("GET /") x 12]
--- more_headers
Host: busy.local
--- error_code eval
[(503) x 12]
--- response_headers_like eval
[('X-Upstream: 127\.0\.0\.(\d):\d+, 127\.0\.0\.(?!\1)(\d):\d+, 127\.0\.0\.(?!\1|\2)\d:\d+') x 12]



=== TEST 22: of four endpoints, three are tried
--- request
GET /
--- more_headers
Host: four.local
--- error_code: 503
--- response_body_like: connection failure$
--- access_log eval
qr/^503 UF,URX 127\.0\.0\.(\d):\d+, 127\.0\.0\.(?!\1)(\d):\d+, 127\.0\.0\.(?!\1|\2)\d:\d+ \.$/



=== TEST 23: the connection goes on after a reply of the proxy
--- pipelined_requests eval
["GET /1", "GET /2", "POST /3\nbody", "GET /4", "GET /5"]
--- more_headers eval
[map { "Host: $_.local" } qw(nowhere nobody closed closes a)]
--- error_code eval
[404, 503, 503, 503, 200]
--- response_body_like eval
[qr/^$/, qr/^no healthy upstream$/, qr/connection failure$/,
 qr/connection termination$/, qr/^a \/5$/]



=== TEST 24: a body that was sent before the reply is not taken for a request
--- pipelined_requests eval
["POST /1\nGET / HTTP/1.1 Host: a.local", "GET /2"]
--- more_headers eval
["Host: nowhere.local", "Host: a.local"]
--- error_code eval
[404, 200]
--- response_body eval
["", "a /2\n"]



=== TEST 25: error_page goes before replies to failed attempts
--- config
location / {
    mesh_pass   egress;
    error_page  502 503 504 = /sorry;
}

location = /sorry {
    internal;
    return  418 "sorry\n";
}
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
["Host: closed.local", "Host: closes.local", "Host: mute.local"]
--- error_code eval
[418, 418, 418]
--- response_body eval
["sorry\n", "sorry\n", "sorry\n"]



=== TEST 26: error_page goes before replies that need no attempt
--- config
location / {
    mesh_pass   egress;
    error_page  404 503 = /sorry;
}

location = /sorry {
    internal;
    return  418 "sorry\n";
}
--- request eval
["GET /", "GET /"]
--- more_headers eval
["Host: nowhere.local", "Host: nobody.local"]
--- error_code eval
[418, 418]
--- response_body eval
["sorry\n", "sorry\n"]



=== TEST 27: proxy_intercept_errors puts error_page before the application's answers
--- config
location / {
    mesh_pass               egress;
    proxy_intercept_errors  on;
    error_page              503 = /sorry;
}

location = /sorry {
    internal;
    return  418 "sorry\n";
}
--- request eval
["GET /503", "GET /404"]
--- more_headers
Host: app.local
--- error_code eval
[418, 404]
--- response_body eval
["sorry\n", "app 404\n"]



=== TEST 28: proxy_intercept_errors without an error_page
--- config
location / {
    mesh_pass               egress;
    proxy_intercept_errors  on;
}
--- request eval
["GET /503", "GET /504", "GET /502"]
--- more_headers
Host: app.local
--- error_code eval
[503, 504, 502]
--- response_body eval
["app 503\n", "app 504\n", "app 502\n"]



=== TEST 29: headers added with "always" are on replies of the proxy
--- config
location / {
    mesh_pass   egress;
    add_header  X-Flags  $mesh_response_flags  always;
    add_header  X-Node   $mesh_virtual_node    always;
}
--- request eval
["GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
[map { "Host: $_.local" } qw(nowhere nobody closed closes)]
--- error_code eval
[404, 503, 503, 503]
--- response_headers eval
["X-Flags: NR", "X-Flags: UH\nX-Node: nobody", "X-Flags: UF,URX\nX-Node: closed",
 "X-Flags: UC,URX\nX-Node: closes"]



=== TEST 30: retry_defaults off tries no other endpoint
--- mesh eval
$::mesh =~ s/(mesh m \{)/$1 retry_defaults off;/r
--- request
GET /
--- more_headers
Host: three.local
--- error_code: 503
--- response_body_like: connection failure$
--- access_log eval
qr/^503 UF 127\.0\.0\.\d:\d+ \.$/
