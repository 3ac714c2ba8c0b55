"""`python -m clearing.front` is the command line."""

from clearing.front.cli import main

main()
