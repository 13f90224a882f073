"""The settings of plugins: declared by them, set by each workspace, given to their hooks typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct, json

from cdp.errors import BadInput, Misconfigured
from cdp.model import PluginState, Secret, Workspace, WorkspaceId

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LARGEST = 64 * 1024
"""Bytes of one plugin's settings as JSON."""


class NoSettings(Struct, frozen=True, kw_only=True):
    """Of a plugin that declares none."""


class PluginSettings:
    """The declared settings of the plugins of one process."""

    def __init__(self) -> None:
        self._types: dict[str, type[Struct]] = {}
        self._defaults: dict[str, Struct] = {}
        self._held: dict[tuple[str, WorkspaceId], tuple[PluginState, Struct]] = {}

    def declare(self, plugin: str, kind: object) -> None:
        """Take what `register_settings` returned.

        Raises:
            Misconfigured: it is no frozen Struct, lacks a default, or cannot be described.
        """
        if not (isinstance(kind, type) and issubclass(kind, Struct) and kind.__struct_config__.frozen):
            raise Misconfigured("its register_settings returned something else than a frozen msgspec Struct.")
        try:
            default = kind()
            _schema(kind)
            _read(kind, _plain(default, hidden=False))
        except Exception as error:
            raise Misconfigured(
                f"its settings cannot be used: {error}; every field needs a type that JSON has, and a default."
            ) from error
        self._types[plugin] = kind
        self._defaults[plugin] = default

    def of(self, plugin: str, workspace: Workspace | None) -> Struct:
        """What a workspace has set, the defaults for all else.

        Where something is stored that the plugin does not allow any more, the defaults hold, and the log says so.
        """
        default = self._defaults.get(plugin, _NONE)
        state = None if workspace is None else workspace.plugins.get(plugin)
        if workspace is None or state is None or plugin not in self._types:
            return default
        held = self._held.get((plugin, workspace.workspace_id))
        if held is not None and held[0] is state:
            return held[1]
        try:
            value = _read(self._types[plugin], {**state.settings, **state.secrets})
        except msgspec.ValidationError:
            # Not the error itself: it may quote a secret.
            log.warning("plugin_settings_do_not_fit", plugin=plugin, workspace=workspace.workspace_id)
            value = default
        self._held[(plugin, workspace.workspace_id)] = (state, value)
        return value

    def schema(self, plugin: str) -> dict[str, Any] | None:
        """The JSON schema of a plugin's settings; None: it has none."""
        kind = self._types.get(plugin)
        return None if kind is None else _schema(kind)

    def shown(self, plugin: str, workspace: Workspace) -> dict[str, Any]:
        """What a workspace has set, defaults included; of a secret only whether it is set."""
        shown = dict(_plain(self.of(plugin, workspace), hidden=True))
        unset = secret_fields(self._types[plugin]) if plugin in self._types else ()
        return {**shown, **{name: {"set": False} for name in unset if shown.get(name) is None}}

    def changed(
        self, plugin: str, state: PluginState, changes: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """What to store after some fields were given (None: back to the default): settings, and secrets apart.

        Raises:
            BadInput: a field is unknown, or does not fit; nothing of a secret is in the message.
        """
        kind = self._types.get(plugin)
        if kind is None:
            raise BadInput(f"The plugin {plugin} has no settings.", field=("settings",))
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name in changes:
            if name not in fields:
                raise BadInput(
                    f"The plugin {plugin} has no setting {name!r}; it has {', '.join(fields)}.",
                    field=("settings",),
                )
        secret = secret_fields(kind)
        for name, value in changes.items():
            if value is not None:
                _check(kind, name, value, secret=name in secret)
        given = {**state.settings, **state.secrets, **changes}
        kept = {name: value for name, value in given.items() if value is not None and name in fields}
        text = _as_json(kept)
        if len(text) > _LARGEST:
            raise BadInput(
                f"The settings of one plugin have at most {_LARGEST:,} bytes.", field=("settings",)
            )
        _check_together(kind, kept)
        return (
            {name: value for name, value in kept.items() if name not in secret},
            {name: value for name, value in kept.items() if name in secret},
        )


def _as_json(values: object) -> bytes:
    try:
        text = json.encode(values)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise BadInput("The settings are no JSON that can be kept.", field=("settings",)) from None
    if b"\\u0000" in text:
        raise BadInput("The settings hold a NUL character; take it out.", field=("settings",))
    return text


def secret_fields(kind: type[Struct]) -> frozenset[str]:
    """Names of the fields that are `Secret`, or `Secret | None`."""
    properties = _schema(kind).get("properties", {})
    return frozenset(name for name, one in properties.items() if _write_only(one))


def _write_only(schema: Mapping[str, Any]) -> bool:
    return schema.get("writeOnly", False) or any(_write_only(one) for one in schema.get("anyOf", ()))


def _schema(kind: type[Struct]) -> dict[str, Any]:
    (schema,), components = json_schema(kind)
    name = schema["$ref"].rpartition("/")[2]
    whole = components.pop(name)
    return {**whole, "$defs": components} if components else whole


def json_schema(kind: type) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The schema of a type, and those that it refers to."""
    return msgspec.json.schema_components([kind], schema_hook=_schema_hook, ref_template="#/$defs/{name}")


def _schema_hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"{kind.__name__} is no type of JSON")


def _read(kind: type[T], values: Mapping[str, Any]) -> T:
    return msgspec.convert(values, kind, dec_hook=_dec_hook, str_keys=True)


def _dec_hook(kind: type, value: object) -> object:
    if kind is Secret:
        if not isinstance(value, str):
            raise msgspec.ValidationError("Expected `str`")
        return Secret(value)
    raise NotImplementedError


def _plain(settings: Struct, *, hidden: bool) -> Any:
    def enc_hook(value: object) -> object:
        if isinstance(value, Secret):
            return {"set": True} if hidden else value.reveal()
        raise NotImplementedError

    return msgspec.to_builtins(settings, enc_hook=enc_hook, str_keys=True)


def _check(kind: type[Struct], name: str, value: object, *, secret: bool) -> None:
    try:
        _read(kind, {name: value})
    except msgspec.ValidationError as error:
        # An error of a plugin's own check may quote the value.
        why = "it is a text" if secret else str(error)
        raise BadInput(f"The setting {name} does not fit: {why}.", field=("settings",)) from None


def _check_together(kind: type[Struct], values: Mapping[str, Any]) -> None:
    try:
        _read(kind, values)
    except msgspec.ValidationError as error:
        why = "" if secret_fields(kind) else f": {error}"
        raise BadInput(f"These settings do not fit each other{why}.", field=("settings",)) from None


_NONE = NoSettings()
