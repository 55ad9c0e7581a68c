#!/bin/bash
#
# The launcher, util/mesh: each option and variable of traces, metrics and logs
# becomes its directive, and what cannot is refused by its name.

set -u

cd "$(dirname "$0")/../.." || exit 1

dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT

# shellcheck source=t/lib/launcher.sh
. t/lib/launcher.sh

names='xray|otlp|trace_sampling|statsd|emf|metrics_extension|stats_tags'


mesh "${base[@]}"
hasnt 'nothing is told unasked' "^ ($names) "
has 'nor logged' 'access_log off;'

mesh "${base[@]}" --access-log /a/b.log
has 'but on demand' 'access_log /a/b.log mesh;'


# X-Ray

mesh ENABLE_ENVOY_XRAY_TRACING=1 "${base[@]}"
has 'ENABLE_ENVOY_XRAY_TRACING' 'xray 127\.0\.0\.1;'

mesh ENABLE_ENVOY_XRAY_TRACING=True XRAY_DAEMON_PORT=2001 "${base[@]}"
has 'XRAY_DAEMON_PORT' 'xray 127\.0\.0\.1:2001;'

mesh ENABLE_ENVOY_XRAY_TRACING=t AWS_XRAY_DAEMON_ADDRESS=10.0.0.1 \
    XRAY_DAEMON_PORT=2001 "${base[@]}"
has 'AWS_XRAY_DAEMON_ADDRESS' 'xray 10\.0\.0\.1:2001;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 AWS_XRAY_DAEMON_ADDRESS=10.0.0.1:3000 \
    XRAY_DAEMON_PORT=2001 "${base[@]}"
has 'its port counts more' 'xray 10\.0\.0\.1:3000;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 \
    'AWS_XRAY_DAEMON_ADDRESS=tcp:10.0.0.1:2000 udp:10.0.0.2:2002' "${base[@]}"
has 'tcp: and udp:' 'xray 10\.0\.0\.2:2002;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 AWS_XRAY_DAEMON_ADDRESS=fd00::1 "${base[@]}"
has 'IPv6' 'xray fd00::1;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 AWS_XRAY_DAEMON_ADDRESS=fd00::1 \
    XRAY_DAEMON_PORT=2001 "${base[@]}"
has 'IPv6 and port' 'xray \[fd00::1\]:2001;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 XRAY_SEGMENT_NAME=front/api \
    XRAY_SAMPLING_RATE=0.25 "${base[@]}"
has 'name and rate' 'xray 127\.0\.0\.1 name=front/api rate=0\.25;'

mesh ENABLE_ENVOY_XRAY_TRACING=1 XRAY_SAMPLING_RULE_MANIFEST=/m.json \
    XRAY_SAMPLING_RATE=0.25 "${base[@]}"
has 'a manifest counts more than a rate' 'xray 127\.0\.0\.1 rules=/m.json;'

mesh ENABLE_ENVOY_XRAY_TRACING=0 XRAY_SAMPLING_RATE=0.25 "${base[@]}"
hasnt 'ENABLE_ENVOY_XRAY_TRACING=0' ' xray '

mesh ENABLE_ENVOY_XRAY_TRACING=1 "${base[@]}" --xray off
hasnt 'an option counts more' ' xray '

mesh "${base[@]}" --xray 127.0.0.2:2000 --xray-name n --xray-central on \
    --sampling-rate 1
has 'options' 'xray 127\.0\.0\.2:2000 name=n rate=1 central=on;'


# OpenTelemetry

mesh OTEL_EXPORTER_OTLP_ENDPOINT=http://otel:4318 "${base[@]}"
has 'OTEL_EXPORTER_OTLP_ENDPOINT' 'otlp http://otel:4318/v1/traces;'

mesh OTEL_EXPORTER_OTLP_ENDPOINT=http://a/ \
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://b/in "${base[@]}"
has 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' 'otlp https://b/in;'

mesh "${base[@]}" --otlp http://127.0.0.1:4318 --otlp-name order \
    --otlp-headers 'api-key=a%20b,x=y'
has 'headers' \
    'otlp http://127.0.0.1:4318 name=order "header=api-key:a b" "header=x:y";'

mesh OTEL_EXPORTER_OTLP_HEADERS='Authorization=Basic%20YTpi%3D, x=%5B1%3B2%5d ,b=%25' \
    "${base[@]}" --otlp http://a
has 'headers are decoded' \
    'otlp http://a "header=Authorization:Basic YTpi=" "header=x:\[1;2\]" "header=b:%";'

