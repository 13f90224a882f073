"""Asks and changes through the client that ariadne-codegen wrote; prints what it was told as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "generated"))

from diptych_client import Client, IdentifierInput, IntentLevel, ProfileUpdateInput


async def main() -> None:
    headers = {"Authorization": os.environ["AUTHORIZATION"]}
    async with Client(url=os.environ["SERVER_URL"], headers=headers) as client:
        found = (await client.find(IdentifierInput(kind="user_id", value="ada"))).profile
        assert found is not None
        assert found.buyer_intent is not None
        assert isinstance(found.buyer_intent.as_of, datetime)
        assert found.buyer_intent.level is IntentLevel.COLD
        change = ProfileUpdateInput(profile=found.id, traits={"name": "Ada by Ariadne", "tags": ["a", None]})
        renamed = (await client.rename(change)).profile_update
        assert renamed.profile is not None
        people = (await client.people(first=2)).profiles
    print(
        json.dumps(
            {
                "before": found.display_name,
                "after": renamed.profile.display_name,
                "traits": renamed.profile.traits,
                "errors": renamed.user_errors,
                "people": [people.total_count, len(people.nodes)],
            }
        )
    )


asyncio.run(main())
