# A directive that is taken where it must not be, refused where it must be
# taken, or refused without saying what is wrong and in which line.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();

# what nginx refuses it says there too

open STDERR, '>', '/dev/null' or die "/dev/null: $!";

run_tests();

__DATA__

=== TEST 1: every directive in every form
--- mesh
mesh m {
    resource           virtualNode/me;
    zone               1m;
    max_document_size  64k;
    app_address        127.0.0.2;
    lb_policy          least_request;
    keepalive          8 timeout=10s requests=100 time=1m;
    state              state;
    egress_filter      DROP_ALL;
    ip_preference      IPv4_PREFERRED;

    virtual_node me {
        listener   8080;
        dns        me.local response_type=ENDPOINTS ip_preference=IPv4_ONLY;
        backend    app.local;
        backend    grpc.local;
        lb_policy  round_robin;
    }

    virtual_node a {
        listener   8080 http;
        lb_policy  least_request;
        endpoint   127.0.0.1:1985 zone=a health=HEALTHY;
        endpoint   [::1]:1985     zone=b health=UNHEALTHY;
        endpoint   ::1 health=UNHEALTHY;
    }

    virtual_node g {
        listener  8080 grpc;
        listener  8081 http2;
        listener  8082 tcp;
        dns       g.local response_type=LOADBALANCER;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  0;
            match     path=/one method=GET port=8080;
            header    x-a exact=1;
            header    x-b prefix=1 invert;
            header    x-c suffix=1;
            header    x-d "regex=[a-z]+ [0-9]";
            header    x-e range=-5-5;
            header    x-f;
            header    x-g invert;
            query     q exact=1;
            query     r;
            target    a weight=10;
            target    a weight=90 port=8080;
            timeout   per_request=1s idle=1m;
            retry     max=3 per_try_timeout=100ms
                      events=server-error,gateway-error,connection-error;
        }

        route two http {
            match     "regex=/two/.*";
            target    a;
            timeout   idle=0;
            retry     events=client-error,stream-error max=0 per_try_timeout=0;
        }

        route six {
            match     prefix=/;
            target    a;
        }
    }

    virtual_router g {
        listener  8080 grpc;

        route one {
            match     service=pkg.Svc grpc_method=Get port=8080;
            metadata  x-a exact=1;
            target    g port=8080;
            retry     max=1 per_try_timeout=1s
                      events=cancelled,deadline-exceeded,internal,resource-exhausted,unavailable;
        }
    }

    virtual_router h {
        listener  8081 http2;

        route one http2 {
            match   prefix=/ scheme=https;
            target  g port=8081;
        }
    }

    virtual_router t {
        listener  8082 tcp;

        route one tcp {
            target   g port=8082;
            timeout  idle=1h;
        }
    }

    virtual_service  app.local   virtual_router=r;
    virtual_service  grpc.local  virtual_router=g;
    virtual_service  a.local     virtual_node=a;
    virtual_service  none.local;
}
--- cases
GET / -> a



=== TEST 2: a gateway is a resource too, and everything may stand in included files
--- mesh
mesh m {
    include          nodes.conf;
    virtual_service  app.local  virtual_node=a;
    zone             512k;
    keepalive        0;
    ip_preference    IPv6_PREFERRED;
}
--- cases
GET / -> a



=== TEST 3: without a mesh the module does nothing
--- main_config
--- config
location / { return 200 "none $request_uri\n"; }
--- cases
GET /x -> none /x
GET /y -> none /y



=== TEST 4: mesh without a name
--- mesh
mesh {  # <-
}
--- emerg
invalid number of arguments in "mesh" directive



=== TEST 5: mesh with two names
--- mesh
mesh a b {  # <-
}
--- emerg
invalid number of arguments in "mesh" directive



=== TEST 6: mesh with a slash in its name
--- mesh
mesh a/b {  # <-
}
--- emerg
invalid mesh name "a/b"



=== TEST 7: mesh with an empty name
--- mesh
mesh "" {  # <-
}
--- emerg
invalid mesh name ""



=== TEST 8: mesh without a block
--- mesh
mesh m;  # <-
--- emerg
directive "mesh" has no opening "{"



=== TEST 9: two meshes
--- mesh
mesh m {
    include  nodes.conf;
}

mesh n {  # <-
}
--- emerg
"mesh" directive is duplicate



=== TEST 10: an empty mesh
--- mesh
mesh m {
}  # <-
--- emerg
mesh "m" has neither "control_plane" nor resources such as "virtual_service"



=== TEST 11: a control plane and resources
--- mesh
mesh m {
    control_plane  file:/x.json;
    include  nodes.conf;
}  # <-
--- emerg
"control_plane" and resources written as directives exclude each other in mesh "m"



=== TEST 12: a control plane and a setting that is of the mesh's spec
--- mesh
mesh m {
    egress_filter  DROP_ALL;
    control_plane  file:/x.json;
}  # <-
--- emerg
"control_plane" and resources written as directives exclude each other in mesh "m"



=== TEST 13: the mesh's directives outside of it
--- mesh
resource  virtualNode/n;  # <-
--- emerg
"resource" directive is not allowed here



