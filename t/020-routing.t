# A request that takes another route, or none, than App Mesh would have sent it
# by: paths of matches, how they are normalized, and the order of routes.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

plan 'no_plan';

mesh_defaults();
run_tests();

__DATA__

=== TEST 1: a prefix is compared as a string
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/foo; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /foo          -> a /foo
GET /foobar       -> a /foobar
GET /foo/bar?x=1  -> a /foo/bar?x=1
GET /Foo          -> 404 NR
GET /fo           -> 404 NR
GET /             -> 404 NR
GET /x?/foo       -> 404 NR
GET /x/foo        -> 404 NR



=== TEST 2: a prefix with a slash at the end is no segment either
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/foo/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /foo/      -> a
GET /foo/bar   -> a
GET /foo       -> 404
GET /foobar    -> 404



=== TEST 3: the prefix / takes everything
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /              -> a /
GET /?x=1          -> a /?x=1
GET /a/b/c.html    -> a /a/b/c.html
POST /             -> a
OPTIONS /          -> a
GET /a%2Fb         -> a /a%2Fb



=== TEST 4: a match without a path takes every path
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match method=GET; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /anything  -> a
POST /         -> 404



=== TEST 5: a route without a match takes everything
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /anything  -> a
POST /         -> a



=== TEST 6: an exact path is the whole path without the query
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match path=/foo; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /foo        -> a
GET /foo?x=/bar -> a /foo?x=/bar
GET /foo?       -> a /foo?
GET /foo/       -> 404
GET /foobar     -> 404
GET /FOO        -> 404
GET /           -> 404



=== TEST 7: a regular expression has to match the whole path
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match "regex=/v[12]/(users|items)"; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /v1/users       -> a
GET /v2/items?x=y   -> a /v2/items?x=y
GET /v3/items       -> 404
GET /v1/users/      -> 404
GET /v1/users/7     -> 404
GET /x/v1/users     -> 404
GET /V1/users       -> 404



=== TEST 8: an alternative of a regular expression may be the longer one
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match "regex=/a|/ab|/abc"; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /a    -> a
GET /ab   -> a
GET /abc  -> a
GET /abd  -> 404



=== TEST 9: a flag inside of a regular expression
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match "regex=(?i)/case/.*"; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /CASE/x  -> a /CASE/x
GET /case/   -> a
GET /case    -> 404



=== TEST 10: the regular expression sees the path without the query
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match "regex=/x[^?]*"; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /xyz?q=1  -> a /xyz?q=1
GET /y?/xyz   -> 404



=== TEST 11: paths are normalized before they are matched, and forwarded like that
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/foo/; target a; }
        route two { match prefix=/;     target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /foo/./bar       -> a /foo/bar
GET /foo/../bar      -> b /bar
GET /x/../foo/bar    -> a /foo/bar
GET //foo//bar       -> a /foo/bar
GET ///              -> b /
GET /foo/.           -> a /foo/
GET /foo/bar/..      -> a /foo/
GET /foo%2Fbar       -> b /foo%2Fbar
GET /foo%2fbar       -> b /foo%2fbar
GET /%66oo/bar       -> a /foo/bar
GET /foo/%2e%2e/bar  -> b /bar
GET /foo/%2E/bar     -> a /foo/bar
GET /foo\bar         -> a /foo/bar
GET /foo/...         -> a /foo/...
GET /foo/.hidden     -> a /foo/.hidden



=== TEST 12: a path above the root is refused by nginx itself
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /..            -> 400
GET /../../foo/    -> 400
GET /a/../../foo/  -> 400



=== TEST 13: the query is not normalized
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /a//b?x=a//b/../c  -> a /a/b?x=a//b/../c
GET /?a=%66&b=%2F      -> a /?a=%66&b=%2F
GET /a/../?            -> a /?
GET /a?b?c=d           -> a /a?b?c=d



=== TEST 14: escapes that are not undone stay as they are
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /a%20b         -> a /a%20b
GET /%C3%A4        -> a /%C3%A4
GET /a%3Fb         -> a /a%3Fb
GET /a%23b         -> a /a%23b
GET /a+b;c=d,e:@!  -> a /a+b;c=d,e:@!



=== TEST 15: a fragment is not forwarded
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/; target a; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /a#b      -> a /a
GET /a?x=1#b  -> a /a?x=1



=== TEST 16: an absolute request target
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/foo; target a; }
        route two { match prefix=/;    target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET http://app.local/foo?x       -> a /foo?x
GET http://app.local             -> b /
GET http://app.local/x/../foo/   -> a /foo/
GET http://app.local?x=1         -> b /?x=1



=== TEST 17: priority goes before the length of the prefix
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route long  { match prefix=/foo/bar;          target a; }
        route first { priority 0; match prefix=/;     target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /foo/bar  -> b
GET /         -> b



=== TEST 18: priorities ascend, and those without one come last
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route none  { match prefix=/x;                  target a; }
        route ten   { priority 10;  match prefix=/;     target b; }
        route nine  { priority 9;   match prefix=/x/y;  target c; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /x/y  -> c
GET /x    -> b
GET /z    -> b



=== TEST 19: a priority of 1000 is that of routes without one
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route short { priority 1000; match prefix=/;   target a; }
        route long  { match prefix=/long;              target b; }
        route last  { priority 999;  match prefix=/z;  target c; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /long  -> b
GET /x     -> a
GET /z     -> c



=== TEST 20: of the same priority the longest prefix goes first
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one   { match prefix=/;      target a; }
        route three { match prefix=/f/o/o; target c; }
        route two   { match prefix=/f;     target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /f/o/o  -> c
GET /f/o    -> b
GET /x      -> a



=== TEST 21: of the same priority and length the first one written
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one { match prefix=/x method=GET;  target a; }
        route two { match prefix=/x;             target b; }
        route six { match prefix=/x method=POST; target c; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /x   -> a
PUT /x   -> b
POST /x  -> b



=== TEST 22: the first route that matches decides, without going back
--- mesh
mesh m {
    include  nodes.conf;
    virtual_node nobody { listener 8080; dns nobody.local; }

    virtual_router r {
        listener  8080;

        route one { priority 1; match prefix=/x; target nobody; }
        route two { priority 2; match prefix=/;  target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /x/y  -> 503 UH
GET /y    -> b



=== TEST 23: all criteria of a route have to hold
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route one {
            match   prefix=/x method=GET;
            header  x-one exact=1;
            header  x-two;
            query   q exact=1;
            target  a;
        }
        route two { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /x?q=1 "X-One: 1" "X-Two: any"   -> a
POST /x?q=1 "X-One: 1" "X-Two: any"  -> b
GET /y?q=1 "X-One: 1" "X-Two: any"   -> b
GET /x?q=2 "X-One: 1" "X-Two: any"   -> b
GET /x?q=1 "X-One: 2" "X-Two: any"   -> b
GET /x?q=1 "X-One: 1"                -> b
GET /x "X-One: 1" "X-Two: any"       -> b



=== TEST 24: a catastrophic regular expression gets its answer
--- mesh
mesh m {
    include  nodes.conf;

    virtual_router r {
        listener  8080;

        route bad  { priority 1; match "regex=/(a+)+b"; target a; }
        route rest { match prefix=/; target b; }
    }

    virtual_service  app.local  virtual_router=r;
}
--- cases
GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa   -> b
GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab  -> a
GET /x    -> b
