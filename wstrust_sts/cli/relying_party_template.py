"""`wstrust-sts relying-party templates`, and how `add` uses one."""

from collections.abc import Sequence
from typing import Any

import click

from wstrust_sts.cli.output import json_option, print_json
from wstrust_sts.relying_party_templates import Option, Template, fill_in, read_template, template_names

template_option = click.option(
    "--template",
    metavar="TEMPLATE",
    help="What a well-known product wants; see `relying-party templates`. Other options add to it, or replace.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OPTION=VALUE",
    help="An option of the template; repeat for more.",
)


@click.command(
    short_help="List the templates for `add`.",
    epilog="""\b
Example:
  wstrust-sts relying-party templates
  wstrust-sts relying-party add portal --template sharepoint --set identifier=urn:sharepoint:portal \\
      --set address=https://sharepoint.example.com/_trust/ --dry-run
What to set on the other side: docs/templates.md
""",
)
@json_option
def templates(as_json: bool) -> None:
    """List the templates for `relying-party add`, each with its options."""
    every = [read_template(name) for name in template_names()]
    if as_json:
        print_json([_describe(template) for template in every])
        return
    for template in every:
        click.echo(f"{template.name}\n  {template.summary}")
        for option in template.options:
            click.echo(f"    --set {option.name}=...{_usage(option)}\n        {option.meaning}")
            if option.shown or option.default:
                click.echo(f"        {'like' if option.shown else 'default:'} {option.shown or option.default}")


def _usage(option: Option) -> str:
    words = [*(["mandatory"] if option.mandatory else []), *(["may be repeated"] if option.repeat else [])]
    return f"  ({', '.join(words)})" if words else ""


def _describe(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "summary": template.summary,
        "options": [
            {
                "name": option.name,
                "meaning": option.meaning,
                "mandatory": option.mandatory,
                "repeat": option.repeat,
                "default": option.default,
                "example": option.shown,
            }
            for option in template.options
        ],
    }


def row_of_template(name: str | None, settings: Sequence[str]) -> dict[str, Any]:
    """What the template says, filled in; nothing without a template.

    Raises UsageError for a template that there is not, and ConfigurationError for options that do not fit it.
    """
    if name is None:
        if settings:
            raise click.UsageError("--set is for the options of a template: name it with --template")
        return {}
    try:
        template = read_template(name)
    except KeyError:
        names = ", ".join(template_names())
        raise click.UsageError(f"There is no template {name!r}. Choose one of: {names}") from None
    given: dict[str, list[str]] = {}
    for setting in settings:
        option, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"--set is written OPTION=VALUE, not {setting!r}")
        given.setdefault(option, []).append(value)
    return fill_in(template, given)


def merged(row: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A template's row and what was given beside it: addresses and claims add up, sections are merged key by key, and
    of everything else what was given replaces what the template says.
    """
    result = dict(row)
    for name, value in given.items():
        if name in ("applies_to", "claim"):
            result[name] = [*row.get(name, []), *value]
        elif isinstance(value, dict):
            result[name] = {**row.get(name, {}), **value}
        else:
            result[name] = value
    return result