=== TEST 14: a directive that is unknown
--- mesh
mesh m {
    nonsense  1;  # <-
}
--- emerg
unknown directive "nonsense"



=== TEST 15: a directive of http
--- mesh
mesh m {
    listen  80;  # <-
}
--- emerg
"listen" directive is not allowed here



=== TEST 16: a directive of a node in the mesh
--- mesh
mesh m {
    listener  80;  # <-
}
--- emerg
"listener" directive is not allowed here



=== TEST 17: a directive of a route in the mesh
--- mesh
mesh m {
    target  a;  # <-
}
--- emerg
"target" directive is not allowed here



=== TEST 18: a directive of a node in a router
--- mesh
mesh m {
    virtual_router r {
        endpoint  127.0.0.1;  # <-
    }
}
--- emerg
"endpoint" directive is not allowed here



=== TEST 19: a directive of the mesh in a router
--- mesh
mesh m {
    virtual_router r {
        resource  virtualNode/n;  # <-
    }
}
--- emerg
"resource" directive is not allowed here



=== TEST 20: a directive of a router in a node
--- mesh
mesh m {
    virtual_node n {
        route x {  # <-
        }
    }
}
--- emerg
"route" directive is not allowed here



=== TEST 21: a directive of a node in a route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            lb_policy  round_robin;  # <-
            target  n;
        }
    }
}
--- emerg
"lb_policy" directive is not allowed here



=== TEST 22: resource twice
--- mesh
mesh m {
    resource  virtualNode/n;
    resource  virtualNode/n;  # <-
}
--- emerg
"resource" directive is duplicate



=== TEST 23: state twice
--- mesh
mesh m {
    state  /x;
    state  /x;  # <-
}
--- emerg
"state" directive is duplicate



=== TEST 24: zone twice
--- mesh
mesh m {
    zone  1m;
    zone  1m;  # <-
}
--- emerg
"zone" directive is duplicate



=== TEST 25: max_document_size twice
--- mesh
mesh m {
    max_document_size  1m;
    max_document_size  1m;  # <-
}
--- emerg
"max_document_size" directive is duplicate



=== TEST 26: app_address twice
--- mesh
mesh m {
    app_address  127.0.0.1;
    app_address  127.0.0.1;  # <-
}
--- emerg
"app_address" directive is duplicate



=== TEST 27: lb_policy twice
--- mesh
mesh m {
    lb_policy  round_robin;
    lb_policy  round_robin;  # <-
}
--- emerg
"lb_policy" directive is duplicate



=== TEST 28: keepalive twice
--- mesh
mesh m {
    keepalive  1;
    keepalive  1;  # <-
}
--- emerg
"keepalive" directive is duplicate



=== TEST 29: egress_filter twice
--- mesh
mesh m {
    egress_filter  DROP_ALL;
    egress_filter  DROP_ALL;  # <-
}
--- emerg
"egress_filter" directive is duplicate



=== TEST 30: ip_preference twice
--- mesh
mesh m {
    ip_preference  IPv4_ONLY;
    ip_preference  IPv4_ONLY;  # <-
}
--- emerg
"ip_preference" directive is duplicate



=== TEST 31: control_plane twice
--- mesh
mesh m {
    control_plane  file:/x;
    control_plane  file:/x;  # <-
}
--- emerg
"control_plane" directive is duplicate



=== TEST 32: resource without a value
--- mesh
mesh m {
    resource;  # <-
}
--- emerg
invalid number of arguments in "resource" directive



=== TEST 33: state without a value
--- mesh
mesh m {
    state;  # <-
}
--- emerg
invalid number of arguments in "state" directive



=== TEST 34: zone without a value
--- mesh
mesh m {
    zone;  # <-
}
--- emerg
invalid number of arguments in "zone" directive



=== TEST 35: max_document_size without a value
--- mesh
mesh m {
    max_document_size;  # <-
}
--- emerg
invalid number of arguments in "max_document_size" directive



=== TEST 36: app_address without a value
--- mesh
mesh m {
    app_address;  # <-
}
--- emerg
invalid number of arguments in "app_address" directive



=== TEST 37: lb_policy without a value
--- mesh
mesh m {
    lb_policy;  # <-
}
--- emerg
invalid number of arguments in "lb_policy" directive



=== TEST 38: keepalive without a value
--- mesh
mesh m {
    keepalive;  # <-
}
--- emerg
invalid number of arguments in "keepalive" directive



=== TEST 39: egress_filter without a value
--- mesh
mesh m {
    egress_filter;  # <-
}
--- emerg
invalid number of arguments in "egress_filter" directive



=== TEST 40: ip_preference without a value
--- mesh
mesh m {
    ip_preference;  # <-
}
--- emerg
invalid number of arguments in "ip_preference" directive



=== TEST 41: control_plane without a value
--- mesh
mesh m {
    control_plane;  # <-
}
--- emerg
invalid number of arguments in "control_plane" directive



=== TEST 42: virtual_service without a value
--- mesh
mesh m {
    virtual_service;  # <-
}
--- emerg
invalid number of arguments in "virtual_service" directive



