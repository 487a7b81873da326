"""`wstrust-sts explain`: one operation, why it ended as it did."""

import re
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.audit import event_fields
from wstrust_sts.cli.opening import Deployment, config_option, now, opened
from wstrust_sts.cli.output import Refusal, json_option, print_card, print_json
from wstrust_sts.cli.remedies import remedy_of
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.lineage import trace_lineage
from wstrust_sts.ports import IssuedTokens
from wstrust_sts.records import AuditEvent, TokenRecord
from wstrust_sts.token_policy import demand_in_force

_CORRELATION_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ASKED = {  # the parts of what was asked for, in the order in which they are shown
    "applies_to": "AppliesTo",
    "participants": "Participants",
    "token_type": "TokenType",
    "key_type": "KeyType",
    "claims": "Claims",
    "expires": "Lifetime until",
    "target": "target",
    "act_as": "ActAs",
    "on_behalf_of": "OnBehalfOf",
}


@click.command(
    epilog="""\b
Example:
  wstrust-sts explain 0f2c5a7e9b1d3f5a7c9e0b2d4f6a8c0e
The id is in the header X-Correlation-Id of every answer, in faults, in the log and in `wstrust-sts audit tail`.
"""
)
@click.argument("correlation_id", metavar="CORRELATION-ID")
@json_option
@config_option
def explain(config_file: Path, correlation_id: str, as_json: bool) -> None:
    """Show who asked with what evidence, what was decided and by which rules, and what became of the token.

    What was refused before its requestor was authenticated is not in the database but in the server's log, under the
    same id.
    """
    wanted = correlation_id.strip().lower()
    if not _CORRELATION_ID.fullmatch(wanted):
        raise click.BadParameter("a correlation id has 32 hexadecimal digits", param_hint="CORRELATION-ID")
    with opened(config_file) as deployment:
        explained = [
            (event, _token_of(event, deployment)) for event in deployment.stores.audit_trail.of_operation(wanted)
        ]
    if not explained:
        raise Refusal(_nothing_recorded(wanted))
    if as_json:
        print_json([event_fields(event) | {"token": token} for event, token in explained])
        return
    for event, token in explained:
        click.echo(f"{event.operation}: {event.outcome}")
        print_card(_card(event, token))


def _nothing_recorded(correlation_id: str) -> str:
    return (
        f"No operation {correlation_id} is in this database.\n"
        "What is refused before its requestor is authenticated is in the server's log only, with the reason that the "
        "client was not told. Look there (it goes to the standard error of `wstrust-sts serve`):\n"
        f"  grep {correlation_id} LOGFILE\n"
        f"  journalctl -g {correlation_id}\n"
        "Otherwise it was another STS's, or audit events of its age have been removed."
    )


def _token_of(event: AuditEvent, deployment: Deployment) -> dict[str, Any] | None:
    """The register's row of the token that the event names, as it is now."""
    if not event.token_id:
        return None
    record = deployment.stores.issued_tokens.find(event.realm, event.token_id)
    if record is None:
        return None
    keys = {key.id: key.state.value for key in deployment.stores.signing_keys.list(event.realm)}
    return {
        "id": record.token_id,
        "type": record.token_type,
        "subject": record.subject,
        "issued_at": record.issued_at,
        "expires_at": record.expires_at,
        "key_id": record.key_id or None,
        "key_state": keys.get(record.key_id, "retired") if record.key_id else None,
        "cancelled_at": record.cancelled_at,
        "cancel_reason": record.cancel_reason,
        "made_from": record.original,
        "state": _state(record, keys, deployment.stores.issued_tokens),
    }


def _state(record: TokenRecord, keys: dict[str, str], issued_tokens: IssuedTokens) -> str:
    if record.is_cancelled(now()):
        return f"cancelled {record.cancel_reason}"
    if record.expires_at <= now():
        return "expired"
    if record.key_id and record.key_id not in keys:
        return "invalid: its key is retired"
    try:
        demand_in_force(trace_lineage(record, issued_tokens), key_ids=keys, now=now())
    except InvalidSecurityToken as doubt:
        return f"invalid: {doubt.detail}"
    if record.cancelled_at is not None:
        return f"in force until {record.cancelled_at:%Y-%m-%d %H:%M:%SZ}, {record.cancel_reason}"
    return "in force"


def _card(event: AuditEvent, token: dict[str, Any] | None) -> dict[str, object]:
    detail = event.detail
    asked, withheld = detail.get("asked"), detail.get("withheld")
    card: dict[str, object] = {
        "correlation id": event.correlation_id,
        "at": event.at,
        "endpoint": f"{event.endpoint} (realm {event.realm})",
        "source": event.source,
        "requestor": event.requestor,
        "evidence": detail.get("evidence"),
        "asked for": _asked(asked) if isinstance(asked, dict) else None,
        "relying party": event.relying_party,
        "decision": detail.get("reasons"),
        "claims found": detail.get("found"),
        "claims released": detail.get("released"),
        "claims withheld": (
            [f"{name}: {why}" for name, why in withheld.items()] if isinstance(withheld, dict) else withheld
        ),
    }
    if "refused" in detail:
        card["refused because"] = detail["refused"]
        card["what to do"] = remedy_of(
            str(detail["refused"]),
            fault=event.outcome.rpartition(" ")[2],
            realm=event.realm,
            relying_party=event.relying_party,
        )
    if event.token_id:
        card["token"] = event.token_id if token is None else _lines(token)
    return card


def _asked(asked: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, title in _ASKED.items():
        if name in asked:
            values = asked[name] if isinstance(asked[name], list) else [asked[name]]
            lines.extend(f"{title} {value}" for value in values)
    return lines


def _lines(token: dict[str, Any]) -> list[str]:
    return [
        token["id"],
        f"{token['type']} for {token['subject']}, until {token['expires_at']:%Y-%m-%d %H:%M:%SZ}: {token['state']}",
        *([f"signed by {token['key_id']} ({token['key_state']})"] if token["key_id"] else []),
        *([f"made from {token['made_from']}"] if token["made_from"] else []),
    ]
