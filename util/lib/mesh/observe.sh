# What a sidecar tells of its requests:
#
#   --xray ADDR|off           X-Ray's daemon, IP or IP:PORT
#                             [ENABLE_ENVOY_XRAY_TRACING with
#                             AWS_XRAY_DAEMON_ADDRESS, XRAY_DAEMON_PORT]
#   --xray-name NAME          of its segments, default MESH/NODE
#                             [XRAY_SEGMENT_NAME]
#   --xray-central on|off     sampling rules of the account, default off
#                             [MESH_XRAY_CENTRAL]
#   --otlp URL|off            a collector of OpenTelemetry
#                             [OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
#                             OTEL_EXPORTER_OTLP_ENDPOINT]
#   --otlp-name NAME          service.name, default MESH/NODE [OTEL_SERVICE_NAME]
#   --otlp-headers LIST       NAME=VALUE,... [OTEL_EXPORTER_OTLP_TRACES_HEADERS,
#                             OTEL_EXPORTER_OTLP_HEADERS]
#   --otlp-timeout TIME       of a request, default 10s, at most 1h
#                             [OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
#                             OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds]
#   --otlp-trusted FILE       certificates that are trusted with https, default
#                             the system's [OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE,
#                             OTEL_EXPORTER_OTLP_CERTIFICATE]
#   --otlp-retries on|off     a span for each attempt, default off
#                             [MESH_OTLP_RETRIES]
#   --sampling-rate RATE      of traces, 0 to 1, default 0.05 and one a second
#                             [XRAY_SAMPLING_RATE, OTEL_TRACES_SAMPLER_ARG]
#   --sampling-rules FILE     a sampling manifest instead
#                             [XRAY_SAMPLING_RULE_MANIFEST]
#   --statsd ADDR|unix:PATH   a DogStatsD agent [ENABLE_ENVOY_DOG_STATSD with
#                             STATSD_SOCKET_PATH, STATSD_ADDRESS, STATSD_PORT]
#   --statsd-interval TIME    default 5s [ENVOY_STATS_FLUSH_INTERVAL]
#   --emf TARGET              documents for CloudWatch: stdout, a file,
#                             udp://ADDR, tcp://ADDR [MESH_EMF]
#   --emf-namespace NAME      [MESH_EMF_NAMESPACE]
#   --metrics-extension on|off  metrics with App Mesh's names
#                             [APPMESH_METRIC_EXTENSION_VERSION=1]
#   --stats-tags on|off       mesh and node as labels [ENABLE_ENVOY_STATS_TAGS]

# Read by util/mesh, whose variables and functions it uses.
# shellcheck shell=bash disable=SC2034,SC2154

observe_valued=" xray xray-name xray-central otlp otlp-name otlp-headers
    otlp-timeout otlp-trusted otlp-retries sampling-rate sampling-rules statsd
    statsd-interval emf emf-namespace metrics-extension stats-tags "

# As Go's ParseBool has it, which App Mesh's agent reads its variables with.

is_true() {
    case ${!1:-} in
        1|t|T|TRUE|true|True) return 0 ;;
        ""|0|f|F|FALSE|false|False) return 1 ;;
        *) fail "$1: \"${!1}\" is none of 1, t, true, 0, f, false" ;;
    esac
}

# take_switch NAME DEFAULT VARIABLE...: on or off

take_switch() {
    take "$@"
    case ${option[$1]} in
        on|off) ;;
        *) fail "${from[$1]}: \"${option[$1]}\" is neither on nor off" ;;
    esac
}

# take_flag NAME VARIABLE: an option on|off whose variable is a boolean of Go's

take_flag() {
    local default=off

    if [ -z "${from[$1]:-}" ] && is_true "$2"; then
        default=on
    fi
    take_switch "$1" $default
}

check_port() {
    check "$1" "$2" '[1-9][0-9]{0,4}' "a port"
    [ "$2" -le 65535 ] || fail "$1: port $2 is above 65535"
}

# IP, IP:PORT, [IPv6]:PORT

