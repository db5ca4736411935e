#!/bin/sh
# A system of the hospital's own, with curl, openssl and jq alone: it signs in, searches, writes, and exports.
# SALUS_CLIENT_PEM: the client's private key (P-384), SALUS_CLIENT_KID: its name in the client's `jwks`.
set -eu
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
umask 077

encoded() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# 1. Sign in (SMART Backend Services): a signed assertion for a token, which is good for five minutes.
endpoint=$(curl --fail --silent --show-error "$SALUS_FHIR/.well-known/smart-configuration" | jq --raw-output .token_endpoint)
now=$(date +%s)
header=$(printf '{"alg":"ES384","kid":"%s","typ":"JWT"}' "$SALUS_CLIENT_KID" | encoded)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
  "$SALUS_CLIENT" "$SALUS_CLIENT" "$endpoint" "$now" "$((now + 240))" "$(openssl rand -hex 16)" | encoded)
# A JWT has the two numbers of a signature side by side, 48 bytes each; openssl writes them as DER.
signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -sha384 -sign "$SALUS_CLIENT_PEM" |
  openssl asn1parse -inform DER | sed -n 's/.*INTEGER *://p' |
  while read -r number; do printf '%96s' "$number" | tr ' ' 0; done |
  sed 's/../\\x&/g' | xargs -0 printf '%b' | encoded)
curl --fail --silent --show-error "$endpoint" --output "$files/token" \
  --data-urlencode 'grant_type=client_credentials' --data-urlencode 'scope=system/*.cruds' \
  --data-urlencode 'client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer' \
  --data-urlencode "client_assertion=$header.$claims.$signature"
# In a file, not among the arguments, which everybody on the machine can list.
printf 'header = "authorization: Bearer %s"\n' "$(jq --raw-output .access_token "$files/token")" >"$files/curlrc"

ask() { curl --fail --silent --show-error --config "$files/curlrc" --header 'accept: application/fhir+json' "$@"; }

# 2. Search. What is searched for stands in a body: addresses end up in logs, and bodies do not.
ask "$SALUS_FHIR/Observation/_search" --data-urlencode 'category=laboratory' --data-urlencode '_count=100' >"$files/labs"
patient=$(ask "$SALUS_FHIR/Patient?_count=1" | jq --raw-output '.entry[0].resource.id')

# 3. Write.
jq --null-input --arg patient "Patient/$patient" '{
  resourceType: "Observation", status: "final", subject: { reference: $patient }, effectiveDateTime: "2026-03-01T08:30:00Z",
  code: { coding: [{ system: "http://loinc.org", code: "29463-7", display: "Body weight" }] },
  valueQuantity: { value: 71.5, unit: "kg", system: "http://unitsofmeasure.org", code: "kg" }
}' >"$files/weight"
ask "$SALUS_FHIR/Observation" --header 'content-type: application/fhir+json' --data-binary "@$files/weight" >"$files/made"

# 4. Export: ask, ask again until it is made, fetch the files, and say that they may go.
job=$(ask "$SALUS_FHIR/\$export?_type=Patient,Observation" --header 'prefer: respond-async' --dump-header - --output /dev/null |
  tr -d '\r' | sed -n 's/^content-location: //p')
while [ "$(ask "$job" --output "$files/state" --write-out '%{http_code}')" = 202 ]; do sleep 1; done
jq --raw-output '.output[].url' "$files/state" | while read -r url; do ask "$url"; done >"$files/export.ndjson"
ask --request DELETE "$job"
echo "$(jq '.entry | length' "$files/labs") lab results on the first page; version $(jq --raw-output .meta.versionId "$files/made") written; $(wc -l <"$files/export.ndjson") records exported"
