"""A device of the hospital writes a measurement, in Python with `requests` alone, and learns when it is anchored."""
import os
import time

import requests

FHIR = os.environ["SALUS_FHIR"]
session = requests.Session()
# Valid for five minutes; how to get one: read.mjs.
session.headers["authorization"] = f"Bearer {os.environ['SALUS_TOKEN']}"


def sent(answer: requests.Response) -> dict:
    if not answer.ok:
        raise SystemExit(answer.json()["issue"][0]["diagnostics"])
    return answer.json()


patient = sent(session.get(f"{FHIR}/Patient", params={"_count": 1}))["entry"][0]["resource"]
weight = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
    "subject": {"reference": f"Patient/{patient['id']}"},
    "effectiveDateTime": "2026-03-01T08:30:00Z",
    "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}
made = sent(session.post(f"{FHIR}/Observation", json=weight, headers={"content-type": "application/fhir+json"}))

# `stored` at once, `sealed` a moment later, then `anchored` on the ledger: from then on there is a proof.
for _ in range(120):
    proof = session.get(f"{FHIR}/Observation/{made['id']}/$proof")
    if proof.ok:
        break
    time.sleep(0.5)
assert proof.ok, proof.headers.get("x-salus-state")
print(f"version {made['meta']['versionId']} is anchored in batch {proof.json()['anchor']['sequence']}")
