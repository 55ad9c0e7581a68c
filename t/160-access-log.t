# The access log of the spec: its lines, byte for byte but for times.

use warnings;
use strict;

use File::Basename qw(dirname);
use lib dirname(__FILE__) . '/lib';

use Test::Nginx::Socket;
use TestMesh;

repeat_each(1);
no_shuffle();
mesh_defaults();

# A block says what its log has to hold, with patterns in << >>; nginx writes
# it within a second.

Test::Nginx::Util::add_block_preprocessor(sub {
    my ($block) = @_;

    return if !defined $block->log_format && !defined $block->log_lines;

    my $format = defined $block->log_format ? $block->log_format : '';
    chomp $format;

    $block->set_value('main_config', <<"END");
mesh shop {
    resource  virtualNode/me;

    virtual_service app.local virtual_router=app;
    virtual_service none.local;
    virtual_service dead.local virtual_node=dead;

    virtual_node me {
        backend     app.local;
        backend     none.local;
        backend     dead.local;
        access_log  $ENV{TEST_NGINX_SERVROOT}/logs/spec.log $format;
    }

    virtual_node a {
        listener  8080;
        endpoint  127.0.0.1:1985;
    }

    virtual_node dead {
        listener  8080;
        dns       dead.internal;
    }

    virtual_router app {
        listener  8080;
        route all {
            match   prefix=/app;
            target  a;
        }
    }
}
END
});

Test::Nginx::Socket::add_response_body_check(sub {
    my ($block) = @_;

    return unless defined $block->log_lines;

    my $path = "$ENV{TEST_NGINX_SERVROOT}/logs/spec.log";
    my $want = join '', map { /^<<(.*)>>$/s ? $1 : quotemeta }
                        split /(<<.*?>>)/s, $block->log_lines;
    my $got = '';

    for (1 .. 400) {
        if (open my $in, '<', $path) {
            local $/;
            $got = <$in>;
        }

        last if defined $got && $got =~ /\n/;
        select undef, undef, undef, 0.05;
    }

    Test::More::like($got, qr/^$want\z/, $block->name . ' - the log');
});

plan tests => repeat_each() * 3 * blocks();

run_tests();

__DATA__

=== TEST 1: the default format
--- log_lines
[<<\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z>>] "GET /app/x?y=1 HTTP/1.1" 200 - 0 13 <<\d+ \d+>> "10.1.2.3" "test/1" "id-7" "app.local" "127.0.0.1:1985"
--- request
GET /app/x?y=1
--- more_headers
Host: app.local
X-Forwarded-For: 10.1.2.3
User-Agent: test/1
X-Request-Id: id-7
--- response_body
a /app/x?y=1



=== TEST 2: the default format, no route, what is missing
--- log_lines
[<<\S+Z>>] "GET /other HTTP/1.1" 404 NR 0 0 <<\d+>> - "-" "-" "-" "app.local" "-"
--- request
GET /other
--- more_headers
Host: app.local
--- error_code: 404
--- response_body eval
""



=== TEST 3: the path as it is forwarded, a body
--- log_format: "%REQ(:METHOD)% %REQ(:PATH)% %REQ_WITHOUT_QUERY(:PATH)% %BYTES_RECEIVED% %BYTES_SENT%\n"
--- log_lines
POST /app/y?a=/../b /app/y 5 17
--- request
POST /app//x/../y?a=/../b
hello
--- more_headers
Host: app.local
--- response_body
a /app/y?a=/../b



=== TEST 4: what is known of the proxy's own answers
--- log_format: "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% [%LOCAL_REPLY_BODY%] %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST% %RESPONSE_DURATION%\n"
--- log_lines
503 UH NoHealthyUpstream no_healthy_upstream [no healthy upstream] cds_egress_shop_dead_http_8080 0 - -
--- request
GET /
--- more_headers
Host: dead.local
--- error_code: 503
--- response_body chomp
no healthy upstream



=== TEST 5: what is known of answers of the application
--- log_format: "%RESPONSE_CODE_DETAILS% [%LOCAL_REPLY_BODY%] %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_PROTOCOL% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %ROUTE_NAME% %RESP(content-length)% %RESP(content-type)% %RESP(:status)%\n"
--- log_lines
via_upstream [-] cds_egress_shop_a_http_8080 1 HTTP/1.1 127.0.0.1 1985 all 7 text/plain 200
--- request
GET /app
--- more_headers
Host: app.local
--- response_body
a /app



=== TEST 6: addresses
--- log_format: "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_PORT% %REQUESTED_SERVER_NAME% %DOWNSTREAM_TLS_VERSION%\n"
--- log_lines
127.0.0.1:<<\d+>> 127.0.0.1 127.0.0.1 127.0.0.1:<<(\d+) \1>> - -
--- request
GET /app
--- more_headers
Host: app.local
--- response_body
a /app



=== TEST 7: JSON: the members in order, types, what is missing
--- log_format: json z=%RESPONSE_CODE% a=%REQ(X-Quote)% m=%REQ(X-No)% "t=%START_TIME(%Y)% x" b=%BYTES_SENT%
--- log_lines
{"z":200,"a":"a\"b","m":null,"t":"20<<\d\d>> x","b":7}
--- request
GET /app
--- more_headers
Host: app.local
X-Quote: a"b
--- response_body
a /app



=== TEST 8: lengths, alternatives, headers without regard to case
--- log_format: "%REQ(x-LONG):3%|%REQ(X-NO?HOST)%|%REQ(X-NO?X-NOT)%|%%|%REQ(x-long):0%|\n"
--- log_lines
abc|app.local|-|%||
--- request
GET /app
--- more_headers
Host: app.local
X-Long: abcdef
--- response_body
a /app
