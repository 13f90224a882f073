"""What is said of a change, to a channel that may carry so much and no more."""

from __future__ import annotations

from string import Template

from msgspec import Struct

from cdp.model import (
    AccountKind,
    ChangedAccount,
    ChangedPerson,
    MembershipChange,
    MembershipState,
    ProfileChange,
    RoleChange,
    StageChange,
)
from diptych_notifier.settings import Channel, Kind

TEMPLATES = {
    Kind.PROFILE: "$person $what.",
    Kind.MEMBERSHIP: "$person $what $account.",
    Kind.ROLE: "$person $what $after$before within $account.",
    Kind.STAGE: "$person moved from $before to $after ($what) within $account.",
}


class Told(Struct, frozen=True, kw_only=True):
    """A change, as far as channels are told of it."""

    delivery_id: str
    kind: Kind
    subject: str
    """Which thing of the person, to tell repetitions by."""
    person: ChangedPerson
    account: ChangedAccount | None
    labels: frozenset[str]
    """What a channel must carry to hear of it at all."""
    what: str
    before: str = ""
    after: str = ""
    role: str | None = None
    worth_telling: bool = True

    @classmethod
    def of_profile(cls, change: ProfileChange) -> Told:
        """New, or the same as somebody; a trait alone is not worth a message."""
        return cls(
            delivery_id=change.delivery_id,
            kind=Kind.PROFILE,
            subject="",
            person=change.person,
            account=None,
            # That somebody is new tells nothing of who it is: the name is left out for those who must not know.
            labels=frozenset(),
            what="is new" if change.before is None else "turned out to be somebody who was known already",
            worth_telling=change.before is None or change.after is None,
        )

    @classmethod
    def of_membership(cls, change: MembershipChange) -> Told:
        """Came, or left."""
        was, now = _is_member(change.before), _is_member(change.after)
        return cls(
            delivery_id=change.delivery_id,
            kind=Kind.MEMBERSHIP,
            subject=str(change.account.account_id),
            person=change.person,
            account=change.account,
            labels=change.labels,
            what="joined" if now else "left",
            worth_telling=was != now,
        )

    @classmethod
    def of_role(cls, change: RoleChange) -> Told:
        """Began, or ended."""
        return cls(
            delivery_id=change.delivery_id,
            kind=Kind.ROLE,
            subject=f"{_number(change.account)}:{change.role}",
            person=change.person,
            account=change.account,
            labels=change.labels,
            what="is" if change.after is not None else "is no longer",
            before="" if change.after is not None else change.role,
            after=change.role if change.after is not None else "",
            role=change.role,
            worth_telling=(change.before is None) != (change.after is None),
        )

    @classmethod
    def of_stage(cls, change: StageChange) -> Told:
        """From where to where."""
        return cls(
            delivery_id=change.delivery_id,
            kind=Kind.STAGE,
            subject=f"{_number(change.account)}:{change.measured}",
            person=change.person,
            account=change.account,
            labels=change.labels,
            what=change.measured.lower(),
            before=change.before or "the beginning",
            after=change.after or "the beginning",
        )

    def is_for(self, channel: Channel) -> bool:
        """Whether a channel wants to be told, and may be."""
        return (
            self.worth_telling
            and self.kind in channel.tells
            and self.labels <= {label.value for label in channel.carries}
            and (self.role is None or not channel.roles or self.role in channel.roles)
            and (self.kind is not Kind.STAGE or not channel.values or self.after in channel.values)
        )

    def text(self, channel: Channel) -> str:
        """The sentence, with nothing in it that the channel may not carry."""
        may_name = "pii" in channel.carries
        template = channel.templates.get(self.kind, TEMPLATES[self.kind])
        return escaped(
            Template(template).substitute(
                person=self._person() if may_name else f"Person {self.person.profile_id}",
                account=self._account(may_name=may_name),
                what=self.what,
                before=self.before,
                after=self.after,
            )
        )

    def _person(self) -> str:
        return self.person.display_name or f"Person {self.person.profile_id}"

    def _account(self, *, may_name: bool) -> str:
        if self.account is None:
            return "no account" if self.kind is not Kind.STAGE else "all accounts"
        named = may_name or self.account.kind is AccountKind.ORGANISATION  # a household's name is somebody's
        name = self.account.name or self.account.domain
        return name if named and name else f"account {self.account.account_id}"


def escaped(text: str) -> str:
    """As Slack takes it: what people call themselves makes no links and calls nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_member(state: MembershipState | None) -> bool:
    return state is not None and state.own and state.until is None


def _number(account: ChangedAccount | None) -> int | str:
    return "*" if account is None else account.account_id