=== TEST 43: virtual_node without a value
--- mesh
mesh m {
    virtual_node {  # <-
    }
}
--- emerg
invalid number of arguments in "virtual_node" directive



=== TEST 44: virtual_router without a value
--- mesh
mesh m {
    virtual_router {  # <-
    }
}
--- emerg
invalid number of arguments in "virtual_router" directive



=== TEST 45: a resource that is n
--- mesh
mesh m {
    resource  n;  # <-
}
--- emerg
"resource" directive must be "virtualNode/NAME" or "virtualGateway/NAME"



=== TEST 46: a resource that is virtualNode/
--- mesh
mesh m {
    resource  virtualNode/;  # <-
}
--- emerg
"resource" directive must be "virtualNode/NAME" or "virtualGateway/NAME"



=== TEST 47: a resource that is virtualGateway/
--- mesh
mesh m {
    resource  virtualGateway/;  # <-
}
--- emerg
"resource" directive must be "virtualNode/NAME" or "virtualGateway/NAME"



=== TEST 48: a resource that is virtualRouter/r
--- mesh
mesh m {
    resource  virtualRouter/r;  # <-
}
--- emerg
"resource" directive must be "virtualNode/NAME" or "virtualGateway/NAME"



=== TEST 49: a resource that is virtualnode/n
--- mesh
mesh m {
    resource  virtualnode/n;  # <-
}
--- emerg
"resource" directive must be "virtualNode/NAME" or "virtualGateway/NAME"



=== TEST 50: a resource that is not there
--- mesh
mesh m {
    resource  virtualNode/x;
    include   nodes.conf;
}
--- emerg
has no virtual node "x", which this proxy is



=== TEST 51: a control plane that is ftp://x/
--- mesh
mesh m {
    control_plane  ftp://x/;  # <-
}
--- emerg
"control_plane" directive must be "file:" and an absolute path



=== TEST 52: a control plane that is file:x.json
--- mesh
mesh m {
    control_plane  file:x.json;  # <-
}
--- emerg
"control_plane" directive must be "file:" and an absolute path



=== TEST 53: a control plane that is /x.json
--- mesh
mesh m {
    control_plane  /x.json;  # <-
}
--- emerg
"control_plane" directive must be "file:" and an absolute path



=== TEST 54: a control plane that is file:
--- mesh
mesh m {
    control_plane  file:;  # <-
}
--- emerg
"control_plane" directive must be "file:" and an absolute path



=== TEST 55: a control plane with an unknown parameter
--- mesh
mesh m {
    control_plane  file:/x every=1s;  # <-
}
--- emerg
invalid parameter "every=1s"



=== TEST 56: a control plane with an interval of '1x'
--- mesh
mesh m {
    control_plane  file:/x interval=1x;  # <-
}
--- emerg
"control_plane" directive has an invalid "interval", it must be at least 10ms



=== TEST 57: a control plane with an interval of ''
--- mesh
mesh m {
    control_plane  file:/x interval=;  # <-
}
--- emerg
"control_plane" directive has an invalid "interval", it must be at least 10ms



=== TEST 58: a control plane with an interval of '-1'
--- mesh
mesh m {
    control_plane  file:/x interval=-1;  # <-
}
--- emerg
"control_plane" directive has an invalid "interval", it must be at least 10ms



=== TEST 59: a control plane with an interval of '0'
--- mesh
mesh m {
    control_plane  file:/x interval=0;  # <-
}
--- emerg
"control_plane" directive has an invalid "interval", it must be at least 10ms



=== TEST 60: a control plane with an interval of '9ms'
--- mesh
mesh m {
    control_plane  file:/x interval=9ms;  # <-
}
--- emerg
"control_plane" directive has an invalid "interval", it must be at least 10ms



=== TEST 61: zone x
--- mesh
mesh m {
    zone  x;  # <-
}
--- emerg
"zone" directive invalid value



=== TEST 62: zone -1
--- mesh
mesh m {
    zone  -1;  # <-
}
--- emerg
"zone" directive invalid value



=== TEST 63: zone 1t
--- mesh
mesh m {
    zone  1t;  # <-
}
--- emerg
"zone" directive invalid value



=== TEST 64: max_document_size x
--- mesh
mesh m {
    max_document_size  x;  # <-
}
--- emerg
"max_document_size" directive invalid value



=== TEST 65: max_document_size -1
--- mesh
mesh m {
    max_document_size  -1;  # <-
}
--- emerg
"max_document_size" directive invalid value



=== TEST 66: max_document_size 1t
--- mesh
mesh m {
    max_document_size  1t;  # <-
}
--- emerg
"max_document_size" directive invalid value



=== TEST 67: a zone that is too small
--- mesh
mesh m {
    zone     4k;
    include  nodes.conf;
}  # <-
--- emerg
zone "mesh" is too small, it needs 