mesh OTEL_EXPORTER_OTLP_TIMEOUT=2500 "${base[@]}" --otlp http://a
has 'OTEL_EXPORTER_OTLP_TIMEOUT' 'otlp http://a timeout=2500ms;'

mesh OTEL_EXPORTER_OTLP_TIMEOUT=2500 OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=100 \
    "${base[@]}" --otlp http://a
has 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT' 'otlp http://a timeout=100ms;'

mesh OTEL_EXPORTER_OTLP_TIMEOUT=2500 "${base[@]}" --otlp http://a \
    --otlp-timeout 3s --otlp-retries on
has 'the option counts more' 'otlp http://a timeout=3s retries=on;'

mesh OTEL_EXPORTER_OTLP_CERTIFICATE=/c/ca.pem "${base[@]}" --otlp https://a
has 'OTEL_EXPORTER_OTLP_CERTIFICATE' 'otlp https://a trusted=/c/ca.pem;'

mesh OTEL_EXPORTER_OTLP_CERTIFICATE=/c/ca.pem \
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=/c/t.pem "${base[@]}" --otlp https://a
has 'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE' 'otlp https://a trusted=/c/t.pem;'

mesh OTEL_EXPORTER_OTLP_CERTIFICATE=/c/ca.pem "${base[@]}" --otlp http://a
has 'which is not for http' 'otlp http://a;'

mesh OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.1 \
    "${base[@]}" --otlp http://a
has 'a sampler of OpenTelemetry' 'trace_sampling rate=0\.1;'

mesh OTEL_TRACES_SAMPLER=always_on ENABLE_ENVOY_XRAY_TRACING=1 "${base[@]}" \
    --otlp http://a
has 'one decision for both' 'xray 127\.0\.0\.1 rate=1;'
hasnt 'given once' ' trace_sampling '


# metrics

mesh ENABLE_ENVOY_DOG_STATSD=1 "${base[@]}"
has 'ENABLE_ENVOY_DOG_STATSD' 'statsd 127\.0\.0\.1:8125;'

mesh ENABLE_ENVOY_DOG_STATSD=1 STATSD_ADDRESS=10.0.0.1 STATSD_PORT=9 \
    ENVOY_STATS_FLUSH_INTERVAL=5000ms "${base[@]}"
has 'address, port, interval' 'statsd 10\.0\.0\.1:9 interval=5000ms;'

mesh ENABLE_ENVOY_DOG_STATSD=1 STATSD_SOCKET_PATH=/run/dd.sock \
    STATSD_ADDRESS=10.0.0.1 ENVOY_STATS_FLUSH_INTERVAL=1m1.5s "${base[@]}"
has 'a socket counts more' 'statsd unix:/run/dd.sock interval=61500ms;'

mesh STATSD_ADDRESS=10.0.0.1 "${base[@]}"
hasnt 'not unless it is enabled' ' statsd '

mesh MESH_EMF=stdout MESH_EMF_NAMESPACE=Ordering "${base[@]}"
has 'MESH_EMF' 'emf stdout namespace=Ordering;'

mesh "${base[@]}" --emf udp://127.0.0.1:25888
has '--emf' 'emf udp://127.0.0.1:25888;'

mesh "${base[@]}" --emf out/metrics.json
has '--emf, relative' "emf $PWD/out/metrics.json;"

mesh APPMESH_METRIC_EXTENSION_VERSION=1 ENABLE_ENVOY_STATS_TAGS=true "${base[@]}"
has 'APPMESH_METRIC_EXTENSION_VERSION' 'metrics_extension on;'
has 'ENABLE_ENVOY_STATS_TAGS' 'stats_tags on;'

mesh APPMESH_METRIC_EXTENSION_VERSION=2 ENABLE_ENVOY_STATS_TAGS=F "${base[@]}"
hasnt 'not on' "^ ($names) "


# what is wrong is named

for name in ENABLE_ENVOY_XRAY_TRACING ENABLE_ENVOY_DOG_STATSD \
            ENABLE_ENVOY_STATS_TAGS ENABLE_ENVOY_JAEGER_TRACING \
            APPMESH_SET_TRACING_DECISION
do
    refused "$name=yes" $name $name=yes "${base[@]}"
done

on=ENABLE_ENVOY_XRAY_TRACING=1
refused 'a name for an address' AWS_XRAY_DAEMON_ADDRESS \
    $on AWS_XRAY_DAEMON_ADDRESS=xray:2000 "${base[@]}"
