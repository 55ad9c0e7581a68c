#!/bin/bash
#
# The launcher, util/mesh: that options and environment end up in the nginx.conf
# it renders, that nothing else does, and that a sidecar starts and stops.

set -u

cd "$(dirname "$0")/../.." || exit 1

dir=$(mktemp -d)
chmod 755 "$dir"
pid=

finish() {
    [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT

. t/lib/launcher.sh


# options

mesh "${base[@]}"
ok $? 'resource and control plane are enough'
has 'mesh' 'mesh m \{'
has 'resource' 'resource virtualNode/n;'
has 'document' 'control_plane file:/etc/mesh.json;'
has 'egress on loopback' 'listen 127\.0\.0\.1:15001;'
has 'ingress' 'listen 0\.0\.0\.0:15000;'
has 'admin on loopback' 'listen 127\.0\.0\.1:9901;'
hasnt 'no HTTP/2 listener unasked' '15002|http2'
hasnt 'nothing left of the template' '@[a-z_]+@|#if|#end$'
hasnt 'a line without a value is left out' 'app_address|lb_policy'

mesh "${base[@]}" --egress '[::1]:5001' --ingress=unix:/tmp/in.sock --admin off \
    --state /s/t --run-dir /r/d --workers 3 --connections 512 --drain 7 \
    --app-address 127.0.0.9 --lb-policy least_request --interval 250ms \
    --log-level trace --access-log /a/b.log
ok $? 'all options'
has '--egress, IPv6' 'listen \[::1\]:5001;'
has '--ingress=VALUE, unix' 'listen unix:/tmp/in.sock;'
hasnt '--admin off' 'mesh_admin;'
has '--state' 'state /s/t;'
has '--run-dir' 'pid /r/d/nginx.pid;'
has '--workers' 'worker_processes 3;'
has '--connections' 'worker_connections 512;'
has '--drain' 'worker_shutdown_timeout 7s;'
has 'the file to drain by' 'drain_file /r/d/drain;'
has '--app-address' 'app_address 127\.0\.0\.9;'
has '--lb-policy' 'lb_policy least_request;'
has '--interval' 'control_plane file:/etc/mesh.json interval=250ms;'
has '--log-level' 'error_log stderr debug;'
has '--access-log' 'access_log /a/b.log mesh;'

mesh --resource mesh/m/virtualNode/n --control-plane file:conf/x.json
has 'a relative path is one from here' "control_plane file:$PWD/conf/x.json;"

mesh "${base[@]}" --control-plane http://127.0.0.1:9080
has 'a control plane by URL' 'control_plane http://127.0.0.1:9080;'

for version in 1.22.1 1.25.0 1.25.1 1.30.4 1.9.15; do
    printf '#!/bin/sh\necho "nginx version: nginx/%s" >&2\n' $version \
        > "$dir/nginx"
    chmod +x "$dir/nginx"
    mesh NGINX="$dir/nginx" "${base[@]}" --egress-http2 127.0.0.1:15002
    case $version in
        1.25.1|1.30.4)
            has "HTTP/2, nginx $version" 'http2 on;'
            has "its listen, nginx $version" 'listen 127\.0\.0\.1:15002;' ;;
        *)
            has "HTTP/2, nginx $version" 'listen 127\.0\.0\.1:15002 http2;'
            hasnt "no directive, nginx $version" 'http2 on' ;;
    esac
done

if [ "$(id -u)" = 0 ]; then
    mesh "${base[@]}" --user nobody
    has 'user, as root' 'user nobody [a-z]+;'
else
    mesh "${base[@]}"
    hasnt 'no user, not being root' '^user'
fi


# environment

arn=arn:aws:appmesh:eu-west-1:123456789012:mesh/shop/virtualNode/cart_v-1
env=("APPMESH_RESOURCE_ARN=$arn" MESH_CONTROL_PLANE=file:/etc/m.json)

