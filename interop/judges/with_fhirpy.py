"""PyPI fhirpy, the asynchronous client: resources made, searched, paged, patched and deleted."""
import asyncio
import os

from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound

client = AsyncFHIRClient(os.environ["SALUS_FHIR"], authorization=f"Bearer {os.environ['SALUS_TOKEN']}")


async def main() -> None:
    patient = client.resource("Patient", name=[{"given": ["Pia"], "family": "Thon"}], birthDate="1991-05-17")
    await patient.save()
    assert patient.id and patient["meta"]["versionId"]
    weight = client.resource(
        "Observation",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        subject=patient.to_reference(),
        effectiveDateTime="2026-03-01",
        valueQuantity={"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )
    await weight.save()
    found = await client.resources("Observation").search(patient=patient.id, date__ge="2026-01-01").fetch()
    assert [one.id for one in found] == [weight.id]
    # Its own `patch` sends a document that no FHIR server but its makers' takes (R4 knows JSON Patch): a whole update.
    weight["status"] = "amended"
    await weight.save()
    again = await client.reference("Observation", weight.id).to_resource()
    assert again["status"] == "amended"
    assert (await again["subject"].to_resource()).id == patient.id
    # Its own `count` asks with a parameter that FHIR does not have, which is refused here rather than passed over.
    counted = await client.resources("Observation").search(patient=patient.id, _total="accurate").fetch_raw()
    assert counted["total"] == 1
    everything = await patient.execute("$everything", method="get")
    assert len(everything["entry"]) >= 2
    paged = [one.id async for one in client.resources("Observation").limit(50)]
    assert len(paged) == len(set(paged)) > 50
    await weight.delete()
    try:
        await client.resources("Observation").search(_id=weight.id).get()
        raise AssertionError("a deleted resource is found")
    except ResourceNotFound:
        pass
    print(f"9 interactions, {len(paged)} resources over pages")


asyncio.run(main())