=== TEST 68: app_address x
--- mesh
mesh m {
    app_address  x;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 69: app_address 127.0.0.1:80
--- mesh
mesh m {
    app_address  127.0.0.1:80;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 70: app_address localhost
--- mesh
mesh m {
    app_address  localhost;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 71: app_address 1.2.3
--- mesh
mesh m {
    app_address  1.2.3;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 72: app_address unix:/x
--- mesh
mesh m {
    app_address  unix:/x;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 73: app_address ::g
--- mesh
mesh m {
    app_address  ::g;  # <-
}
--- emerg
"app_address" directive must be an IP address without a port



=== TEST 74: lb_policy of another name
--- mesh
mesh m {
    lb_policy  random;  # <-
}
--- emerg
invalid value "random"



=== TEST 75: lb_policy of a node, of another name
--- mesh
mesh m {
    virtual_node n {
        lb_policy  random;  # <-
    }
}
--- emerg
"lb_policy" directive must be "round_robin" or "least_request"



=== TEST 76: lb_policy of a node, twice
--- mesh
mesh m {
    virtual_node n {
        lb_policy  round_robin;
        lb_policy  round_robin;  # <-
    }
}
--- emerg
"lb_policy" directive is duplicate



=== TEST 77: keepalive x
--- mesh
mesh m {
    keepalive  x;  # <-
}
--- emerg
"keepalive" directive has an invalid number of connections



=== TEST 78: keepalive -1
--- mesh
mesh m {
    keepalive  -1;  # <-
}
--- emerg
"keepalive" directive has an invalid number of connections



=== TEST 79: keepalive 1 timeout=x
--- mesh
mesh m {
    keepalive  1 timeout=x;  # <-
}
--- emerg
"keepalive" directive has an invalid "timeout"



=== TEST 80: keepalive 1 time=x
--- mesh
mesh m {
    keepalive  1 time=x;  # <-
}
--- emerg
"keepalive" directive has an invalid "time"



=== TEST 81: keepalive 1 requests=x
--- mesh
mesh m {
    keepalive  1 requests=x;  # <-
}
--- emerg
"keepalive" directive has an invalid "requests"



=== TEST 82: keepalive 1 requests=0
--- mesh
mesh m {
    keepalive  1 requests=0;  # <-
}
--- emerg
"keepalive" directive has an invalid "requests"



=== TEST 83: keepalive 1 timeout=
--- mesh
mesh m {
    keepalive  1 timeout=;  # <-
}
--- emerg
"keepalive" directive has an invalid "timeout"



=== TEST 84: keepalive 1 requests=
--- mesh
mesh m {
    keepalive  1 requests=;  # <-
}
--- emerg
"keepalive" directive has an invalid "requests"



=== TEST 85: keepalive with an unknown parameter
--- mesh
mesh m {
    keepalive  1 max=2;  # <-
}
--- emerg
invalid parameter "max=2"



=== TEST 86: egress_filter of another name
--- mesh
mesh m {
    egress_filter  DROP;  # <-
}
--- emerg
mesh.spec.egressFilter.type: must be one of



=== TEST 87: ip_preference of another name
--- mesh
mesh m {
    ip_preference  IPv5;  # <-
}
--- emerg
mesh.spec.serviceDiscovery.ipPreference: must be one of



=== TEST 88: a virtual service with an unknown parameter
--- mesh
mesh m {
    virtual_service  s node=n;  # <-
}
--- emerg
invalid parameter "node=n"



=== TEST 89: a virtual service that is no host name
--- mesh
mesh m {
    virtual_service  a/b;  # <-
}
--- emerg
virtualServices[0].virtualServiceName: must be a host name



=== TEST 90: a virtual service twice
--- mesh
mesh m {
    virtual_service  a.b;
    virtual_service  A.b;  # <-
}
--- emerg
virtualServices[1].virtualServiceName: "A.b" is there already



=== TEST 91: a virtual service of a node that is not there
--- mesh
mesh m {
    virtual_service  a.b  virtual_node=x;  # <-
}
--- emerg
virtualServices[0].spec.provider.virtualNode.virtualNodeName: there is no virtual node "x"



=== TEST 92: a virtual service of a router that is not there
--- mesh
mesh m {
    virtual_service  a.b  virtual_router=x;  # <-
}
--- emerg
virtualServices[0].spec.provider.virtualRouter.virtualRouterName: there is no virtual router "x"



=== TEST 93: a virtual node twice
--- mesh
mesh m {
    virtual_node n {
    }
    virtual_node n {  # <-
    }
}
--- emerg
virtualNodes[1].virtualNodeName: "n" is there already



=== TEST 94: a virtual router twice
--- mesh
mesh m {
    virtual_router n {
    }
    virtual_router n {  # <-
    }
}
--- emerg
virtualRouters[1].virtualRouterName: "n" is there already



=== TEST 95: a virtual node with a slash in its name
--- mesh
mesh m {
    virtual_node a/b {  # <-
    }
}
--- emerg
virtualNodes[0].virtualNodeName: must not contain "/"



=== TEST 96: a virtual node whose name is too long
--- mesh
mesh m {
    virtual_node xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx {  # <-
    }
}
--- emerg
virtualNodes[0].virtualNodeName: must have



=== TEST 97: listener without a value
--- mesh
mesh m {
    virtual_node n {
        listener;  # <-
    }
}
--- emerg
invalid number of arguments in "listener" directive



=== TEST 98: endpoint without a value
--- mesh
mesh m {
    virtual_node n {
        endpoint;  # <-
    }
}
--- emerg
invalid number of arguments in "endpoint" directive



=== TEST 99: dns without a value
--- mesh
mesh m {
    virtual_node n {
        dns;  # <-
    }
}
--- emerg
invalid number of arguments in "dns" directive



=== TEST 100: backend without a value
--- mesh
mesh m {
    virtual_node n {
        backend;  # <-
    }
}
--- emerg
invalid number of arguments in "backend" directive



=== TEST 101: lb_policy without a value
--- mesh
mesh m {
    virtual_node n {
        lb_policy;  # <-
    }
}
--- emerg
invalid number of arguments in "lb_policy" directive



=== TEST 102: a listener with too much
--- mesh
mesh m {
    virtual_node n {
        listener  80 http x;  # <-
    }
}
--- emerg
"listener" directive takes a port and a protocol



=== TEST 103: a listener without a number
--- mesh
mesh m {
    virtual_node n {
        listener  x;  # <-
    }
}
--- emerg
invalid number "x"



=== TEST 104: a listener of port 0
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  0;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[0].portMapping.port: must be



=== TEST 105: a listener of port 65536
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  65536;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[0].portMapping.port: must be



=== TEST 106: a listener of port 99999999999999999999
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  99999999999999999999;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[0].portMapping.port: must be



=== TEST 107: a listener of port -1
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  -1;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[0].portMapping.port: must be



=== TEST 108: a listener of an unknown protocol
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  80 https;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[0].portMapping.protocol: must be one of



=== TEST 109: two listeners of one port
--- mesh
mesh m {
    virtual_node n {
        dns x;
        listener  80;
        listener  80 tcp;  # <-
    }
}
--- emerg
virtualNodes[0].spec.listeners[1].portMapping.port: another listener has the port 80



=== TEST 110: a listener without addresses
--- mesh
mesh m {
    virtual_node n {  # <-
        listener  80;
    }
}
--- emerg
virtualNodes[0].spec: has "listeners", which makes "serviceDiscovery" required



=== TEST 111: an endpoint of x
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  x;  # <-
    }
}
--- emerg
endpoints.n[0].ip: must be an IPv4 or IPv6 address



=== TEST 112: an endpoint of 1.2.3
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  1.2.3;  # <-
    }
}
--- emerg
endpoints.n[0].ip: must be an IPv4 or IPv6 address



=== TEST 113: an endpoint of [127.0.0.1
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  [127.0.0.1;  # <-
    }
}
--- emerg
"endpoint" directive has an invalid address



=== TEST 114: an endpoint of 127.0.0.1:x
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  127.0.0.1:x;  # <-
    }
}
--- emerg
invalid number "x"