mesh "${env[@]}" ENVOY_LOG_LEVEL=warning ENVOY_CONCURRENCY=2 \
    ENVOY_ADMIN_ACCESS_PORT=9999 LISTENER_DRAIN_WAIT_TIME_S=5 \
    MESH_EGRESS=127.0.0.1:1 MESH_INGRESS=off MESH_STATE=/e/s
ok $? 'environment alone'
has 'APPMESH_RESOURCE_ARN: mesh' 'mesh shop \{'
has 'APPMESH_RESOURCE_ARN: node, and owner of the mesh' "resource $arn;"
has 'MESH_CONTROL_PLANE' 'control_plane file:/etc/m.json;'
has 'ENVOY_LOG_LEVEL' 'error_log stderr warn;'
has 'ENVOY_CONCURRENCY' 'worker_processes 2;'
has 'ENVOY_ADMIN_ACCESS_PORT' 'listen 127\.0\.0\.1:9999;'
has 'LISTENER_DRAIN_WAIT_TIME_S' 'worker_shutdown_timeout 5s;'
mesh "${env[@]}" MESH_DRAIN=2 LISTENER_DRAIN_WAIT_TIME_S=7 MESH_GRACE=9
has 'the longer of both after SIGQUIT' 'worker_shutdown_timeout 9s;'
mesh "${env[@]}" LISTENER_DRAIN_WAIT_TIME_S=0
has 'not to drain is allowed' 'worker_shutdown_timeout 5s;'
mesh "${env[@]}" MESH_EGRESS=127.0.0.1:1 MESH_INGRESS=off MESH_STATE=/e/s
has 'MESH_EGRESS' 'listen 127\.0\.0\.1:1;'
hasnt 'MESH_INGRESS=off' 'mesh_pass ingress'
has 'MESH_STATE' 'state /e/s;'

for pair in trace:debug debug:debug info:info warn:warn error:error \
            critical:crit off:emerg
do
    mesh "${env[@]}" ENVOY_LOG_LEVEL="${pair%:*}"
    has "ENVOY_LOG_LEVEL=${pair%:*}" "error_log stderr ${pair#*:};"
done

mesh "${env[@]}" ENVOY_CONCURRENCY=-1
has 'ENVOY_CONCURRENCY=-1 is auto' 'worker_processes [1-9][0-9]*;'

mesh "${env[@]}" ENVOY_CONCURRENCY=2 MESH_EGRESS=127.0.0.1:1 \
    --workers 5 --egress 127.0.0.1:2
has 'an option is stronger than the environment' 'worker_processes 5;'
has 'and so for an address' 'listen 127\.0\.0\.1:2;'

mesh MESH_CONTROL_PLANE=file:/x APPMESH_VIRTUAL_NODE_NAME=mesh/a/virtualNode/b
has 'the old APPMESH_VIRTUAL_NODE_NAME' 'resource virtualNode/b;'


# what is refused, with one line that names the option or the variable

refused 'no resource' --resource --control-plane file:/x
refused 'no control plane' --control-plane --resource mesh/a/virtualNode/b
refused 'unknown option' '--no-such' "${base[@]}" --no-such 1
refused 'option without value' '--state' "${base[@]}" --state
refused 'stray word' '"word"' "${base[@]}" word
refused 'a gateway' 'later release' "${base[@]}" \
    --resource mesh/m/virtualGateway/g
refused 'not a resource' --resource "${base[@]}" --resource m/n
refused 'bad port' '--egress: port 70000' "${base[@]}" --egress 127.0.0.1:70000
refused 'bad IP' '--egress' "${base[@]}" --egress 127.0.0.256:80
refused 'a name, not an address' '--admin' "${base[@]}" --admin localhost:80
refused 'app address with port' '--app-address' "${base[@]}" \
    --app-address 127.0.0.1:80
