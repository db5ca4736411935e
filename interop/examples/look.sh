#!/bin/sh
# What is open to everybody, and a search, with curl alone. SALUS_TOKEN: a bearer token (`salus token`).
set -eu
base=${SALUS_FHIR%/fhir}

curl --fail --silent --show-error "$base/ledger/head"
echo
curl --fail --silent --show-error "$base/openapi.json" --output /dev/null
curl --fail --silent --show-error "$SALUS_FHIR/metadata" --header 'accept: application/fhir+json' --output /dev/null

# What is searched for stands in a body: addresses end up in logs, and bodies do not.
curl --fail --silent --show-error "$SALUS_FHIR/Observation/_search" \
  --header "authorization: Bearer $SALUS_TOKEN" \
  --data-urlencode 'code=http://loinc.org|4548-4' --data-urlencode '_count=1' --output /dev/null --write-out '%{http_code} for a search\n'
