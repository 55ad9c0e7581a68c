package TestMesh;

# Sections of Test::Nginx blocks that the suites of the mesh share.  After
# "use Test::Nginx::Socket":
#
#     --- mesh          what stands before http {}, as the file conf/mesh.conf
#     --- document      the file conf/mesh.json
#     --- emerg         nginx has to refuse --- mesh with a message that begins
#                       so, at the line that ends in "# <-"
#     --- cases         requests, one a line, each on a connection of its own:
#
#         METHOD URI ["Name: value"]... -> STATUS [FLAGS]
#         METHOD URI ["Name: value"]... -> NODE [URI]
#
#                       NODE is the server that must have answered, URI what it
#                       was sent; FLAGS are the header X-Flags of the response;
#                       Host is app.local if it is not given
#
#     --- spread        N NODE=COUNT[+-TOLERANCE]...
#
#                       what answered N requests for app.local
#
# Without --- http_config there are the servers "a", "b" and "c", which are the
# virtual nodes of conf/nodes.conf; without --- config everything goes to
# "mesh_pass egress".

use warnings;
use strict;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP PF_INET SOCK_STREAM INADDR_LOOPBACK
              pack_sockaddr_in unpack_sockaddr_in);

use Test::More;
use Test::Nginx::Socket;
use Test::Nginx::Util;

our @EXPORT = qw(mesh_defaults backend backends
                 mute_port full_port closed_port);

my $root = dirname(dirname(dirname(abs_path(__FILE__))));

my %ports = (a => 1985, b => 1986, c => 1987);

my @sockets;


# What Test::Nginx sets itself is left out of the file.

sub mesh_params () {
    open my $in, '<', "$root/conf/mesh_params"
        or die "$root/conf/mesh_params: $!";

    return join '', grep { !/^keepalive_timeout / } <$in>;
}


# A server that answers with its name, what it was asked for, and $more.

sub backend ($$;$) {
    my ($name, $listen, $more) = @_;

    $more = '' unless defined $more;

    return <<"END";
    server {
        listen  $listen;

        location / {
            return 200 "$name \$request_uri$more\\n";
        }
    }
END
}


sub backends () {
    return join '', map { backend($_, $ports{$_}) } sort keys %ports;
}


# A port where the kernel takes connections and nobody answers.

sub mute_port () {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128)
        or die "listen: $!";

    push @sockets, $s;
    return $s->sockport;
}


# A port that does not even take connections: its queue is full.

sub full_port () {
    my ($s, $c, $w);

    $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!";

    push @sockets, $s;

    for (1 .. 100) {
        socket($c, PF_INET, SOCK_STREAM, IPPROTO_TCP) or die "socket: $!";
        IO::Handle::blocking($c, 0);
        connect($c, pack_sockaddr_in($s->sockport, INADDR_LOOPBACK));

        push @sockets, $c;

        $w = '';
        vec($w, fileno($c), 1) = 1;

        return $s->sockport if select(undef, $w, undef, 0.1) == 0;

        undef $c;
    }

    die "the queue of a listening socket has no end";
}


# A port that refuses: bound, so that nobody else gets it, and not listening.