refused 'workers 0' '--workers' "${base[@]}" --workers 0
refused 'workers 1e3' '--workers' "${base[@]}" --workers 1e3
refused 'ENVOY_CONCURRENCY=x' ENVOY_CONCURRENCY ENVOY_CONCURRENCY=x "${base[@]}"
refused 'ENVOY_LOG_LEVEL=x' ENVOY_LOG_LEVEL ENVOY_LOG_LEVEL=x "${base[@]}"
refused 'ENVOY_ADMIN_ACCESS_PORT' ENVOY_ADMIN_ACCESS_PORT \
    ENVOY_ADMIN_ACCESS_PORT=0 "${base[@]}"
refused 'balancing' --lb-policy "${base[@]}" --lb-policy random
refused 'control plane of another kind' --control-plane "${base[@]}" \
    --control-plane ftp://x/
refused 'interval' --interval "${base[@]}" --interval 1w

for option in resource control-plane control-plane-ca region interval egress \
              ingress \
              egress-http2 ingress-http2 admin app-address lb-policy state \
              run-dir workers connections drain grace log-level access-log \
              user supervise
do
    good=/x
    case $option in
        resource) good=mesh/m/virtualNode/n ;;
        control-plane) good=file:/x ;;
        region) good=us-east-1 ;;
        interval) good=1s ;;
        egress|ingress|*http2|admin) good=127.0.0.1:80 ;;
        app-address) good=127.0.0.1 ;;
        lb-policy) good=round_robin ;;
        workers|connections|drain|grace) good=100 ;;
        supervise) good=on ;;
        log-level) good=info ;;
        user) good=nobody; [ "$(id -u)" = 0 ] || continue ;;
    esac
    closed $option $good
done

util/mesh gateway > "$dir/out" 2> "$dir/err"
[ $? = 2 ] && grep -q '"gateway" arrives in a later release' "$dir/err"
ok $? gateway

util/mesh --help > "$dir/out" 2> "$dir/err" \
    && grep -q -- '--resource' "$dir/out" && grep -q -- '--keys' "$dir/out"
ok $? '--help'

util/mesh control-plane --help > "$dir/out" 2> "$dir/err" \
    && grep -q -- '--keys' "$dir/out" && ! grep -q -- '--resource' "$dir/out"
ok $? 'ROLE --help'


# the control plane

role="control-plane"
base=(--data /d)

mesh "${base[@]}"
ok $? 'control plane: data is enough'
has 'module of the mesh' 'load_module .*/ngx_http_mesh_module\.so;'
has 'module of the control plane' \
    'load_module .*/ngx_http_mesh_control_module\.so;'
has 'store' 'mesh_store sqlite:/d/store\.db;'
has 'on loopback' 'listen 127\.0\.0\.1:9080 backlog=4096;'
has 'authentication is on' 'mesh_auth on;'
has 'wait' 'mesh_max_wait 5m;'
hasnt 'nothing left of the template' '@[a-z_]+@|#if|#end$'
hasnt 'a line without a value is left out' \
    'mesh_keys|mesh_region|mesh_account|mesh_quotas|ssl_'

mesh --data d --listen 0.0.0.0:443 --keys /k --region eu-west-1 \
    --account 111122223333 --quotas meshes=3,routes=0 --max-wait 90s \
    --tls-certificate /c.pem --tls-certificate-key /c.key \
    --run-dir /r/d --workers 3 --connections 512 --grace 7 --log-level warn \
    --access-log off
ok $? 'all options'
has '--data, relative' "mesh_store sqlite:$PWD/d/store\.db;"
has '--listen with TLS' 'listen 0\.0\.0\.0:443 ssl backlog=4096;'
has '--tls-certificate' 'ssl_certificate /c\.pem;'
has '--tls-certificate-key' 'ssl_certificate_key /c\.key;'
has '--keys' 'mesh_keys /k;'
has '--region' 'mesh_region eu-west-1;'
has '--account' 'mesh_account 111122223333;'
has '--quotas' 'mesh_quotas meshes=3 routes=0;'
has '--max-wait' 'mesh_max_wait 90s;'
has '--workers' 'worker_processes 3;'
has '--connections' 'worker_connections 512;'
has '--grace' 'worker_shutdown_timeout 7s;'
has '--log-level' 'error_log stderr warn;'
has '--access-log off' 'access_log off;'

