"""A typed field of GraphQL: `profile { samplePluginFeatures }`."""

from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.model import FieldRequest, GraphField


class Used(Struct, frozen=True):
    """What we need to know of one feature, by the names of the schema in Python's writing."""

    key: str


class Usage(Struct, frozen=True):
    """… of the usage panel."""

    features: list[Used]


class Person(Struct, frozen=True):
    """… of a profile: the planner reads it in the same statement as everything else that was asked."""

    usage: Usage


@hookimpl
def register_fields() -> list[GraphField]:
    """The fields that we add."""
    return [
        GraphField(
            on="Profile",
            name="sample_plugin_features",
            returns=int,
            description="How many features of the product the person has used.",
            requires=Person,
            resolve=features_of,
        )
    ]


def features_of(request: FieldRequest) -> list[int]:
    """The values of all profiles of a list at once, in their order."""
    return [len(person.usage.features) for person in request.objects]
