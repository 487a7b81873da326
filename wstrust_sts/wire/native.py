"""What must be true of the native libraries before a message is read."""

import xmlsec
from lxml import etree


def check_native_libraries() -> None:
    """Called once at start-up.

    lxml hands its trees to xmlsec by address, so both must carry the same libxml2: anything else ends in a
    crash in the middle of a request. And libxmlsec, left alone, opens files and URLs that a signature's
    Reference names: its input callbacks are taken away for the whole process.

    Raises RuntimeError, which says what to install.
    """
    of_lxml, of_xmlsec = etree.LIBXML_VERSION[:2], xmlsec.get_libxml_version()[:2]
    if of_lxml != of_xmlsec:
        raise RuntimeError(mismatch(of_lxml, of_xmlsec))
    xmlsec.cleanup_callbacks()


def mismatch(of_lxml: tuple[int, ...], of_xmlsec: tuple[int, ...]) -> str:
    """What is wrong and how to mend it, for the operator."""
    lxml, xmlsec_ = (".".join(map(str, version)) for version in (of_lxml, of_xmlsec))
    return (
        f"lxml carries libxml2 {lxml} and xmlsec carries libxml2 {xmlsec_}; they must be the same. "
        "Install both from wheels: pip install --force-reinstall --only-binary lxml,xmlsec 'lxml>=6' 'xmlsec>=1.3.16'"
    )
