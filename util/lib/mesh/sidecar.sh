# util/mesh sidecar [--OPTION VALUE]...
#
# The proxy of one virtual node.
#
#   --resource ARN            the virtual node: mesh/MESH/virtualNode/NODE or a
#                             full ARN that ends so [APPMESH_RESOURCE_ARN,
#                             APPMESH_RESOURCE_NAME, APPMESH_VIRTUAL_NODE_NAME]
#   --control-plane URL       http://HOST:PORT, https://HOST:PORT, or
#                             file:/path/mesh.json [MESH_CONTROL_PLANE]
#   --control-plane-ca FILE   certificates that the control plane's is verified
#                             by, default the system's [MESH_CONTROL_PLANE_CA]
#   --region NAME             of signed requests, default that of the ARN
#                             [AWS_REGION, AWS_DEFAULT_REGION]
#   --interval TIME           how often to look for a new document at least
#                             [MESH_INTERVAL]
#   --egress ADDR             where the application sends its requests, default
#                             127.0.0.1:15001, "off" for none [MESH_EGRESS]
#   --ingress ADDR            where others send theirs, default 0.0.0.0:15000,
#                             "off" for none [MESH_INGRESS]
#   --egress-http2 ADDR       the same for HTTP/2 without TLS, default off
#   --ingress-http2 ADDR      [MESH_EGRESS_HTTP2, MESH_INGRESS_HTTP2]
#   --admin ADDR              default 127.0.0.1:9901, "off" for none
#                             [MESH_ADMIN, ENVOY_ADMIN_ACCESS_PORT: on 127.0.0.1]
#   --app-address IP          of the application, default 127.0.0.1
#                             [MESH_APP_ADDRESS]
#   --lb-policy NAME          round_robin or least_request [MESH_LB_POLICY]
#   --state DIR               where the last good document is kept, default
#                             /var/lib/nginx/mesh/MESH-NODE for root, otherwise
#                             RUN_DIR/state [MESH_STATE]
#   --run-dir DIR             default /run/nginx-mesh/MESH-NODE for root,
#                             otherwise in $XDG_RUNTIME_DIR or a directory of
#                             the user's in /tmp [MESH_RUN_DIR]
#   --workers N               or auto: as many as there are processors, or as
#                             the container may use [MESH_WORKERS,
#                             ENVOY_CONCURRENCY]
#   --connections N           for each worker, default 4096 [MESH_CONNECTIONS]
#   --drain SECONDS           how long it goes on after SIGTERM, default 20; 0:
#                             not at all [MESH_DRAIN,
#                             LISTENER_DRAIN_WAIT_TIME_S]
#   --grace SECONDS           for requests to end after that, default 5; after
#                             SIGQUIT they have the longer of the two
#                             [MESH_GRACE]
#   --log-level LEVEL         trace, debug, info, notice (default), warn, error,
#                             critical, off [MESH_LOG_LEVEL, ENVOY_LOG_LEVEL]
#   --access-log FILE         nginx's own, in the format "mesh" of mesh_params,
#                             default off [MESH_ACCESS_LOG]; the one that the
#                             node's spec asks for is written without an option
#
# A control plane that wants signed requests gets them if there are credentials
# where AWS's SDKs look for them: AWS_ACCESS_KEY_ID and so on, the credentials
# file, or the endpoint of the container.

# Read by util/mesh, whose variables and functions it uses.
# shellcheck shell=bash disable=SC2034,SC2154

template=sidecar.conf
files=(mesh_params)

valued=" resource control-plane control-plane-ca region interval egress ingress
    egress-http2 ingress-http2 admin app-address lb-policy state run-dir workers
    connections drain grace log-level access-log user supervise "

# shellcheck source=/dev/null
. "$home/util/lib/mesh/observe.sh"
valued="$valued$observe_valued"

