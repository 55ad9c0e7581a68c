# A request that reaches another port of the application than the one of its
# listener, or with other headers than the client sent.

use Test::Nginx::Socket;

use lib 't/lib';
use TestMesh;

use IO::Socket::IP;

our $ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1);
undef $ipv6 if $ipv6 && !close $ipv6;

plan 'no_plan';

mesh_defaults();

our $headers = 'host=$http_host,xff=$http_x_forwarded_for,'
               . 'proto=$http_x_forwarded_proto,real=$http_x_real_ip,'
               . 'via=$http_via,te=$http_te,connection=$http_connection,'
               . 'agent=$http_user_agent,id=$http_x_request_id,'
               . 'method=$request_method,length=$http_content_length,'
               . '$server_protocol';

our $six = $ipv6 ? backend('six', '[::1]:1985') : '';

our $http = "include  mesh_params;\n"
            . backend('one', '127.0.0.1:1985')
            . backend('two', '127.0.0.2:1985')
            . backend('other', '127.0.0.1:1986')
            . backend('headers', '127.0.0.1:1987', " $headers")
            . backend('http2', '127.0.0.1:1988 http2')
            . $six;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_config', $http . ($block->more_http || ''));
    $block->set_value('config', <<'END') if !defined $block->config;
location / {
    mesh_pass   ingress;
    add_header  X-Flags  $mesh_response_flags  always;
}
END
});

run_tests();

__DATA__

=== TEST 1: to the port of the listener, whatever the Host
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- cases
GET /x -> one /x
GET /x "Host: anything" -> one
GET /x "Host: app.local:9" -> one
POST /x?y -> one /x?y
GET /a//b/../c%2fd?e -> one /a/c%2fd?e



=== TEST 2: app_address
--- mesh
mesh m {
    resource     virtualNode/me;
    app_address  127.0.0.2;

    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- cases
GET /x -> two /x



=== TEST 3: the addresses of the node are for others
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985;
        endpoint  127.0.0.2:1986 health=UNHEALTHY;
    }
}
--- cases
GET /x -> one /x



=== TEST 4: of several listeners the one of port=
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985;
        listener  1986;
        dns       me.local;
    }
}
--- config
location /one/ { mesh_pass  ingress port=1985; }
location /two/ { mesh_pass  ingress port=1986; }
location /six/ { mesh_pass  ingress port=1987; }
--- cases
GET /one/ -> one
GET /two/ -> other
GET /six/ -> 404
GET /one/ "Host: app.local:1986" -> one



=== TEST 5: of several listeners the one of the port where the request arrived
--- mesh
mesh m {
    resource     virtualNode/me;
    app_address  127.0.0.1;

    virtual_node me {
        listener  1995;
        listener  1996;
        dns       me.local;
    }
}
--- more_http eval
<<'END' . TestMesh::backend('app1995', '127.0.0.1:1995') . TestMesh::backend('app1996', '127.0.0.1:1996');
server {
    listen  127.0.0.2:1995;
    listen  127.0.0.2:1996;
    listen  127.0.0.2:1997;

    location / {
        mesh_pass   ingress;
        add_header  X-Flags  $mesh_response_flags  always;
    }
}
END
--- config
location /1995/ { proxy_pass  http://127.0.0.2:1995; }
location /1996/ { proxy_pass  http://127.0.0.2:1996; }
location /1997/ { proxy_pass  http://127.0.0.2:1997; }
--- cases
GET /1995/ -> app1995
GET /1996/ -> app1996
GET /1997/ -> 404 NR



=== TEST 6: port= that the only listener does not have
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- config
location / {
    mesh_pass   ingress port=1986;
    add_header  X-Flags  $mesh_response_flags  always;
}
--- cases
GET / -> 404 NR



=== TEST 7: a tcp listener is not for HTTP
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985 tcp;
        dns       me.local;
    }
}
--- cases
GET / -> 404 NR



=== TEST 8: a tcp listener by its port
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1985 tcp;
        listener  1986;
        dns       me.local;
    }
}
--- config
location /tcp/ {
    mesh_pass   ingress port=1985;
    add_header  X-Flags  $mesh_response_flags  always;
}
location /http/ { mesh_pass  ingress port=1986; }
--- cases
GET /tcp/ -> 404 NR
GET /http/ -> other



=== TEST 9: an http2 listener is spoken to in HTTP/2
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1988 http2;
        dns       me.local;
    }
}
--- cases
GET /x -> http2 /x
POST /x -> http2 /x



=== TEST 10: a grpc listener is spoken to in HTTP/2
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1988 grpc;
        dns       me.local;
    }
}
--- cases
POST /pkg.Svc/Get "Content-Type: application/grpc" -> http2 /pkg.Svc/Get



=== TEST 11: a node without listeners
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        backend  app.local;
    }
}
--- cases
GET / -> 404 NR