=== TEST 115: an endpoint of 127.0.0.1:0
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  127.0.0.1:0;  # <-
    }
}
--- emerg
endpoints.n[0].port: must be



=== TEST 116: an endpoint of 127.0.0.1:65536
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  127.0.0.1:65536;  # <-
    }
}
--- emerg
endpoints.n[0].port: must be



=== TEST 117: an endpoint of [::1]x
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  [::1]x;  # <-
    }
}
--- emerg
"endpoint" directive has an invalid address



=== TEST 118: an endpoint of ::g
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  ::g;  # <-
    }
}
--- emerg
endpoints.n[0].ip: must be an IPv4 or IPv6 address



=== TEST 119: an endpoint of 127.0.0.1:
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  127.0.0.1:;  # <-
    }
}
--- emerg
"endpoint" directive has an invalid address



=== TEST 120: an endpoint of [::1]:
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  [::1]:;  # <-
    }
}
--- emerg
"endpoint" directive has an invalid address



=== TEST 121: an endpoint with an unknown parameter
--- mesh
mesh m {
    virtual_node n {
        endpoint  127.0.0.1 weight=1;  # <-
    }
}
--- emerg
invalid parameter "weight=1"



=== TEST 122: an endpoint with a parameter twice
--- mesh
mesh m {
    virtual_node n {
        endpoint  127.0.0.1 zone=a zone=b;  # <-
    }
}
--- emerg
duplicate parameter "zone="



=== TEST 123: an endpoint of unknown health
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        endpoint  127.0.0.1 health=ILL;  # <-
    }
}
--- emerg
endpoints.n[0].healthStatus: must be one of



=== TEST 124: dns twice
--- mesh
mesh m {
    virtual_node n {
        dns  a;
        dns  b;  # <-
    }
}
--- emerg
"dns" directive is duplicate



=== TEST 125: dns with an unknown parameter
--- mesh
mesh m {
    virtual_node n {
        dns  a ttl=1;  # <-
    }
}
--- emerg
invalid parameter "ttl=1"



=== TEST 126: dns of an unknown response type
--- mesh
mesh m {
    virtual_node n {
        dns  a response_type=ALL;  # <-
    }
}
--- emerg
virtualNodes[0].spec.serviceDiscovery.dns.responseType: must be one of



