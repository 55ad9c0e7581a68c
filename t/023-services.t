# A request that reaches what it must not, or another node than it should: names
# and ports of virtual services, providers, backends, weights and endpoints.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();
run_tests();

__DATA__

=== TEST 1: a virtual service by its name, with the port of its router or without
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all { target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /x "Host: app.local"        -> a /x
GET /x "Host: app.local:8080"   -> a /x
GET /x "Host: APP.Local"        -> a
GET /x "Host: APP.LOCAL:8080"   -> a
GET /x "Host: app.local:9999"   -> 404 NR
GET /x "Host: app.local:80"     -> 404 NR
GET /x "Host: app.local:08080"  -> 404 NR
GET /x "Host: app.local.x"      -> 404 NR
GET /x "Host: x.app.local"      -> 404 NR
GET /x "Host: app"              -> 404 NR
GET /x "Host: 127.0.0.1"        -> 404 NR



=== TEST 2: a name in capitals
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all { target a; }
    }

    virtual_service  App.LOCAL  virtual_router=r;
}
--- cases
GET / "Host: app.local"       -> a
GET / "Host: APP.local:8080"  -> a



=== TEST 3: the host of an absolute request target
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all { target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET http://app.local/x "Host: other"            -> a /x
GET http://APP.local:8080/x "Host: other"       -> a /x
GET http://app.local:9999/x "Host: app.local"   -> 404
GET http://other/x "Host: app.local"            -> 404



=== TEST 4: HTTP/1.0 without Host
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all { target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- raw_request eval
"GET / HTTP/1.0\r\n\r\n"
--- error_code: 404
--- response_headers
X-Flags: NR



=== TEST 5: a virtual node provides the service: every path, at the port of its listener
--- mesh
mesh m {
    include  nodes.conf;

    virtual_service  app.local  virtual_node=b;
}
--- cases
GET /x/y "Host: app.local"      -> b /x/y
POST / "Host: app.local:8080"  -> b
GET / "Host: app.local:81"      -> 404 NR



=== TEST 6: a virtual service without a provider
--- mesh
mesh m {
    include  nodes.conf;

    virtual_service  app.local;
    virtual_service  other.local  virtual_node=a;
}
--- cases
GET / "Host: app.local"         -> 404 NR
GET / "Host: app.local:8080"    -> 404 NR
GET / "Host: other.local"       -> a



=== TEST 7: a virtual router without routes
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> 404 NR
GET / "Host: app.local:8080" -> 404 NR



=== TEST 8: two services with one router
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all { target a; }
    }

    virtual_service  app.local    virtual_router=r;
    virtual_service  other.local  virtual_router=r;
}
--- cases
GET / "Host: app.local"    -> a
GET / "Host: other.local"  -> a



=== TEST 9: routes belong to their router
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router one {
        listener  8080;

        route same { target a; }
    }

    virtual_router two {
        listener  8080;

        route same { match prefix=/x; target b; }
    }

    virtual_service  one.local  virtual_router=one;
    virtual_service  two.local  virtual_router=two;
}
--- cases
GET /x "Host: one.local"  -> a
GET /y "Host: one.local"  -> a
GET /x "Host: two.local"  -> b
GET /y "Host: two.local"  -> 404



=== TEST 10: a proxy without a resource reaches every virtual service
--- mesh
mesh m {
    include  nodes.conf;

    virtual_service  a.local  virtual_node=a;
    virtual_service  b.local  virtual_node=b;
}
--- cases
GET / "Host: a.local"  -> a
GET / "Host: b.local"  -> b



=== TEST 11: a virtual node reaches its backends and no others
--- mesh
mesh m {
    resource  virtualNode/me;

    include  nodes.conf;

    virtual_node me {
        backend  a.local;
        backend  later.local;
    }

    virtual_service  a.local  virtual_node=a;
    virtual_service  b.local  virtual_node=b;
}
--- cases
GET / "Host: a.local"      -> a
GET / "Host: b.local"      -> 404 NR
GET / "Host: later.local"  -> 404 NR



=== TEST 12: a virtual node without backends reaches nothing
--- mesh
mesh m {
    resource  virtualNode/a;

    include  nodes.conf;

    virtual_service  a.local  virtual_node=a;
}
--- cases
GET / "Host: a.local"  -> 404 NR



=== TEST 13: ALLOW_ALL has no original destination to go to
--- mesh
mesh m {
    egress_filter  ALLOW_ALL;

    include  nodes.conf;

    virtual_service  app.local  virtual_node=a;
}
--- cases
GET / "Host: app.local"        -> a
GET / "Host: other.local"      -> 502 NC
GET / "Host: app.local:9999"   -> 502 NC



