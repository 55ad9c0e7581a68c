# What the tests of the launcher have in common: its output for options and
# variables, compared line by line.  The caller has a directory "$dir".
# shellcheck shell=bash disable=SC2034,SC2154

while read -r name; do
    unset "$name"
done < <(env | cut -d= -f1 \
             | grep -E '^(MESH|ENVOY|APPMESH|LISTENER|ENABLE|XRAY|OTEL|STATSD)_' \
             | grep -vE '^MESH_(MODULE|BUILD_DIR|NGINX)$')

# what util/test built and runs, rather than what the launcher would find
if [ -e "${MESH_BUILD_DIR:-}/ngx_http_mesh_module.so" ]; then
    export MESH_MODULE=$MESH_BUILD_DIR/ngx_http_mesh_module.so
    export NGINX=$MESH_NGINX
fi

n=0

ok() {      # ok STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$dir/out" "$dir/err"
    fi
}

role=sidecar

# what every call needs
base=(--resource mesh/m/virtualNode/n --control-plane file:/etc/mesh.json)

mesh() {    # mesh [VARIABLE=VALUE]... [OPTION]...: prints the configuration
    local vars=()
    while [[ ${1:-} == *=* && ${1:-} != -* ]]; do
        vars+=("$1")
        shift
    done
    env "${vars[@]+"${vars[@]}"}" util/mesh "$role" "$@" --print-config \
        > "$dir/out" 2> "$dir/err"
}

has() {     # has NAME PATTERN: a line of it, spaces folded
    tr -s ' ' < "$dir/out" | grep -qxE " ?$2"
    ok $? "$1"
}

hasnt() {
    ! tr -s ' ' < "$dir/out" | grep -qE "$2"
    ok $? "$1"
}

refused() { # refused NAME WHAT [VARIABLE=VALUE]... [OPTION]...
    local name=$1 what=$2 status
    shift 2
    mesh "$@"
    status=$?
    [ $status = 2 ] && [ ! -s "$dir/out" ] \
        && [ "$(wc -l < "$dir/err")" = 1 ] && grep -qF -- "$what" "$dir/err"
    ok $? "$name"
}

# nothing of a value can be configuration: each of these in each option

closed() {  # closed OPTION GOOD
    local option=$1 good=$2 bad='' tail
    # shellcheck disable=SC1003,SC2016
    for tail in '; include /etc/passwd' ';' ' x' '"' "'" '$host' '{' '}' '\' '#' \
                $'\n' $'\nuser root;' $'\t' '@state@' '`id`' '&' $'\x01' \
                $'\xc3\xa9'
    do
        if mesh "${base[@]}" "--$option" "$good$tail"; then
            bad="$bad $(printf %q "$tail")"
        elif [ -s "$dir/out" ]; then
            bad="$bad output:$(printf %q "$tail")"
        fi
    done
    [ -z "$bad" ] || echo "#$bad" > "$dir/err"
    [ -z "$bad" ]
    ok $? "no way into the configuration through --$option"
}
