"""PyPI Authlib as a backend service: client_credentials with private_key_jwt, from the discovery document on."""
import json
import os
import time

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, RSAKey

FHIR = os.environ["SALUS_FHIR"]
SCOPE = "system/Observation.rs system/Patient.rs"
LIFETIME_S = 240

found = requests.get(f"{FHIR}/.well-known/smart-configuration", timeout=30).json()
assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]


def session(client: str, key: str, algorithm: str) -> OAuth2Session:
    # Authlib's own assertions live for an hour, and SMART's for five minutes at most.
    claims = {"exp": int(time.time()) + LIFETIME_S}
    header = {"kid": json.loads(key)["kid"], "typ": "JWT"}
    kind = {"RSA": RSAKey, "EC": ECKey}[json.loads(key)["kty"]]
    oauth = OAuth2Session(client, kind.import_key(json.loads(key)), scope=SCOPE, token_endpoint_auth_method="private_key_jwt")
    oauth.register_client_auth_method(PrivateKeyJWT(found["token_endpoint"], claims=claims, headers=header, alg=algorithm))
    return oauth


def main() -> None:
    for name, algorithm in (("RSA", "RS384"), ("EC", "ES384")):
        oauth = session(f"authlib-{name.lower()}", os.environ[f"INTEROP_{name}_JWK"], algorithm)
        token = oauth.fetch_token(found["token_endpoint"], grant_type="client_credentials")
        assert token["token_type"].lower() == "bearer" and set(token["scope"].split()) == set(SCOPE.split())
        assert oauth.get(f"{FHIR}/Observation?_count=1").json()["resourceType"] == "Bundle"
        refused = oauth.get(f"{FHIR}/MedicationRequest")
        assert refused.status_code == 403, refused.status_code
    print("RS384 and ES384: tokens for two types, refused beyond them")


main()
