# util/mesh control-plane [--OPTION VALUE]...
#
# The control plane: the App Mesh API, and the documents of the proxies.
#
#   --listen ADDR             default 127.0.0.1:9080 [MESH_LISTEN]
#   --data DIR                where its store is; default
#                             /var/lib/nginx/mesh-control-plane for root
#                             [MESH_DATA]
#   --keys FILE               who may do what, see conf/keys.example [MESH_KEYS]
#   --auth on|off             off: whoever reaches it may do everything; on
#                             (default): by the keys, and where there are none,
#                             everything from this machine and nothing from
#                             others [MESH_AUTH]
#   --region NAME             of ARNs and signatures, default us-east-1
#                             [MESH_REGION, AWS_REGION, AWS_DEFAULT_REGION]
#   --account NUMBER          of callers whose key has none, 12 digits
#                             [MESH_ACCOUNT]
#   --quotas LIMITS           appmesh (those of App Mesh), NAME=NUMBER, several
#                             with commas between them; default off
#                             [MESH_QUOTAS]
#   --max-wait TIME           a proxy's longest wait for a change, default 5m
#                             [MESH_MAX_WAIT]
#   --tls-certificate FILE    both: HTTPS, without them HTTP
#   --tls-certificate-key FILE
#                             [MESH_TLS_CERTIFICATE, MESH_TLS_CERTIFICATE_KEY]
#   --run-dir DIR             default /run/nginx-mesh/control-plane for root,
#                             otherwise in $XDG_RUNTIME_DIR or a directory of
#                             the user's in /tmp [MESH_RUN_DIR]
#   --workers N               or auto: as many as there are processors, or as
#                             the container may use [MESH_WORKERS]
#   --connections N           for each worker, default 16384; a waiting proxy
#                             takes one [MESH_CONNECTIONS]
#   --grace SECONDS           for requests to end when it is stopped, default 10
#                             [MESH_GRACE]
#   --log-level LEVEL         trace, debug, info, notice (default), warn, error,
#                             critical, off [MESH_LOG_LEVEL]
#   --access-log FILE         default /dev/stdout if it can be opened (a socket,
#                             as of systemd's journal, cannot), "off" for none
#                             [MESH_ACCESS_LOG]

# Read by util/mesh, whose variables and functions it uses.
# shellcheck shell=bash disable=SC2034,SC2154

template="control-plane.conf"
files=()
control=1

valued=" listen data keys auth region account quotas max-wait tls-certificate
    tls-certificate-key run-dir workers connections grace log-level access-log
    user supervise "

# An address that only this machine reaches: as nginx listens on it, so that a
# port alone is one of 127.0.0.1.

is_loopback() {
    [[ $1 != *:* || $1 == unix:* || $1 == 127.*:* || $1 == '[::1]:'* ]]
}

take_listen() {
    local value

    take listen 127.0.0.1:9080 MESH_LISTEN
    value=${option[listen]}
    check_listen "${from[listen]}" "$value"
    # nginx takes a port alone for one on all addresses
    [[ $value == *:* ]] || value=127.0.0.1:$value

    take_file tls-certificate "" MESH_TLS_CERTIFICATE
    take_file tls-certificate-key "" MESH_TLS_CERTIFICATE_KEY
    case ${values[tls_certificate]:+c}${values[tls_certificate_key]:+k} in
        ck) value="$value ssl" ;;
        c) fail "--tls-certificate-key is missing" ;;
        k) fail "--tls-certificate is missing" ;;
    esac
    set_value listen "$value"
}

take_auth() {
    take_file keys "" MESH_KEYS
    take auth on MESH_AUTH
    case ${option[auth]} in
        on|off) set_value auth "${option[auth]}" ;;
        *) fail "${from[auth]}: \"${option[auth]}\" is neither on nor off" ;;
    esac

    if [ "${values[auth]}" = on ] && [ -z "${values[keys]}" ] \
        && ! is_loopback "${option[listen]}"
    then
        fail "${from[listen]}: others reach ${option[listen]}, and nothing says" \
            "who may do what: set --keys FILE, or --auth off if all may"
    fi
}

take_account() {
    take region "" MESH_REGION AWS_REGION AWS_DEFAULT_REGION
    [ -z "${option[region]}" ] || check "${from[region]}" "${option[region]}" \
        '[a-z0-9][a-z0-9-]{0,62}' "a region like us-east-1"
    set_value region "${option[region]}"

    take account "" MESH_ACCOUNT
    [ -z "${option[account]}" ] || check "${from[account]}" \
        "${option[account]}" '[0-9]{12}' "an account of 12 digits"
    set_value account "${option[account]}"
}

take_quotas() {
    local value

    take quotas "" MESH_QUOTAS
    value=${option[quotas]}
    [ "$value" != off ] || value=
    [ -z "$value" ] || check "${from[quotas]}" "$value" \
        '(appmesh|[a-z_]+=[0-9]{1,9})(,[a-z_]+=[0-9]{1,9})*' \
        "off, or appmesh or NAME=NUMBER with commas between them"
    set_value quotas "${value//,/ }"
}

take_max_wait() {
    take max-wait 5m MESH_MAX_WAIT
    check_time "${from[max-wait]}" "${option[max-wait]}"
    set_value max_wait "${option[max-wait]}"
}

take_role() {
    local name=control-plane

    take_listen
    take_auth
    take_account
    take_quotas
    take_max_wait
    take_process 16384
    take_seconds grace 10 1 MESH_GRACE
    grace=$seconds
    set_value shutdown_timeout "$grace"
    take_logs control /dev/stdout
    take_user
    take_run_dir $name
    take_directory data /var/lib/nginx/mesh-$name "" MESH_DATA
    [ -n "${values[data]}" ] \
        || fail "--data is missing: the directory of the store (or MESH_DATA)"
}

fit_nginx() {
    :
}

# what is stored is nobody else's business

make_directories() {
    make_directory "${values[data]}" 700
}