=== TEST 12: a proxy without a resource has no listeners
--- mesh
mesh m {
    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- cases
GET / -> 404 NR



=== TEST 13: the answer where no listener is
--- mesh
mesh m {
    virtual_service  app.local;
}
--- request
GET /
--- error_code: 404
--- response_body
no listener for this port



=== TEST 14: IPv6 preferred by the mesh
--- skip_eval: 3: !$main::ipv6
--- mesh
mesh m {
    resource       virtualNode/me;
    ip_preference  IPv6_PREFERRED;

    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- cases
GET / -> six



=== TEST 15: IPv6 alone, by the node
--- skip_eval: 3: !$main::ipv6
--- mesh
mesh m {
    resource       virtualNode/me;
    ip_preference  IPv4_ONLY;

    virtual_node me {
        listener  1985;
        dns       me.local ip_preference=IPv6_ONLY;
    }
}
--- cases
GET / -> six



=== TEST 16: IPv4 of the node goes before IPv6 of the mesh
--- mesh
mesh m {
    resource       virtualNode/me;
    ip_preference  IPv6_ONLY;

    virtual_node me {
        listener  1985;
        dns       me.local ip_preference=IPv4_PREFERRED;
    }
}
--- cases
GET / -> one



=== TEST 17: app_address goes before every preference
--- mesh
mesh m {
    resource       virtualNode/me;
    ip_preference  IPv6_ONLY;
    app_address    127.0.0.2;

    virtual_node me {
        listener  1985;
        dns       me.local;
    }
}
--- cases
GET / -> two



=== TEST 18: the application is not there
--- mesh eval
my $port = TestMesh::closed_port();
<<"END"
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  $port;
        dns       me.local;
    }
}
END
--- cases
GET / -> 503 UF
POST / -> 503 UF



=== TEST 19: headers reach the application as the client sent them
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        dns       me.local;
    }
}
--- request
POST /x
body
--- more_headers
Host: App.Local:8080
X-Forwarded-For: 192.0.2.1, 192.0.2.2
User-Agent: x/1
X-Request-Id: 7
--- response_body
headers /x host=App.Local:8080,xff=192.0.2.1, 192.0.2.2,proto=http,real=,via=,te=,connection=,agent=x/1,id=7,method=POST,length=4,HTTP/1.1



=== TEST 20: nothing is added but X-Forwarded-Proto
--- mesh
mesh m {
    envoy_headers  off;
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        dns       me.local;
    }
}
--- request
GET /
--- more_headers
Host: a
--- response_body
headers / host=a,xff=,proto=http,real=,via=,te=,connection=,agent=,id=,method=GET,length=,HTTP/1.1



=== TEST 21: X-Forwarded-Proto of the client stays
--- mesh
mesh m {
    envoy_headers  off;
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        dns       me.local;
    }
}
--- request
GET /
--- more_headers
Host: a
X-Forwarded-Proto: https
--- response_body
headers / host=a,xff=,proto=https,real=,via=,te=,connection=,agent=,id=,method=GET,length=,HTTP/1.1



=== TEST 22: through an egress and an ingress, headers are the same
--- mesh
mesh m {
    envoy_headers  off;
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        endpoint  127.0.0.1:1995;
        backend   app.local;
    }

    virtual_service  app.local  virtual_node=me;
}
--- more_http
server {
    listen  1995;

    location / {
        mesh_pass  ingress;
    }
}
--- config
location / {
    mesh_pass  egress;
}
--- request
DELETE /x//y?z
--- more_headers
Host: APP.local:1987
X-Forwarded-For: 192.0.2.1
X-Forwarded-Proto: https
User-Agent: x/1
--- response_body
headers /x/y?z host=APP.local:1987,xff=192.0.2.1,proto=https,real=,via=,te=,connection=,agent=x/1,id=,method=DELETE,length=,HTTP/1.1



=== TEST 23: an empty X-Forwarded-Proto is none
--- mesh
mesh m {
    envoy_headers  off;
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        dns       me.local;
    }
}
--- raw_request eval
"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto:\r\nConnection: close\r\n\r\n"
--- response_body
headers / host=a,xff=,proto=http,real=,via=,te=,connection=,agent=,id=,method=GET,length=,HTTP/1.1



=== TEST 24: subrequests, each with headers of its own
--- mesh
mesh m {
    resource  virtualNode/me;

    virtual_node me {
        listener  1987;
        dns       me.local;
    }
}
--- config
location = /page {
    ssi           on;
    default_type  text/html;
    return        200  '<!--# include virtual="/a" --><!--# include virtual="/b" -->';
}

location / {
    mesh_pass  ingress;
}
--- request
GET /page
--- more_headers
Host: a
X-Request-Id: 7
--- response_body
headers /a host=a,xff=,proto=http,real=,via=,te=,connection=,agent=,id=7,method=GET,length=,HTTP/1.1
headers /b host=a,xff=,proto=http,real=,via=,te=,connection=,agent=,id=7,method=GET,length=,HTTP/1.1
