#!/bin/sh
# Runs the agent of a hypervisor ($1). With POLYVIRT_JOIN, the line of `polyvirt host add`, this machine joins by it, once; without, it
# is a host of the machine on which the other services of docker-compose.yml run, with the credential that `init` has made.
set -euf
hypervisor=$1
state=/var/lib/polyvirt-agent
line=${POLYVIRT_JOIN:-}
# It is no setting of the agent.
unset POLYVIRT_JOIN
# As `npm start` runs agents.
export NODE_OPTIONS="--max-semi-space-size=2"
agent() { node /opt/polyvirt/agent/dist/polyvirt-agent.mjs "$@" --state "$state"; }

if [ -n "$line" ]; then
  # In a container it is the arguments that matter, wherever they were copied from.
  # shellcheck disable=SC2086 # several words
  set -- ${line#*polyvirt-agent join }
  used=$(printf %s "$*" | sha256sum | cut -d ' ' -f 1)
  if [ "$(cat "$state/joined-by" 2>/dev/null)" != "$used" ]; then
    # Whoever was cut off between joining and writing that down has joined.
    agent join "$@" --no-run || [ -n "$(agent list)" ]
    echo "$used" >"$state/joined-by"
  fi
  unset POLYVIRT_HOST_ID POLYVIRT_NATS_URL POLYVIRT_GATEWAY_URL
  exec node --optimize-for-size --liftoff-only /opt/polyvirt/agent/dist/polyvirt-agent.mjs run --state "$state"
fi

if [ ! -s /run/polyvirt/bus.creds ]; then
  echo "This machine has not joined: give the line that 'polyvirt host add' shows as POLYVIRT_JOIN, or start the other services here." >&2
  until [ -s /run/polyvirt/bus.creds ]; do sleep 1; done
fi
export POLYVIRT_NATS_CREDENTIALS_FILE=/run/polyvirt/bus.creds POLYVIRT_NATS_CA=/run/polyvirt/ca.pem
# Images that were uploaded come from the gateway.
export NODE_EXTRA_CA_CERTS=/run/polyvirt/ca.pem
exec node --optimize-for-size --liftoff-only "/opt/polyvirt/agent/dist/$hypervisor-agent.mjs"