=== TEST 14: DROP_ALL by name is the default
--- mesh
mesh m {
    egress_filter  DROP_ALL;

    include  nodes.conf;

    virtual_service  app.local  virtual_node=a;
}
--- cases
GET / "Host: app.local"    -> a
GET / "Host: other.local"  -> 404 NR



=== TEST 15: a target of weight 0 is never chosen
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all {
            target  a weight=0;
            target  b weight=1;
            target  c weight=0;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b



=== TEST 16: weights are relative, their sum is not 100
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all {
            target  a weight=1;
            target  b weight=1;
            target  c weight=2;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- spread: 120 a=30+-24 b=30+-24 c=60+-27



=== TEST 17: all weights 0
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all {
            target  a weight=0;
            target  b weight=0;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> 503 UH



=== TEST 18: the only target, without a weight
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all {
            target  b;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b



=== TEST 19: no other target stands in for one without endpoints
--- mesh
mesh m {
    include  nodes.conf;

    virtual_node nobody {
        listener  8080;
        dns       nobody.local;
    }

    virtual_router r {
        listener  8080;

        route all {
            target  nobody weight=1;
            target  a      weight=0;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> 503 UH
GET / -> 503 UH
GET / -> 503 UH
GET / -> 503 UH
GET / -> 503 UH



=== TEST 20: the same node twice in one route
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route all {
            target  a weight=1;
            target  a weight=2;
        }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET / -> a
GET / -> a
GET / -> a
GET / -> a
GET / -> a



=== TEST 21: the port of a target chooses the listener of its node
--- mesh
mesh m {
    virtual_node two {
        listener  1985;
        listener  1986;
        endpoint  127.0.0.1:1985;
        endpoint  127.0.0.1:1986;
    }

    virtual_router r {
        listener  8080;

        route one { match prefix=/one; target two port=1985; }
        route two { match prefix=/two; target two port=1986; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /one  -> a /one
GET /two  -> b /two
GET /one  -> a /one
GET /two  -> b /two



=== TEST 22: endpoints without a port have that of the listener that is the target
--- mesh
mesh m {
    virtual_node two {
        listener  1985;
        listener  1986;
        endpoint  127.0.0.1;
    }

    virtual_router r {
        listener  8080;

        route one { match prefix=/one; target two port=1985; }
        route two { match prefix=/two; target two port=1986; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /one  -> a /one
GET /two  -> b /two



=== TEST 23: a node of several listeners provides the service: the port of Host is the listener's
--- mesh
mesh m {
    virtual_node two {
        listener  1985;
        listener  1986;
        endpoint  127.0.0.1;
    }

    virtual_service  app.local  virtual_node=two;
}
--- cases
GET / "Host: app.local:1985"  -> a
GET / "Host: app.local:1986"  -> b
GET / "Host: app.local:1987"  -> 404 NR
GET / "Host: app.local"       -> 404 NR



=== TEST 24: an address by DNS that is one already
--- mesh
mesh m {
    virtual_node a {
        listener  1985;
        dns       127.0.0.1;
    }

    virtual_service  app.local  virtual_node=a;
}
--- cases
GET / -> a



=== TEST 25: endpoints take turns
--- mesh
mesh m {
    lb_policy  round_robin;

    virtual_node n {
        listener  8080;
        endpoint  127.0.0.1:1985;
        endpoint  127.0.0.1:1986;
        endpoint  127.0.0.1:1987 zone=z;
    }

    virtual_service  app.local  virtual_node=n;
}
--- spread: 12 a=4 b=4 c=4



=== TEST 26: endpoints that are idle share by chance under least_request
--- mesh
mesh m {
    virtual_node n {
        listener   8080;
        lb_policy  least_request;
        endpoint   127.0.0.1:1985;
        endpoint   127.0.0.1:1986;
    }

    virtual_service  app.local  virtual_node=n;
}
--- spread: 40 a=20+-16 b=20+-16



=== TEST 27: an unhealthy endpoint gets no requests
--- mesh
mesh m {
    virtual_node n {
        listener  8080;
        endpoint  127.0.0.1:1985 health=UNHEALTHY;
        endpoint  127.0.0.1:1986 health=HEALTHY;
    }

    virtual_service  app.local  virtual_node=n;
}
--- cases
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b
GET / -> b



=== TEST 28: nothing but unhealthy endpoints
--- mesh
mesh m {
    virtual_node n {
        listener  8080;
        endpoint  127.0.0.1:1985 health=UNHEALTHY;
    }

    virtual_service  app.local  virtual_node=n;
}
--- cases
GET / -> 503 UH



=== TEST 29: least_request finds an endpoint too
--- mesh
mesh m {
    lb_policy  least_request;

    virtual_node n {
        listener  8080;
        endpoint  127.0.0.1:1985;
    }

    virtual_service  app.local  virtual_node=n;
}
--- cases
GET / -> a
GET / -> a
GET / -> a
GET / -> a