mesh MESH_DATA=/e MESH_LISTEN='[::1]:9' MESH_KEYS=/k MESH_QUOTAS=appmesh \
    MESH_ACCOUNT=000011112222 AWS_REGION=us-west-2 AWS_DEFAULT_REGION=x \
    ENVOY_CONCURRENCY=x MESH_WORKERS=2
ok $? 'environment alone'
has 'MESH_DATA' 'mesh_store sqlite:/e/store\.db;'
has 'MESH_LISTEN' 'listen \[::1\]:9 backlog=4096;'
has 'MESH_KEYS' 'mesh_keys /k;'
has 'MESH_QUOTAS' 'mesh_quotas appmesh;'
has 'MESH_ACCOUNT' 'mesh_account 000011112222;'
has 'AWS_REGION' 'mesh_region us-west-2;'
has 'MESH_WORKERS' 'worker_processes 2;'

mesh "${base[@]}" --listen 9999
has 'a port alone is one of loopback' 'listen 127\.0\.0\.1:9999 backlog=4096;'

mesh "${base[@]}" --quotas appmesh,routes=100
has 'quotas of App Mesh but for some' 'mesh_quotas appmesh routes=100;'

for listen in 127.0.0.2:80 '[::1]:80' unix:/s 80; do
    mesh "${base[@]}" --listen "$listen"
    ok $? "no keys are needed on $listen"
done
for listen in 0.0.0.0:80 10.0.0.1:80 '[::]:80' '[::ffff:10.0.0.1]:80'; do
    refused "but on $listen" '--auth off' "${base[@]}" --listen "$listen"
done
mesh "${base[@]}" --listen 0.0.0.0:80 --auth off
has 'off in so many words' 'mesh_auth off;'
mesh "${base[@]}" --listen 0.0.0.0:80 MESH_AUTH=off
ok "$((! $?))" 'a stray word is no variable'

if [ "$(id -u)" = 0 ]; then
    mesh --listen 80
    has 'where root keeps data' \
        'mesh_store sqlite:/var/lib/nginx/mesh-control-plane/store\.db;'
else
    refused 'no data' --data
fi
refused 'authentication, half' '--auth' "${base[@]}" --auth maybe
refused 'account' '--account' "${base[@]}" --account 123
refused 'quota' '--quotas' "${base[@]}" --quotas meshes
refused 'wait' '--max-wait' "${base[@]}" --max-wait 0
refused 'a certificate without a key' '--tls-certificate-key' "${base[@]}" \
    --tls-certificate /c
refused 'a key without a certificate' '--tls-certificate is' "${base[@]}" \
    --tls-certificate-key /c
refused 'an option of another role' '--egress' "${base[@]}" --egress 80

for option in listen data keys auth region account quotas max-wait \
              tls-certificate tls-certificate-key run-dir
do
    good=/x
    case $option in
        listen) good=127.0.0.1:80 ;;
        auth) good=off ;;
        region) good=us-east-1 ;;
        account) good=111122223333 ;;
        quotas) good=meshes=1 ;;
        max-wait) good=1m ;;
    esac
    closed $option $good
done


# a sidecar

module=${MESH_MODULE:-$PWD/build/debian/ngx_http_mesh_module.so}

if [ "$module" != builtin ] && [ ! -e "$module" ]; then
    echo "ok $((n += 1)) # skip the module is not built"
    echo "1..$n"
    exit
fi

get() {     # get SOCKET PATH: prints the status
    curl -s -m 5 -o "$dir/out" -w '%{http_code}' --unix-socket "$dir/$1" \
        "http://localhost$2"
}

