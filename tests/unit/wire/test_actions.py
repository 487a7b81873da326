"""Actions by their names, both ways."""

import pytest

from wstrust_sts.errors import ActionNotSupported, BadRequest
from wstrust_sts.model import Operation, TrustVersion
from wstrust_sts.wire.actions import action_of, read_action

each_version = pytest.mark.parametrize("version", TrustVersion)


@each_version
@pytest.mark.parametrize(
    ("name", "operation", "of_context"),
    [
        ("Issue", Operation.ISSUE, False),
        ("Validate", Operation.VALIDATE, False),
        ("Renew", Operation.RENEW, False),
        ("Cancel", Operation.CANCEL, False),
        ("SCT", Operation.ISSUE, True),
        ("SCT/Renew", Operation.RENEW, True),
        ("SCT/Cancel", Operation.CANCEL, True),
    ],
)
def test_an_action_names_an_operation(version, name, operation, of_context):
    assert read_action(f"{version.namespace}/RST/{name}", version) == (operation, of_context)


@each_version
def test_no_action_names_nothing(version):
    assert read_action(None, version) == (None, False)


@each_version
@pytest.mark.parametrize("name", ["", "issue", "Issue/", "SCT/", "SCT/Issue", "SCT/Validate", "sct", "SCT/renew"])
def test_another_name_is_not_supported(version, name):
    with pytest.raises(ActionNotSupported):
        read_action(f"{version.namespace}/RST/{name}", version)


def test_the_action_of_another_version_is_not_supported():
    with pytest.raises(ActionNotSupported):
        read_action(f"{TrustVersion.V2005.namespace}/RST/SCT", TrustVersion.V13)
    with pytest.raises(ActionNotSupported):
        read_action("SCT", TrustVersion.V13)


@each_version
def test_a_context_is_not_amended(version):
    with pytest.raises(BadRequest):
        read_action(f"{version.namespace}/RST/SCT/Amend", version)


@each_version
@pytest.mark.parametrize(
    ("operation", "name"),
    [(Operation.ISSUE, "SCT"), (Operation.RENEW, "SCT/Renew"), (Operation.CANCEL, "SCT/Cancel")],
)
def test_what_was_asked_by_an_action_of_contexts_is_answered_by_one(version, operation, name):
    assert action_of(operation, version, of_context=True) == f"{version.namespace}/RSTR/{name}"