refused 'port of the daemon' XRAY_DAEMON_PORT $on XRAY_DAEMON_PORT=0 "${base[@]}"
refused 'rate' XRAY_SAMPLING_RATE $on XRAY_SAMPLING_RATE=1.5 "${base[@]}"
refused 'no rate' XRAY_SAMPLING_RATE $on XRAY_SAMPLING_RATE=-1 "${base[@]}"
refused 'segment name' XRAY_SEGMENT_NAME $on 'XRAY_SEGMENT_NAME=a;b' "${base[@]}"
refused 'manifest' XRAY_SAMPLING_RULE_MANIFEST \
    $on 'XRAY_SAMPLING_RULE_MANIFEST=/a b' "${base[@]}"
refused 'Datadog' ENABLE_ENVOY_DATADOG_TRACING \
    ENABLE_ENVOY_DATADOG_TRACING=1 "${base[@]}"
refused 'OTLP by gRPC' OTEL_EXPORTER_OTLP_PROTOCOL \
    OTEL_EXPORTER_OTLP_ENDPOINT=http://a OTEL_EXPORTER_OTLP_PROTOCOL=grpc \
    "${base[@]}"
to=OTEL_EXPORTER_OTLP_ENDPOINT=https://a
for value in 0 -1 10s 3600001; do
    refused "time limit of $value" OTEL_EXPORTER_OTLP_TIMEOUT \
        $to OTEL_EXPORTER_OTLP_TIMEOUT=$value "${base[@]}"
done
refused 'certificate' OTEL_EXPORTER_OTLP_CERTIFICATE \
    $to 'OTEL_EXPORTER_OTLP_CERTIFICATE=/a;b' "${base[@]}"
for name in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE \
            OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY
do
    refused 'a certificate of its own' $name $to $name=/x "${base[@]}"
done
for value in 'a=%22' 'a=%0d%0aB:c' 'a=%5c' 'a=%24host' 'a=%7b' 'a=%23' \
             'a=%40state%40' 'a=%00' 'a=%C3%A4' 'a=%' 'a=%2' 'a' '%61=b' 'a='
do
    refused "header $value" OTEL_EXPORTER_OTLP_HEADERS \
        $to "OTEL_EXPORTER_OTLP_HEADERS=$value" "${base[@]}"
done
refused 'sampler' OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER=x "${base[@]}"
refused 'interval' ENVOY_STATS_FLUSH_INTERVAL \
    ENABLE_ENVOY_DOG_STATSD=1 ENVOY_STATS_FLUSH_INTERVAL=5 "${base[@]}"
refused 'statsd by name' STATSD_ADDRESS \
    ENABLE_ENVOY_DOG_STATSD=1 STATSD_ADDRESS=agent "${base[@]}"
refused 'socket' STATSD_SOCKET_PATH \
    ENABLE_ENVOY_DOG_STATSD=1 STATSD_SOCKET_PATH=a.sock "${base[@]}"
refused 'switch' --metrics-extension "${base[@]}" --metrics-extension 1

for option in xray=127.0.0.1 xray-central=on otlp=http://a statsd=127.0.0.1 \
              emf=/x sampling-rate=0.1 sampling-rules=/x stats-tags=on \
              metrics-extension=on
do
    closed ${option%%=*} "${option#*=}"
done

# these have no effect alone
base+=(--xray 127.0.0.1 --otlp http://a --emf /x --statsd 127.0.0.1)
closed xray-name n
closed otlp-name n
closed otlp-headers a=b
closed otlp-timeout 1s
closed otlp-trusted /x
closed otlp-retries on
closed emf-namespace n
closed statsd-interval 1s

mesh ENVOY_TRACING_CFG_FILE=/x "${base[@]}"
grep -q ENVOY_TRACING_CFG_FILE "$dir/err"
ok $? 'what has no effect is told'


# nginx takes what is rendered

for i in 1 2; do
    set -- --xray 127.0.0.1 --xray-name m/n --xray-central on --sampling-rate 1
    [ $i = 1 ] || set -- --sampling-rate 0.1 --emf udp://127.0.0.1 \
        --statsd unix:/x.sock
    util/mesh sidecar --resource mesh/m/virtualNode/n --run-dir "$dir/run" \
        --state "$dir/state" --control-plane "file:$dir/mesh.json" \
        --otlp http://127.0.0.1:4318 --otlp-headers 'a=b%20c%3B,d=%5B%5d' \
        --otlp-timeout 500ms --otlp-retries on \
        --otlp-name order --statsd 127.0.0.1 --statsd-interval 500ms \
        --emf stdout --emf-namespace N --metrics-extension on --stats-tags on \
        "$@" --test > "$dir/out" 2> "$dir/err"
    ok $? "nginx takes it, $i"
done

echo "1..$n"
