# shellcheck shell=bash
# The source of the installed nginx, to be sourced after util/lib/apt.sh.
#
# source_tree ROOT: prints the directory of Debian's own source of the installed
# nginx under ROOT/build/source/, which is fetched first if it is not there.
#
# The source may be in any of the machine's Debian archives (main, updates,
# security); dpkg-source applies Debian's patches when unpacking.  A mirror may
# lack a security update's source: an earlier revision of the same nginx does.

source_tree() {
    local version tree dir uri release v
    local -a lines=()

    version=$(dpkg-query -W -f '${Version}' nginx)
    tree=$1/build/source/nginx-$version
    dir=$1/build/source/.fetch.$$

    if [ -d "$tree" ]; then
        echo "$tree"
        return
    fi

    while read -r uri release; do
        lines+=("deb-src $uri $release main")
    done < <(apt_targets)

    mkdir -p "$dir/tree"
    # which sets apt_opts
    apt_private "$dir" "${lines[@]}"
    # shellcheck disable=SC2154
    apt-get "${apt_opts[@]}" update >&2

    for v in $(apt-cache "${apt_opts[@]}" showsrc nginx \
                   | sed -n "s/^Version: \(${version%%-*}-.*\)/\1/p" \
                   | sort -rVu)
    do
        if (cd "$dir/tree" \
                && apt-get "${apt_opts[@]}" source "nginx=$v" >&2)
        then
            mv "$dir"/tree/nginx-*/ "$tree"
            rm -rf "$dir"
            echo "$tree"
            return
        fi
    done

    rm -rf "$dir"
    echo "could not get the source of nginx $version" >&2
    return 1
}