sub closed_port () {
    my $s;

    socket($s, PF_INET, SOCK_STREAM, IPPROTO_TCP) or die "socket: $!";
    bind($s, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";

    push @sockets, $s;
    return (unpack_sockaddr_in(getsockname($s)))[0];
}


sub nodes () {
    return join '', map { <<"END" } sort keys %ports;
virtual_node $_ {
    listener  8080;
    endpoint  127.0.0.1:$ports{$_};
}
END
}


sub user_files ($) {
    my ($block) = @_;

    my $conf = server_root() . '/conf';
    my @files = (["$conf/nodes.conf", nodes()],
                 ["$conf/mesh_params", mesh_params()]);

    push @files, ["$conf/mesh.conf", $block->mesh] if defined $block->mesh;
    push @files, ["$conf/mesh.json", $block->document]
        if defined $block->document;

    return \@files;
}


sub set_emerg ($) {
    my ($block) = @_;

    my (@lines, $line, $message);

    @lines = split /\n/, $block->mesh;
    ($line) = grep { $lines[$_ - 1] =~ /# <-$/ } 1 .. @lines;

    $message = $block->emerg;
    chomp $message;

    $line = $line ? server_root() . "/conf/mesh.conf:$line" : '';

    $block->set_value('must_die', '');
    $block->set_value('error_log',
                      [qr/\[emerg\] .*\Q$message\E.* in .*\Q$line\E$/]);
    $block->set_value('request', 'GET /');
}


sub set_cases ($) {
    my ($block) = @_;

    my (@request, @headers, @code, @body, @flags);

    for (split /\n/, $block->cases) {
        next if /^\s*(#|$)/;

        /^(\S+ \S+)((?:\s+"[^"]*")*)\s+-> (\S+)(?: (\S+))?$/
            or bail_out("cannot read the case: $_");

        my ($request, $quoted, $want, $detail) = ($1, $2, $3, $4);
        my $headers = join '', map { "$_\n" } $quoted =~ /"([^"]*)"/g;

        $headers = "Host: app.local\n$headers" unless $headers =~ /^Host:/mi;

        push @request, $request;
        push @headers, $headers;

        if ($want =~ /^\d+$/) {
            push @code, $want;
            push @body, qr//;
            push @flags, defined $detail ? "X-Flags: $detail" : '';

        } else {
            push @code, 200;
            push @body, defined $detail ? qr/^\Q$want $detail\E\n/
                                        : qr/^\Q$want\E /;
            push @flags, '';
        }
    }

    my $one = @request == 1;

    $block->set_value('request', $one ? $request[0] : \@request);
    $block->set_value('more_headers', $one ? $headers[0] : \@headers);
    $block->set_value('error_code', $one ? $code[0] : \@code);
    $block->set_value('response_body', $one ? $body[0] : \@body);
    $block->set_value('response_headers', $one ? $flags[0] : \@flags);
}


sub set_spread ($) {
    my ($block) = @_;

    my ($n) = split ' ', $block->spread;

    $block->set_value('more_headers', 'Host: app.local');
    $block->set_value('request', [('GET /') x $n]);
    $block->set_value('error_code', [(200) x $n]);
}


my %answers;

sub check_spread ($$) {
    my ($block, $body) = @_;

    my ($n, @wants) = split ' ', $block->spread;
    my $got = $answers{$block->name} ||= {};

    $got->{$body =~ /^(\S+) / ? $1 : '?'}++;
    $got->{total}++;

    return if $got->{total} < $n;

    for (@wants) {
        my ($node, $count, $tolerance) = /^(\S+)=(\d+)(?:\+-(\d+))?$/
            or bail_out("cannot read the spread: $_");

        cmp_ok(abs(($got->{$node} || 0) - $count), '<=', $tolerance || 0,
               $block->name . " - $node answered about $count of $n");
    }
}


# nginx writes its access log after the client has the answer, and the check of
# "--- access_log", which comes next, looks once.

sub wait_access_log ($) {
    my ($block) = @_;

    my $pats = $block->access_log;
    my @wanted = ref $pats eq 'ARRAY' ? @$pats
               : ref $pats ? ($pats) : map { qr/\Q$_\E/ } split /\n+/, $pats;

    for (1 .. 1000) {
        if (open my $in, '<', server_root() . '/logs/access.log') {
            my @lines = <$in>;

            @wanted = grep { my $pat = $_; !grep { /$pat/ } @lines } @wanted;
        }

        return if !@wanted;
        select undef, undef, undef, 0.01;
    }
}


sub mesh_defaults () {
    no_root_location();
    no_long_string();
    log_level('info');

    # of clients, and for nginx to end: a machine may be busy with something else
    timeout(20);

    add_block_preprocessor(sub {
        my ($block) = @_;

        $block->set_value('user_files', user_files($block));

        if (defined $block->mesh && !defined $block->main_config) {
            $block->set_value('main_config', "include mesh.conf;\n");
        }

        if (!defined $block->http_config) {
            $block->set_value('http_config', "include mesh_params;\n" . backends());
        }

        if (!defined $block->config) {
            $block->set_value('config', <<'END');
location / {
    mesh_pass   egress;
    add_header  X-Flags  $mesh_response_flags  always;
}
END
        }

        set_emerg($block) if defined $block->emerg;
        set_cases($block) if defined $block->cases;
        set_spread($block) if defined $block->spread;
    });

    add_response_body_check(sub {
        my ($block, $body) = @_;

        check_spread($block, $body) if defined $block->spread;
        wait_access_log($block) if defined $block->access_log;
    });
}


1;