=== TEST 127: dns of an unknown preference
--- mesh
mesh m {
    virtual_node n {
        dns  a ip_preference=IPv4;  # <-
    }
}
--- emerg
virtualNodes[0].spec.serviceDiscovery.dns.ipPreference: must be one of



=== TEST 128: dns of no host name
--- mesh
mesh m {
    virtual_node n {
        dns  "a b";  # <-
    }
}
--- emerg
virtualNodes[0].spec.serviceDiscovery.dns.hostname: must be a host name



=== TEST 129: a backend of no host name
--- mesh
mesh m {
    virtual_node n {
        backend  a/b;  # <-
    }
}
--- emerg
virtualNodes[0].spec.backends[0].virtualService.virtualServiceName: must be a host name



=== TEST 130: a backend twice
--- mesh
mesh m {
    virtual_node n {
        backend  a;
        backend  b;
        backend  A;  # <-
    }
}
--- emerg
virtualNodes[0].spec.backends[2].virtualService.virtualServiceName: "A" is listed twice



=== TEST 131: a route without a name
--- mesh
mesh m {
    virtual_router r {
        route {  # <-
        }
    }
}
--- emerg
invalid number of arguments in "route" directive



=== TEST 132: a route of an unknown protocol
--- mesh
mesh m {
    virtual_router r {
        route x https {  # <-
        }
    }
}
--- emerg
"route" directive has an unknown protocol



=== TEST 133: no target
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {  # <-
            priority  1;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets: must not be empty



=== TEST 134: a target that is not there
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  x;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0].virtualNode: there is no virtual node "x"



=== TEST 135: target without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "target" directive



=== TEST 136: header without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "header" directive



=== TEST 137: query without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            query;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "query" directive



=== TEST 138: metadata without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            metadata;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "metadata" directive



=== TEST 139: priority without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "priority" directive



=== TEST 140: timeout without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            timeout;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "timeout" directive



=== TEST 141: retry without a value
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number of arguments in "retry" directive



=== TEST 142: a priority of 'x'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number "x"



=== TEST 143: a priority of '1.5'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  1.5;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number "1.5"



=== TEST 144: a priority of ''
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  "";  # <-
            target  n;
        }
    }
}
--- emerg
invalid number ""



=== TEST 145: a priority of '1001'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  1001;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.priority: must be



=== TEST 146: a priority of '-1'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  -1;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.priority: must be



=== TEST 147: priority twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            priority  1;
            priority  1;  # <-
            target  n;
        }
    }
}
--- emerg
"priority" directive is duplicate



=== TEST 148: a prefix without a slash
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   prefix=foo;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.prefix: must start with "/"



=== TEST 149: an empty prefix
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   prefix=;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.prefix: must start with "/"



=== TEST 150: an exact path without a slash
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   path=foo;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.exact: must start with "/"



=== TEST 151: a prefix and a path
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {  # <-
            match   prefix=/ path=/x;
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match: must not have both "prefix" and "path"



=== TEST 152: an exact path and a regular expression
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   path=/x regex=/y;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path: must have exactly one of "exact" and "regex"



=== TEST 153: a prefix twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   prefix=/ prefix=/x;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "prefix="



=== TEST 154: match twice, of the same parameter
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   prefix=/;
            match   prefix=/x;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "prefix="



=== TEST 155: an unknown parameter of match
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   host=x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "host=x"



=== TEST 156: an unknown method
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   method=GETT;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.method: must be one of



=== TEST 157: a method in lower case
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   method=get;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.method: must be one of



=== TEST 158: scheme in an http route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   scheme=https;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.scheme: is for "http2Route" only



=== TEST 159: an unknown scheme
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http2;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http2;

        route one {
            match   scheme=ftp;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.http2Route.match.scheme: must be one of



=== TEST 160: a port that is no number
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   port=x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number "x"



=== TEST 161: a port that no listener has
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   port=81;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.port: no listener has the port 81



=== TEST 162: a port out of range
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   port=65536;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.port: must be



=== TEST 163: the regular expression (
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/(";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 164: the regular expression [a
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/[a";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 165: the regular expression a**
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/a**";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 166: the regular expression \\1
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/\\1";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 167: the regular expression (?=x)
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/(?=x)";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 168: the regular expression (?<!x)y
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/(?<!x)y";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 169: the regular expression a++
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   "regex=/a++";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.path.regex: is not a regular expression: 



=== TEST 170: service in an http route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            match   service=x;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.serviceName: does not exist



=== TEST 171: method without service
--- mesh
mesh m {
    virtual_node n {
        listener  8080 grpc;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 grpc;

        route one {
            match   grpc_method=Get;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.grpcRoute.match.methodName: needs "serviceName" beside it



=== TEST 172: a prefix in a grpc route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 grpc;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 grpc;

        route one {
            match   prefix=/;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.grpcRoute.match.prefix: does not exist



=== TEST 173: metadata in an http route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            metadata  x;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.metadata: does not exist



=== TEST 174: a header in a grpc route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 grpc;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 grpc;

        route one {
            header  x;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.grpcRoute.match.headers: does not exist



=== TEST 175: a header of an unknown parameter
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x equals=1;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "equals=1"



=== TEST 176: a header and something behind invert
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x invert equals=1;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "equals=1"



=== TEST 177: invert twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x invert invert;  # <-
            target  n;
        }
    }
}
--- emerg
"header" directive has "invert" twice



=== TEST 178: a header of two values
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x exact=1 prefix=2;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match: must have



=== TEST 179: a header of a value and a range
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x exact=1 range=1-2;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match: must have



=== TEST 180: a header of two ranges
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=3-4 range=1-2;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "range="



=== TEST 181: a header of a value twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x exact=1 exact=2;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "exact="



=== TEST 182: a header without a name
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  "";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].name: must not be empty



=== TEST 183: a header whose name is too long
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].name: must have



=== TEST 184: a value that is too long
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x exact=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.exact: must have



=== TEST 185: a header of a regular expression that is none
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x regex=(;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.regex: is not a regular expression: 



=== TEST 186: a range of '1'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=1;  # <-
            target  n;
        }
    }
}
--- emerg
"header" directive has an invalid "range", it must be START-END



=== TEST 187: a range of 'x-y'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=x-y;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number



=== TEST 188: a range of '1-x'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=1-x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number



=== TEST 189: a range of ''
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=;  # <-
            target  n;
        }
    }
}
--- emerg
"header" directive has an invalid "range", it must be START-END



