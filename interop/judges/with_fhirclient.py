"""PyPI fhirclient: its own classes of every type take what the node answers, and complain about what they do not know."""
import logging
import os

from fhirclient import client
from fhirclient.models import bundle, humanname, observation, patient

logging.getLogger("fhirclient").setLevel(logging.ERROR)
smart = client.FHIRClient(settings={"app_id": "interop", "api_base": os.environ["SALUS_FHIR"]})
smart.server.session.headers["Authorization"] = f"Bearer {os.environ['SALUS_TOKEN']}"


def main() -> None:
    assert smart.server.capabilityStatement.fhirVersion == "4.0.1"
    made = patient.Patient()
    made.name = [humanname.HumanName({"family": "Klient", "given": ["Pyotr"]})]
    made.create(smart.server)
    found = patient.Patient.where(struct={"name": "Klient"}).perform_resources(smart.server)
    assert found and found[0].name[0].family == "Klient"
    kept = found[0]
    kept.gender = "male"
    kept.update(smart.server)
    assert patient.Patient.read(kept.id, smart.server).gender == "male"
    pages, seen = 0, 0
    page = observation.Observation.where(struct={"_count": "50"}).perform(smart.server)
    while page is not None:
        pages, seen = pages + 1, seen + len(page.entry or [])
        following = [link.url for link in page.link if link.relation == "next"]
        page = bundle.Bundle(smart.server.request_json(following[0])) if following else None
    assert pages > 1
    kept.delete(smart.server)
    print(f"6 interactions, {seen} observations parsed on {pages} pages")


main()