check_address() {
    local name=$1 value=$2 ip=$2

    if [[ $value =~ ^\[(.*)\](:(.*))?$ ]]; then
        ip=${BASH_REMATCH[1]}
        [ -z "${BASH_REMATCH[2]}" ] || check_port "$name" "${BASH_REMATCH[3]}"
    elif ! is_ipv6 "$value" && [[ $value == *:* ]]; then
        ip=${value%:*}
        check_port "$name" "${value##*:}"
    fi
    check_ip "$name" "$ip"
}

# What was called like that for Envoy and has no counterpart here is told, so
# that nobody waits for traces in vain.

refuse_tracers() {
    local name

    for name in ENABLE_ENVOY_DATADOG_TRACING ENABLE_ENVOY_JAEGER_TRACING; do
        if is_true "$name"; then
            fail "$name: there is no such tracer; its agent takes OTLP, see" \
                "--otlp"
        fi
    done
    for name in ENVOY_TRACING_CFG_FILE ENVOY_STATS_SINKS_CFG_FILE \
        ENVOY_STATS_CONFIG_FILE
    do
        [ -z "${!name:-}" ] || echo "mesh: $name is Envoy's and has no effect" >&2
    done
    # x-request-id is never changed, whatever this says
    is_true APPMESH_SET_TRACING_DECISION || true
}

take_xray() {
    local value=off name=ENABLE_ENVOY_XRAY_TRACING

    if [ -z "${from[xray]:-}" ] && is_true "$name"; then
        value=127.0.0.1
        if [ -n "${AWS_XRAY_DAEMON_ADDRESS:-}" ]; then
            name=AWS_XRAY_DAEMON_ADDRESS
            # "tcp:ADDR udp:ADDR": segments go by UDP
            value=${AWS_XRAY_DAEMON_ADDRESS#tcp:}
            [[ " $AWS_XRAY_DAEMON_ADDRESS" != *" udp:"* ]] \
                || value=${AWS_XRAY_DAEMON_ADDRESS##*udp:}
            value=${value%% *}
        fi
        if [ -n "${XRAY_DAEMON_PORT:-}" ]; then
            check_port XRAY_DAEMON_PORT "$XRAY_DAEMON_PORT"
            if is_ipv4 "$value"; then
                value=$value:$XRAY_DAEMON_PORT
            elif is_ipv6 "$value"; then
                value=[$value]:$XRAY_DAEMON_PORT
            fi
        fi
    fi
    take xray "$value"
    value=${option[xray]}
    [ "$value" = off ] || check_address "$name" "$value"

    take xray-name "" XRAY_SEGMENT_NAME
    take_switch xray-central off MESH_XRAY_CENTRAL
    if [ -n "${option[xray-name]}" ]; then
        check "${from[xray-name]}" "${option[xray-name]}" \
            '[A-Za-z0-9_.:/%=+-]{1,200}' \
            "a name of letters, digits and _ . : / % = + -"
    fi
    take_sampling

    if [ "$value" = off ]; then
        set_value xray ""
        set_value trace_sampling "$sampling"
        return
    fi
    value="$value${option[xray-name]:+ name=${option[xray-name]}}"
    value="$value${sampling:+ $sampling}"
    [ "${option[xray-central]}" = off ] || value="$value central=on"
    set_value xray "$value"
    set_value trace_sampling ""
}

# Sets "sampling", a parameter of xray and of trace_sampling.  As an SDK of
# OpenTelemetry reads its variables, but for samplers that have none of its own.

take_sampling() {
    local rate=""

    case ${OTEL_TRACES_SAMPLER:-} in
        "") ;;
        always_on|parentbased_always_on) rate=1 ;;
        always_off|parentbased_always_off) rate=0 ;;
        traceidratio|parentbased_traceidratio)
            rate=${OTEL_TRACES_SAMPLER_ARG:-1} ;;
        xray|parentbased_xray) ;;
        *) fail "OTEL_TRACES_SAMPLER: \"$OTEL_TRACES_SAMPLER\" is not known here" ;;
    esac

    take sampling-rate "" XRAY_SAMPLING_RATE
    if [ -n "${option[sampling-rate]}" ]; then
        rate=${option[sampling-rate]}
    fi
    [ -z "$rate" ] || check "${from[sampling-rate]}" "$rate" \
        '0?(\.[0-9]+)?|1(\.0*)?' "a rate from 0 to 1"

    sampling=${rate:+rate=$rate}
    take_file sampling-rules "" XRAY_SAMPLING_RULE_MANIFEST
    if [ -n "${values[sampling_rules]}" ]; then
        sampling=rules=${values[sampling_rules]}
    fi
}

