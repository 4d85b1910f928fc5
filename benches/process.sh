#!/usr/bin/env bash
# The whole process on botolphs and on synthetic stacks: times by hyperfine, instructions by callgrind, both next to a bare start.
# usage: benches/process.sh [FOLDER FOR SYNTHETIC STACKS]; needs hyperfine and valgrind
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-target/bench-stacks}
mkdir -p "$folder"
cargo build --release --quiet
stackc=target/release/stackc

synthetic() {
    echo "stack synthetic {"
    echo "    network main"
    for ((i = 0; i < ($1 - 1) / 2; i++)); do
        printf '    bucket files-%d versioned=#true {\n        expire "tmp/" days=7\n        tags part="%d"\n    }\n    secret key-%d length=48\n' "$i" "$i" "$i"
    done
    echo "}"
}
for count in 500 5000; do synthetic "$count" > "$folder/$count.kdl"; done

hyperfine --shell=none --warmup 5 \
    --command-name start "$stackc --version" \
    --command-name 'botolphs cfn' "$stackc build examples/botolphs/stack.kdl --target cfn -o $folder/out" \
    --command-name 'botolphs tf-aws' "$stackc build examples/botolphs/stack.kdl --target tf-aws -o $folder/out" \
    --command-name 'botolphs both' "$stackc build examples/botolphs/stack.kdl --target cfn,tf-aws -o $folder/out" \
    --command-name 'check 500' "$stackc check $folder/500.kdl --target tf-aws" \
    --command-name 'build 500' "$stackc build $folder/500.kdl --target tf-aws -o $folder/out" \
    --command-name 'build 5000' "$stackc build $folder/5000.kdl --target tf-aws -o $folder/out"

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$stackc" "${@:2}" 2>&1 | awk -v name="$1" '/Collected/ { printf "%-16s %14s instructions\n", name, $NF }'
}
instructions start --version
instructions 'botolphs cfn' build examples/botolphs/stack.kdl --target cfn -o "$folder/out"
instructions 'botolphs tf-aws' build examples/botolphs/stack.kdl --target tf-aws -o "$folder/out"
instructions 'build 500' build "$folder/500.kdl" --target tf-aws -o "$folder/out"
instructions 'build 5000' build "$folder/5000.kdl" --target tf-aws -o "$folder/out"
