"""Packets that the original could not take in: public ones are here, private ones nowhere."""

from tests.mars.conftest import Ours
from tests.mars.recordings import Recordings
from tests.real_archive import Everything


async def test_public_packets_are_here(
    ours: Ours, everything: Everything, recordings: Recordings
) -> None:
    public = [e for e in recordings.load("not_ingested") if e["programid"] == 1]
    assert len(public) == 22 + 2
    assert {e["candid"] for e in public} == ours.ingested - ours.recorded
    for entry in public:
        alert = await ours.one(entry["candid"])
        sent = everything.packets[int(entry["candid"])].record["candidate"]
        assert {name: alert["candidate"][name] for name in sent} == sent
        number = alert["lco_id"]
        detail = await ours.json(f"/{number}/")
        assert {**detail, "prv_candidate": 0} == {**alert, "prv_candidate": 0}
        photometry = await ours.json(f"/{number}/photometry/")
        assert len(photometry) == len(detail["prv_candidate"]) + 1
        original = await ours.client.get(alert["avro"])
        assert original.content == everything.packets[int(entry["candid"])].file
        if entry["schemavsn"] == "3.5":
            # Its list of earlier candidates holds forced photometry, which is no upper limit.
            assert all("candid" in other for other in detail["prv_candidate"])


async def test_private_packets_are_nowhere(ours: Ours, recordings: Recordings) -> None:
    private = [e["candid"] for e in recordings.load("not_ingested") if e["programid"] != 1]
    assert len(private) == 13
    for candid in private:
        assert (await ours.json("/", candid=candid))["results"] == []
        for path in ("", "photometry/", "cutout/Science/"):
            for accept in ("application/json", "text/html"):
                answer = await ours.client.get(f"/{candid}/{path}", headers={"Accept": accept})
                assert answer.status_code == 404, path
