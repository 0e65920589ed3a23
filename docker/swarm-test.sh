#!/usr/bin/env bash
# swarm-test.sh WAV runs three replicas on a Swarm of one machine, updates them and kills one, while a client that
# retries once sends requests. It needs the image speech-commands-app. DOCKER_BUILD_ARGS go to the build of the client's
# image. The client is inside the network and uses the tasks' names: not every kernel has IPVS for the routing mesh.
set -euo pipefail
cd "$(dirname "$0")"
wav=$(realpath "$1")
service=speech_speech-commands

# shellcheck disable=SC2317 # called by the trap
cleanup() {
    docker service rm load >/dev/null 2>&1 || true
    docker stack rm speech >/dev/null
    [ -z "${began:-}" ] || docker swarm leave --force >/dev/null
}

tasks() { docker ps -q --filter "label=com.docker.swarm.service.name=$1" "${@:2}"; }

wait_for_replicas() {
    for _ in $(seq 120); do
        [ "$(tasks $service --filter health=healthy | wc -l)" -eq 3 ] && return
        sleep 1
    done
    docker service ps $service >&2
    exit 1
}

# shellcheck disable=SC2086 # several words
docker build -q ${DOCKER_BUILD_ARGS:-} -t speech-commands-load - >/dev/null <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get update && apt-get install --no-install-recommends -y python3
DOCKERFILE

if [ "$(docker info -f '{{.Swarm.LocalNodeState}}')" != active ]; then
    docker swarm init --advertise-addr 127.0.0.1 >/dev/null
    began=yes
fi
trap cleanup EXIT

docker stack deploy --resolve-image never -c stack.yml speech
wait_for_replicas
echo "three replicas are healthy"
docker service create --quiet --detach --name load --network speech_default --restart-condition none \
    --mount "type=bind,src=$PWD/load.py,dst=/load.py" --mount "type=bind,src=$wav,dst=/word.wav" \
    --no-resolve-image speech-commands-load python3 /load.py http://tasks.speech-commands:8000 /word.wav >/dev/null
sleep 10

echo "update"
docker tag speech-commands-app speech-commands-app:next
docker service update --detach --no-resolve-image --image speech-commands-app:next $service >/dev/null
until state=$(docker service inspect -f '{{.UpdateStatus.State}}' $service) && [ "$state" != updating ]; do sleep 1; done
echo "the update is $state"
[ "$state" = completed ]
sleep 5

echo "kill"
docker kill "$(tasks $service --filter health=healthy | head -n 1)"
sleep 2
wait_for_replicas
docker service ps --format '{{.Name}} {{.Image}}: {{.CurrentState}} {{.Error}}' $service
sleep 5

client=$(tasks load)
docker kill --signal TERM "$client" >/dev/null
status=$(docker wait "$client")
docker logs "$client"
exit "$status"
