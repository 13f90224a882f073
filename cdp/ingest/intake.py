"""The door of ingest: batches in, a receipt out. Tracking calls, mutations, imports and replays come through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from cdp.errors import BadInput
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.decode import Batch, encode_kept
from cdp.ingest.pace import Pace
from cdp.ingest.results import Checked, ItemResult, Outcome, Refusal
from cdp.ingest.validate import Validator
from cdp.model import WorkspaceId
from cdp.telemetry import stage
from cdp.workspaces.cache import Workspaces


class ItemRefusal(Struct, frozen=True, kw_only=True):
    """Why the item at `index` of the batch was not stored."""

    index: int
    code: str
    message: str
    field: tuple[str, ...] = ()


class ItemRemark(Struct, frozen=True, kw_only=True):
    """What the sender of the stored item at `index` should mend."""

    index: int
    code: str
    message: str
    field: tuple[str, ...] = ()


class ItemTaken(Struct, frozen=True, kw_only=True):
    """The item at `index` of the batch is stored, now or since before."""

    index: int
    message_id: str
    duplicate: bool


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a batch, durably."""

    stored: int
    duplicates: int
    refused: tuple[ItemRefusal, ...] = ()
    remarks: tuple[ItemRemark, ...] = ()
    taken: tuple[ItemTaken, ...] = ()


class Intake:
    """Validates batches and hands them to the accumulator."""

    def __init__(
        self, accumulator: Accumulator, workspaces: Workspaces, *, clock: Callable[[], datetime]
    ) -> None:
        self._accumulator = accumulator
        self._workspaces = workspaces
        self._clock = clock
        self._pace = Pace()
        self._validators: dict[str, Validator] = {}

    async def take(
        self,
        workspace_id: WorkspaceId,
        batch: Batch,
        *,
        source: str = "tracking",
        received_at: datetime | None = None,
        made_id: str | None = None,
        keep: bool = True,
    ) -> Receipt:
        """Store the batch's events and keep its refused items; answers once that is durable.

        Args:
            workspace_id: whose it is.
            batch: what came.
            source: `tracking`, `graphql` or `import`.
            received_at: when it came, if that is not now.
            made_id: message id of items that have none, with their index behind it, where it must not be random.
            keep: whether items that are refused are kept; False where they are kept already.

        Raises:
            Unavailable: the queue is full, the database is away, or the process is stopping; come again.
        """
        validator = self._validator((await self._workspaces.get(workspace_id)).settings.default_country)
        received_at = received_at or self._clock()
        await self._pace.turn(workspace_id)
        checked: list[tuple[int, Checked]] = []
        refused: list[tuple[int, Refusal]] = []
        with stage("ingest.validate"):
            for index, item in enumerate(batch.items):
                outcome = validator.check(
                    item,
                    batch,
                    received_at=received_at,
                    source=source,
                    made_id=None if made_id is None else f"{made_id}-{index}",
                )
                if isinstance(outcome, Checked):
                    checked.append((index, outcome))
                else:
                    refused.append((index, outcome))
        results = await self._accumulator.submit(
            workspace_id,
            [item.event for _, item in checked],
            [replace(refusal, body=encode_kept(refusal.body, batch)) for _, refusal in refused if keep],
            body_of=lambda position: encode_kept(bytes(batch.items[checked[position][0]]), batch),
            keep=keep,
            source=source,
            received_at=received_at,
            size_bytes=batch.size_bytes,
        )
        refused += [
            (index, result.refusal)
            for (index, _), result in zip(checked, results, strict=True)
            if result.refusal is not None
        ]
        return _receipt(checked, refused, results)

    def admitting(self, workspace_id: WorkspaceId) -> AbstractContextManager[None]:
        """Let a request in before its body is read, and count it as long as the block lasts.

        Raises:
            Unavailable: there are too many already; come again.
        """
        return self._accumulator.admitting(workspace_id)

    async def keep_body(
        self, workspace_id: WorkspaceId, body: bytes, error: BadInput, *, source: str = "tracking"
    ) -> None:
        """Keep a whole body that is not a batch.

        Raises:
            Unavailable: as for `take`.
        """
        refusal = Refusal(code="MALFORMED", message=error.message, field=error.field, body=body)
        await self._accumulator.submit(workspace_id, (), (refusal,), source=source)

    def _validator(self, default_country: str) -> Validator:
        validator = self._validators.get(default_country)
        if validator is None:
            validator = self._validators[default_country] = Validator(
                self._accumulator.kinds, default_country
            )
        return validator


def _receipt(
    checked: Sequence[tuple[int, Checked]],
    refused: Sequence[tuple[int, Refusal]],
    results: Sequence[ItemResult],
) -> Receipt:
    return Receipt(
        stored=sum(result.outcome is Outcome.STORED for result in results),
        duplicates=sum(result.outcome is Outcome.DUPLICATE for result in results),
        refused=tuple(
            ItemRefusal(index=index, code=refusal.code, message=refusal.message, field=refusal.field)
            for index, refusal in sorted(refused, key=lambda pair: pair[0])
        ),
        remarks=tuple(
            ItemRemark(index=index, code=remark.code, message=remark.message, field=remark.field)
            for index, item in checked
            for remark in item.remarks
        ),
        taken=tuple(
            ItemTaken(
                index=index,
                message_id=item.event.message_id,
                duplicate=result.outcome is Outcome.DUPLICATE,
            )
            for (index, item), result in zip(checked, results, strict=True)
            if result.refusal is None
        ),
    )
