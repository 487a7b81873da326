"""docs/errors.md is held against the fault tree: each code with its sentence, and nothing that is not there."""

import re
from pathlib import Path

import pytest

from wstrust_sts import errors
from wstrust_sts.server import refusals  # the front's own plain answers

REFERENCE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
PREFIXED = {
    f"{fault.namespace}:{fault.code}" for fault in errors.fault_classes() if fault.namespace not in ("soap", "none")
}


@pytest.mark.parametrize("fault", errors.fault_classes(), ids=lambda fault: fault.__name__)
def test_every_fault_is_explained_with_its_sentence(fault):
    heading = f"### {fault.namespace}:{fault.code}" if fault.namespace not in ("soap", "none") else "### "
    if fault.namespace == "soap":
        heading = f"### {fault.code}"
    sections = [section for section in re.split(r"(?m)^(?=### )", REFERENCE) if section.startswith(heading)]
    assert any(f"> {fault.sentence}\n" in section for section in sections)


def test_no_code_is_explained_that_does_not_exist():
    explained = set(re.findall(r"(?m)^### ((?:wst|wsse|wsc|wsa):\w+)", REFERENCE))
    assert explained == PREFIXED


def test_every_plain_answer_is_listed_with_its_status():
    listed = set(re.findall(r"(?m)^\| (\d{3}) \| (.*) \|$", REFERENCE))
    plain = errors.HttpRefusal.__subclasses__()
    assert refusals.Malformed in plain
    assert listed == {(str(refusal.status), refusal.sentence) for refusal in plain}


def test_no_sentence_has_room_for_anything_of_a_request():
    for fault in errors.fault_classes():
        assert re.fullmatch(r"[A-Za-z ,;:?/+\-().0-9]+\.", fault.sentence), fault