take_otlp() {
    local value name pair IFS

    take otlp "" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_EXPORTER_OTLP_ENDPOINT
    take otlp-name "" OTEL_SERVICE_NAME
    take otlp-headers "" OTEL_EXPORTER_OTLP_TRACES_HEADERS \
        OTEL_EXPORTER_OTLP_HEADERS
    take otlp-timeout "" OTEL_EXPORTER_OTLP_TRACES_TIMEOUT \
        OTEL_EXPORTER_OTLP_TIMEOUT
    take_file otlp-trusted "" OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE \
        OTEL_EXPORTER_OTLP_CERTIFICATE
    take_switch otlp-retries off MESH_OTLP_RETRIES
    set_value otlp ""
    value=${option[otlp]}
    if [ -z "$value" ] || [ "$value" = off ]; then
        return 0
    fi

    name=${from[otlp]}
    check "$name" "$value" \
        'https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/%~-]*)?' \
        "a URL"
    if [ "$name" = OTEL_EXPORTER_OTLP_ENDPOINT ]; then
        value=${value%/}/v1/traces
    fi
    case ${OTEL_EXPORTER_OTLP_TRACES_PROTOCOL:-${OTEL_EXPORTER_OTLP_PROTOCOL:-}} in
        ""|http/protobuf) ;;
        *) fail "OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf is what is spoken" \
                "here, on port 4318 of a collector" ;;
    esac

    if [ -n "${option[otlp-name]}" ]; then
        check "${from[otlp-name]}" "${option[otlp-name]}" \
            '[A-Za-z0-9_./:-]{1,200}' "a name of letters, digits and _ . / : -"
        value="$value name=${option[otlp-name]}"
    fi
    otlp_transport "$value"
    value=$value$transport
    [ "${option[otlp-retries]}" = off ] || value="$value retries=on"

    IFS=,
    for pair in ${option[otlp-headers]}; do
        otlp_header "$pair"
        value="$value \"header=$header\""
    done
    set_value otlp "$value"
}

# The time limit and what is trusted, into "transport".  Variables with a
# certificate are there for all of a machine's programs: they say nothing about
# a collector that is asked without TLS.

otlp_transport() {
    local name

    transport=
    if [ -n "${option[otlp-timeout]}" ]; then
        name=${from[otlp-timeout]}
        if [[ $name == OTEL_* ]]; then
            check_number "$name" "${option[otlp-timeout]}" 1 3600000
            transport=" timeout=${option[otlp-timeout]}ms"
        else
            check_time "$name" "${option[otlp-timeout]}"
            transport=" timeout=${option[otlp-timeout]}"
        fi
    fi

    for name in OTEL_EXPORTER_OTLP{_TRACES,}_CLIENT_{CERTIFICATE,KEY}; do
        [ -z "${!name:-}" ] || fail "$name: a collector that wants a" \
            "certificate of its clients is not supported"
    done

    if [ -n "${values[otlp_trusted]}" ] && {
        [[ $1 == https:* ]] || [[ ${from[otlp-trusted]} != OTEL_* ]]; }
    then
        transport="$transport trusted=${values[otlp_trusted]}"
    fi
}

# NAME=VALUE of OTEL_EXPORTER_OTLP_HEADERS, in which anything may be written as
# %XX, into "header" as NAME:VALUE

