"""The Node receiver of docs/delivery.md verifies and takes what is sent."""

from tests.app.conftest import fresh_archive
from tests.app.delivery.test_delivery_docs import lines_of, program
from tests.app.delivery.test_webhooks import OBJECT
from tests.sdks.clients import TOOLS


async def test_the_receiver_in_node_prints_each_alert() -> None:
    receiver = TOOLS / "node" / "receiver.mjs"
    receiver.write_text(program("js"))
    async with fresh_archive() as settings:
        lines = await lines_of(settings, ["node", str(receiver)], 3)
    assert [line.split()[0] for line in lines] == [OBJECT] * 3
    assert len(set(lines)) == 3