# paths with the characters of a path that have a meaning elsewhere; sockets
# instead of ports collide with nobody

run="$dir/a+b,c=d~e%f:g"
cp conf/examples/ordering.json "$dir/mesh.json"
chmod 644 "$dir/mesh.json"

start=(sidecar --resource mesh/ordering/virtualNode/order
       --control-plane "file:$dir/mesh.json" --interval 100ms
       --egress "unix:$dir/egress" --ingress "unix:$dir/ingress"
       --admin "unix:$dir/admin" --egress-http2 "unix:$dir/egress2"
       --ingress-http2 "unix:$dir/ingress2" --workers 1 --run-dir "$run"
       --state "$dir/state" --access-log "$dir/access.log"
       --lb-policy least_request --app-address 127.0.0.1)

util/mesh "${start[@]}" --test > "$dir/out" 2> "$dir/err"
ok $? '--test'

# a program that tells what the launcher leaves to nginx
# shellcheck disable=SC2016
printf '#!/bin/sh\n%s\n%s\n' \
    '[ "$1" != -v ] || { echo "nginx version: nginx/1.22.1" >&2; exit; }' \
    'echo "region=$AWS_REGION" >> /dev/stdout; echo error >&2' > "$dir/nginx"
chmod 755 "$dir/nginx"

region() {          # region WANTED NAME VARIABLE=VALUE... --OPTION...
    local wanted=$1 name=$2
    shift 2
    env -u AWS_REGION -u AWS_DEFAULT_REGION NGINX="$dir/nginx" \
        MESH_MODULE="$module" "$@" > "$dir/out" 2> "$dir/err"
    grep -qx "region=$wanted" "$dir/out"
    ok $? "$name"
}

arn=arn:aws:appmesh:eu-west-3:111122223333:mesh/ordering/virtualNode/order
region '' 'no region' util/mesh "${start[@]}"
region eu-west-3 'the region of an ARN' util/mesh "${start[@]}" --resource $arn
region us-west-1 'AWS_DEFAULT_REGION before the ARN' \
    AWS_DEFAULT_REGION=us-west-1 util/mesh "${start[@]}" --resource $arn
region us-east-2 '--region before all' \
    AWS_REGION=us-west-1 util/mesh "${start[@]}" --resource $arn \
    --region us-east-2

# nginx appends to a file that it opens as /dev/stdout; so must stderr
echo before > "$dir/both"
NGINX=$dir/nginx MESH_MODULE=$module util/mesh "${start[@]}" \
    > "$dir/both" 2>&1
[ "$(sort "$dir/both")" = "$(printf 'error\nregion=%s' "${AWS_REGION:-}")" ]
ok $? 'two logs in one file'

nginx=${NGINX:-$(PATH=$PATH:/usr/sbin command -v nginx)}
NGINX=$nginx util/mesh "${start[@]}" --test > "$dir/out" 2> "$dir/err"
! grep -q 'inherited sockets' "$dir/err"
# shellcheck disable=SC2016
ok $? '$NGINX is for the launcher alone'

util/mesh "${start[@]}" > "$dir/out" 2> "$dir/err" &
pid=$!

status=
for ((i = 0; i < 100; i++)); do
    status=$(get admin /ready)
    [ "$status" != 200 ] || break
    sleep 0.1
done
[ "$status" = 200 ]
ok $? '/ready'

master=$(cat "$run/nginx.pid")
[ "$(awk '{ print $4 }' "/proc/$master/stat")" = "$pid" ] \
    && grep -q supervise.sh "/proc/$pid/cmdline"
ok $? 'the launcher became the supervisor of nginx'

rendered=$(stat -c %i%y "$run/nginx.conf")
util/mesh "${start[@]}" --workers 2 > "$dir/out" 2> "$dir/second"
[ $? = 2 ] && grep -q "process $master runs in $run" "$dir/second" \
    && [ "$(stat -c %i%y "$run/nginx.conf")" = "$rendered" ]
