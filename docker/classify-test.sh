#!/usr/bin/env bash
# classify-test.sh FOLDER runs three shards as Swarm jobs and checks that their answers together are those of a run
# without shards. It needs the image speech-commands-classify. It leaves the Swarm if it has started one.
set -euo pipefail
recordings=$(realpath "$1")
answers=$(mktemp -d)

# shellcheck disable=SC2317 # called by the trap
cleanup() {
    docker service rm classify-0 classify-1 classify-2 >/dev/null 2>&1 || true
    [ -z "${began:-}" ] || docker swarm leave --force >/dev/null
    rm -rf "$answers"
}

if [ "$(docker info -f '{{.Swarm.LocalNodeState}}')" != active ]; then
    docker swarm init --advertise-addr 127.0.0.1 >/dev/null
    began=yes
fi
trap cleanup EXIT
chmod 777 "$answers" # the image's user owns nothing here

start() { # one job for each shard: in a job of three, {{.Task.Slot}} is not a number
    for shard in 0 1 2; do
        docker service create --quiet --detach --no-resolve-image --mode replicated-job --name "classify-$shard" \
            --read-only --cap-drop ALL \
            --mount "type=bind,src=$recordings,dst=/recordings,readonly" --mount "type=bind,src=$answers,dst=/answers" \
            --env "SC_SHARD=$shard/3" --env "SC_OUTPUT=/answers/$shard.jsonl" \
            speech-commands-classify /recordings >/dev/null
    done
}

wait_for_jobs() {
    until [ "$(docker service ls --filter mode=replicated-job --filter name=classify- --format '{{.Replicas}}' \
        | grep -c '1/1 completed')" -eq 3 ]; do
        sleep 1
    done
    for shard in 0 1 2; do docker service logs --raw "classify-$shard" 2>&1; done
}

seconds=$SECONDS
start
wait_for_jobs
echo "three shards: $((SECONDS - seconds)) s"

echo "again, though all is done:"
docker service rm classify-0 classify-1 classify-2 >/dev/null
start
wait_for_jobs

seconds=$SECONDS
docker run --rm -v "$recordings:/recordings:ro" -v "$answers:/answers" \
    speech-commands-classify --output /answers/whole.jsonl /recordings
echo "without shards: $((SECONDS - seconds)) s"
cmp <(sort "$answers/whole.jsonl") <(sort "$answers"/[012].jsonl)
echo "the same answers"
