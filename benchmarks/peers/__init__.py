"""The scripts that framegate is measured against, each a whole program."""
