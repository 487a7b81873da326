"""`python -m wstrust_sts`: the same as the command `wstrust-sts`."""

from wstrust_sts.cli.main import main

main()
