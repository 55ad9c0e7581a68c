# A request that matches where it must not, or does not where it must: method,
# scheme, headers, query parameters, port, and gRPC.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();
run_tests();

__DATA__

=== TEST 1: every method has its route
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match method=GET;     target a; }
        route two { match method=POST;    target b; }
        route six { match method=DELETE;  target c; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /      -> a
POST /     -> b
DELETE /   -> c
PUT /      -> 404
OPTIONS /  -> 404
PATCH /    -> 404



=== TEST 2: the other methods of App Mesh
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match method=PUT;     target a; }
        route two { match method=OPTIONS; target b; }
        route six { match method=PATCH;   target c; }
        route ten { match method=TRACE;   target c; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
PUT /      -> a
OPTIONS /  -> b
PATCH /    -> c
GET /      -> 404



=== TEST 3: HEAD is not GET
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match method=HEAD; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /  -> 404



=== TEST 4: a header compared as a whole
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env exact=blue; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"    -> a
GET / "x-env: blue"    -> a
GET / "X-ENV: blue"    -> a
GET / "X-Env: Blue"    -> b
GET / "X-Env: blue2"   -> b
GET / "X-Env: "        -> b
GET / "X-Env2: blue"   -> b
GET /                  -> b



=== TEST 5: a header by its beginning
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env prefix=bl; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"  -> a
GET / "X-Env: bl"    -> a
GET / "X-Env: Blue"  -> b
GET / "X-Env: b"     -> b
GET / "X-Env: abl"   -> b
GET /                -> b



=== TEST 6: a header by its end
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env suffix=ue; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"  -> a
GET / "X-Env: ue"    -> a
GET / "X-Env: e"     -> b
GET / "X-Env: uee"   -> b
GET /                -> b



=== TEST 7: a header by a regular expression, all of it
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env "regex=b.*e"; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> a
GET / "X-Env: be"     -> a
GET / "X-Env: blues"  -> b
GET / "X-Env: ablue"  -> b
GET /                 -> b



=== TEST 8: a range of numbers is from start to end - 1
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-n range=10-20; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-N: 10"    -> a
GET / "X-N: 19"    -> a
GET / "X-N: 010"   -> a
GET / "X-N: +15"   -> a
GET / "X-N: 9"     -> b
GET / "X-N: 20"    -> b
GET / "X-N: -15"   -> b
GET / "X-N: 15.0"  -> b
GET / "X-N: 15x"   -> b
GET / "X-N: 0x0f"  -> b
GET / "X-N: "      -> b
GET / "X-N: 99999999999999999999"  -> b
GET /              -> b



=== TEST 9: a range below zero
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-n range=-5-5; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-N: -5"  -> a
GET / "X-N: -0"  -> a
GET / "X-N: 4"   -> a
GET / "X-N: -6"  -> b
GET / "X-N: 5"   -> b



=== TEST 10: a range that ends below zero
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-n range=-5--3; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-N: -5"  -> a
GET / "X-N: -4"  -> a
GET / "X-N: -3"  -> b
GET / "X-N: 4"   -> b



=== TEST 11: the edges of 64 bits
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-n range=-9223372036854775808-9223372036854775807; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-N: -9223372036854775808"  -> a
GET / "X-N: 9223372036854775806"   -> a
GET / "X-N: 9223372036854775807"   -> b
GET / "X-N: 9223372036854775808"   -> b
GET / "X-N: -9223372036854775809"  -> b



=== TEST 12: a header that only has to be there
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: any"  -> a
GET / "X-Env: "     -> a
GET / "X-Env2: x"   -> b
GET /               -> b



=== TEST 13: the negation of presence
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: any"  -> b
GET / "X-Env: "     -> b
GET /               -> a



=== TEST 14: the negation of exact holds for a header that is there only
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env exact=blue invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> b
GET / "X-Env: green"  -> a
GET / "X-Env: "       -> a
GET /                 -> b



=== TEST 15: the negation of prefix holds for a header that is there only
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env prefix=bl invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> b
GET / "X-Env: green"  -> a
GET / "X-Env: "       -> a
GET /                 -> b



=== TEST 16: the negation of suffix holds for a header that is there only
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env suffix=ue invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> b
GET / "X-Env: green"  -> a
GET / "X-Env: "       -> a
GET /                 -> b



=== TEST 17: the negation of regex holds for a header that is there only
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env "regex=b.*" invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> b
GET / "X-Env: green"  -> a
GET / "X-Env: "       -> a
GET /                 -> b



=== TEST 18: the negation of range holds for a header that is there only
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env range=1-5 invert; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: 3"   -> b
GET / "X-Env: 7"  -> a
GET / "X-Env: "       -> a
GET /                 -> b



=== TEST 19: invert may stand before the value
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env invert exact=blue; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: blue"   -> b
GET / "X-Env: green"  -> a
GET /                 -> b



=== TEST 20: repeated headers are joined before they are compared
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-env exact=one,two; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-Env: one" "X-Env: two"                -> a
GET / "X-Env: one,two"                         -> a
GET / "X-Env: one" "X-Other: x" "x-env: two"   -> a
GET / "X-Env: two" "X-Env: one"                -> b
GET / "X-Env: one" "X-Env: two" "X-Env: three" -> b
GET / "X-Env: one"                             -> b



=== TEST 21: a number that is repeated is none
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-n range=1-5; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-N: 1"             -> a
GET / "X-N: 1" "X-N: 2"    -> b



=== TEST 22: a header that nginx knows
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header host exact=app.local; header user-agent prefix=curl/; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "User-Agent: curl/7"                     -> a
GET / "User-Agent: x"                          -> b
GET / "Host: app.local:8080" "User-Agent: curl/7"  -> b



=== TEST 23: underscores and dots in names of headers
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x_under.score exact=1; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X_Under.Score: 1"  -> a
GET / "X-Under-Score: 1"  -> b



=== TEST 24: the name of a header in capitals
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header X-ENV exact=1; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "x-env: 1"  -> a
GET / "x-env: 2"  -> b



=== TEST 25: ten headers, all of them
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; header x-0 exact=0; header x-1 exact=1; header x-2 exact=2; header x-3 exact=3; header x-4 exact=4; header x-5 exact=5; header x-6 exact=6; header x-7 exact=7; header x-8 exact=8; header x-9 exact=9;  target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "X-0: 0" "X-1: 1" "X-2: 2" "X-3: 3" "X-4: 4" "X-5: 5" "X-6: 6" "X-7: 7" "X-8: 8" "X-9: 9"  -> a
GET / "X-0: 0" "X-1: 1" "X-2: 2" "X-3: 3" "X-4: 4" "X-5: 5" "X-6: 6" "X-7: 7" "X-8: 8"  -> b



=== TEST 26: a query parameter by its value
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; query q exact=1; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /?q=1       -> a
GET /?x=2&q=1   -> a
GET /?q=1&q=2   -> a
GET /?q=2&q=1   -> b
GET /?q=11      -> b
GET /?q=        -> b
GET /?q         -> b
GET /?Q=1       -> b
GET /?qq=1      -> b
GET /q=1        -> b
GET /           -> b



=== TEST 27: a query parameter that only has to be there
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; query q; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /?q=1      -> a
GET /?q=       -> a
GET /?q        -> a
GET /?x&q&y    -> a
GET /?q2=1     -> b
GET /?x=q      -> b
GET /          -> b



=== TEST 28: several query parameters
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { priority 1; query q exact=1; query r exact=2; target a; }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /?q=1&r=2  -> a
GET /?r=2&q=1  -> a
GET /?q=1      -> b
GET /?q=1&r=3  -> b



=== TEST 29: the port of Host chooses among routes of several listeners
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  80;
        listener  8080;

        route one { match prefix=/ port=80;   target a; }
        route two { match prefix=/ port=8080; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "Host: app.local"       -> a
GET / "Host: app.local:80"    -> a
GET / "Host: app.local:8080"  -> b
GET / "Host: app.local:8081"  -> 404 NR



=== TEST 30: without a port in Host, several listeners and none of them 80
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  81;
        listener  8080;

        route one { match prefix=/ port=81;   target a; }
        route two { match prefix=/ port=8080; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "Host: app.local"       -> 404 NR
GET / "Host: app.local:81"    -> a
GET / "Host: app.local:8080"  -> b



=== TEST 31: without a port in Host, the only listener
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/ port=8080; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / "Host: app.local"       -> a
GET / "Host: app.local:8080"  -> a



=== TEST 32: the port of mesh_pass chooses among the listeners
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  80;
        listener  8080;

        route one { match prefix=/ port=80;   target a; }
        route two { match prefix=/ port=8080; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- config
location /one/ { mesh_pass  egress port=80; }
location /two/ { mesh_pass  egress port=8080; }
--- cases
GET /one/                          -> a
GET /two/                          -> b
GET /two/ "Host: app.local:80"     -> b
GET /one/ "Host: app.local:8080"   -> a
GET /one/ "Host: app.local:8081"   -> 404



=== TEST 33: http2 targets are spoken to in HTTP/2
--- mesh
mesh m {
    virtual_node h {
        listener  8080 http2;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 http2;

        route one { match prefix=/; target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
GET /x    -> HTTP/2.0 /x
POST /x   -> HTTP/2.0 /x



=== TEST 34: the scheme of an http2 route
--- mesh
mesh m {
    virtual_node h {
        listener  8080 http2;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 http2;

        route one { match prefix=/ scheme=https; target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
GET https://app.local/x  -> HTTP/2.0 /x
GET http://app.local/x   -> 404 NR
GET /x                   -> 404 NR



=== TEST 35: the scheme of a request is http where there is no TLS
--- mesh
mesh m {
    virtual_node h {
        listener  8080 http2;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 http2;

        route one { match prefix=/ scheme=http; target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
GET /x                   -> HTTP/2.0 /x
GET http://app.local/x   -> HTTP/2.0 /x
GET https://app.local/x  -> 404 NR



=== TEST 36: a gRPC route takes a service
--- mesh
mesh m {
    virtual_node h {
        listener  8080 grpc;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 grpc;

        route one { match service=pkg.Svc; target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
POST /pkg.Svc/Get "Content-Type: application/grpc"         -> HTTP/2.0 /pkg.Svc/Get
POST /pkg.Svc/Put "Content-Type: application/grpc"         -> HTTP/2.0
POST /pkg.Svc2/Get "Content-Type: application/grpc"        -> 200
POST /pkg.Svc/Get             -> 404 NR
POST /pkg.Svc/Get "Content-Type: application/grpc+proto"  -> HTTP/2.0
POST /pkg.Svc/Get "Content-Type: application/grpc-web"    -> 404 NR
POST /pkg.Svc/Get "Content-Type: application/json"        -> 404 NR



=== TEST 37: a gRPC route takes a method
--- mesh
mesh m {
    virtual_node h {
        listener  8080 grpc;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 grpc;

        route one { match service=pkg.Svc grpc_method=Get; target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
POST /pkg.Svc/Get "Content-Type: application/grpc"    -> HTTP/2.0 /pkg.Svc/Get
POST /pkg.Svc/GetX "Content-Type: application/grpc"   -> 200 NR
POST /pkg.Svc/get "Content-Type: application/grpc"    -> 200 NR



=== TEST 38: a gRPC route without a service takes all gRPC
--- mesh
mesh m {
    virtual_node h {
        listener  8080 grpc;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 grpc;

        route one { target h; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
POST /any.Svc/Get "Content-Type: application/grpc"    -> HTTP/2.0 /any.Svc/Get
POST /any.Svc/Get        -> 404 NR



=== TEST 39: gRPC metadata are headers
--- mesh
mesh m {
    virtual_node h {
        listener  8080 grpc;
        endpoint  127.0.0.1:1988;
    }

    virtual_router r {
        listener  8080 grpc;

        route one {
            match     service=pkg.Svc;
            metadata  x-env exact=blue;
            metadata  x-n range=1-5;
            metadata  x-not exact=1 invert;
            target    h;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- http_config
include  mesh_params;

server {
    listen  1988 http2;

    location / {
        return 200 "$server_protocol $request_uri\n";
    }
}
--- cases
POST /pkg.Svc/Get "Content-Type: application/grpc" "x-env: blue" "x-n: 4" "x-not: 2"   -> HTTP/2.0
POST /pkg.Svc/Get "Content-Type: application/grpc" "x-env: green" "x-n: 4" "x-not: 2"  -> 200 NR
POST /pkg.Svc/Get "Content-Type: application/grpc" "x-env: blue" "x-n: 5" "x-not: 2"   -> 200 NR
POST /pkg.Svc/Get "Content-Type: application/grpc" "x-env: blue" "x-n: 4" "x-not: 1"   -> 200 NR
POST /pkg.Svc/Get "Content-Type: application/grpc" "x-env: blue" "x-n: 4"              -> 200 NR
