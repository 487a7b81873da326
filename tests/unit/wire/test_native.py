import subprocess
import sys

import pytest

from wstrust_sts.wire.native import check_native_libraries, mismatch


def test_the_installed_libraries_fit_each_other():
    check_native_libraries()


def test_checking_twice_does_no_harm():
    check_native_libraries()
    check_native_libraries()


def test_a_mismatch_is_told_with_the_fix():
    told = mismatch((2, 14), (2, 11))
    assert "libxml2 2.14" in told
    assert "libxml2 2.11" in told
    assert "pip install" in told


@pytest.mark.parametrize("checked", [False, True])
def test_libxmlsec_opens_files_until_the_check_has_run(checked, tmp_path):
    """The danger that the check closes, in a process of its own: a Reference that names a file."""
    target = tmp_path / "secret.txt"
    target.write_text("secret")
    program = f"""
import xmlsec
from lxml import etree
from wstrust_sts.wire.native import check_native_libraries
if {checked}:
    check_native_libraries()
root = etree.fromstring("<a/>")
signature = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.HMAC_SHA256)
root.append(signature)
xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri="file://{target}")
context = xmlsec.SignatureContext()
context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, b"k" * 32)
try:
    context.sign(signature)
    print("read")
except xmlsec.Error:
    print("refused")
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ("refused" if checked else "read")