=== TEST 190: a range of '1-'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=1-;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number



=== TEST 191: a range of '-1'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=-1;  # <-
            target  n;
        }
    }
}
--- emerg
"header" directive has an invalid "range", it must be START-END



=== TEST 192: a range of '-'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=-;  # <-
            target  n;
        }
    }
}
--- emerg
"header" directive has an invalid "range", it must be START-END



=== TEST 193: a range of '--'
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=--;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number



=== TEST 194: a range of 5-5
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=5-5;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.range: "start" must be less than "end"



=== TEST 195: a range of 6-5
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=6-5;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.range: "start" must be less than "end"



=== TEST 196: a range of -1--1
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=-1--1;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.range: "start" must be less than "end"



=== TEST 197: a range beyond 64 bits
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x range=1-9223372036854775808;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers[0].match.range.end: must fit into 64 bits



=== TEST 198: eleven headers
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            header  x0;  # <-
            header  x1;
            header  x2;
            header  x3;
            header  x4;
            header  x5;
            header  x6;
            header  x7;
            header  x8;
            header  x9;
            header  x10;
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.headers: must have



=== TEST 199: eleven query parameters
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            query  x0;  # <-
            query  x1;
            query  x2;
            query  x3;
            query  x4;
            query  x5;
            query  x6;
            query  x7;
            query  x8;
            query  x9;
            query  x10;
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.queryParameters: must have



=== TEST 200: an unknown parameter of query
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            query  x prefix=1;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "prefix=1"



=== TEST 201: a query parameter without a name
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            query  "";  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.match.queryParameters[0].name: must not be empty



=== TEST 202: a weight of x
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n weight=x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number "x"



=== TEST 203: a weight of 101
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n weight=101;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0].weight: must be



=== TEST 204: a weight of -1
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n weight=-1;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0].weight: must be



=== TEST 205: weights above 100 in sum
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {  # <-
            target  n weight=50;
            target  n weight=51;
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets: weights must not add up to 102, at most 100 is allowed



=== TEST 206: eleven targets
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {  # <-
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets: must have



=== TEST 207: an unknown parameter of target
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n share=1;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "share=1"



=== TEST 208: a weight twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n weight=1 weight=2;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "weight="



=== TEST 209: a target's port that its node does not have
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            target  n port=81;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0].port: no listener of the virtual node has the port 81



=== TEST 210: a target without a port, whose node has several listeners
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        listener  81;
        dns       127.0.0.1;
    }
    virtual_router r {
        listener  80;
        route one {
            target  n;  # <-
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0]: needs "port", the virtual node has several listeners



=== TEST 211: a route without a port, whose router has several listeners
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        dns       127.0.0.1;
    }
    virtual_router r {
        listener  80;
        listener  81;
        route one {  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute: needs "port" in the match, there are several listeners



=== TEST 212: a route of another protocol than its router's listener
--- mesh
mesh m {
    virtual_node n {
        listener  80 http2;
        dns       127.0.0.1;
    }
    virtual_router r {
        listener  80;
        route one http2 {  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.http2Route: the protocol of the listener is "http"



=== TEST 213: a target of another protocol than its route
--- mesh
mesh m {
    virtual_node n {
        listener  80 http2;
        dns       127.0.0.1;
    }
    virtual_router r {
        listener  80;
        route one {
            target  n;  # <-
        }
    }
}
--- emerg
routes[0].spec.httpRoute.action.weightedTargets[0]: the protocol of the virtual node is "http2"



=== TEST 214: two routes of one name in a router
--- mesh
mesh m {
    virtual_node n {
        listener  80;
        dns       127.0.0.1;
    }
    virtual_router r {
        listener  80;
        route one { target n; }
        route one {  # <-
            target  n;
        }
    }
}
--- emerg
routes[1].routeName: "one" is there already



=== TEST 215: timeout of x
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            timeout  per_request=x;  # <-
            target  n;
        }
    }
}
--- emerg
invalid time "x"



=== TEST 216: timeout of nothing
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            timeout  idle=;  # <-
            target  n;
        }
    }
}
--- emerg
invalid time ""



