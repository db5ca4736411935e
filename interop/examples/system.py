"""A system of the hospital's own, in Python with `requests` and `cryptography`: it signs in, searches, writes, waits for
the anchor, and exports."""
import base64
import json
import os
import time
import uuid

import requests
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

FHIR = os.environ["SALUS_FHIR"]
CLIENT = os.environ["SALUS_CLIENT"]
with open(os.environ["SALUS_CLIENT_JWK"], encoding="utf8") as file:
    JWK = json.load(file)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def sign_in(scope: str) -> str:
    """SMART Backend Services: a signed assertion for a token, which is good for five minutes."""
    endpoint = requests.get(f"{FHIR}/.well-known/smart-configuration", timeout=30).json()["token_endpoint"]
    now = int(time.time())
    header = {"alg": "ES384", "kid": JWK["kid"], "typ": "JWT"}
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": endpoint, "iat": now, "exp": now + 240, "jti": str(uuid.uuid4())}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    key = ec.derive_private_key(number(JWK["d"]), ec.SECP384R1())
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(SHA384())))
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": f"{text}.{encoded(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}",
    }
    answer = requests.post(endpoint, data=form, timeout=30)
    if not answer.ok:
        raise SystemExit(f"no token: {answer.text}")
    return answer.json()["access_token"]


session = requests.Session()
session.headers["authorization"] = f"Bearer {sign_in('system/*.cruds')}"


def ask(method: str, url: str, **more) -> requests.Response:
    """What the FHIR API answers; a refusal says why."""
    answer = session.request(method, url if url.startswith("http") else f"{FHIR}/{url}", timeout=60, **more)
    if not answer.ok:
        raise SystemExit(answer.json()["issue"][0]["diagnostics"])
    return answer


# Search. Results come in pages; `next` leads on.
labs, url = 0, "Observation?category=laboratory&_sort=-date&_count=100"
while url:
    page = ask("GET", url).json()
    labs += len(page.get("entry", []))
    url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)

# Write, and learn when it is anchored: `stored` at once, `sealed` a moment later, then `anchored` on the ledger.
patient = ask("GET", "Patient?_count=1").json()["entry"][0]["resource"]
weight = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
    "subject": {"reference": f"Patient/{patient['id']}"},
    "effectiveDateTime": "2026-03-01T08:30:00Z",
    "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}
made = ask("POST", "Observation", json=weight, headers={"content-type": "application/fhir+json"}).json()
for _ in range(120):
    proof = session.get(f"{FHIR}/Observation/{made['id']}/$proof", timeout=60)
    if proof.ok:
        break
    time.sleep(0.5)
assert proof.ok, proof.headers.get("x-salus-state")

# Export: ask, ask again until it is made, fetch the files, and say that they may go.
job = ask("GET", "$export?_type=Patient,Observation", headers={"prefer": "respond-async"}).headers["content-location"]
while (state := ask("GET", job)).status_code == 202:
    time.sleep(int(state.headers.get("retry-after", 1)))
records = 0
for file in state.json()["output"]:
    with ask("GET", file["url"], stream=True) as answer:
        records += sum(1 for line in answer.iter_lines() if json.loads(line)["resourceType"] == file["type"])
ask("DELETE", job)
print(f"{labs} lab results; anchored in batch {proof.json()['anchor']['sequence']}; {records} records exported")
