#!/usr/bin/env bash
# A root file system out of Debian packages, without a chroot, mounts or maintainer scripts: packages are downloaded into
# an apt state of its own, from the mirror that this machine's apt uses, and unpacked. Needs no root.
# usage: debian-root.sh [--alone] <suite> <empty folder> <package>...     env: DEBIAN_MIRROR, DEBIAN_KEYRING
# With --alone what the packages depend on is left out: files to be laid over such a root.
set -euo pipefail
alone=
if [ "$1" = --alone ]; then alone=1; shift; fi
suite=$1 target=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whichever repository of this machine carries its own release; works for .list and .sources files.
. /etc/os-release
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release="$VERSION_CODENAME" '$2 == release && $3 == "main" { print $1; exit }')}
[ -n "$mirror" ] || { echo "no Debian mirror in apt's sources; set DEBIAN_MIRROR" >&2; exit 1; }
keyring=${DEBIAN_KEYRING:-$(dpkg -L debian-archive-keyring | grep '/debian-archive-keyring\.gpg$' | head -n 1)}

# The empty dpkg status makes every dependency a download. Given with -c the settings are read after the machine's own:
# its proxy and credentials stay, its hooks are cleared.
mkdir -p "$work"/{lists/partial,cache/archives/partial,log,none.d}
: > "$work/status"
echo "deb [signed-by=$keyring] $mirror $suite main" > "$work/sources.list"
cat > "$work/apt.conf" <<CONF
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Log "$work/log";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/none.d";
Dir::Etc::preferences "$work/none";
Dir::Etc::preferencesparts "$work/none.d";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
CONF
apt-get -qq -c "$work/apt.conf" update
if [ -n "$alone" ]; then
  (cd "$work/cache/archives" && apt-get -qq -c "$work/apt.conf" download "$@")
else
  apt-get -qq -c "$work/apt.conf" -y install --download-only "$@"
fi

# The links of the merged /usr must exist before unpacking and must survive it.
for folder in bin sbin lib lib64; do
  mkdir -p "$target/usr/$folder"
  ln -s "usr/$folder" "$target/$folder"
done
unpack() {
  dpkg-deb --fsys-tarfile "$2" |
    tar -x -C "$1" --keep-directory-symlink --exclude=./usr/share/{doc,man,locale,info,lintian,bug}
}
export -f unpack
# By size, so that the two workers end together; xz is what takes the time.
ls -S "$work"/cache/archives/*.deb | xargs -P "$(nproc)" -I{} bash -ec 'set -o pipefail; unpack "$1" "$2"' _ "$target" {}
