#!/usr/bin/perl

# The unit tests of t/unit/, which a failure here names by file and line: runs
# them inside of nginx ("nginx -t") and passes their TAP on.
#
#     MESH_UNIT=mesh_unit_match prove t/unit.t      those that begin so

use warnings;
use strict;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $root = dirname(dirname(abs_path(__FILE__)));
my $build = $ENV{MESH_BUILD_DIR} || "$root/build/debian";
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $modules = $ENV{TEST_NGINX_LOAD_MODULES}
              || "$build/ngx_http_mesh_module.so";
my $filter = $ENV{MESH_UNIT} || '';

my $dir = tempdir(CLEANUP => 1);
mkdir "$dir/logs";

open my $conf, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";

print $conf "load_module $_;\n"
    for split(' ', $modules), "$build/ngx_http_mesh_control_module.so",
        "$build/ngx_mesh_unit_module.so";

print $conf "pid logs/nginx.pid;\n";
print $conf "error_log logs/error.log debug;\n";
print $conf "mesh_unit_test $filter;\n";
print $conf "events { }\n";

close $conf;

# "nginx -t" frees nothing in the end: the runner looks for leaks after each test
$ENV{LSAN_OPTIONS} = 'leak_check_at_exit=0';

my $rc = system($nginx, '-q', '-t', '-p', "$dir/", '-c', "$dir/nginx.conf");

if ($rc == -1) {
    die "$nginx: $!\n";
}

exit($rc & 127 ? 128 + ($rc & 127) : $rc >> 8);
