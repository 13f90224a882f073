"""The door of ingest: batches in, a receipt out. Tracking calls, mutations, imports and replays come through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from cdp.errors import BadInput, Conflict, Unavailable
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.decode import Batch, encode_kept
from cdp.ingest.pace import Pace
from cdp.ingest.passage import Passage
from cdp.ingest.proving import Page, Prover, Visitors
from cdp.ingest.results import Checked, ItemResult, Outcome, Refusal
from cdp.ingest.seals import Seals
from cdp.ingest.validate import Validator
from cdp.ingest.ways import Turned
from cdp.model import Event, Workspace, WorkspaceId
from cdp.telemetry import stage
from cdp.workspaces.cache import Workspaces
from cdp.workspaces.plugin_catalogue import PluginCatalogue


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
    """Validates batches, leads them past the plugins, and hands them to the accumulator.

    Args:
        accumulator: where to.
        workspaces: settings, and which plugins are turned on.
        clock: now.
        passage: the plugins that have a say; None: there are none.
        seals: for what must not be kept as it came.
        catalogue: what plugins add to the workspaces' catalogues; None: nothing.
        visitors: reads visitors' tokens; None: pages cannot prove anything.
    """

    def __init__(
        self,
        accumulator: Accumulator,
        workspaces: Workspaces,
        *,
        clock: Callable[[], datetime],
        passage: Passage | None = None,
        seals: Seals | None = None,
        catalogue: PluginCatalogue | None = None,
        visitors: Visitors | None = None,
    ) -> None:
        self._accumulator = accumulator
        self._workspaces = workspaces
        self._clock = clock
        self._passage = passage
        self._catalogue = catalogue
        self.seals = seals or Seals()
        self._pace = Pace()
        self._prover = Prover(visitors, accumulator.kinds)
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
        page: Page | None = None,
    ) -> Receipt:
        """Store the batch's events and keep its refused items; answers once that is durable.

        Args:
            workspace_id: whose it is.
            batch: what came.
            source: `tracking`, `graphql` or `import`.
            received_at: when it came, if that is not now.
            made_id: message id of items that have none, with their index behind it, where it must not be random.
            keep: whether items that are refused are kept; False where they are kept already.
            page: a web page sent it, with a key that anybody can read; None: the sender is believed.

        Raises:
            Unavailable: the queue is full, the database is away, the process is stopping, or a guard cannot be asked
                and there is no key to seal with what it should have seen; come again.
        """
        workspace = await self._workspace(workspace_id)
        validator = self._validator(workspace.settings.default_country)
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
                    page=page is not None,
                )
                if isinstance(outcome, Checked):
                    checked.append((index, outcome))
                else:
                    refused.append((index, outcome))
        if page is not None:
            checked, unproven = await self._prover.judge(workspace, checked, page, received_at)
            refused += unproven
        kept_as: Callable[[int], bytes] = partial(_as_it_came, batch, page is None)
        kept = [index for index, _ in refused] if keep else []
        if self._passage is not None and self._passage.concerns(workspace):
            if self._passage.guarded(workspace):
                kept_as = partial(self._sealed, workspace_id, batch, page is None)
            checked, turned = await self._led(workspace, checked, received_at)
            held = [index for index, refusal in turned if refusal.code == "HELD" and keep]
            if held and not self.seals.present:
                raise Unavailable(
                    "The events cannot be looked at now as they have to be; try again in a moment."
                )
            refused += turned
            kept += held
        reasons = dict(refused)
        results = await self._accumulator.submit(
            workspace_id,
            [item.event for _, item in checked],
            [replace(reasons[index], body=kept_as(index)) for index in kept],
            body_of=lambda position: kept_as(checked[position][0]),
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

    async def state(self, workspace_id: WorkspaceId, event: Event) -> ItemResult:
        """Store what a person states; what plugins do not let pass is an error of theirs, and is not kept.

        Raises:
            BadInput: a plugin does not let it pass.
            Conflict: a plugin does not let its identifiers become one person's.
            Unavailable: as for `take`.
        """
        workspace = await self._workspace(workspace_id)
        if self._passage is not None and self._passage.concerns(workspace):
            (passed,) = await self._passage.take(workspace, [event], self._clock())
            if isinstance(passed, Turned):
                if passed.code == "HELD":
                    raise Unavailable(passed.message)
                raise BadInput(passed.message, code=passed.code)
            event = passed.event
            if event.vetoes:
                veto = event.vetoes[0]
                raise Conflict(f"{veto.reason} (the plugin {veto.by})", field=(veto.other.kind,))
        (result,) = await self._accumulator.submit(workspace_id, [event], source=event.source)
        return result

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
        if self._passage is not None and self._passage.guarded(await self._workspaces.get(workspace_id)):
            body = self.seals.seal(workspace_id, body) or b""
        refusal = Refusal(code="MALFORMED", message=error.message, field=error.field, body=body)
        await self._accumulator.submit(workspace_id, (), (refusal,), source=source)

    async def _workspace(self, workspace_id: WorkspaceId) -> Workspace:
        workspace = await self._workspaces.get(workspace_id)
        if self._catalogue is not None:
            workspace = await self._catalogue.current(workspace, self._clock())
        return workspace

    async def _led(
        self, workspace: Workspace, checked: Sequence[tuple[int, Checked]], now: datetime
    ) -> tuple[list[tuple[int, Checked]], list[tuple[int, Refusal]]]:
        """Past the plugins: what may be stored, and what may not."""
        assert self._passage is not None
        left: list[tuple[int, Checked]] = []
        turned: list[tuple[int, Refusal]] = []
        passed = await self._passage.take(workspace, [item.event for _, item in checked], now)
        for before, one in zip(checked, passed, strict=True):
            index, item = before
            if isinstance(one, Turned):
                turned.append((index, Refusal(code=one.code, message=one.message)))
            elif one.event is item.event and not one.remarks:
                left.append(before)
            else:
                left.append((index, Checked(event=one.event, remarks=(*item.remarks, *one.remarks))))
        return left, turned

    def _sealed(self, workspace_id: WorkspaceId, batch: Batch, believed: bool, index: int) -> bytes:
        """How an item of a guarded workspace is kept; without a key nothing of it is."""
        return self.seals.seal(workspace_id, _as_it_came(batch, believed, index)) or b""

    def _validator(self, default_country: str) -> Validator:
        validator = self._validators.get(default_country)
        if validator is None:
            validator = self._validators[default_country] = Validator(
                self._accumulator.kinds, default_country
            )
        return validator


def _as_it_came(batch: Batch, believed: bool, index: int) -> bytes:
    return encode_kept(bytes(batch.items[index]), batch, believed=believed)


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
