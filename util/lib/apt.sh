# shellcheck shell=bash
# Helpers around apt for the scripts in util/, to be sourced.
#
# Nothing here changes /etc/apt: a suite that the machine does not use is
# reached through private apt directories, and where its packages come from is
# derived from the machine's own sources (deb822 or one-line, enabled only).

# as_root COMMAND...: runs it as root, through sudo where needed.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "need to be root (or have sudo) to run: $*" >&2
        return 1
    fi
}

# missing PACKAGE...: prints those that are not installed, one a line.

missing() {
    local p
    for p in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
            installed) ;;
            *) echo "$p" ;;
        esac
    done
}

# apt_update: at most once a run of the calling script.

apt_updated=

apt_update() {
    [ -z "$apt_updated" ] || return 0
    as_root apt-get update -q >&2
    apt_updated=1
}

# apt_targets: "URI RELEASE" of each package list of Debian (not of others)
# among the machine's sources.  apt knows them after an update only.

apt_targets() {
    # shellcheck disable=SC2016
    local fmt='$(ORIGIN)|$(REPO_URI)|$(RELEASE)' all

    all=$(apt-get indextargets --format "$fmt" 'Created-By: Packages' \
          'Component: main' | grep '^Debian|' || true)
    if [ -z "$all" ]; then
        apt_update
        all=$(apt-get indextargets --format "$fmt" 'Created-By: Packages' \
              'Component: main' | grep '^Debian|' || true)
    fi
    echo "$all" | awk -F'|' 'NF == 3 && !seen[$0]++ { print $2, $3 }'
}

# debian_mirror: the URI the machine takes Debian itself from (neither the
# security archive nor an update suite).

debian_mirror() {
    local uri
    uri=$(apt_targets | awk '$2 !~ /[-\/]/ { print $1; exit }')
    if [ -z "$uri" ]; then
        echo "found no Debian source among this machine's apt sources" >&2
        return 1
    fi
    echo "$uri"
}

# apt_private DIR "TYPE URI SUITE COMPONENT"...: makes private apt directories
# with these sources and sets the array apt_opts for apt-get and apt-cache to
# use them.  A mirror may lag behind, so a Release file may be past its date;
# signatures are checked as ever.

apt_private() {
    local dir=$1 opts=check-valid-until=no ring source
    shift

    for ring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
        if [ -e "$ring" ]; then
            opts="$opts signed-by=$ring"
            break
        fi
    done

    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    for source in "$@"; do
        echo "${source%% *} [$opts] ${source#* }"
    done > "$dir/sources.list"

    # read by the callers
    # shellcheck disable=SC2034
    apt_opts=(-q -o Dir::Etc::SourceList="$dir/sources.list"
              -o Dir::Etc::SourceParts=/dev/null
              -o Dir::Etc::Preferences=/dev/null
              -o Dir::Etc::PreferencesParts=/dev/null
              -o Dir::State::Lists="$dir/lists"
              -o Dir::Cache="$dir/cache"
              -o Acquire::Languages=none
              -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
              -o APT::Update::Post-Invoke-Success=
              -o APT::Sandbox::User="$(id -un)")
}