otlp_header() {
    local name=${from[otlp-headers]} pair=$1 what="a header NAME=VALUE"

    pair=${pair#"${pair%%[! ]*}"}
    pair=${pair%"${pair##*[! ]}"}
    check "$name" "$pair" '[A-Za-z0-9_-]+=([A-Za-z0-9._~+/=:*!()-]|%[0-9A-Fa-f]{2})+' \
        "$what with blanks as %20"
    [[ ! $pair =~ %(0[0-9A-Fa-f]|1|7[Ff]|[89A-Fa-f]) ]] \
        || fail "$name: %${BASH_REMATCH[1]} is not for a header"
    printf -v pair %b "${pair//%/\\x}"
    check "$name" "$pair" '[A-Za-z0-9_-]+=[][A-Za-z0-9 ,;|^?<>._~+/=:*!()%-]+' \
        "$what without quotes, \\, \$, @, {, }, # and &"
    header=${pair%%=*}:${pair#*=}
}

# a duration of Go's ("1m30s", "500ms") in milliseconds, into "ms"

go_duration() {
    check "$1" "$2" '([0-9]+(\.[0-9]+)?(ms|s|m|h))+' "a duration like 5000ms or 5s"
    ms=$(awk -v text="$2" 'BEGIN {
        unit["ms"] = 1; unit["s"] = 1e3; unit["m"] = 6e4; unit["h"] = 36e5
        while (match(text, /^[0-9.]+/)) {
            n = substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH + 1)
            match(text, /^[a-z]+/)
            sum += n * unit[substr(text, 1, RLENGTH)]
            text = substr(text, RLENGTH + 1)
        }
        printf "%d", sum
    }')
    [ "$ms" -ge 1 ] || fail "$1: \"$2\" is less than a millisecond"
}

take_statsd() {
    local value="" name=STATSD_ADDRESS ms

    if [ -z "${from[statsd]:-}" ] && is_true ENABLE_ENVOY_DOG_STATSD; then
        if [ -n "${STATSD_SOCKET_PATH:-}" ]; then
            name=STATSD_SOCKET_PATH
            value=unix:$STATSD_SOCKET_PATH
        else
            value=${STATSD_ADDRESS:-127.0.0.1}
            ! is_ipv6 "$value" || value=[$value]
            value=$value:${STATSD_PORT:-8125}
        fi
    fi
    take statsd "$value"
    [ "${option[statsd]}" = "$value" ] || name=--statsd
    value=${option[statsd]}
    take statsd-interval "" ENVOY_STATS_FLUSH_INTERVAL

    if [ -z "$value" ] || [ "$value" = off ]; then
        set_value statsd ""
        return
    fi
    if [[ $value == unix:* ]]; then
        check_path "$name" "${value#unix:}"
    else
        check_address "$name" "$value"
    fi
    if [ -n "${option[statsd-interval]}" ]; then
        go_duration "${from[statsd-interval]}" "${option[statsd-interval]}"
        value="$value interval=${ms}ms"
    fi
    set_value statsd "$value"
}

take_emf() {
    local value

    take emf "" MESH_EMF
    take emf-namespace "" MESH_EMF_NAMESPACE
    value=${option[emf]}
    case $value in
        ""|off) value= ;;
        stdout) ;;
        udp://*|tcp://*) check_address "${from[emf]}" "${value#*://}" ;;
        *)
            [[ $value == /* ]] || value=$PWD/$value
            check_path "${from[emf]}" "$value" ;;
    esac
    if [ -n "$value" ] && [ -n "${option[emf-namespace]}" ]; then
        check "${from[emf-namespace]}" "${option[emf-namespace]}" \
            '[A-Za-z0-9_./:-]{1,255}' \
            "a namespace of letters, digits and _ . / : -"
        value="$value namespace=${option[emf-namespace]}"
    fi
    set_value emf "$value"
}

take_observe() {
    refuse_tracers
    take_xray
    take_otlp
    take_statsd
    take_emf

    # the literal 1, which is no boolean
    case ${APPMESH_METRIC_EXTENSION_VERSION:-} in
        1) take_switch metrics-extension on ;;
        *) take_switch metrics-extension off ;;
    esac
    take_flag stats-tags ENABLE_ENVOY_STATS_TAGS

    set_value metrics_extension "${option[metrics-extension]/off/}"
    set_value stats_tags "${option[stats-tags]/off/}"
}
