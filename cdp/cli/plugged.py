"""Commands of plugins: `cdp <plugin> <command> --workspace NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from cdp.access.principals import operator
from cdp.app import Application
from cdp.cli.application import application_of
from cdp.cli.logs import configure_logging
from cdp.cli.options import database_options, run_async, settings_of
from cdp.errors import BadInput, Conflict
from cdp.hooks.extending import Told, command_answer, implementation
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Failed
from cdp.hooks.shapes import Kind, Listed, Made, Maybe, Part, Scalar, Shape, Word, read, shape_of
from cdp.ingest.contributed import take_contributed
from cdp.model import Command, CommandAnswer, CommandRequest, Workspace
from cdp.settings import Settings, read_settings
from cdp.workspaces import store

_TYPES: Mapping[Kind, click.ParamType[Any]] = {Kind.INT: click.INT, Kind.FLOAT: click.FLOAT}
"""All others are texts, which the Struct's types are read from."""


def group_of(name: str) -> click.Group | None:
    """The commands of a plugin; None: there is no such plugin, or it has none.

    Raises:
        Misconfigured: two plugins contradict each other.
    """
    settings = read_settings(None)
    configure_logging(replace(settings, log_level="error"))
    plugins = Plugins.load(settings)
    found = [
        (plugin, command)
        for plugin, command in plugins.registered("register_commands")
        if plugin.replace("-", "_") == name.replace("-", "_")
    ]
    if not found:
        return None
    commands = {command.name: _click_command(plugins, plugin, command) for plugin, command in found}
    return click.Group(name, commands, help=f"Commands of the plugin {found[0][0]}.")


def _click_command(plugins: Plugins, plugin: str, command: Command) -> click.Command:
    shape = shape_of(command.arguments)
    assert isinstance(shape, Made)

    def call(*, workspace: str, data: Path | None, database_url: str | None, **given: Any) -> int:
        settings = settings_of(data, database_url)
        arguments = _arguments(command, shape, given)
        answer = run_async(
            _run(settings, plugins, plugin=plugin, command=command, workspace=workspace, arguments=arguments)
        )
        if answer.text:
            click.echo(answer.text)
        return 1 if answer.failed else 0

    by_attribute = {one.attribute: one for one in shape.parts}
    params = [_argument(by_attribute[name]) for name in command.positional]
    params += [_option(one) for one in shape.parts if one.attribute not in command.positional]
    example = f"Example: cdp {plugin} {command.example}" if command.example else None
    made = click.Command(command.name, params=params, callback=call, help=command.description, epilog=example)
    workspace = click.option("--workspace", metavar="NAME", required=True, help="On whose behalf.")
    return database_options(workspace(made))


def _argument(part: Part) -> click.Parameter:
    many = isinstance(_inside(part.shape), Listed)
    return click.Argument(
        [part.attribute], type=_type(part.shape), required=part.required, nargs=-1 if many else 1
    )


def _option(part: Part) -> click.Parameter:
    flag = f"--{part.attribute.replace('_', '-')}"
    inner = _inside(part.shape)
    if inner == Scalar(Kind.BOOLEAN):
        return click.Option([f"{flag}/--no-{flag[2:]}", part.attribute], default=None, help=part.description)
    return click.Option(
        [flag, part.attribute],
        type=_type(part.shape),
        required=part.required and not isinstance(part.shape, Maybe),
        multiple=isinstance(inner, Listed),
        help=part.description,
    )


def _type(shape: Shape) -> click.ParamType[Any]:
    match _inside(shape):
        case Listed(of=inner):
            return _type(inner)
        case Word(descriptions=words):
            return click.Choice([name for name, _ in words], case_sensitive=False)
        case Scalar(kind=kind):
            return _TYPES.get(kind, click.STRING)
        case _:
            return click.STRING


def _inside(shape: Shape) -> Shape:
    return _inside(shape.of) if isinstance(shape, Maybe) else shape


def _arguments(command: Command, shape: Made, given: Mapping[str, Any]) -> Any:
    """What was given, as the command's Struct.

    Raises:
        BadInput: it does not fit.
    """
    values = {
        one.name: _decoded(one.shape, given[one.attribute])
        for one in shape.parts
        if given.get(one.attribute) not in {None, ()}
    }
    try:
        return read(command.arguments, values)
    except msgspec.ValidationError as error:
        raise BadInput(f"An option cannot be used: {error}.") from None


def _decoded(shape: Shape, value: Any) -> Any:
    inner = _inside(shape)
    if isinstance(inner, Listed):
        return [_decoded(inner.of, one) for one in value]
    if inner != Scalar(Kind.JSON):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise BadInput(f"An option is not JSON: {error}.") from None


async def _run(
    settings: Settings, plugins: Plugins, *, plugin: str, command: Command, workspace: str, arguments: Any
) -> CommandAnswer:
    """Call it.

    Raises:
        NotFound: there is no such workspace.
        Conflict: the plugin is off there.
        DiptychError: what the plugin has to say.
        click.ClickException: it failed.
    """
    async with application_of(settings, plugins=plugins) as application:
        there = await application.workspaces.get(await store.by_name(application.database, workspace))
        if plugins.calls.is_off(plugin, there):
            raise Conflict(f"The plugin {plugin} is turned off in {workspace}; pluginEnable turns it on.")
        request = CommandRequest(
            arguments=arguments,
            found=await _found(application, there, command, arguments),
            workspace=there.name,
            as_of=application.clock(),
        )
        outcome = await plugins.calls.one(
            implementation(plugin, "register_commands", command.run),
            request,
            command_answer(command),
            workspace=there,
            deadline=command.seconds,
        )
        if isinstance(outcome, Failed):
            raise click.ClickException(f"The plugin {plugin} failed: {outcome.error}")
        if isinstance(outcome.value, Told):
            raise outcome.value.error
        answer: CommandAnswer = outcome.value
        return await _taken(application, there, plugin, answer, request)


async def _found(application: Application, workspace: Workspace, command: Command, arguments: Any) -> Any:
    if command.reads is None:
        return None
    # The schema is for those who read: other commands need not wait for it.
    from cdp.graphql.context import Context  # noqa: PLC0415
    from cdp.graphql.extending.reads import check_reads, read_first  # noqa: PLC0415
    from cdp.graphql.schema import build_schema  # noqa: PLC0415

    schema = build_schema(application.plugins)
    check_reads(schema.graphql_schema, "that has it", command)
    principal = operator(workspace.workspace_id)
    context = Context(services=application, principal=principal, as_of=application.clock())
    return await read_first(schema, context, command, command.arguments, arguments)


async def _taken(
    application: Application,
    workspace: Workspace,
    plugin: str,
    answer: CommandAnswer,
    request: CommandRequest,
) -> CommandAnswer:
    """The answer, once what it contributes is stored; failed where an event was refused."""
    if not answer.events:
        return answer
    receipt = await take_contributed(
        application.intake, workspace.workspace_id, plugin, answer.events, now=request.as_of
    )
    for one in receipt.refused:
        click.echo(f"cdp: event {one.index} was refused: {one.message}", err=True)
    return msgspec.structs.replace(answer, failed=answer.failed or bool(receipt.refused))