take_resource() {
    local value name=${from[resource]:-}

    take resource "" APPMESH_RESOURCE_ARN APPMESH_RESOURCE_NAME \
        APPMESH_VIRTUAL_NODE_NAME
    value=${option[resource]}
    name=${from[resource]}

    [ -n "$value" ] || fail "--resource is missing:" \
        "mesh/MESH/virtualNode/NODE, or APPMESH_RESOURCE_ARN"
    if [[ $value == arn:* ]]; then
        check "$name" "$value" \
            'arn:[a-z0-9-]+:appmesh:[a-z0-9-]*:[0-9]*:mesh/[A-Za-z0-9/._-]+' \
            "an ARN of App Mesh"
        value=mesh/${value#*:mesh/}
    fi
    if [[ $value == mesh/*/virtualGateway/* ]]; then
        fail "$name: \"$value\" is a virtual gateway;" \
            "the gateway role arrives in a later release"
    fi
    check "$name" "$value" \
        'mesh/[A-Za-z0-9_.-]{1,255}/virtualNode/[A-Za-z0-9_.-]{1,255}' \
        "mesh/MESH/virtualNode/NODE"

    set_value mesh "$(cut -d/ -f2 <<< "$value")"
    set_value node "${value##*/}"

    # the account of an ARN is the owner of the mesh
    set_value resource "virtualNode/${values[node]}"
    [[ ${option[resource]} != arn:* ]] \
        || set_value resource "${option[resource]}"
}

# The agent finds it where AWS's SDKs would, beside the credentials.

take_region() {
    local value=""

    [[ ${option[resource]} != arn:* ]] \
        || value=$(cut -d: -f4 <<< "${option[resource]}")
    take region "$value" AWS_REGION AWS_DEFAULT_REGION
    value=${option[region]}
    if [ -n "$value" ]; then
        check "${from[region]}" "$value" '[a-z0-9][a-z0-9-]{0,62}' \
            "a region like us-east-1"
        export AWS_REGION=$value
    fi
}

take_control_plane() {
    local value name interval

    take control-plane "" MESH_CONTROL_PLANE
    take interval "" MESH_INTERVAL
    take_file control-plane-ca "" MESH_CONTROL_PLANE_CA
    value=${option[control-plane]}
    name=${from[control-plane]}
    interval=${option[interval]}

    case $value in
        "")
            fail "--control-plane is missing: http://HOST:PORT or" \
                "file:/path/mesh.json (or MESH_CONTROL_PLANE)" ;;
        file:*)
            value=${value#file:}
            [[ $value == /* ]] || value=$PWD/$value
            check_path "$name" "$value"
            value=file:$value ;;
        http://*|https://*)
            check "$name" "$value" \
                'https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/%~-]*)?' \
                "a URL" ;;
        *)
            fail "$name: \"$value\" is neither file:/path nor http://host:port" ;;
    esac

    if [ -n "$interval" ]; then
        check_time "${from[interval]}" "$interval"
        value="$value interval=$interval"
    fi
    set_value control_plane "$value"
}

take_addresses() {
    local name value

    if [ -n "${ENVOY_ADMIN_ACCESS_PORT:-}" ] && [ -z "${MESH_ADMIN:-}" ] \
        && [ -z "${from[admin]:-}" ]
    then
        check_number ENVOY_ADMIN_ACCESS_PORT "$ENVOY_ADMIN_ACCESS_PORT" 1 65535
        option[admin]=127.0.0.1:$ENVOY_ADMIN_ACCESS_PORT
        from[admin]=ENVOY_ADMIN_ACCESS_PORT
    fi

    take egress 127.0.0.1:15001 MESH_EGRESS
    take ingress 0.0.0.0:15000 MESH_INGRESS
    take egress-http2 off MESH_EGRESS_HTTP2
    take ingress-http2 off MESH_INGRESS_HTTP2
    take admin 127.0.0.1:9901 MESH_ADMIN

    for name in egress ingress egress-http2 ingress-http2 admin; do
        value=${option[$name]}
        if [ "$value" = off ]; then
            value=
        else
            check_listen "${from[$name]}" "$value"
        fi
        set_value "${name//-/_}" "$value"
    done

    take app-address "" MESH_APP_ADDRESS
    value=${option[app-address]}
    [ -z "$value" ] || check_ip "${from[app-address]}" "$value"
    set_value app_address "$value"
}

take_lb_policy() {
    local value

    take lb-policy "" MESH_LB_POLICY
    value=${option[lb-policy]}
    case $value in
        ""|round_robin|least_request) set_value lb_policy "$value" ;;
        *) fail "${from[lb-policy]}: \"$value\" is neither round_robin nor" \
                "least_request" ;;
    esac
}

take_stop() {
    local timeout

    take_seconds drain 20 0 MESH_DRAIN LISTENER_DRAIN_WAIT_TIME_S
    drain=$seconds
    take_seconds grace 5 1 MESH_GRACE
    grace=$seconds

    timeout=$drain
    [ "$timeout" -ge "$grace" ] || timeout=$grace
    set_value shutdown_timeout "$timeout"
}

take_role() {
    take_resource
    take_region
    take_control_plane
    take_addresses
    take_lb_policy
    take_process 4096 ENVOY_CONCURRENCY
    take_stop
    take_logs mesh off ENVOY_LOG_LEVEL
    take_observe
    take_user
    take_run_dir "${values[mesh]}-${values[node]}"
    take_directory state "/var/lib/nginx/mesh/${values[mesh]}-${values[node]}" \
        "${values[run_dir]}/state" MESH_STATE
}

# "http2 on" since 1.25.1, before that a parameter of "listen"

fit_nginx() {
    if printf '%s\n' 1.25.1 "$1" | sort -CV; then
        set_value http2 on
    else
        set_value http2 ""
        set_value egress_http2 "${values[egress_http2]:+${values[egress_http2]} http2}"
        set_value ingress_http2 "${values[ingress_http2]:+${values[ingress_http2]} http2}"
    fi
}

make_directories() {
    make_directory "${values[state]}" 755
}
