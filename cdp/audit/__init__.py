"""The audit log: every administrative act, and who read personal data what for; one chain of entries a workspace.

Whoever changes how a workspace is run records it inside the transaction of the change:

    await audit.record(connection, principal, "keyCreate", "ApiKey:12", {"role": "SALES"})

See `record`. In GraphQL, mutations that go through `write` or `change` are recorded by those.
"""

from cdp.audit.recording import Acting, heard, listening, record

__all__ = ["Acting", "heard", "listening", "record"]