ok $? 'a second one does not start in its place'

get admin /server_info > /dev/null
grep -q '"state": *"LIVE"' "$dir/out"
ok $? '/server_info is LIVE'

[ "$(get egress /)" = 404 ]
ok $? 'a host that is no backend gets 404'

[ "$(curl -s -m 5 -o "$dir/out" -w '%{http_code}' --http2-prior-knowledge \
     --unix-socket "$dir/egress2" http://localhost/)" = 404 ]
ok $? 'the same over HTTP/2'

kill -QUIT "$pid"
wait "$pid"
ok $? 'SIGQUIT ends it with status 0'
pid=

[ -z "$(find "$run" -name nginx.pid)" ] && grep -q '"GET / HTTP/1.1" 404' \
    "$dir/access.log"
ok $? 'it wrote its access log and took its pid file along'


# a control plane, and a sidecar of it

control=${MESH_CONTROL_MODULE:-${module%/*}/ngx_http_mesh_control_module.so}

if [ "$module" = builtin ] || [ ! -e "$control" ]; then
    echo "ok $((n += 1)) # skip no module of the control plane"
    echo "1..$n"
    exit
fi

until_ready() {     # until_ready SOCKET NAME
    local status='' i
    for ((i = 0; i < 100; i++)); do
        status=$(get "$1" /ready)
        [ "$status" != 200 ] || break
        sleep 0.1
    done
    [ "$status" = 200 ]
    ok $? "$2"
}

put() {             # put PATH BODY: prints the status
    curl -s -m 5 -o "$dir/out" -w '%{http_code}' -X PUT -d "$2" \
        --unix-socket "$dir/api" "http://localhost/v20190125/meshes$1"
}

listen=127.0.0.1:$(python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
start=(control-plane --listen "unix:$dir/api" --data "$dir/store" --workers 2
       --run-dir "$dir/cp" --access-log "$dir/api.log")

util/mesh "${start[@]}" --test > "$dir/out" 2> "$dir/err" \
    && [ ! -e "$dir/store/store.db" ]
ok $? '--test makes no store'

util/mesh "${start[@]}" > "$dir/out" 2> "$dir/err" &
pid=$!
until_ready api 'control plane: /ready'

[ "$(put '' '{"meshName": "m"}')" = 200 ]
ok $? 'creates a mesh'
[ "$(put /m/virtualNodes '{"virtualNodeName": "n", "spec": {}}')" = 200 ]
ok $? 'and a virtual node'
[ "$(put '' '{"meshName": "m"}')" = 409 ]
ok $? 'not again'

mode=$(stat -c %a "$dir/store" "$dir/store/store.db" | tr '\n' ' ')
[ "$mode" = '700 600 ' ] || echo "# $mode" > "$dir/err"
[ "$mode" = '700 600 ' ]
ok $? 'the store is for the workers alone'

kill -QUIT "$pid"
wait "$pid"
ok $? 'SIGQUIT ends it with status 0'

grep -q '"PUT /v20190125/meshes HTTP/1.1" 409 .* [0-9a-f-]\{36\}$' "$dir/api.log"
ok $? 'access log, with the id of the request'

start[2]=$listen
util/mesh "${start[@]}" > "$dir/out" 2> "$dir/err" &
pid=$!

util/mesh sidecar --resource mesh/m/virtualNode/n --egress off --ingress off \
    --control-plane "http://$listen" --admin "unix:$dir/admin" --workers 1 \
    --run-dir "$dir/s" --state "$dir/s-state" > "$dir/out" 2> "$dir/err" &
sidecar=$!

until_ready admin 'a sidecar of the control plane that was started again'

kill -QUIT "$sidecar"
wait "$sidecar"
ok $? 'SIGQUIT ends the sidecar, which waits for changes'
kill -QUIT "$pid"
wait "$pid"
ok $? 'and the control plane'
pid=

echo "1..$n"