=== TEST 217: an unknown parameter of timeout
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            timeout  1s;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "1s"



=== TEST 218: a timeout twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            timeout  idle=1s;
            timeout  idle=2s;  # <-
            target  n;
        }
    }
}
--- emerg
duplicate parameter "idle="



=== TEST 219: retry without max
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  per_try_timeout=1s events=server-error;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy: must have "maxRetries"



=== TEST 220: retry without a timeout
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 events=server-error;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy: must have "perRetryTimeout"



=== TEST 221: retry without events
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy: must have at least one retry event



=== TEST 222: retry of an unknown event
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s events=server-error,nonsense;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy.httpRetryEvents[1]: must be one of



=== TEST 223: retry of an empty event
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s events=server-error,;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy.httpRetryEvents[1]: must



=== TEST 224: retry of a gRPC event in an http route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s events=cancelled;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy: must have at least one retry event



=== TEST 225: retry of a gRPC event too, in an http route
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s events=server-error,cancelled;  # <-
            target  n;
        }
    }
}
--- emerg
routes[0].spec.httpRoute.retryPolicy.grpcRetryEvents: does not exist



=== TEST 226: retry twice
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=1s events=server-error;
            retry  max=1 per_try_timeout=1s events=server-error;  # <-
            target  n;
        }
    }
}
--- emerg
"retry" directive is duplicate



=== TEST 227: retry of x
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=x per_try_timeout=1s events=server-error;  # <-
            target  n;
        }
    }
}
--- emerg
invalid number "x"



=== TEST 228: retry of x in time
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  max=1 per_try_timeout=x events=server-error;  # <-
            target  n;
        }
    }
}
--- emerg
invalid time "x"



=== TEST 229: an unknown parameter of retry
--- mesh
mesh m {
    virtual_node n {
        listener  8080 http;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080 http;

        route one {
            retry  tries=1;  # <-
            target  n;
        }
    }
}
--- emerg
invalid parameter "tries=1"



=== TEST 230: mesh_pass without a direction
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass;
}
--- emerg
invalid number of arguments in "mesh_pass" directive



=== TEST 231: mesh_pass of another direction
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  sideways;
}
--- emerg
"mesh_pass" directive must be "egress" or "ingress"



=== TEST 232: mesh_pass with an unknown parameter
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress x=1;
}
--- emerg
invalid parameter "x=1"



=== TEST 233: mesh_pass with a port of 'x'
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress port=x;
}
--- emerg
"mesh_pass" directive has an invalid "port"



=== TEST 234: mesh_pass with a port of '0'
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress port=0;
}
--- emerg
"mesh_pass" directive has an invalid "port"



=== TEST 235: mesh_pass with a port of '65536'
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress port=65536;
}
--- emerg
"mesh_pass" directive has an invalid "port"



=== TEST 236: mesh_pass with a port of ''
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress port=;
}
--- emerg
"mesh_pass" directive has an invalid "port"



=== TEST 237: mesh_pass with a port of '-1'
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress port=-1;
}
--- emerg
"mesh_pass" directive has an invalid "port"



=== TEST 238: mesh_pass twice
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass  egress;
    mesh_pass  ingress;
}
--- emerg
"mesh_pass" directive is duplicate



=== TEST 239: mesh_pass beside proxy_pass
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_pass   egress;
    proxy_pass  http://127.0.0.1;
}
--- emerg
"proxy_pass" directive is duplicate



=== TEST 240: proxy_pass before mesh_pass
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    proxy_pass  http://127.0.0.1;
    mesh_pass   egress;
}
--- emerg
"mesh_pass" directive is duplicate



=== TEST 241: mesh_pass in a server
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
mesh_pass  egress;
--- emerg
"mesh_pass" directive is not allowed here



=== TEST 242: mesh_admin with a value
--- mesh
mesh m {
    include  nodes.conf;
}
--- config
location / {
    mesh_admin  x;
}
--- emerg
invalid number of arguments in "mesh_admin" directive



=== TEST 243: mesh_pass without a mesh
--- mesh
# none
--- config
location / {
    mesh_pass  egress;
}
--- emerg
"mesh_pass" directive needs a "mesh" block before "http"



=== TEST 244: mesh_admin without a mesh
--- mesh
# none
--- config
location / {
    mesh_admin;
}
--- emerg
"mesh_admin" directive needs a "mesh" block before "http"



=== TEST 245: a mesh after http
--- main_config
--- post_main_config
mesh m {
    include  nodes.conf;
}
--- must_die
--- request
GET /
--- error_log eval
qr/\[emerg\] .*"mesh_pass" directive needs a "mesh" block before "http" in .*nginx\.conf:\d+/
